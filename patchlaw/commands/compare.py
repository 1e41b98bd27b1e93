"""``patchlaw compare``: measured eigenvalue ratios beside every law, with fitted exponents."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from patchlaw.verification.comparison import FittedExponent, LawComparison, LawSummary

# as verification.comparison.QUANTITIES, which a test holds it against: importing that loads torch
QUANTITIES = ("H", "G", "R", "G over the angles", "sum of G_pp", "largest R_pp")


@click.command()
@click.option(
    "--records",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of analysed runs; the ones that come with the source tree if left out.",
)
@click.option(
    "--matrix",
    "matrices",
    type=click.Choice(QUANTITIES),
    multiple=True,
    help="Only this one; may be repeated. The last two have exponents, but no ratios.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(records: Path | None, matrices: tuple[str, ...], as_json: bool) -> None:
    """Set measured ratios of largest eigenvalues beside every prediction law.

    For every pair of P at equal depth, seed, images and epochs: the ratio with its interval, each
    law's prediction and what it was computed from. Then how each law does over all pairs, and the
    exponents of P fitted to the eigenvalues. For the analysed runs, and for the author's recorded
    table.
    """
    from patchlaw.paper_figures.records import ANALYSES
    from patchlaw.verification.comparison import compare_author, compare_models, fitted_exponents
    from patchlaw.verification.records import author_models, indistinct, read_analyses

    folder = records or ANALYSES
    try:
        models = read_analyses(folder)
        ours = _Findings(compare_models(models), fitted_exponents(models), matrices)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    author = _Findings(compare_author(every_pair=True), fitted_exponents(author_models()), matrices)
    if as_json:
        from patchlaw.verification.claims import finite

        content = {
            "records": {
                "n_records": len(models),
                "indistinct": indistinct(models),
                **ours.record(),
            },
            "author": author.record(),
        }
        click.echo(json.dumps(finite(content), indent=1, allow_nan=False))
        return
    if not models:
        click.echo(f"No analysed runs in {folder}; `patchlaw analyse RUN` writes a record.")
    for label in indistinct(models):
        click.echo(f"{label}: not compared, as another record has its P, depth, seed and protocol.")
    ours.show("our")
    author.show("the author's")


class _Findings:
    """Ratios, exponents and summaries of one source, of the matrices asked for."""

    def __init__(
        self,
        comparisons: "Iterable[LawComparison]",
        exponents: "Iterable[FittedExponent]",
        matrices: tuple[str, ...],
    ) -> None:
        from patchlaw.verification.comparison import summarise_laws

        wanted = matrices or QUANTITIES
        self.comparisons = [row for row in comparisons if row.matrix in wanted]
        self.exponents = [fit for fit in exponents if fit.quantity in wanted]
        self.summaries: Sequence[LawSummary] = summarise_laws(self.comparisons, self.exponents)

    def record(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            name: [asdict(entry) for entry in entries]
            for name, entries in (
                ("comparisons", self.comparisons),
                ("laws", self.summaries),
                ("exponents", self.exponents),
            )
        }

    def show(self, whose: str) -> None:
        """Print the tables that have rows."""
        from patchlaw.console import PlainConsole
        from patchlaw.verification.comparison.tables import (
            exponent_tables,
            input_tables,
            ratio_tables,
            summary_tables,
        )
        from patchlaw.verification.tables import print_table

        console = PlainConsole()
        for table in (
            *ratio_tables(whose, self.comparisons),
            *input_tables(whose, self.comparisons),
            *summary_tables(whose, self.summaries),
            *exponent_tables(whose, self.exponents),
        ):
            if table.rows:
                print_table(table, console)
