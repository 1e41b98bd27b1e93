"""Calibration of the laws from measured ratios: errors, and coverage at depths left out."""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping

from patchlaw.hessian_theory.predictions import LAWS
from patchlaw.hessian_theory.predictions.calibration import REGIMES, Calibration, log_error_quantile
from patchlaw.verification.comparison.ratios import LawComparison

CALIBRATED = ("H", "G over the angles")
LEAST_DEPTHS = 2  # one is left out

_Score = tuple[str, int, float]  # source, depth, |log(predicted / measured)|
_Rows = Mapping[str, Iterable[LawComparison]]  # by source


def calibrate(rows: _Rows) -> list[Calibration]:
    """Every law's errors by matrix and regime, in the registry's order.

    Args:
        rows: predicted beside measured ratios, by source.
    """
    usable = _usable(rows)
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


def choice_coverage(rows: _Rows) -> dict[str, dict[str, tuple[int, int]]]:
    """By matrix and regime: pairs within the interval of the answer, and all, depths left out.

    Unlike a law's own coverage this has the choice of the law in it, which is made from the other
    depths too, among the laws that the inputs of one of them allow, for each such set of inputs.
    """
    usable = _usable(rows)
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for matrix in CALIBRATED:
        for regime, (least, most) in REGIMES.items():
            scores: dict[str, dict[Hashable, tuple[int, float]]] = {}
            for source, row in usable:
                if row.matrix == matrix and least <= row.depth < most:
                    pair = (source, row.depth, row.n_patches, row.seed, row.protocol, row.runs)
                    scores.setdefault(row.law, {})[pair] = row.depth, _score(row)
            inputs = {law: set(LAWS[law].inputs) for law in LAWS if law in scores}
            sets = {tuple(law for law in inputs if inputs[law] <= own) for own in inputs.values()}
            outcomes = [inside for laws in sets for inside in _chosen({k: scores[k] for k in laws})]
            found.setdefault(matrix, {})[regime] = sum(outcomes), len(outcomes)
    return found


def _chosen(scores: Mapping[str, Mapping[Hashable, tuple[int, float]]]) -> Iterator[bool]:
    """Whether the law of least error at the other depths has each pair in its interval."""
    for pair in set.intersection(*(set(found) for found in scores.values())):
        depth = next(iter(scores.values()))[pair][0]
        others = {
            law: [score for d, score in found.values() if d != depth]
            for law, found in scores.items()
        }
        limits = {law: log_error_quantile(found) for law, found in others.items() if found}
        if limits:
            best = min(limits, key=lambda law: limits[law])
            yield scores[best][pair][1] <= limits[best]


def _usable(rows: _Rows) -> list[tuple[str, LawComparison]]:
    return [
        (source, row)
        for source, found in rows.items()
        for row in found
        if row.relative_error is not None and row.measured > 0 and (row.predicted or 0) > 0
    ]


def _score(row: LawComparison) -> float:
    return abs(math.log((row.predicted or 0.0) / row.measured))


def _calibration(
    law: str, matrix: str, regime: str, own: list[tuple[str, LawComparison]]
) -> Calibration:
    scores: list[_Score] = [(source, row.depth, _score(row)) for source, row in own]
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
