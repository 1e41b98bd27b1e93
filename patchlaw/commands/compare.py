"""``patchlaw compare``: measured eigenvalue ratios beside every law, with fitted exponents."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from patchlaw.commands.kernel import print_errors
from patchlaw.commands.options import records_option, refusals

if TYPE_CHECKING:
    from patchlaw.verification.comparison import LawComparison
    from patchlaw.verification.kernels.record import KernelRecord
    from patchlaw.verification.records import TrainedModel

# as verification.comparison.QUANTITIES, which a test holds it against: importing that loads torch
OVER_ANGLES = "G over the angles"
QUANTITIES = ("H", "G", "R", OVER_ANGLES, "sum of G_pp", "largest R_pp")


@click.command()
@records_option
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
    exponents of P fitted to the eigenvalues. For the analysed runs and the author's recorded table;
    where records of `patchlaw kernel` lie in `kernels` beside the folder, also on their images,
    before training and at the minima, with the eigenvalues themselves last.
    """
    from patchlaw.paper_figures.records import ANALYSES, kernels_beside
    from patchlaw.verification.comparison import compare_author, compare_models, on_their_images
    from patchlaw.verification.records import author_models, indistinct, read_analyses

    folder = records or ANALYSES
    with refusals():
        models, kernels = read_analyses(folder), kernels_beside(folder)
        known = (*models, *on_their_images(kernels, models))
        ours = _findings(known, compare_models(known, kernels), matrices)
    author = _findings(author_models(), compare_author(kernels, every_pair=True), matrices)
    sizes = OVER_ANGLES in (matrices or QUANTITIES)
    if as_json:
        from patchlaw.verification.claims import finite

        content = {
            "records": {"n_records": len(models), "indistinct": indistinct(models)}
            | _as_record(ours),
            "author": _as_record(author),
            "kernels": _spectra(kernels) if sizes else [],
        }
        click.echo(json.dumps(finite(content), indent=1, allow_nan=False))
        return

    from patchlaw.console import PlainConsole

    if not models:
        click.echo(f"No analysed runs in {folder}; `patchlaw analyse RUN` writes a record.")
    if silent := sum(model.settings is None for model in models):
        PlainConsole().print(
            f"{silent} of {len(models)} records do not say how their runs were trained (those of "
            "former releases) and stand apart; `patchlaw analyse` adds it and keeps the results."
        )
    for label in indistinct(models):
        click.echo(f"{label}: not compared, as another record has its P, depth, seed and protocol.")
    _show("our", ours)
    _show("the author's", author)
    if kernels and sizes:
        print_errors(kernels, PlainConsole())


def _findings(
    models: "Sequence[TrainedModel]",
    comparisons: "Iterable[LawComparison]",
    matrices: tuple[str, ...],
) -> dict[str, Any]:
    """Ratios, summaries and exponents of one source, of the matrices asked for."""
    from patchlaw.verification.comparison import fitted_exponents, summarise_laws

    wanted = matrices or QUANTITIES
    ratios = [row for row in comparisons if row.matrix in wanted]
    fits = [fit for fit in fitted_exponents(models) if fit.quantity in wanted]
    return {"comparisons": ratios, "laws": summarise_laws(ratios, fits), "exponents": fits}


def _spectra(kernels: "Iterable[KernelRecord]") -> list[dict[str, Any]]:
    """Eigenvalues themselves: measured, and by both kernels, on the record's images."""
    return [
        {
            "run": record.run.id,
            "n_samples": record.n_samples,
            "moment": name,
            "measured": [each.value for each in moment.measured],
            "radius": [each.radius for each in moment.measured],
            "tangent_kernel": list(moment.predicted),
            "commutator_kernel": list(moment.commutator),
        }
        for record in kernels
        for name, moment in record.moments.items()
    ]


def _as_record(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: [asdict(entry) for entry in entries] for name, entries in found.items()}


def _show(whose: str, found: Mapping[str, Any]) -> None:
    """Print the tables that have rows."""
    from patchlaw.console import PlainConsole
    from patchlaw.verification.comparison import tables
    from patchlaw.verification.tables import print_table

    console = PlainConsole()
    for table in (
        *tables.ratio_tables(whose, found["comparisons"]),
        *tables.input_tables(whose, found["comparisons"]),
        *tables.summary_tables(whose, found["laws"]),
        *tables.exponent_tables(whose, found["exponents"]),
    ):
        if table.rows:
            print_table(table, console)
