"""docs/claims.md, the ledger as a page, README's table of it, docs/artifact.md and docs/paper.md.

``python -m patchlaw.paper_figures.tables.claims_page [OPTIONS]``

Theorems are proved and exact checks run again for it; verdicts are the ledger's, none is stated
here. What is fixed here is which figures and tables show the numbers that a part speaks of.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from patchlaw.console import PlainConsole
from patchlaw.paper_figures.records import ANALYSES, Records, kernels_beside
from patchlaw.paper_figures.tables.artifact_page import artifact_page
from patchlaw.paper_figures.tables.page_markup import escaped, marks, replaced_between
from patchlaw.paper_figures.tables.replication_report import replication_report
from patchlaw.verification.claims import (
    CLAIMS,
    Entry,
    Evidence,
    Findings,
    Grade,
    Outcome,
    PartEntry,
    ledger,
)
from patchlaw.verification.claims.piece_of_evidence import without_seed
from patchlaw.verification.claims.proofs import prove_and_check
from patchlaw.verification.claims.text import criterion_text, rule_text
from patchlaw.verification.claims.verdict import Reach
from patchlaw.verification.jobs.progress import ConsoleProgress
from patchlaw.verification.records import author_models, read_analyses
from patchlaw.verification.store.atomic_write import write_atomically
from patchlaw.verification.tables import markdown_lines

ROOT = Path(__file__).resolve().parents[2]
PAGE, README = ROOT / "docs" / "claims.md", ROOT / "README.md"
README_MARKS = marks("claims")

# Which parts a figure or table speaks of; parts of formulas alone have none.
_SHOWS = {
    "kernel-spectra": "4g 4h 4i",
    "law-summary": "4b",
    "law-ratios": "4b 4e 4f 4j 4k 4l 9c",
    "table-3": "4b 4j 4k 9a 9b 9c",
    "table-5": "4b 4j 4k 9a 9b 9c 9d 9e",
    "figure-2": "6a",
    "pixel-bias": "6a 6d 6e",
    "alignment": "4c 6e",
    "level-off": "6e",
    "split-along-training": "4d 5c 5d 5e",
    "spectra-along-training": "13d 13i",
    "table-1": "10a 10b 10c 10d",
    "table-4": "10a 10b 10c 10d 10e 10f 10g 10h",
    "figure-4": "11a 11b 11c 13c",
    "figure-3": "12a 12c 12d",
    "table-6": "12a 12b",
    "study-alpha": "4m 4n 13b",
    "study-bias": "4m 4n 6f",
    "study-sharing": "4m 4n 7c",
    "study-data": "4m 4n 13g",
    "study-noise": "4m 4n 13f 13h",
    "study-one-qnn": "4m 4n 13e",
}
# The same by part, in the order above.
SHOWN_IN: Mapping[str, tuple[str, ...]] = {
    part: tuple(name for name, parts in _SHOWS.items() if part in parts.split())
    for part in " ".join(_SHOWS.values()).split()
}

_INTRODUCTION = """\
# The paper's claims and what the evidence says

<!-- Written by `python -m patchlaw.paper_figures.tables.claims_page`; do not edit. -->

Each claim of arXiv 2504.19239 is split into parts that evidence can settle. The parts that carry a
claim make its verdict; side remarks and wider readings of ours have verdicts of their own and
cannot turn it. Verdicts are computed from the evidence by one set of rules
(`verification/claims/verdict.py`):

- **confirmed**: every comparison meets the criterion, and as many were decided as the statement
  speaks of;
- **confirmed with a qualification**: of those decided enough do, but some do not, some are
  undecided, fewer were decided than the statement speaks of or all at small scale, other numbers
  disagree, the criterion was set with numbers known, or a premise fails; of formulas, what was
  checked, not proved; what it is stands beside it;
- **holds in part**: some of the parts that carry the claim are confirmed and others refuted;
- **undecided**: it was measured, and no number decides it; **not measured**: it was not;
- **refuted**: of those decided too many fail, or a proof or an exact check contradicts it.

A statement about formulas is confirmed when its proofs and checks hold. A statement about trained
models needs our own measurements at the paper's scale, which is d ≥ 50, all 60,000 images and 50
epochs by the author's protocol; all else is small scale, and the author's numbers may refute but
not confirm it. Below each table stand the paper's words, who set a criterion and when, what was
known of the numbers then, and, where it is a number of ours for a word such as "almost", the
verdict at half and at twice that number. `patchlaw claim 4b` prints all of one part, with every
number, its interval and the command that gives it again.

"Proof" lists the theorems, each proved again for this page, with a link to its steps; one in
italics contradicts the part when it is proved. "Test" lists the property tests of those theorems
on random models (below `tests/`) and the exact checks on random circuits. "Measured" counts the
numbers that meet the part's criterion, miss it, and cannot decide. "Shown in" names the figures and
tables, as `patchlaw figures NAME` takes them.
"""


def claims_page(entries: Sequence[Entry], findings: Findings) -> str:
    """The page as Markdown.

    Args:
        entries: the ledger.
        findings: what it was made from; they know the theorems' tests.
    """
    lines = [_INTRODUCTION, _runs(findings), "", "## Verdicts", ""]
    lines += markdown_lines(
        ("claim", "the paper says", "source", "verdict", "because"),
        (
            (
                f"[{entry.claim.id}](#claim-{entry.claim.id})",
                escaped(entry.claim.title),
                escaped(entry.claim.source),
                f"**{entry.judgement.verdict}**",
                escaped(entry.judgement.reason),
            )
            for entry in entries
        ),
    )
    for entry in entries:
        lines += ["", *_claim(entry, findings)]
    return "\n".join(lines).rstrip() + "\n"


def readme_table(entries: Sequence[Entry]) -> str:
    """One line a claim: claim, verdict."""
    rows = (
        (
            f"[{entry.claim.id}](docs/claims.md#claim-{entry.claim.id}) "
            f"{escaped(entry.claim.title)}",
            f"**{entry.judgement.verdict}**",
        )
        for entry in entries
    )
    return "\n".join(markdown_lines(("the paper's claim", "verdict"), rows))


def _runs(findings: Findings) -> str:
    """Which trained models of ours the measured numbers are from."""
    ours = [model for model in findings.models if model.origin == "record"]
    large = Counter(without_seed(m.label) for m in ours if Grade.of(m) is Grade.SCALE)
    each = (name + (f": {n} seeds" if n > 1 else "") for name, n in large.items())
    which = f" ({'; '.join(each)})" if large else ""
    return (
        f"Analysed runs of ours behind this page: {large.total()} at the paper's scale{which}, "
        f"{len(ours) - large.total()} small ones."
    )


def _claim(entry: Entry, findings: Findings) -> list[str]:
    claim = entry.claim
    rows = [_part(part, findings) for part in entry.parts]
    head = ("part", "statement", "proof", "test", "measured", "shown in", "verdict", "because")
    lines = [
        f'<a id="claim-{claim.id}"></a>',
        "",
        f"## {claim.id}. {escaped(claim.title)}",
        "",
        f"{escaped(claim.source)}. Carried by {claim.carried_by}. "
        f"Verdict: **{entry.judgement.verdict}** ({escaped(entry.judgement.reason)}).",
        "",
        *markdown_lines(head, rows),
        "",
    ]
    for part in entry.parts:
        rule = (
            ""
            if part.part.reach is Reach.MATHEMATICS
            else f" Rule: {rule_text(part.part.quorum, part.part.complete)}."
        )
        quote = f' The paper: "{escaped(part.part.quote)}"' if part.part.quote else ""
        lines.append(
            f"- {part.part.id}, {part.part.role}, speaks of {part.part.reach}.{quote} "
            f"Refuted if: {escaped(part.part.refuted_if)}{rule} {escaped(criterion_text(part))}."
        )
    return lines


def _part(entry: PartEntry, findings: Findings) -> tuple[str, ...]:
    part = entry.part
    theorems = [f"[{name}](theory.md#{name})" for name in part.theorems]
    theorems += [f"*[{name}](theory.md#{name})*" for name in part.contradicted_by]
    return (
        part.id,
        f"{escaped(part.statement)} ({escaped(part.source)})",
        "<br>".join(theorems),
        "<br>".join([*_tests(part.all_theorems, findings), *_checks(entry, findings)]),
        "<br>".join(_measured(entry.evidence)),
        "<br>".join(SHOWN_IN.get(part.id, ())),
        f"**{entry.judgement.verdict}**",
        escaped(entry.judgement.reason),
    )


def _tests(theorems: Iterable[str], findings: Findings) -> list[str]:
    """Property tests of the theorems, each once, without the folder that they share."""
    nodes = (
        findings.theorems[name].numerical_test for name in theorems if name in findings.theorems
    )
    return [f"`{node.removeprefix('tests/')}`" for node in dict.fromkeys(nodes) if node]


def _checks(entry: PartEntry, findings: Findings) -> list[str]:
    texts = []
    for name in entry.part.all_checks:
        found = findings.checks.get(name)
        state = "not run" if found is None else "holds" if found.passed else "**fails**"
        texts.append(f"check '{name}': {state}")
    return texts


def _measured(evidence: Iterable[Evidence]) -> list[str]:
    """Counts by grade: for, against, undecided."""
    counts: dict[Grade, Counter[Outcome]] = {}
    for piece in evidence:
        if piece.grade is not Grade.PROOF and piece.samples != "not run":
            counts.setdefault(piece.grade, Counter())[piece.outcome] += 1
    return [
        f"{grade}: {found[Outcome.FOR]} for, {found[Outcome.AGAINST]} against, "
        f"{found[Outcome.OPEN]} undecided"
        for grade in Grade  # the strongest first
        if grade is not Grade.EXACT and (found := counts.get(grade))
    ]


def further_pages(entries: Sequence[Entry]) -> dict[Path, str]:
    """artifact.md and paper.md beside the page, of this ledger and the committed records."""
    records = Records.read()
    return {
        PAGE.with_name("artifact.md"): artifact_page(entries, records),
        PAGE.with_name("paper.md"): replication_report(entries, records),
    }


@click.command()
@click.option(
    "--records",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of analysed runs.  [default: the source tree's]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write.  [default: docs/claims.md of the source tree, with all else]",
)
def main(records: Path | None, seed: int, out: Path | None) -> None:
    """Write the page of the paper's claims: theorems and checks re-done, records as they are."""
    page = PAGE if out is None else out
    try:
        folder = records or ANALYSES
        models, kernels = (*author_models(), *read_analyses(folder)), kernels_beside(folder)
        with ConsoleProgress(PlainConsole(stderr=True)) as progress:
            parts = [part for claim in CLAIMS for part in claim.parts]
            findings = prove_and_check(parts, models, seed, progress, kernels)
        page.parent.mkdir(parents=True, exist_ok=True)
        entries = ledger(findings)
        write_atomically(page, claims_page(entries, findings))
        if out is None:
            text = README.read_text(encoding="utf-8")
            table = readme_table(entries)
            write_atomically(README, replaced_between(text, *README_MARKS, table))
            for path, text in further_pages(entries).items():
                write_atomically(path, text)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {page.name}")


if __name__ == "__main__":
    sys.exit(main())
