"""How a run is analysed: everything that decides the numbers besides the run itself."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from patchlaw.hessian_theory.input_checks import one_of
from patchlaw.verification.memory import check_memory
from patchlaw.verification.settings import check_integers, check_settings, setting

STAGES = (
    "evaluation",
    "trajectory",
    "hessian",
    "gauss-newton",
    "residual",
    "gauss-newton blocks",
    "residual blocks",
    "bias blocks",
    "density",
    "bottom",
    "along training",
    "traces",
    "bounds",
    "hessian outliers",
    "misclassified",  # behind what it must not stop
    "spectra along training",
)
ON_REQUEST = ("spectra along training",)  # a density a moment: as long as all others together

MAX_PROBES = 10**6  # ours: a product takes a millisecond at least, so these a quarter of an hour


@dataclass(frozen=True)
class AnalysisOptions:
    """What each is stands beside it; defaults are ours unless a source is named.

    The coarse tolerance is for R, along training and at the bottom of the spectrum, where the
    third digit decides nothing.

    Raises:
        TypeError: a count that is no integer.
        ValueError: a number out of range.
    """

    n_top: int = setting(12, "--top", "Largest eigenvalues of H.", decides=("hessian outliers",))
    n_top_subset: int = setting(
        20,
        "--subset-top",
        "The same on the subset, among which outliers are counted.  [default: 20, at least --top]",
        decides=("hessian", "density", "hessian outliers"),
    )
    n_bottom: int = setting(
        5, "--bottom", "Smallest eigenvalues of H on the subset.", decides=("bottom",)
    )
    tol: float = setting(1e-3, "--tol", "Relative tolerance of the residual norms.", least=None)
    coarse_tol: float = setting(
        1e-2,
        "--coarse-tol",
        "The same along training and at the spectrum's bottom.",
        least=None,
        decides=("residual", "residual blocks", "bias blocks", "bottom", "along training"),
    )
    subset: int = setting(6000, "--subset", "Images of the stratified subset.", least=10)
    subset_seed: int = setting(0, "--subset-seed", "Seed of the subset's draw.", least=0)
    epochs: tuple[int, ...] = setting(
        (0, 1, 2, 5, 10, 20),
        "--epoch",
        "Measure the stages along training here; may be given several times, and again with more "
        "than on record.  [default: 0, 1, 2, 5, 10, 20; the minimum always]",
        least=0,
        decides=("along training", "spectra along training"),
    )
    n_top_along: int = setting(
        20,
        "--along-top",
        "Largest eigenvalues of H in the spectra along training.",
        decides=("spectra along training",),
    )
    n_images_along: int | None = setting(
        None,
        "--along-images",
        "Images of the spectra along training, a stratified part of all.  [default: as --subset]",
        least=10,
        decides=("spectra along training",),
    )
    density_probes: int = setting(
        8,
        "--density-probes",
        "Probes of the spectral density.",
        least=2,
        decides=("density", "spectra along training"),
    )
    density_steps: int = setting(
        60,
        "--density-steps",
        "Lanczos steps of each.",
        least=2,
        decides=("density", "spectra along training"),
    )
    trace_probes: int = setting(
        16, "--trace-probes", "Probes of the traces of G.", least=2, decides=("traces",)
    )
    bound_probes: int = setting(
        16, "--bound-probes", "Probes of the bounds on G.", least=2, decides=("bounds",)
    )
    seed: int = setting(0, "--seed", "Seed of start vectors and probes.", least=0)

    def __post_init__(self) -> None:
        """Refuse at the door what would fail hours later."""
        check_settings(self)
        check_integers(self, {"n_top_subset": self.n_top})
        for name in ("density_probes", "trace_probes", "bound_probes"):
            if getattr(self, name) > MAX_PROBES:
                raise ValueError(
                    f"{name}: expected at most {MAX_PROBES}, got {getattr(self, name)}; the "
                    "standard error falls with the square root only"
                )
        for name in ("tol", "coarse_tol"):
            value = getattr(self, name)
            if not math.isfinite(value) or value <= 0:
                raise ValueError(f"{name}: expected a finite number > 0, got {value}")
        if any(e < 0 for e in self.epochs) or list(self.epochs) != sorted(set(self.epochs)):
            raise ValueError(f"epochs: expected ascending integers >= 0, got {self.epochs}")

    def check_fits(self, n_parameters: int) -> None:
        """Refuse, before any work, what a Hessian of D parameters or the memory cannot give.

        Raises:
            ValueError: more eigenpairs or steps than there are dimensions, or vectors of them that
                do not fit into memory.
        """
        for name in ("n_top", "n_top_subset", "n_top_along", "n_bottom", "density_steps"):
            value, argument = getattr(self, name), OPTIONS[name].metadata["argument"]
            if value >= n_parameters:
                raise ValueError(
                    f"{argument}: expected less than D = {n_parameters}, the run's "
                    f"parameters, got {value}; ask for fewer"
                )
            check_memory(
                f"{argument} {value}, vectors of {n_parameters} numbers",
                8 * value * n_parameters,
                "ask for fewer",
            )

    def changed(self, **asked: Any) -> "AnalysisOptions":
        """These with others in place; a larger ``n_top`` takes ``n_top_subset`` along.

        Raises:
            ValueError: a number out of range.
        """
        if "n_top" in asked:
            asked.setdefault("n_top_subset", max(self.n_top_subset, asked["n_top"]))
        if "epochs" in asked:
            asked["epochs"] = tuple(sorted(set(asked["epochs"])))
        return replace(self, **asked)


OPTIONS = {option.name: option for option in fields(AnalysisOptions)}


# What must be on record before a stage: a record needs its minimum, the alignment the top of G over
# the angles, and the top eigenvalue alone must not replace the several that come later.
_ALWAYS = "evaluation"
_BEFORE = {"gauss-newton blocks": "gauss-newton", "hessian outliers": "hessian"}


def stages_decided_by(option: str) -> tuple[str, ...]:
    """Stages whose numbers depend on an option; the others may be done with another value."""
    found: tuple[str, ...] = STAGES
    if option in OPTIONS:
        found = OPTIONS[option].metadata.get("decides", STAGES)
    return found


def adds_to(option: str, stored: Any, wanted: Any) -> bool:
    """Whether what was found with ``stored`` is a part of what ``wanted`` asks for.

    So it is where more moments of training are named than on record: each is measured on its own.
    """
    return option == "epochs" and isinstance(stored, list) and set(stored) < set(wanted)


def check_stages(names: tuple[str, ...]) -> tuple[str, ...]:
    """Stages by name with those they need, in the order in which they run.

    For no names all but those that must be asked for by name.

    Raises:
        ValueError: an unknown name.
    """
    for name in names:
        one_of("stage", name, STAGES)
    needed = {_ALWAYS, *names, *(_BEFORE[name] for name in names if name in _BEFORE)}
    return tuple(stage for stage in STAGES if stage in needed or not (names or stage in ON_REQUEST))
