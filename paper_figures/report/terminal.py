"""The report on a terminal, by rich."""

from rich.console import Console
from rich.text import Text

from patchlaw.paper_figures.report.data import Report
from patchlaw.paper_figures.report.summary import summary_lines
from patchlaw.paper_figures.report.tables import DERIVATION, all_tables
from patchlaw.verification.claims.terminal import print_ledger
from patchlaw.verification.tables import print_table

_STYLES = {"holds": "green", "proved": "green", "FAILS": "bold red", "failed": "bold red"}


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
