"""The report in words: a summary, the whole as Markdown, and what a terminal shows."""

from rich.console import Console
from rich.text import Text

from patchlaw.paper_figures.report.data import Report
from patchlaw.paper_figures.report.tables import DERIVATION, all_tables, ledger_table
from patchlaw.verification.claims.terminal import print_ledger
from patchlaw.verification.comparison import LawComparison
from patchlaw.verification.records import all_converged
from patchlaw.verification.tables import Table, markdown_lines, print_table

_STYLES = {"holds": "green", "proved": "green", "FAILS": "bold red", "failed": "bold red"}


def summary_lines(report: Report) -> list[str]:
    """What was run, what holds, and how far each law is from the measurements."""
    c = report.config
    lines = [
        f"Status: {report.status}"
        + ("" if report.status == "complete" else f" (stopped during: {report.stage})")
        + f"; {'quick run: fewer images and epochs; ' if c.quick else ''}"
        + f"depth {c.depth}, {c.images:,} images, {c.epochs} epochs, seed {c.seed}."
    ]
    if report.theorems:
        proved = sum(t.status == "proved" for t in report.theorems)
        lines.append(f"Theorems: {proved} of {len(report.theorems)} re-proved.")
    if report.checks:
        held = sum(check.passed for check in report.checks)
        lines.append(f"Exact checks: {held} of {len(report.checks)} hold.")
    unconverged = [
        f"P={model.run.n_patches} {matrix}"
        for model in report.models
        for matrix, values in model.eigenvalues.items()
        if not all_converged(values)
    ]
    if unconverged:
        lines.append(f"NOT converged, so not to be relied on: {', '.join(unconverged)}.")
    for matrix in ("H", "G over the angles"):  # the laws are derived for the latter
        rows = [r for r in report.comparisons if r.matrix == matrix]
        lines += _law_lines(f"Our lambda_max({matrix})", rows)
    lines += _law_lines("The author's lambda_max(H)", list(report.author_comparisons))
    return lines


def _law_lines(subject: str, rows: list[LawComparison]) -> list[str]:
    worst: dict[str, float] = {}
    for row in rows:
        # an identity uses the measured alignment, so it is no prediction
        if row.relative_error is not None and row.status != "proven":
            worst[row.law] = max(worst.get(row.law, 0.0), abs(row.relative_error))
    if not worst:
        return []
    ranked = sorted(worst.items(), key=lambda item: item[1])
    errors = ", ".join(f"{law.replace('_', ' ')} {error:.0%}" for law, error in ranked)
    pairs = len({(row.depth, row.n_patches) for row in rows})
    return [f"{subject}: largest error of each law over {pairs} ratios: {errors}."]


def as_markdown(report: Report) -> str:
    """The whole report, readable at any stage of the run."""
    environment = report.environment
    versions = ", ".join(f"{name} {number}" for name, number in environment.versions.items())
    parts = ["# patchlaw verify", "\n".join(f"- {line}" for line in summary_lines(report))]
    if report.failures:
        parts.append("**Failed:**\n\n" + "\n".join(f"- {failure}" for failure in report.failures))
    parts += [_markdown_table(table) for table in (ledger_table(report), *all_tables(report))]
    seconds = ", ".join(f"{stage} {time:.0f} s" for stage, time in report.seconds.items())
    parts.append(
        "## Where this was computed\n\n"
        f"Started {environment.started}, {environment.machine}, {environment.cpus} CPUs, "
        f"{environment.threads} threads; commit {environment.commit or 'unknown'}; {versions}. "
        f"Stages: {seconds or 'none finished'}."
    )
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    lines = markdown_lines(table.header, table.rows)
    note = f"\n\n{table.note}" if table.note else ""
    return f"## {table.title}\n\n" + "\n".join(lines) + note


def print_report(report: Report, console: Console) -> None:
    """Print every table but the theorems (unless some fail), the ledger, the summary, failures."""
    for table in all_tables(report):
        if table.title == DERIVATION and not any(t.status != "proved" for t in report.theorems):
            continue
        print_table(table, console, _STYLES)
    print_ledger(report.ledger, console)
    console.print()
    for line in summary_lines(report):
        console.print(Text(line))
    for failure in report.failures:
        console.print(Text(f"FAILED {failure}", style="bold red"))
