"""``patchlaw figures``: every figure and table of the paper, and ours, from the records."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from patchlaw.commands.options import ExistingPath, interruptible, refusals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from patchlaw.console import PlainConsole
    from patchlaw.paper_figures.catalogue import Item
    from patchlaw.paper_figures.drawing import Inputs
    from patchlaw.paper_figures.outcome import Outcome
    from patchlaw.paper_figures.provenance import Format

_STATUS = {"complete": "drawn", "partial": "partly", "missing": "not run"}


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("figures"),
    show_default=True,
    help="Folder of the files.",
)
@click.option(
    "--format",
    "formats",
    default="pdf,png",
    show_default=True,
    help="Formats of the figures, of pdf, png and svg; tables are Markdown, LaTeX and CSV.",
)
@click.option(
    "--records",
    type=ExistingPath(file_okay=False),
    help="Folder with runs, analyses and landscapes.  [default: the committed ones]",
)
@click.option("--recompute", is_flag=True, help="First make the records that are missing: hours.")
@click.option(
    "--small", is_flag=True, help="Draw whatever runs have records, small ones too, coarsely."
)
@click.option("--list", "list_only", is_flag=True, help="List the names and do nothing.")
def figures(
    names: tuple[str, ...],
    out: Path,
    formats: str,
    records: Path | None,
    recompute: bool,
    small: bool,
    list_only: bool,
) -> None:
    """Draw the figures and tables named, or all of them, from records alone.

    What has no record says so in its place, with the command that makes it. Beside every drawing
    lies a JSON file with the numbers drawn, their records, seeds, sample counts and commits.

    Exit code: 0 also when records are missing, 1 for a damaged record or a failed command, 2 for
    an unknown name or format, 130 after Ctrl-C.
    """
    from patchlaw.console import PlainConsole
    from patchlaw.paper_figures.catalogue import FIGURES, find
    from patchlaw.paper_figures.drawing import Inputs
    from patchlaw.paper_figures.records import RESULTS, Records

    console = PlainConsole()
    try:
        items, chosen = find(names), _formats(formats)
        if small and not names:  # the tables know the paper's configurations only
            items = FIGURES
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if list_only:
        for item in items:
            console.say(f"{item.name:<24}{item.title}")
        return
    folder = RESULTS if records is None else records
    with interruptible(console, "goes on where it was"), refusals():
        out.mkdir(parents=True, exist_ok=True)
        inputs = Inputs.of(Records.read(folder), small=small)
        outcomes = [item.write(inputs, out, chosen) for item in items]
        if recompute:
            outcomes = _recomputed(items, outcomes, inputs, out, chosen, console)
    _print_summary(outcomes, out, console)


def _formats(text: str) -> "tuple[Format, ...]":
    from patchlaw.paper_figures.provenance import FORMATS

    asked = [part.strip() for part in text.split(",") if part.strip()]
    for name in asked:
        if name not in FORMATS:
            raise ValueError(f"--format: expected some of {', '.join(FORMATS)}, got {name!r}")
    if not asked:
        raise ValueError(f"--format: expected some of {', '.join(FORMATS)}, got none")
    return tuple(name for name in FORMATS if name in asked)


def _recomputed(
    items: "Sequence[Item]",
    outcomes: "Sequence[Outcome]",
    inputs: "Inputs",
    out: Path,
    formats: "Sequence[Format]",
    console: "PlainConsole",
) -> "list[Outcome]":
    """Make what is missing, then write everything that lacked something anew."""
    from patchlaw.paper_figures.drawing import Inputs
    from patchlaw.paper_figures.recipes import commands_of, run_command
    from patchlaw.paper_figures.records import Records

    needed = commands_of(outcomes)
    if not needed:
        return list(outcomes)
    console.print(f"To make what is missing, {_counted(len(needed))} that may take hours or days:")
    for command in needed:
        console.say(f"  {command}")
    for number, command in enumerate(needed, 1):
        console.say(f"[{number}/{len(needed)}] {command}")
        run_command(command, inputs.records.working_folder)
    fresh = Inputs.of(Records.read(inputs.records.folder), small=inputs.small)
    return [
        item.write(fresh, out, formats) if outcome.missing else outcome
        for item, outcome in zip(items, outcomes, strict=True)
    ]


def _print_summary(outcomes: "Sequence[Outcome]", out: Path, console: "PlainConsole") -> None:
    from patchlaw.paper_figures.recipes import commands_of
    from patchlaw.verification.tables import Table, as_rich

    needed = commands_of(outcomes)
    if needed:
        console.print("Not run, and what needs it (--recompute runs all of them):")
        for command, names in needed.items():
            others = f" and {len(names) - 1} more" if len(names) > 1 else ""
            console.say(f"  {command}  # {names[0]}{others}")
        console.print()
    rows = []
    for outcome in outcomes:
        status = _STATUS[outcome.status]
        if outcome.missing:
            status += f", {_counted(len(outcome.missing))} to run"
        suffixes = " ".join(path.suffix.removeprefix(".") for path in outcome.files)
        rows.append((outcome.name, status, suffixes))
    table = Table("", ("name", "status", f"files in {out}"), tuple(rows))
    console.print(as_rich(table, console, framed=False))


def _counted(n_commands: int) -> str:
    return "1 command" if n_commands == 1 else f"{n_commands} commands"
