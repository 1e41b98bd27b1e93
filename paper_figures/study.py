"""Which runs a figure is about: those of a plan, or whatever a folder of records holds."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from patchlaw.verification.runs import RunConfig, RunRequest, RunSamples, load_samples
from patchlaw.verification.runs.plan import read_plan

_PLANS = Path(__file__).with_name("plans")
PAPER_PLAN = _PLANS / "paper.toml"


@dataclass(frozen=True)
class StudyRun:
    """One run of a study, by name.

    Attributes:
        request: how to train it; None of a run that was found.
        words: what is not the paper's in a run that was found.
    """

    run_id: str
    n_patches: int
    depth: int
    seed: int
    request: RunRequest | None = None
    words: tuple[str, ...] = ()

    @property
    def changes(self) -> str:
        """What is not the paper's in model and data, as a plan asks for it or in words."""
        return ", ".join(self.words) if self.request is None else self.request.changes

    @property
    def label(self) -> str:
        """P and d in plain text, and what differs from the paper's model."""
        return f"P = {self.n_patches}, d = {self.depth}{self.changes and ', ' + self.changes}"

    @property
    def title(self) -> str:
        """P and d, as a panel is titled, and what differs."""
        return f"$P = {self.n_patches}$, $d = {self.depth}${self.changes and ', ' + self.changes}"

    @property
    def place(self) -> dict[str, Any]:
        """What tells a run apart in the numbers of a figure."""
        names = ("n_patches", "depth", "seed")
        return {"run": self.run_id, **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True)
class Study:
    """Runs on a grid of P and d; the first of each P, d and model represents the others."""

    runs: tuple[StudyRun, ...]

    @property
    def patches(self) -> tuple[int, ...]:
        """Every P, ascending."""
        return tuple(sorted({run.n_patches for run in self.runs}))

    @property
    def depths(self) -> tuple[int, ...]:
        """Every d, ascending."""
        return tuple(sorted({run.depth for run in self.runs}))

    @property
    def ids(self) -> frozenset[str]:
        """Names of the runs."""
        return frozenset(run.run_id for run in self.runs)

    def representatives(self, preferred: Container[str] = ()) -> tuple[StudyRun, ...]:
        """The first run of every P, d and model, of those ``preferred`` if any is, by P, then d."""
        runs = sorted(self.runs, key=lambda run: run.run_id not in preferred)
        first = {(run.n_patches, run.depth, run.changes): run for run in reversed(runs)}
        return tuple(first[place] for place in sorted(first))

    @classmethod
    def of_plan(cls, path: Path) -> "Study":
        """The runs of a sweep's plan.

        Raises:
            PlanError: no plan.
        """
        return cls(
            tuple(StudyRun(run_id(r), r.patches, r.depth, r.seed, r) for r in read_plan(path))
        )

    @classmethod
    def found(cls, runs: Iterable[StudyRun]) -> "Study":
        """Runs whose records were found, each once, by P, d, seed and name."""
        unique = {run.run_id: run for run in runs}.values()
        return cls(tuple(sorted(unique, key=lambda r: (r.n_patches, r.depth, r.seed, r.run_id))))


def paper_study() -> Study:
    """The paper's twelve configurations, its seed first (plans/paper.toml)."""
    return Study.of_plan(PAPER_PLAN)


def scaling_study() -> Study:
    """Shallow circuits on fewer images, up to P = 49 (plans/scaling.toml)."""
    return Study.of_plan(_PLANS / "scaling.toml")


def evolution_study() -> Study:
    """Runs of the scaling study whose spectra are followed (plans/along_training.toml)."""
    return Study.of_plan(_PLANS / "along_training.toml")


def axis_study(name: str) -> Study:
    """Models that differ from the paper's in one axis, by the name of their plan."""
    return Study.of_plan(_PLANS / f"{name}.toml")


def run_id(request: RunRequest, files: Path | None = None) -> str:
    """The name of a run's folder and records; ``files`` in place of MNIST's from the package."""
    paper = RunConfig.paper(request.patches, request.depth, request.seed)
    alike = replace(request, epochs=paper.training.epochs)
    if (
        files is None
        and not request.changes
        and alike == RunRequest(request.patches, request.depth, request.seed)
    ):
        return paper.run_id  # needs no look at the samples
    return request.config(_samples(request.source(files), request.images, request.qubits)).run_id


@cache
def _samples(source: str | Path | None, images: int | None, qubits: int) -> RunSamples:
    """The samples behind a run, whose digest its name depends on."""
    return load_samples(source, images, n_qubits=qubits)
