"""The report's tables as rows of text, the same for every renderer."""

from collections.abc import Sequence

from patchlaw.paper_figures.report.data import Report
from patchlaw.verification.comparison.tables import ratio_tables
from patchlaw.verification.records import Eigenvalue, TrainedModel, all_converged
from patchlaw.verification.solvers.result import format_interval
from patchlaw.verification.tables import Table

DERIVATION = "Derivation"


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
    """Loss, accuracy and <tr S> at the minima."""
    rows = []
    for model in report.models:
        train, test = model.minimum.train, model.minimum.test
        rows.append(
            (
                str(model.run.n_patches),
                _number(model.run.n_parameters, ","),
                _number(model.minimum.epoch, ""),
                _number(report.start_losses.get(model.name), ".3f"),
                _number(train.loss, ".4f"),
                _number(train.accuracy, ".1%"),
                _number(test.loss, ".4f"),
                _number(test.accuracy, ".1%"),
                _number(train.mean_softmax_trace, ".4f"),
            )
        )
    c = report.config
    header = ("P", "D", "epoch", "L start", "L train", "acc.", "L test", "acc.", "<tr S>")
    title = f"At the minimum of the training loss, depth {c.depth}"
    tested = max((m.minimum.test.n_samples or 0 for m in report.models), default=0)
    note = f"{c.images:,} training and {tested:,} test images of MNIST, {c.epochs} epochs."
    return Table(title, header, tuple(rows), note)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def eigenvalue_table(report: Report) -> Table:
    """Top eigenvalues with their residual norms, every number as an interval."""
    rows = []
    for model in report.models:
        patches, blocks = str(model.run.n_patches), model.blocks("G")
        for matrix, values in model.eigenvalues.items():
            if values[0] not in blocks:
                rows.append((patches, matrix, _interval(values[0]), *_products(values[:1])))
        if blocks:
            rows.append(
                (patches, f"{len(blocks)} blocks G_pp", _blocks(blocks), *_products(blocks))
            )
            share = _number(model.bias_share, ".4f")
            inside = f"A = {_alignment(model)}, bias share of H's top vector {share}"
            rows.append((patches, "alignment", inside, "", ""))
    header = ("P", "matrix", "lambda_max ± residual norm", "converged", "products")
    note = (
        "An eigenvalue lies within the residual norm of each value. A = lambda_max(G over the "
        "angles) / sum_p lambda_max(G_pp), between 1/P and 1."
    )
    return Table("Largest eigenvalues", header, tuple(rows), note)


def _products(values: Sequence[Eigenvalue]) -> tuple[str, str]:
    """Whether all converged, and the products that they took."""
    certified = "yes" if all_converged(values) else "NO"
    return certified, str(sum(value.matvecs or 0 for value in values))


def _interval(value: Eigenvalue) -> str:
    return format_interval(value.value, value.radius)


def _blocks(blocks: Sequence[Eigenvalue]) -> str:
    """Smallest, largest and sum of the blocks' eigenvalues."""
    ordered = sorted(blocks, key=lambda b: b.value)
    total = format_interval(sum(b.value for b in ordered), sum(b.radius for b in ordered))
    return f"{_interval(ordered[0])} to {_interval(ordered[-1])}, sum {total}"


def _alignment(model: TrainedModel) -> str:
    """A with what the intervals of numerator and denominator leave open."""
    found = model.alignment
    if found is None:
        return "no bounds"
    return format_interval(found.value, max(found.value - found.low, found.high - found.value))


def law_tables(report: Report) -> list[Table]:
    """Measured ratios beside every law, one table a matrix, then the author's."""
    return [
        *ratio_tables("our", report.comparisons),
        *ratio_tables("the author's", report.author_comparisons),
    ]


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
