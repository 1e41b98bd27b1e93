"""What is known when the ledger is written: facts without judgement, of all sources."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from patchlaw.verification.claims.evidence import Grade


@dataclass(frozen=True)
class Eigenvalue:
    """An eigenvalue with what is known about its error.

    Attributes:
        value: Rayleigh quotient.
        residual_norm: of H v - value v; None where none was recorded.
        converged: whether the solver vouches for it.
        n_samples: samples behind the matrix.
        rounding: allowance for the products' rounding, where one was recorded.
    """

    value: float
    residual_norm: float | None
    converged: bool
    n_samples: int
    rounding: float = 0.0

    @property
    def radius(self) -> float | None:
        """An eigenvalue lies within it of the value; None where nothing is known of the error."""
        return None if self.residual_norm is None else self.residual_norm + self.rounding

    @property
    def interval(self) -> tuple[float, float] | None:
        """value -+ radius."""
        if self.radius is None:
            return None
        return self.value - self.radius, self.value + self.radius


@dataclass(frozen=True)
class TrainingPoint:
    """The split at one moment of training.

    Attributes:
        epoch: finished epochs; 0 before training.
        loss: mean loss over the samples.
        top: top eigenvalue by matrix ("H", "G", "R").
    """

    epoch: int
    loss: float
    top: Mapping[str, Eigenvalue]


@dataclass(frozen=True)
class OutlierCount:
    """Eigenvalues that stand out of the bulk, by a stated rule.

    Attributes:
        count: by the values themselves.
        low: smallest count that the evidence allows.
        high: largest; None if more may lie beyond the eigenvalues that were computed.
        rule: the rule in words.
    """

    count: int
    low: int
    high: int | None
    rule: str


@dataclass(frozen=True, eq=False)
class ModelFindings:
    """What is known of one trained model at its minimum; None or empty where nothing is.

    Attributes:
        label: what it is called in tables.
        grade: SCALE, SMALL or AUTHOR.
        reproduce: command that gives these numbers.
        n_patches: P.
        depth: d.
        seed: seed of the initial angles.
        protocol: data and training in words: models of different protocols are never compared.
        n_train: training images behind the losses.
        n_test: test images behind test loss and accuracy.
        n_classes: C.
        train_loss: mean training loss L.
        test_loss: mean test loss.
        test_accuracy: fraction.
        trace_s: <tr S>.
        gradient_norm: <|g|_1>.
        eigenvalues: by matrix ("H", "G", "R", "G over the angles", "G over the bias", "G_00", ..),
            largest first.
        bias_share: squared norm of H's top eigenvector on the pixel bias.
        n_subset: images behind ``outliers`` and ``near_zero``; None if all of ``n_train``.
        subset_top: lambda_max(H) over those images.
        outliers: counted outliers of H.
        outliers_by_gap: the same by another rule.
        near_zero: share of H's eigenvalues within lambda_max / 100 of zero, with its standard
            error.
        training: the split along training, epochs ascending.
        pc_ratios: contribution ratios of the trajectory's first principal components.
        n_points: epoch-end vectors behind them.
        pc_ratios_to_minimum: the same of the epoch ends up to the minimum.
        n_points_to_minimum: how many those are.
    """

    label: str
    grade: Grade
    reproduce: str
    n_patches: int
    depth: int
    seed: int | None = None
    protocol: str = ""
    n_train: int | None = None
    n_test: int | None = None
    n_classes: int = 10
    train_loss: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    trace_s: float | None = None
    gradient_norm: float | None = None
    eigenvalues: Mapping[str, Sequence[Eigenvalue]] = field(default_factory=dict)
    bias_share: float | None = None
    n_subset: int | None = None
    subset_top: Eigenvalue | None = None
    outliers: OutlierCount | None = None
    outliers_by_gap: OutlierCount | None = None
    near_zero: tuple[float, float] | None = None
    training: tuple[TrainingPoint, ...] = ()
    pc_ratios: tuple[float, ...] = ()
    n_points: int | None = None
    pc_ratios_to_minimum: tuple[float, ...] = ()
    n_points_to_minimum: int | None = None

    def top(self, matrix: str) -> Eigenvalue | None:
        """The largest eigenvalue of one matrix, if it is known."""
        values = self.eigenvalues.get(matrix, ())
        return values[0] if values else None

    @property
    def blocks(self) -> tuple[Eigenvalue, ...]:
        """Top eigenvalue of every patch's block G_pp; empty unless all P are known."""
        return self._blocks("G")

    @property
    def residual_blocks(self) -> tuple[Eigenvalue, ...]:
        """Top eigenvalue of every R_pp, likewise."""
        return self._blocks("R")

    def _blocks(self, term: str) -> tuple[Eigenvalue, ...]:
        found = [self.top(f"{term}_{p}{p}") for p in range(self.n_patches)]
        known = tuple(b for b in found if b is not None)
        return known if len(known) == self.n_patches else ()


@dataclass(frozen=True)
class TheoremFinding:
    """Outcome of checking a derivation again.

    Attributes:
        status: "proved", "failed" or "vacuous".
        steps: how many were checked.
        numerical_test: pytest node of the property that tests it on the model, if known.
    """

    status: str
    steps: int
    numerical_test: str = ""


@dataclass(frozen=True)
class CheckFinding:
    """Outcome of an exact check on random circuits."""

    passed: bool
    measured: float
    tolerance: float
    instances: int


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything that may bear on a claim.

    Attributes:
        theorems: by name; only those that were checked.
        checks: by name; only those that were run.
        models: of every source.
        check_command: command that runs the exact checks again.
    """

    theorems: Mapping[str, TheoremFinding] = field(default_factory=dict)
    checks: Mapping[str, CheckFinding] = field(default_factory=dict)
    models: tuple[ModelFindings, ...] = ()
    check_command: str = "patchlaw verify"

    def neighbours(self, along: str) -> Iterator[tuple[ModelFindings, ModelFindings]]:
        """Models next to each other in P or in depth; grade, protocol and seed are equal.

        Where two models of such a group have the same P (or depth) neither is compared: they
        differ in something that is not known here, so which of them another belongs with is
        not known either.

        Args:
            along: "n_patches" or "depth".

        Raises:
            ValueError: another name.
        """
        other = {"n_patches": "depth", "depth": "n_patches"}.get(along)
        if other is None:
            raise ValueError(f"along: expected 'n_patches' or 'depth', got {along!r}")
        groups: dict[tuple[Any, ...], list[ModelFindings]] = {}
        for model in self.models:
            key = (model.grade, model.protocol, model.seed, model.n_train, getattr(model, other))
            groups.setdefault(key, []).append(model)
        position: Callable[[ModelFindings], int] = lambda m: getattr(m, along)  # noqa: E731
        for group in groups.values():
            count = Counter(map(position, group))
            once = [model for model in group if count[position(model)] == 1]
            yield from pairwise(sorted(once, key=position))


def ratio_interval(first: Eigenvalue, second: Eigenvalue) -> tuple[float, float] | None:
    """Interval of second / first; (-inf, inf) where the first may be zero, None without bounds."""
    one, two = first.interval, second.interval
    if one is None or two is None:
        return None
    if one[0] <= 0 <= one[1]:
        return -math.inf, math.inf
    quotients = [b / a for a in one for b in two]
    return min(quotients), max(quotients)
