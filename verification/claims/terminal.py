"""The ledger on a terminal, by rich."""

from collections.abc import Sequence

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from patchlaw.verification.claims.claim import Entry, PartEntry
from patchlaw.verification.claims.evidence import Outcome
from patchlaw.verification.claims.text import number_text, rule_text
from patchlaw.verification.claims.verdict import Reach, Verdict

_STYLES = {
    Verdict.CONFIRMED: "green",
    Verdict.QUALIFIED: "yellow",
    Verdict.REFUTED: "red",
    Verdict.NOT_MEASURED: "dim",
    Outcome.FOR: "green",
    Outcome.AGAINST: "red",
    Outcome.OPEN: "dim",
}


def print_ledger(entries: Sequence[Entry], console: Console) -> None:
    """One line a claim: number, statement, verdict and its reason."""
    table = Table(
        title="Ledger of the paper's claims",
        title_justify="left",
        title_style="bold",
        padding=(0, 1, 0, 0),
    )
    table.add_column("claim", justify="right")
    table.add_column("the paper says", ratio=3)
    table.add_column("verdict", ratio=2)
    table.add_column("because", ratio=2)
    for entry in entries:
        verdict = entry.judgement.verdict
        table.add_row(
            entry.claim.id,
            Text(entry.claim.title),
            Text(verdict, style=_STYLES[verdict]),
            Text(entry.judgement.reason),
        )
    console.print(table)
    console.print(Text("`patchlaw claim N` gives the evidence for one of them.", style="dim"))


def print_entry(entry: Entry, console: Console, part: str | None = None) -> None:
    """A claim in full, or one part of it: criteria, every number, how to get it again."""
    if part is None:
        console.print(Text(f"{entry.claim.id}. {entry.claim.title}", style="bold"))
        console.print(Text(f"Source: {entry.claim.source}"))
        console.print(_verdict("Verdict", entry.judgement.verdict, entry.judgement.reason))
    for found in entry.parts:
        if part in (None, found.part.id):
            console.print()
            console.print(_part(found))
    console.print(
        Text(
            "Intervals bound the error of a number on the images named; how it would vary with "
            "other images is not in them.",
            style="dim",
        )
    )


def _part(found: PartEntry) -> Group:
    part = found.part
    lines = [
        Text(f"{part.id}. {part.statement}", style="bold"),
        Text(f"Source: {part.source} ({part.role}; speaks of {part.reach})"),
        _verdict("Verdict", found.judgement.verdict, found.judgement.reason),
        Text(f"What would refute it: {part.refuted_if}"),
        Text(f"Why so: {part.reasoning}"),
    ]
    if part.reach is not Reach.MATHEMATICS:
        lines.append(Text(f"Rule: {rule_text(part.quorum, part.complete)}."))
    pieces = [_piece_table(found)] if found.evidence else [Text("Evidence: none yet.", style="dim")]
    commands = list(dict.fromkeys(piece.reproduce for piece in found.evidence))
    again = [Text("To reproduce:"), *(Text(f"  {command}") for command in commands)]
    return Group(*lines, *(Padding(p, (0, 0, 0, 2)) for p in pieces), *(again if commands else ()))


def _piece_table(found: PartEntry) -> Table:
    table = Table(padding=(0, 1, 0, 0))
    names = ("evidence", "number [interval]", "criterion", "from", "kind", "says")
    for name, ratio in zip(names, (4, 3, 3, 2, 2, 2), strict=True):
        table.add_column(name, overflow="fold", ratio=ratio)
    for piece in found.evidence:
        label = f"{piece.label} ({piece.note})" if piece.note else piece.label
        table.add_row(
            Text(label),
            Text(number_text(piece)),
            Text(piece.criterion),
            Text(piece.samples),
            Text(piece.grade),
            Text(piece.outcome, style=_STYLES[piece.outcome]),
        )
    return table


def _verdict(name: str, verdict: Verdict, reason: str) -> Text:
    return Text.assemble(f"{name}: ", (str(verdict), _STYLES[verdict]), f" ({reason})")
