"""The report on a terminal, by rich."""

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from patchlaw.verification.claims.terminal import print_ledger
from patchlaw.verification.report.data import Report
from patchlaw.verification.report.summary import summary_lines
from patchlaw.verification.report.tables import DERIVATION, all_tables

_STYLES = {"holds": "green", "proved": "green", "FAILS": "bold red", "failed": "bold red"}


def print_report(report: Report, console: Console) -> None:
    """Print every table but the theorems (unless some fail), the ledger, the summary, failures."""
    for table in all_tables(report):
        if table.title == DERIVATION and not any(t.status != "proved" for t in report.theorems):
            continue
        shown = RichTable(
            title=table.title, title_justify="left", title_style="bold", padding=(0, 0)
        )
        for name in table.header:
            shown.add_column(name, overflow="fold")
        for row in table.rows:
            shown.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
        console.print(shown)
        if table.note:
            console.print(Text(table.note, style="dim"))
        console.print()
    print_ledger(report.ledger, console)
    console.print()
    for line in summary_lines(report):
        console.print(Text(line))
    for failure in report.failures:
        console.print(Text(f"FAILED {failure}", style="bold red"))
