"""The report of ``patchlaw verify`` as data, valid at every moment of the run."""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from verification.checks import CheckResult
from verification.comparison import LawComparison
from verification.environment import Environment
from verification.measurement import MinimumMeasurement

Status: TypeAlias = Literal["partial", "complete"]
FORMAT_VERSION = 1


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
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        """What must hold and does not: unproved theorems and failed exact checks."""
        return [f"theorem {t.name}: {t.status}" for t in self.theorems if t.status != "proved"] + [
            f"check {c.name}: {c.measured:.2e} > {c.tolerance:.2e}"
            for c in self.checks
            if not c.passed
        ]

    def to_json(self) -> str:
        """Strict JSON; infinities and NaN become strings, alignment is added to each model."""
        record = dataclasses.asdict(self)
        for entry, model in zip(record["models"], self.models, strict=True):
            entry["alignment"] = model.alignment
        record = {"format": FORMAT_VERSION, "failures": self.failures, **record}
        return json.dumps(_finite(record), indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
