"""Calibration of the laws from measured ratios: errors, and coverage at depths left out."""

import math
from collections.abc import Iterable, Mapping

from patchlaw.hessian_theory.predictions import LAWS
from patchlaw.hessian_theory.predictions.calibration import (
    REGIMES,
    Calibration,
    log_error_quantile,
)
from patchlaw.verification.comparison.ratios import LawComparison

CALIBRATED = ("H", "G over the angles")
LEAST_DEPTHS = 2  # one is left out

_Score = tuple[str, int, float]  # source, depth, |log(predicted / measured)|


def calibrate(rows: Mapping[str, Iterable[LawComparison]]) -> list[Calibration]:
    """Every law's errors by matrix and regime, in the registry's order.

    Args:
        rows: predicted beside measured ratios, by source.
    """
    usable = [
        (source, row)
        for source, found in rows.items()
        for row in found
        if row.relative_error is not None and row.measured > 0 and (row.predicted or 0) > 0
    ]
    calibrated = []
    for law in LAWS:
        for matrix in CALIBRATED:
            for regime, (least, most) in REGIMES.items():
                own = [
                    (source, row)
                    for source, row in usable
                    if (row.law, row.matrix) == (law, matrix) and least <= row.depth < most
                ]
                if len({row.depth for _, row in own}) >= LEAST_DEPTHS:
                    calibrated.append(_calibration(law, matrix, regime, own))
    return calibrated


def _calibration(
    law: str, matrix: str, regime: str, own: list[tuple[str, LawComparison]]
) -> Calibration:
    scores: list[_Score] = [
        (source, row.depth, abs(math.log((row.predicted or 0.0) / row.measured)))
        for source, row in own
    ]
    patches = [p for _, row in own for p in row.n_patches]
    return Calibration(
        law=law,
        matrix=matrix,
        regime=regime,
        depths=tuple(sorted({depth for _, depth, _ in scores})),
        patches=(min(patches), max(patches)),
        n_pairs=len(scores),
        log_error=log_error_quantile(score for _, _, score in scores),
        held_out=_held_out(scores),
    )


def _held_out(scores: list[_Score]) -> dict[str, tuple[int, int]]:
    """By source, pairs within the interval that the other depths give, and all pairs."""
    counts: dict[str, tuple[int, int]] = {}
    for source, depth, score in scores:
        limit = log_error_quantile(other for _, d, other in scores if d != depth)
        inside, pairs = counts.get(source, (0, 0))
        counts[source] = inside + (score <= limit), pairs + 1
    return counts
