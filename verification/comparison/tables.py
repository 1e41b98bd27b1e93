"""Tables of ratios beside laws, of fitted exponents and of how each law does, over many runs."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from patchlaw.hessian_theory.predictions import Input, law_inputs
from patchlaw.verification.comparison import (
    ExponentSpread,
    FittedExponent,
    LawComparison,
    LawSummary,
)
from patchlaw.verification.power_law import PowerLawFit
from patchlaw.verification.solvers.result import format_interval
from patchlaw.verification.tables import Table

_Row = TypeVar("_Row", bound=LawComparison | LawSummary | FittedExponent)


def ratio_tables(whose: str, comparisons: Sequence[LawComparison]) -> list[Table]:
    """Measured ratios beside every law, one table for each protocol and matrix.

    ``whose`` is "our" or "the author's"; likewise below.
    """
    groups: dict[tuple[str, str], list[LawComparison]] = {}
    for protocol, row in _named(comparisons):
        groups.setdefault((protocol, row.matrix), []).append(row)
    return [
        _ratio_table(f"Ratios of {whose} lambda_max({matrix}), {protocol}", rows)
        for (protocol, matrix), rows in groups.items()
    ]


def input_tables(whose: str, comparisons: Iterable[LawComparison]) -> list[Table]:
    """What the laws were fed with, one table a protocol, one row for each pair of runs."""
    protocols: dict[str, dict[tuple[str, str, str], dict[str, float]]] = {}
    for protocol, row in _named(comparisons):
        found = protocols.setdefault(protocol, {}).setdefault(_place(row), {})
        found |= row.inputs
    return [
        _input_table(f"Inputs of {whose} ratios, {protocol}", pairs)
        for protocol, pairs in protocols.items()
    ]


def summary_tables(whose: str, summaries: Iterable[LawSummary]) -> list[Table]:
    """Every law over all its ratios, one table a protocol."""
    header = ("matrix", "law", "ratios", "median", "largest", "< 20 %", "e", "e fits")
    note = (
        "Median and largest: |log(predicted / measured)|; < 20 %: ratios predicted within 20 %. "
        "Ratios of one (d, seed) share models, so they are not independent. e: the law's exponent "
        "of P; e fits: whether the interval of the fitted exponent holds it."
    )
    title = f"How each law does on {whose} ratios"
    return _by_protocol(title, header, summaries, _summary_row, note)


def exponent_tables(whose: str, exponents: Iterable[FittedExponent]) -> list[Table]:
    """Fitted exponents with their intervals, one table a protocol."""
    fit = ("quantity", "d", "seed", "P", "exponent", "points", "groups", "dof", "scatter")
    note = (
        "lambda_max ~ P^exponent: least squares of the logarithms, one prefactor for each (d, "
        "seed) and one exponent; 95 % interval by Student's t with dof = points - groups - 1; "
        "scatter: standard deviation of the residuals of log lambda_max. Left out: not converged "
        "or not positive. Where lambda_max is no power of P the misfit counts as scatter. Over "
        "seeds: mean of the exponents fitted to each seed by itself, over the P and d that all of "
        "them have, and its 95 % interval from their spread, in which the misfit does not count; "
        "over depths: the same of each depth, over the P and seeds that all of them have."
    )
    title = f"Exponents of P of {whose} eigenvalues"
    header = (*fit, "over seeds", "of", "over depths", "of")
    return _by_protocol(title, header, exponents, _exponent_row, note)


def _named(rows: Iterable[_Row]) -> list[tuple[str, _Row]]:
    """Each row behind its protocol, with its study where the protocol has several."""
    known = list(rows)
    studies: dict[str, set[str]] = {}
    for row in known:
        studies.setdefault(row.protocol, set()).add(row.study)
    return [
        (", ".join([row.protocol, *[row.study] * (len(studies[row.protocol]) > 1)]), row)
        for row in known
    ]


def _by_protocol(
    title: str,
    header: tuple[str, ...],
    rows: Iterable[_Row],
    cells: Callable[[_Row], tuple[str, ...]],
    note: str,
) -> list[Table]:
    """One table for the rows of each protocol."""
    protocols: dict[str, list[tuple[str, ...]]] = {}
    for protocol, row in _named(rows):
        protocols.setdefault(protocol, []).append(cells(row))
    return [
        Table(f"{title}, {protocol}", header, tuple(found), note, keys=2)
        for protocol, found in protocols.items()
    ]


def _input_table(title: str, pairs: Mapping[tuple[str, str, str], dict[str, float]]) -> Table:
    known = [i for i in law_inputs() if any(i.names[0] in found for found in pairs.values())]
    header = ("d", "seed", "P1→P2", *(each.symbol for each in known))
    rows = tuple(
        (*place, *(_input(found, each) for each in known)) for place, found in pairs.items()
    )
    note = "At P1 → at P2. " + "; ".join(f"{each.symbol}: {each.meaning}" for each in known) + "."
    return Table(title, header, rows if known else (), note, keys=3)


def _summary_row(s: LawSummary) -> tuple[str, ...]:
    return (
        s.matrix,
        s.law.replace("_", " "),
        str(s.n_pairs) + (f" (+{s.n_missing} missing)" if s.n_missing else ""),
        _error(s.median_log_error),
        _error(s.largest_log_error),
        str(s.n_within),
        "-" if s.exponent is None else f"{s.exponent:g}",
        {None: "-", True: "yes", False: "no"}[s.exponent_in_interval],
    )


def _exponent_row(e: FittedExponent) -> tuple[str, ...]:
    whole = e.fit.n_groups > 1
    return (
        e.quantity,
        "all" if whole else str(e.depth),
        "all" if whole else "-" if e.seed is None else str(e.seed),
        ", ".join(map(str, e.patches)),
        f"{e.fit.exponent:.2f} {_interval(e.fit)}",
        str(e.fit.n_points) + (f" (+{e.left_out} left out)" if e.left_out else ""),
        str(e.fit.n_groups),
        str(e.fit.dof),
        "-" if e.fit.residual_std is None else f"{e.fit.residual_std:.2g}",
        *_over(e.over_seeds),
        *_over(e.over_depths),
    )


def _over(found: ExponentSpread | None) -> tuple[str, str]:
    if found is None:
        return "-", "-"
    low, high = found.interval
    return f"{found.mean:.2f} [{low:.2f}, {high:.2f}]", found.where


def _ratio_table(title: str, comparisons: Sequence[LawComparison]) -> Table:
    laws = list(dict.fromkeys(row.law for row in comparisons))
    pairs: dict[tuple[str, str, str], dict[str, LawComparison]] = {}
    for row in comparisons:
        pairs.setdefault(_place(row), {})[row.law] = row
    rows = []
    for place, by_law in pairs.items():
        first = next(iter(by_law.values()))
        rows.append((*place, measured_cell(first), *(law_cell(by_law.get(law)) for law in laws)))
    header = ("d", "seed", "P1→P2", "measured", *(law.replace("_", " ") for law in laws))
    notes = dict.fromkeys(row.note for row in comparisons if row.note)
    note = "; ".join(("In brackets: predicted / measured - 1", *notes)) + "."
    return Table(title, header, tuple(rows), note, keys=4)


def _place(row: LawComparison) -> tuple[str, str, str]:
    seed = "-" if row.seed is None else str(row.seed)
    return str(row.depth), seed, f"{row.n_patches[0]}→{row.n_patches[1]}"


def law_cell(comparison: LawComparison | None) -> str:
    """Predicted ratio and relative error, or why there is none."""
    if comparison is None:
        return "-"
    if comparison.predicted is None or comparison.relative_error is None:
        return comparison.reason or "-"
    return f"{comparison.predicted:.4f} ({comparison.relative_error:+.0%})"


def measured_cell(row: LawComparison) -> str:
    """A measured ratio with its interval where there is one; "none" where it was not measured."""
    if math.isnan(row.measured):
        return "none"
    if row.measured_interval is None:
        return f"{row.measured:.4f}"
    low, high = row.measured_interval
    return format_interval(row.measured, max(row.measured - low, high - row.measured))


def _input(found: dict[str, float], of: Input) -> str:
    return " → ".join(f"{found[name]:.4g}" for name in of.names if name in found) or "-"


def _error(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(fit: PowerLawFit) -> str:
    if fit.interval is None:
        return "(no interval: dof 0)"
    return f"[{fit.interval[0]:.2f}, {fit.interval[1]:.2f}]"
