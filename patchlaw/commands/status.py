"""``patchlaw status``: how far the runs of a folder are."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from patchlaw.commands.options import refusals

if TYPE_CHECKING:
    from patchlaw.verification.runs.status import RunStatus

_STYLES = {
    "finished": "green",
    "running": "cyan",
    "partial": "yellow",
    "thinned": "green",
    "damaged": "bold red",
}


@click.command()
@click.argument("runs", type=click.Path(path_type=Path), default=Path("runs"))
@click.option("--check", is_flag=True, help="Read every file and compare its checksum.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list in place of the table.")
def status(runs: Path, check: bool, as_json: bool) -> None:
    """Show the runs in folder RUNS (default: runs): state, epochs, minimum of the training loss.

    Losses and accuracies are those at the minimum of the training loss so far. Exit code: 1 if a
    run is damaged.
    """
    from patchlaw.verification.runs.status import all_statuses

    with refusals():
        statuses = all_statuses(runs, checksums=check)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in statuses], indent=1, allow_nan=False))
    else:
        print_table(statuses)
    if any(each.state == "damaged" for each in statuses):
        raise SystemExit(1)


def print_table(statuses: list["RunStatus"]) -> None:
    """One row a run, then what is wrong with the damaged ones."""
    from patchlaw.console import PlainConsole
    from patchlaw.verification.tables import Table, as_rich

    names, numbers = ("run", "state"), (
        "epochs", "min.\nat", "train\nloss", "train\nacc.", "test\nloss", "test\nacc.",
        "s per\nepoch",
    )  # fmt: skip
    rows = tuple(
        (
            each.run,
            each.state,
            "" if each.epochs_done is None else f"{each.epochs_done}/{each.epochs}",
            _shown(each.minimum_epoch, "d"),
            _shown(each.train_loss, ".5f"),
            _shown(each.train_accuracy, ".2%"),
            _shown(each.test_loss, ".5f"),
            _shown(each.test_accuracy, ".2%"),
            _shown(each.seconds_per_epoch, ".1f"),
        )
        for each in statuses
    )
    # a number cut short would be another number; a name can go on in a second line
    table = Table("", (*names, *numbers), rows, whole=("state", *numbers), right=numbers)
    console = PlainConsole()
    console.print(as_rich(table, console, _STYLES, framed=False))
    for each in statuses:
        if each.problem:
            console.say(f"{each.run}: {each.problem}")


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
