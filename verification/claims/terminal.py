"""The ledger on a terminal, by rich."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.console import Console, Group
from rich.padding import Padding
from rich.text import Text

from patchlaw.verification.claims.claim import Entry, PartEntry
from patchlaw.verification.claims.piece_of_evidence import Outcome
from patchlaw.verification.claims.text import criterion_text, evidence_table, rule_text
from patchlaw.verification.claims.verdict import Reach, Verdict
from patchlaw.verification.tables import Table, as_rich, print_table

_STYLES: Mapping[str, str] = {
    Verdict.CONFIRMED: "green",
    Verdict.QUALIFIED: "yellow",
    Verdict.IN_PART: "yellow",
    Verdict.REFUTED: "red",
    Verdict.UNDECIDED: "dim",
    Verdict.NOT_MEASURED: "dim",
    Outcome.FOR: "green",
    Outcome.AGAINST: "red",
    Outcome.OPEN: "dim",
}


def print_ledger(entries: Sequence[Entry], console: Console) -> None:
    """One line a claim: number, statement, verdict and its reason."""
    rows = tuple(
        (e.claim.id, e.claim.title, str(e.judgement.verdict), e.judgement.reason) for e in entries
    )
    header = ("claim", "the paper says", "verdict", "because")
    note = "`patchlaw claim N` gives the evidence for one of them."
    table = Table("Ledger of the paper's claims", header, rows, note, right=("claim",))
    print_table(table, console, _STYLES)


def print_entry(
    entry: Entry, console: Console, part: str | None = None, *, full: bool = False
) -> None:
    """A claim with a line a part or, if ``full``, or of one part, criteria and every number."""
    if part is None:
        console.print(Text(f"{entry.claim.id}. {entry.claim.title}", style="bold"))
        console.print(Text(f"Source: {entry.claim.source}; carried by {entry.claim.carried_by}"))
        console.print(_verdict("Verdict", entry.judgement.verdict, entry.judgement.reason))
    if part is None and not full:
        _print_parts(entry, console)
        return
    for found in entry.parts:
        if part in (None, found.part.id):
            console.print()
            console.print(_part(found, console))
    console.print(
        Text(
            "Intervals bound the error of a number on the images named; how it would vary with "
            "other images is not in them.",
            style="dim",
        )
    )


def _print_parts(entry: Entry, console: Console) -> None:
    rows = tuple(
        (p.part.id, f"{p.part.statement} ({p.part.role})", str(p.judgement.verdict),
         p.judgement.reason)
        for p in entry.parts
    )  # fmt: skip
    header = ("part", "statement", "verdict", "because")
    note = f"`patchlaw claim {rows[0][0]}` gives the evidence for one part, --full for all of them."
    console.print()
    print_table(Table("Its parts", header, rows, note), console, _STYLES)


def _part(found: PartEntry, console: Console) -> Group:
    part = found.part
    lines = [
        Text(f"{part.id}. {part.statement}", style="bold"),
        Text(f"Source: {part.source} ({part.role}; speaks of {part.reach})"),
        *([Text(f'The paper: "{part.quote}"')] if part.quote else []),
        _verdict("Verdict", found.judgement.verdict, found.judgement.reason),
        Text(f"{criterion_text(found)}."),
        Text(f"What would refute it: {part.refuted_if}"),
        Text(f"Why so: {part.reasoning}"),
    ]
    if part.reach is not Reach.MATHEMATICS:
        lines.append(Text(f"Rule: {rule_text(part.quorum, part.complete)}."))
    if not found.evidence:
        return Group(*lines, Text("  Evidence: none yet.", style="dim"))
    whole = evidence_table(found)
    # notes and commands stand below it, each once
    notes = list(dict.fromkeys(piece.note for piece in found.evidence if piece.note))
    labels = (
        f"{e.label} [{notes.index(e.note) + 1}]" if e.note else e.label for e in found.evidence
    )
    rows = tuple((label, *row[1:-1]) for label, row in zip(labels, whole.rows, strict=True))
    table = replace(whole, header=whole.header[:-1], rows=rows)
    shown = Padding(as_rich(table, console, _STYLES, indent=2), (0, 0, 0, 2))
    commands = dict.fromkeys(c for e in found.evidence for c in e.reproduce.split("; "))
    below = [f"[{k}] {note}" for k, note in enumerate(notes, start=1)]
    below += ["To reproduce:", *(f"  {command}" for command in commands)]
    return Group(*lines, shown, *map(Text, below))


def _verdict(name: str, verdict: Verdict, reason: str) -> Text:
    return Text.assemble(f"{name}: ", (str(verdict), _STYLES[verdict]), f" ({reason})")
