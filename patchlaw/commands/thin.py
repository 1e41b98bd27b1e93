"""``patchlaw thin``: small copies of runs, for a repository or a mail."""

from pathlib import Path

import click

from patchlaw.commands.options import out_option, runs_argument


@click.command()
@runs_argument()
@out_option(None, "Folder for the copies; each is named as `patchlaw train` names the run.")
@click.option(
    "--epoch",
    "epochs",
    type=click.IntRange(0),
    multiple=True,
    help="Keep the parameters after so many epochs too; may be given several times.",
)
def thin(runs: tuple[Path, ...], out: Path, epochs: tuple[int, ...]) -> None:
    """Copy each RUN with its history and the parameters at its minimum only.

    The copy can be analysed at its minimum, compared and drawn; it cannot be trained on, and what
    needs the whole trajectory refuses it. The run stays as it is. Exit code: 0, or 1 if a run is
    refused, which does not stop the others.
    """
    from patchlaw.verification.runs import Run, thin_run

    failed = False
    for folder in runs:
        try:
            copy = thin_run(Run.open(folder), out, epochs)
        except (ValueError, OSError) as error:
            click.echo(f"Error: {error}", err=True)
            failed = True
        else:
            click.echo(f"{copy.path}: epochs {', '.join(map(str, sorted(copy.kept or ())))}")
    if failed:
        raise SystemExit(1)
