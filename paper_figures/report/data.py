"""The report of ``patchlaw verify`` as data, valid at every moment of the work."""

import dataclasses
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from patchlaw.verification.analysis.options import AnalysisOptions
from patchlaw.verification.checks import CheckResult
from patchlaw.verification.claims import (
    Entry,
    Findings,
    TheoremResult,
    entry_record,
    finite,
    ledger,
)
from patchlaw.verification.claims.report_file import FORMAT_VERSION, RECORDS
from patchlaw.verification.comparison import LawComparison
from patchlaw.verification.kernels.record import KernelRecord
from patchlaw.verification.records import TrainedModel, author_models
from patchlaw.verification.runs import DataConfig, RunConfig, RunRequest, RunSamples
from patchlaw.verification.store.environment import Environment

Status: TypeAlias = Literal["partial", "complete"]

# What is measured of every model; of the largest P no law needs the bias' blocks, and the split
# before training is held against that at the minimum for the smallest P.
_STAGES = ("hessian", "gauss-newton", "residual", "gauss-newton blocks")
_BUT_OF_LARGEST, _OF_SMALLEST = ("bias blocks",), ("along training",)
COARSE_TOL = 1e-2  # ours: of R, whose third digit decides nothing here


@dataclass(frozen=True)
class VerifyConfig:
    """What ``patchlaw verify`` was asked to do.

    Attributes:
        quick: whether the small numbers of --quick were the defaults.
        seed: seed of the exact checks, the subset and the Lanczos start vectors.
        depth: circuit depth d.
        images: stratified training images, used for training and for the curvature.
        epochs: epochs of training.
        batch_size: images a mini-batch, about.
        tol: relative tolerance of the eigenvalues' residual norms.
        patches: the values of P.
        instances: random circuits of the exact checks.
    """

    quick: bool
    seed: int
    depth: int
    images: int
    epochs: int
    batch_size: int
    tol: float
    patches: tuple[int, ...] = (4, 9, 16)
    instances: int = 6

    @property
    def command(self) -> str:
        """The command that gives the report's numbers again."""
        quick = " --quick" if self.quick else ""
        return (
            f"patchlaw verify{quick} --seed {self.seed} --depth {self.depth} "
            f"--images {self.images} --epochs {self.epochs}"
        )

    def requests(self) -> tuple[RunRequest, ...]:
        """The training runs: the author's protocol and start on fewer images.

        Raises:
            ValueError: runs that do not fit into memory.
        """
        return tuple(
            RunRequest(
                p,
                self.depth,
                epochs=self.epochs,
                batch_size=self.batch_size,
                images=self.images,
            )
            for p in self.patches
        )

    def run_config(self, request: RunRequest, samples: RunSamples) -> RunConfig:
        """A run's configuration on the subset that the seed draws."""
        data = DataConfig(samples.sha256, self.images, self.seed)
        return dataclasses.replace(request.config(samples), data=data)

    def analysis(self, n_patches: int) -> tuple[AnalysisOptions, tuple[str, ...]]:
        """How a run is analysed, over all of its images, and the stages."""
        options = AnalysisOptions(
            n_top=1,
            n_top_subset=1,
            tol=self.tol,
            coarse_tol=max(self.tol, COARSE_TOL),
            subset=self.images,
            seed=self.seed,
            epochs=(0,),
        )
        smallest, largest = min(self.patches), max(self.patches)
        stages = _STAGES + _BUT_OF_LARGEST * (n_patches < largest or n_patches == smallest)
        return options, stages + _OF_SMALLEST * (n_patches == smallest)


@dataclass(frozen=True)
class Report:
    """Everything that was found so far.

    Attributes:
        config: what was asked.
        environment: versions, commit, machine.
        status: "complete" once every stage is done.
        stage: the stage in progress or, when complete, "done".
        theorems: re-proved theorems.
        checks: exact checks.
        models: the trained models, each a record in a file beside the report.
        start_losses: mean training loss before training, by the model's name.
        comparisons: measured ratios beside the laws.
        author_comparisons: the author's recorded ratios beside the laws.
        experiments: analysed training runs on record, for the ledger; likewise ``kernels``.
        seconds: wall-clock time of each finished stage.
    """

    config: VerifyConfig
    environment: Environment
    status: Status = "partial"
    stage: str = "starting"
    theorems: tuple[TheoremResult, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    models: tuple[TrainedModel, ...] = ()
    start_losses: dict[str, float] = field(default_factory=dict)
    comparisons: tuple[LawComparison, ...] = ()
    author_comparisons: tuple[LawComparison, ...] = ()
    experiments: tuple[TrainedModel, ...] = ()
    kernels: tuple[KernelRecord, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        """What must hold and does not: failed or vacuous theorems and failed exact checks."""
        broken = [t for t in self.theorems if t.status != "proved"]
        return [f"theorem {t.name}: {t.status}" for t in broken] + [
            f"check {c.name}: {c.measured:.2e} > {c.tolerance:.2e}"
            for c in self.checks
            if not c.passed
        ]

    @cached_property
    def ledger(self) -> tuple[Entry, ...]:
        """Every claim with the verdict that the findings so far support."""
        findings = Findings(
            theorems={theorem.name: theorem for theorem in self.theorems},
            checks={check.name: check for check in self.checks},
            models=(*author_models(), *self.experiments, *self.models),
            kernels=self.kernels,
            check_command=self.config.command,
        )
        return ledger(findings)

    def to_json(self) -> str:
        """Strict JSON; infinities and NaN are strings, models the names of their records."""
        plain = dataclasses.asdict(dataclasses.replace(self, models=(), experiments=(), kernels=()))
        content = {
            "format": FORMAT_VERSION,
            "reproduce": self.config.command,
            "failures": self.failures,
            **plain,
            "models": [f"{RECORDS}/{model.path.name}" for model in self.models if model.path],
            "experiments": [model.label for model in self.experiments],
            "kernels": [record.run.id for record in self.kernels],
            "ledger": [entry_record(entry) for entry in self.ledger],
        }
        return json.dumps(finite(content), indent=1, allow_nan=False) + "\n"
