"""How a run is analysed: everything that decides the numbers besides the run itself."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from patchlaw.verification.memory import check_memory

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
    "hessian outliers",
)


MAX_PROBES = 10**6  # ours: a product takes a millisecond at least, so these a quarter of an hour

# What the command calls them.
ARGUMENTS = {
    "n_top": "--top",
    "n_top_subset": "--subset-top",
    "n_bottom": "--bottom",
    "tol": "--tol",
    "coarse_tol": "--coarse-tol",
    "subset": "--subset",
    "subset_seed": "--subset-seed",
    "seed": "--seed",
    "epochs": "--epoch",
    "density_probes": "--density-probes",
    "density_steps": "--density-steps",
    "trace_probes": "--trace-probes",
}


@dataclass(frozen=True)
class AnalysisOptions:
    """Defaults are ours unless a source is named.

    Attributes:
        n_top: largest eigenvalues of H over all training images.
        n_top_subset: the same on the subset; more, so that the count of outliers can end.
        n_bottom: smallest eigenvalues of H on the subset.
        tol: relative tolerance of the residual norms.
        coarse_tol: the same for R, along training and at the bottom of the spectrum, where the
            third digit decides nothing.
        subset: images of the stratified subset; at most the run's.
        subset_seed: seed of its draw.
        seed: of start vectors and probes.
        epochs: moments of training at which the split is measured, besides the minimum.
        density_probes: Rademacher probes of the spectral density.
        density_steps: Lanczos steps of each.
        trace_probes: Rademacher probes of the traces of G.

    Raises:
        ValueError: a number out of range.
    """

    n_top: int = 12
    n_top_subset: int = 20
    n_bottom: int = 5
    tol: float = 1e-3
    coarse_tol: float = 1e-2
    subset: int = 6000
    subset_seed: int = 0
    seed: int = 0
    epochs: tuple[int, ...] = (0, 1, 2, 5, 10, 20)
    density_probes: int = 8
    density_steps: int = 60
    trace_probes: int = 16

    def __post_init__(self) -> None:
        """Refuse at the door what would fail hours later."""
        least = {
            "n_top": 1,
            "n_top_subset": self.n_top,
            "n_bottom": 1,
            "subset": 10,
            "subset_seed": 0,
            "seed": 0,
            "density_probes": 2,
            "density_steps": 2,
            "trace_probes": 2,
        }
        for name, low in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise ValueError(f"{name}: expected an integer >= {low}, got {value!r}")
        for name in ("density_probes", "trace_probes"):
            if getattr(self, name) > MAX_PROBES:
                raise ValueError(
                    f"{name}: expected at most {MAX_PROBES}, got {getattr(self, name)}; the "
                    "standard error falls with the square root only"
                )
        for name in ("tol", "coarse_tol"):
            value = getattr(self, name)
            if not np.isfinite(value) or value <= 0:
                raise ValueError(f"{name}: expected a finite number > 0, got {value}")
        if any(e < 0 for e in self.epochs) or list(self.epochs) != sorted(set(self.epochs)):
            raise ValueError(f"epochs: expected ascending integers >= 0, got {self.epochs}")

    def check_fits(self, n_parameters: int) -> None:
        """Refuse, before any work, what a Hessian of D parameters or the memory cannot give.

        Raises:
            ValueError: more eigenpairs or steps than there are dimensions, or vectors of them that
                do not fit into memory.
        """
        for name in ("n_top", "n_top_subset", "n_bottom", "density_steps"):
            value = getattr(self, name)
            if value >= n_parameters:
                raise ValueError(
                    f"{ARGUMENTS[name]}: expected less than D = {n_parameters}, the run's "
                    f"parameters, got {value}; ask for fewer"
                )
            check_memory(
                f"{ARGUMENTS[name]} {value}, vectors of {n_parameters} numbers",
                8 * value * n_parameters,
                "ask for fewer",
            )

    def to_json(self) -> dict[str, Any]:
        """All of them as a JSON object."""
        return asdict(self) | {"epochs": list(self.epochs)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "AnalysisOptions":
        """Those of a JSON object; what it lacks is a default, what it has beside them is left.

        Raises:
            ValueError: a number out of range.
        """
        known = {field.name: stored[field.name] for field in fields(cls) if field.name in stored}
        if "epochs" in known:
            known["epochs"] = tuple(known["epochs"])
        return cls(**known)

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

    def arguments(self) -> list[str]:
        """Words after ``patchlaw analyse RUN`` that give these options where no record is.

        An empty ``epochs`` (the minimum alone) has no word and reads as the default's.
        """
        words, default = [], AnalysisOptions()
        for name, option in ARGUMENTS.items():
            value = getattr(self, name)
            if value != getattr(default, name):
                each = value if isinstance(value, tuple) else (value,)
                words += [word for one in each for word in (option, str(one))]
        return words


# What must be on record before a stage: a record needs its minimum, the alignment the top of G over
# the angles, and the top eigenvalue alone must not replace the several that come later.
_ALWAYS = "evaluation"
_BEFORE = {"gauss-newton blocks": "gauss-newton", "hessian outliers": "hessian"}

# Stages that an option decides; one not named here decides all of them.
_DECIDES = {
    "n_top": ("hessian outliers",),
    "n_top_subset": ("hessian", "density", "hessian outliers"),
    "n_bottom": ("bottom",),
    "coarse_tol": ("residual", "residual blocks", "bias blocks", "bottom", "along training"),
    "epochs": ("along training",),
    "density_probes": ("density",),
    "density_steps": ("density",),
    "trace_probes": ("traces",),
}


def stages_decided_by(option: str) -> tuple[str, ...]:
    """Stages whose numbers depend on an option; the others may be done with another value."""
    return _DECIDES.get(option, STAGES)


def adds_to(option: str, stored: Any, wanted: Any) -> bool:
    """Whether what was found with ``stored`` is a part of what ``wanted`` asks for.

    So it is where more moments of training are named than on record: each is measured on its own.
    """
    return option == "epochs" and isinstance(stored, list) and set(stored) < set(wanted)


def check_stages(names: tuple[str, ...]) -> tuple[str, ...]:
    """Stages by name with those they need, in the order in which they run; all of them for none.

    Raises:
        ValueError: an unknown name.
    """
    for name in names:
        if name not in STAGES:
            raise ValueError(f"stage: expected one of {', '.join(STAGES)}, got {name!r}")
    needed = {_ALWAYS, *names, *(_BEFORE[name] for name in names if name in _BEFORE)}
    return tuple(stage for stage in STAGES if not names or stage in needed)
