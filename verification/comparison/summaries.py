"""How well each law does over all ratios: numbers only, the ledger judges."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from patchlaw.hessian_theory.predictions import find_law
from patchlaw.verification.comparison.exponents import FittedExponent
from patchlaw.verification.comparison.ratios import LawComparison
from patchlaw.verification.power_law import PowerLawFit

WITHIN = 0.2  # claim 4's tolerance


@dataclass(frozen=True)
class LawSummary:
    """One law over every ratio of one matrix under one protocol and of one study.

    Attributes:
        matrix: "H", "G", "R" or "G over the angles".
        n_pairs: ratios with a prediction; pairs of one (depth, seed) share models.
        n_missing: ratios without, or whose measured ratio is missing or not positive.
        n_within: those with |predicted / measured - 1| <= 0.2.
        largest_log_error: largest |log(predicted / measured)|; None without pairs.
        median_log_error: their median.
        exponent: the law's exponent of P; None for laws with other inputs.
        fitted: exponent of lambda_max(matrix), all depths and seeds together; None if not fitted.
        exponent_in_interval: whether ``fitted``'s interval contains ``exponent``; None where
            either is missing.
    """

    protocol: str
    study: str
    matrix: str
    law: str
    formula: str
    status: str
    n_pairs: int
    n_missing: int
    n_within: int
    largest_log_error: float | None
    median_log_error: float | None
    exponent: float | None
    fitted: PowerLawFit | None
    exponent_in_interval: bool | None


def summarise_laws(
    comparisons: Iterable[LawComparison], exponents: Sequence[FittedExponent] = ()
) -> list[LawSummary]:
    """One for each protocol, study, matrix and law, in the order in which they first occur."""
    groups: dict[tuple[str, str, str, str], list[LawComparison]] = {}
    for row in comparisons:
        groups.setdefault((row.protocol, row.study, row.matrix, row.law), []).append(row)
    pooled: dict[tuple[str, str, str], PowerLawFit] = {}  # the first fit: of all depths and seeds
    for each in exponents:
        pooled.setdefault((each.protocol, each.study, each.quantity), each.fit)
    return [_summary(rows, pooled.get(key[:3])) for key, rows in groups.items()]


def _summary(rows: Sequence[LawComparison], fitted: PowerLawFit | None) -> LawSummary:
    first = rows[0]
    errors, within = [], 0
    for row in rows:
        if row.relative_error is None or row.predicted is None:
            continue
        if row.measured <= 0 or row.predicted <= 0:  # no logarithm
            continue
        errors.append(abs(math.log(row.predicted / row.measured)))
        within += abs(row.relative_error) <= WITHIN
    exponent = find_law(first.law).exponent
    holds = None if exponent is None or fitted is None else fitted.contains(exponent)
    return LawSummary(
        protocol=first.protocol,
        study=first.study,
        matrix=first.matrix,
        law=first.law,
        formula=first.formula,
        status=first.status,
        n_pairs=len(errors),
        n_missing=len(rows) - len(errors),
        n_within=within,
        largest_log_error=max(errors, default=None),
        median_log_error=median(errors) if errors else None,
        exponent=exponent,
        fitted=fitted,
        exponent_in_interval=holds,
    )
