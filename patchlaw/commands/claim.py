"""``patchlaw claim``: the paper's claims beside their evidence, with computed verdicts."""

import json
import os
import re
import shlex
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from patchlaw.commands.options import ExistingPath, records_option, refusals

if TYPE_CHECKING:
    from patchlaw.verification.kernels.record import KernelRecord
    from patchlaw.verification.records import TrainedModel

    _Record = TypeVar("_Record", TrainedModel, KernelRecord)


@click.command()
@click.argument("name", required=False)
@click.option(
    "--report",
    type=ExistingPath(dir_okay=False),
    help="A report.json of `patchlaw verify`, in place of re-proving and re-checking now.",
)
@records_option
@click.option("--full", is_flag=True, help="Of a claim, every part with all of its numbers.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
def claim(
    name: str | None,
    report: Path | None,
    records: Path | None,
    full: bool,
    as_json: bool,
    seed: int,
) -> None:
    """List the paper's claims with their verdicts, or print one (4), or a part in full (4a).

    Verdicts are computed from the evidence: theorems and exact checks, re-done now unless
    --report gives them, the trained models of that report, analysed runs, and the author's
    recorded table (marked as such). A report's own verdicts are not read.
    """
    from patchlaw.console import PlainConsole
    from patchlaw.paper_figures.records import ANALYSES, kernels_beside
    from patchlaw.verification.claims import CLAIMS, entry_record, find, finite, ledger, read_report
    from patchlaw.verification.claims.proofs import prove_and_check
    from patchlaw.verification.claims.terminal import print_entry, print_ledger
    from patchlaw.verification.jobs.progress import ConsoleProgress
    from patchlaw.verification.records import author_models, read_analyses

    try:
        chosen, part = find(name) if name else (None, None)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from error
    claims = CLAIMS if chosen is None else (chosen,)
    parts = [each for one in claims for each in one.parts]
    if part is not None and not as_json:  # JSON has the whole claim's verdict
        parts = [each for each in parts if each.id == part]
    with refusals():
        folder = records or ANALYSES
        models = (*author_models(), *_placed(folder, read_analyses(folder)))
        kernels = _placed(folder, kernels_beside(folder))
        if report is None:
            with ConsoleProgress(PlainConsole(stderr=True)) as progress:
                findings = prove_and_check(parts, models, seed, progress, kernels)
        else:
            findings = read_report(report, models, kernels)
    entries = ledger(findings, claims)
    if as_json:
        found = [entry_record(entry) for entry in entries]
        if part is not None:
            found[0]["parts"] = [each for each in found[0]["parts"] if each["id"] == part]
        shown = found if chosen is None else found[0]
        click.echo(json.dumps(finite(shown), indent=1, allow_nan=False))
        return
    console = PlainConsole()
    if chosen is None:
        print_ledger(entries, console)
    else:
        print_entry(entries[0], console, part, full=full)


def _placed(folder: Path, records: "Iterable[_Record]") -> "tuple[_Record, ...]":
    """With commands that name a run where it is: beside the folder of records, if runs are there.

    A record names it as it lay when it was made, runs/ID.
    """
    runs = folder.absolute().parent / "runs"
    if not runs.is_dir():
        return tuple(records)
    place = os.path.relpath(runs) if runs.is_relative_to(Path.cwd()) else str(runs)

    def named(run: re.Match[str]) -> str:
        return shlex.quote(f"{place}/{run[1]}")

    return tuple(
        replace(each, reproduce=re.sub(r"(?<= )runs/(P\S+)", named, each.reproduce))
        for each in records
    )
