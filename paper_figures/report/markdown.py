"""The report as Markdown."""

from patchlaw.paper_figures.report.data import Report
from patchlaw.paper_figures.report.summary import summary_lines
from patchlaw.paper_figures.report.tables import all_tables, ledger_table
from patchlaw.verification.tables import Table, markdown_lines


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
