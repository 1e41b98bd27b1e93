"""The report's tables as rows of text, the same for every renderer."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from patchlaw.verification.comparison import LawComparison
from patchlaw.verification.measurement import MinimumMeasurement, TopEigenvalue
from patchlaw.verification.report.data import Report
from patchlaw.verification.solvers.result import format_interval

DERIVATION = "Derivation"


@dataclass(frozen=True)
class Table:
    """A titled table of text cells; ``note`` explains it in a sentence or two."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def ledger_table(report: Report) -> Table:
    """Every claim and, below it, its parts."""
    rows = []
    for entry in report.ledger:
        judgement = entry.judgement
        rows.append((entry.claim.id, entry.claim.title, judgement.verdict, judgement.reason))
        for found in entry.parts:
            judgement = found.judgement
            rows.append((found.part.id, found.part.statement, judgement.verdict, judgement.reason))
    note = (
        "Verdicts are computed from the evidence; `patchlaw claim N --report report.json` prints "
        "criteria, numbers and the commands that reproduce them."
    )
    return Table(
        "Ledger of claims", ("claim", "statement", "verdict", "because"), tuple(rows), note
    )


def theorem_table(report: Report) -> Table:
    """Re-proved theorems."""
    rows = tuple(
        (t.status, t.name, t.title, t.source, t.error or f"{t.steps} steps")
        for t in report.theorems
    )
    return Table(DERIVATION, ("status", "theorem", "title", "source", "steps"), rows)


def check_table(report: Report) -> Table:
    """Exact checks."""
    rows = tuple(
        (
            "holds" if c.passed else "FAILS",
            c.statement,
            f"{c.measured:.1e}",
            f"{c.tolerance:.1e}" if c.tolerance else "exactly 0",
            str(c.instances),
        )
        for c in report.checks
    )
    reasons = sorted({c.tolerance_from for c in report.checks if c.tolerance})
    note = "Violations and tolerances: " + "; ".join(reasons) + "." if reasons else ""
    header = ("verdict", "statement", "violation", "tolerance", "circuits")
    return Table("Exact checks on random small circuits, double precision", header, rows, note)


def model_table(report: Report) -> Table:
    """Loss, accuracy and softmax curvature at the minima."""
    rows = tuple(
        (
            str(m.n_patches),
            f"{m.n_parameters:,}",
            str(m.epoch + 1),
            f"{m.start_loss:.3f}",
            f"{m.train.loss:.4f}",
            f"{m.train.accuracy:.1%}",
            f"{m.test.loss:.4f}",
            f"{m.test.accuracy:.1%}",
            f"{m.train.trace_s:.4f}",
        )
        for m in report.models
    )
    c = report.config
    header = ("P", "D", "epoch", "L start", "L train", "acc.", "L test", "acc.", "<tr S>")
    title = f"At the minimum of the training loss, depth {c.depth}"
    note = f"{c.images:,} training and {c.test_images:,} test images of MNIST, {c.epochs} epochs."
    return Table(title, header, rows, note)


def eigenvalue_table(report: Report) -> Table:
    """Top eigenvalues with their residual norms, every number as an interval."""
    rows = []
    for model in report.models:
        patches = str(model.n_patches)
        rows += [
            (
                patches,
                top.matrix,
                format_interval(top.value, _radius(top)),
                "yes" if top.converged else "NO",
                str(top.matvecs),
            )
            for top in model.top.values()
        ]
        if model.blocks:
            certified = all(b.converged for b in model.blocks)
            products = str(sum(b.matvecs for b in model.blocks))
            name = f"{len(model.blocks)} blocks G_pp"
            rows.append((patches, name, _blocks(model), "yes" if certified else "NO", products))
            inside = f"A = {_alignment(model)}, bias share of H's top vector {model.bias_share:.4f}"
            rows.append((patches, "alignment", inside, "", ""))
    header = ("P", "matrix", "lambda_max ± residual norm", "converged", "products")
    note = (
        "An eigenvalue lies within the residual norm of each value. A = lambda_max(G over the "
        "angles) / sum_p lambda_max(G_pp), between 1/P and 1."
    )
    return Table("Largest eigenvalues", header, tuple(rows), note)


def _radius(top: TopEigenvalue) -> float:
    return (top.interval[1] - top.interval[0]) / 2


def _blocks(model: MinimumMeasurement) -> str:
    """Smallest, largest and sum of the blocks' eigenvalues."""
    ordered = sorted(model.blocks, key=lambda b: b.value)
    ends = [format_interval(b.value, _radius(b)) for b in (ordered[0], ordered[-1])]
    total = format_interval(sum(b.value for b in ordered), sum(_radius(b) for b in ordered))
    return f"{ends[0]} to {ends[1]}, sum {total}"


def _alignment(model: MinimumMeasurement) -> str:
    """A with what the intervals of numerator and denominator leave open."""
    angles, value = model.top["G over the angles"], model.alignment
    total, slack = sum(b.value for b in model.blocks), sum(_radius(b) for b in model.blocks)
    if total <= slack:
        return f"{value:.4f} (no bounds)"
    low, high = (angles.value - _radius(angles)), (angles.value + _radius(angles))
    ends = [end / (total + sign * slack) for end in (low, high) for sign in (1, -1)]
    return format_interval(value, max(value - min(ends), max(ends) - value))


def law_tables(report: Report) -> list[Table]:
    """Measured ratios beside every law, one table a matrix, then the author's."""
    tables = []
    for matrix, group in groupby(report.comparisons, key=lambda c: c.matrix):
        tables.append((f"lambda_max({matrix}): measured ratio beside every law", list(group)))
    merged: dict[str, list[LawComparison]] = {}
    for title, rows in tables:
        merged.setdefault(title, []).extend(rows)
    result = [_law_table(title, rows) for title, rows in merged.items()]
    if report.author_comparisons:
        title = "The author's recorded eigenvalues (Table 3), beside the laws they can feed"
        result.append(_law_table(title, report.author_comparisons))
    return result


def _law_table(title: str, comparisons: Sequence[LawComparison]) -> Table:
    laws = list(dict.fromkeys(c.law for c in comparisons))
    rows = []
    keys = list(dict.fromkeys((c.depth, c.n_patches) for c in comparisons))
    for depth, patches in keys:
        group = [c for c in comparisons if (c.depth, c.n_patches) == (depth, patches)]
        by_law = {c.law: c for c in group}
        cells = [law_cell(by_law.get(law)) for law in laws]
        rows.append((str(depth), f"{patches[0]}→{patches[1]}", _measured(group[0]), *cells))
    header = ("d", "P1→P2", "measured", *(law.replace("_", " ") for law in laws))
    return Table(title, header, tuple(rows), "In brackets: predicted / measured - 1.")


def _measured(comparison: LawComparison) -> str:
    """The measured ratio as an interval; as it was recorded where no bound was."""
    value, interval = comparison.measured, comparison.measured_interval
    if interval is None:
        return f"{value:.4f}"
    return format_interval(value, max(value - interval[0], interval[1] - value))


def formula_table(report: Report) -> Table:
    """The laws' formulas, each once."""
    compared = (*report.comparisons, *report.author_comparisons)
    laws = {c.law: (c.law.replace("_", " "), c.formula, c.status) for c in compared}
    note = (
        "alpha = 1, L: mean loss, S: softmax curvature, A: alignment, B: sum of the blocks' top "
        "eigenvalues. The laws are derived for G over the angles; there 'exact', which uses the "
        "measured A, is an identity and tests the measurement, not a theory."
    )
    header = ("law", "lambda_max(P2) / lambda_max(P1)", "standing")
    return Table("The laws", header, tuple(laws.values()), note)


def law_cell(comparison: LawComparison | None) -> str:
    """Predicted ratio and relative error, or why there is none."""
    if comparison is None:
        return "-"
    if comparison.predicted is None or comparison.relative_error is None:
        return comparison.reason or "-"
    return f"{comparison.predicted:.4f} ({comparison.relative_error:+.0%})"


def all_tables(report: Report) -> list[Table]:
    """Every table that has rows, in reading order."""
    tables = [
        theorem_table(report),
        check_table(report),
        model_table(report),
        eigenvalue_table(report),
        *law_tables(report),
        formula_table(report),
    ]
    return [table for table in tables if table.rows]
