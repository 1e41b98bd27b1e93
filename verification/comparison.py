"""Measured eigenvalue ratios beside every prediction law, for our models and the author's."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from hessian_theory.predictions import (
    MeasuredModel,
    RatioInputs,
    RatioPrediction,
    predict_ratios,
    predict_residual_ratios,
)
from verification.measurement import MinimumMeasurement, TopEigenvalue
from verification.records import author_results


@dataclass(frozen=True)
class LawComparison:
    """One law's ratio beside one measured ratio lambda_max(P2) / lambda_max(P1).

    Attributes:
        matrix: "H", "G", "R" or "G over the angles".
        depth: d.
        n_patches: (P1, P2).
        measured: the measured ratio.
        measured_interval: from the residual norms; None for recorded eigenvalues, which have none.
        law: the law's name.
        formula: the law.
        status: "proven", "assumed" or "empirical".
        predicted: the law's ratio; None where it cannot be computed.
        relative_error: predicted / measured - 1.
        reason: why there is no prediction.
    """

    matrix: str
    depth: int
    n_patches: tuple[int, int]
    measured: float
    measured_interval: tuple[float, float] | None
    law: str
    formula: str
    status: str
    predicted: float | None
    relative_error: float | None
    reason: str | None


def compare_measured(models: Sequence[MinimumMeasurement]) -> list[LawComparison]:
    """Every pair of P at equal depth, every matrix, every law that speaks of it.

    The laws of lambda_max(G) stand beside H, G and G over the angles (they are derived for the
    last), the residual laws beside R. Laws from blocks need every eigenvalue converged.
    """
    rows = []
    for first, second in combinations(sorted(models, key=lambda m: m.n_patches), 2):
        if first.depth != second.depth:
            continue
        inputs = RatioInputs(_theory_input(first), _theory_input(second))
        for matrix in first.top:
            predictions = (
                predict_residual_ratios(inputs) if matrix == "R" else predict_ratios(inputs)
            )
            lower, upper = first.top[matrix], second.top[matrix]
            rows += [
                _row(
                    matrix,
                    first.depth,
                    (first.n_patches, second.n_patches),
                    upper.value / lower.value,
                    ratio_interval(lower, upper),
                    prediction,
                )
                for prediction in predictions
                # the blocks of R are not measured here
                if prediction.law != "residual_blocks"
            ]
    return rows


def compare_author() -> list[LawComparison]:
    """The author's Table 3, P = 4 to 9 and 9 to 16 at each depth, beside the laws it can feed.

    The recorded eigenvalues carry no error bound; the laws use the recorded training losses.
    """
    rows = []
    results = author_results()
    for depth in sorted({r.depth for r in results}):
        at_depth = sorted((r for r in results if r.depth == depth), key=lambda r: r.n_patches)
        for first, second in pairwise(at_depth):
            inputs = RatioInputs(
                MeasuredModel(first.n_patches, loss=first.train_loss),
                MeasuredModel(second.n_patches, loss=second.train_loss),
            )
            measured = second.top_hessian_eigenvalue / first.top_hessian_eigenvalue
            patches = (first.n_patches, second.n_patches)
            rows += [
                _row("H", depth, patches, measured, None, prediction)
                for prediction in predict_ratios(inputs)
                if prediction.ratio is not None
            ]
    return rows


def ratio_interval(first: TopEigenvalue, second: TopEigenvalue) -> tuple[float, float] | None:
    """Interval of second / first from both residual norms; None where first may be <= 0."""
    (low_1, high_1), (low_2, high_2) = first.interval, second.interval
    if low_1 <= 0:
        return None
    return min(low_2 / high_1, low_2 / low_1), max(high_2 / low_1, high_2 / high_1)


def _theory_input(model: MinimumMeasurement) -> MeasuredModel:
    blocks = tuple(b.value for b in model.blocks) if model.certified else None
    return MeasuredModel(
        model.n_patches,
        loss=model.train.loss,
        curvature=model.train.trace_s,
        blocks=blocks,
        alignment=model.alignment if model.certified else None,
    )


def _row(
    matrix: str,
    depth: int,
    patches: tuple[int, int],
    measured: float,
    interval: tuple[float, float] | None,
    prediction: RatioPrediction,
) -> LawComparison:
    predicted = None if prediction.ratio is None else float(prediction.ratio)
    return LawComparison(
        matrix=matrix,
        depth=depth,
        n_patches=patches,
        measured=measured,
        measured_interval=interval,
        law=prediction.law,
        formula=prediction.formula,
        status=prediction.status,
        predicted=predicted,
        relative_error=None if predicted is None else predicted / measured - 1,
        reason=prediction.reason,
    )
