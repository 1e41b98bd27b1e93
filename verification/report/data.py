"""The report of ``patchlaw verify`` as data, valid at every moment of the run."""

import dataclasses
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

from patchlaw.verification.checks import CheckResult
from patchlaw.verification.claims import (
    Entry,
    ModelFindings,
    author_models,
    entry_record,
    findings_from_report,
    finite,
    ledger,
)
from patchlaw.verification.comparison import LawComparison
from patchlaw.verification.environment import Environment
from patchlaw.verification.measurement import MinimumMeasurement, TopEigenvalue

Status: TypeAlias = Literal["partial", "complete"]
Moment: TypeAlias = Literal["start", "minimum"]
FORMAT_VERSION = 2  # 2: ledger, supporting, experiments


@dataclass(frozen=True)
class VerifyConfig:
    """What ``patchlaw verify`` was asked to do.

    Attributes:
        quick: whether the small numbers of --quick were the defaults.
        seed: seed of the exact checks, the subset and the Lanczos start vectors.
        depth: circuit depth d.
        images: stratified training images, used for training and for the curvature.
        test_images: stratified test images.
        epochs: epochs of training.
        batch_size: images a mini-batch, about.
        learning_rate: Adam's initial rate.
        tol: relative tolerance of the eigenvalues' residual norms.
        patches: the values of P.
        instances: random circuits of the exact checks.
    """

    quick: bool
    seed: int
    depth: int
    images: int
    test_images: int
    epochs: int
    batch_size: int
    learning_rate: float
    tol: float
    patches: tuple[int, ...] = (4, 9, 16)
    instances: int = 6


@dataclass(frozen=True)
class TheoremResult:
    """Outcome of re-proving one theorem of ``hessian_theory``."""

    name: str
    title: str
    source: str
    status: str
    steps: int
    error: str
    seconds: float
    numerical_test: str = ""


@dataclass(frozen=True)
class SupportingEigenvalue:
    """An eigenvalue that a claim asks for beyond those of MinimumMeasurement.

    Attributes:
        n_patches: P of the model.
        moment: "start" of training or "minimum" of the training loss.
        top: the eigenvalue; G and R at either, R's bias block at the minimum.
    """

    n_patches: int
    moment: Moment
    top: TopEigenvalue


@dataclass(frozen=True)
class Report:
    """Everything a run has found so far.

    Attributes:
        config: what was asked.
        environment: versions, commit, machine.
        status: "complete" once every stage is done.
        stage: the stage in progress or, when complete, "done".
        theorems: re-proved theorems.
        checks: exact checks.
        models: measurements at the minima.
        comparisons: measured ratios beside the laws.
        author_comparisons: the author's recorded ratios beside the laws.
        supporting: further eigenvalues that claims ask for.
        experiments: analysed training runs on record, for the ledger.
        seconds: wall-clock time of each finished stage.
    """

    config: VerifyConfig
    environment: Environment
    status: Status = "partial"
    stage: str = "starting"
    theorems: tuple[TheoremResult, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    models: tuple[MinimumMeasurement, ...] = ()
    comparisons: tuple[LawComparison, ...] = ()
    author_comparisons: tuple[LawComparison, ...] = ()
    supporting: tuple[SupportingEigenvalue, ...] = ()
    experiments: tuple[ModelFindings, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        """What must hold and does not: failed or vacuous theorems and failed exact checks."""
        broken = [t for t in self.theorems if t.status not in ("proved", "instances")]
        return [f"theorem {t.name}: {t.status}" for t in broken] + [
            f"check {c.name}: {c.measured:.2e} > {c.tolerance:.2e}"
            for c in self.checks
            if not c.passed
        ]

    @cached_property
    def _record(self) -> dict[str, Any]:
        """Every field as plain data; the experiments, kept in files of their own, by label."""
        record = dataclasses.asdict(dataclasses.replace(self, experiments=()))
        record["experiments"] = [model.label for model in self.experiments]
        for entry, model in zip(record["models"], self.models, strict=True):
            entry["alignment"] = model.alignment
        return record

    @cached_property
    def ledger(self) -> tuple[Entry, ...]:
        """Every claim with the verdict that the findings so far support."""
        return ledger(findings_from_report(self._record, (*author_models(), *self.experiments)))

    def to_json(self) -> str:
        """Strict JSON; infinities and NaN become strings, alignment is added to each model."""
        record = {
            "format": FORMAT_VERSION,
            "failures": self.failures,
            **self._record,
            "ledger": [entry_record(entry) for entry in self.ledger],
        }
        return json.dumps(finite(record), indent=1, allow_nan=False) + "\n"
