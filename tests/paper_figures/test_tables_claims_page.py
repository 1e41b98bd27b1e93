"""docs/claims.md: what the ledger says, nothing else, with links that lead somewhere."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from docs.website.markdown import anchors
from patchlaw.paper_figures.catalogue import find
from patchlaw.paper_figures.tables import claims_page
from patchlaw.paper_figures.tables.claims_page import SHOWN_IN
from patchlaw.paper_figures.tables.page_markup import escaped, replaced_between
from patchlaw.verification.claims import CLAIMS, Findings, TheoremResult, Verdict, ledger, proofs
from patchlaw.verification.jobs.progress import SILENT
from patchlaw.verification.records import author_models
from tests.docs.pages import ROOT
from tests.verification.claim_worlds import proved_everything, world

PARTS = [part for claim in CLAIMS for part in claim.parts]


def page_of(findings: Findings) -> str:
    return claims_page.claims_page(ledger(findings), findings)


def verdicts(page: str) -> dict[str, str]:
    """Verdicts in the page's tables, by claim and by part."""
    claims = re.findall(
        r"^\| \[(\d+)\]\(#claim-\d+\) .*?\| \*\*([a-z ]+)\*\* \|", page, re.MULTILINE
    )
    parts = re.findall(r"^\| (\d+[a-z]) \| .*?\| \*\*([a-z ]+)\*\* \|", page, re.MULTILINE)
    return dict(claims) | dict(parts)


@pytest.mark.parametrize(
    "findings",
    [
        Findings(),
        proved_everything(),
        proved_everything(models=world()),
        proved_everything(models=world(law_factor=3.0, near_zero=0.5)),
    ],
    ids=["nothing known", "proofs only", "the paper's world", "another world"],
)
def test_verdicts_are_the_ledgers(findings: Findings) -> None:
    """Of every claim and part, in worlds that differ in verdicts: none is written into the page."""
    found = verdicts(page_of(findings))
    expected = {}
    for entry in ledger(findings):
        expected[entry.claim.id] = str(entry.judgement.verdict)
        expected |= {part.part.id: str(part.judgement.verdict) for part in entry.parts}
    assert found == expected


def test_the_worlds_differ() -> None:
    """Else the test above could not see a verdict that is written into the page."""
    pages = [page_of(f) for f in (Findings(), proved_everything(models=world()))]
    one, two = (verdicts(page) for page in pages)
    changed = [name for name in one if one[name] != two[name]]
    assert len(changed) > len(PARTS) / 2


def test_theorems_lead_to_their_proofs_and_tests() -> None:
    page = ROOT / "docs" / "theory.md"
    theory = anchors(page.read_text(encoding="utf-8"))
    findings = proved_everything(
        theorems={
            name: TheoremResult(
                name, "proved", 3, numerical_test=f"tests/theory/test_{name}.py::test_it"
            )
            for part in PARTS
            for name in part.all_theorems
        }
    )
    page = page_of(findings)
    linked = re.findall(r"\]\(theory\.md#([\w-]+)\)", page)
    assert set(linked) == {name for part in PARTS for name in part.all_theorems}
    assert set(linked) <= theory
    for name in linked:
        assert f"`theory/test_{name}.py::test_it`" in page


def test_checks_say_how_they_went() -> None:
    findings = proved_everything()
    checks = {
        name: replace(found, passed=name != "split") for name, found in findings.checks.items()
    }
    assert "check 'split': holds" in page_of(findings)
    assert "check 'split': **fails**" in page_of(replace(findings, checks=checks))
    assert "check 'split': not run" in page_of(replace(findings, checks={}))


def test_measured_numbers_are_counted_by_what_they_say() -> None:
    page = page_of(proved_everything(models=world()))
    (row,) = re.findall(r"^\| 9a \|.*$", page, re.MULTILINE)
    # two steps of P at four depths
    assert "measured at the paper's scale: 8 for, 0 against, 0 undecided" in row


def test_the_papers_words_and_who_set_a_criterion_are_printed() -> None:
    page = page_of(proved_everything(models=world()))
    for part in PARTS:
        (line,) = re.findall(rf"^- {part.id}, .*$", page, re.MULTILINE)
        assert escaped(part.quote) in line
        assert f"Criterion: {part.criterion_by}, {part.since}" in line
        if part.threshold:
            half, twice = (f"at {value:g} " for value in part.threshold.others)
            assert part.threshold.word in line
            assert half in line
            assert twice in line
    for claim in CLAIMS:
        assert f"Carried by {claim.carried_by}. Verdict" in page


def test_runs_behind_the_page_are_counted() -> None:
    text = "runs of ours behind this page: {} at the paper's scale{}, {} small ones."
    assert text.format(0, "", 0) in page_of(Findings())
    models = (*world(patches=(4,), depths=(50,)), *world(images=12_000), *author_models())
    findings = proved_everything(models=models).of_the_paper
    assert text.format(1, " (P 4, d 50)", 12) in page_of(findings)
    models = (m for seed in (1, 2) for m in world(patches=(4, 9), depths=(50,), seed=seed))
    findings = proved_everything(models=tuple(models)).of_the_paper
    assert text.format(4, " (P 4, d 50: 2 seeds; P 9, d 50: 2 seeds)", 0) in page_of(findings)


def test_figures_and_tables_exist() -> None:
    known = {item.name for item in find(())}
    assert {name for names in SHOWN_IN.values() for name in names} <= known
    assert set(SHOWN_IN) <= {part.id for part in PARTS}


def test_the_committed_page_has_every_claim() -> None:
    """Its verdicts may be older than the records (`make docs`), its claims may not."""
    page = claims_page.PAGE.read_text(encoding="utf-8")
    assert set(verdicts(page)) == {claim.id for claim in CLAIMS} | {part.id for part in PARTS}
    assert set(verdicts(page).values()) <= {str(verdict) for verdict in Verdict}


def test_only_what_the_claims_rest_on_is_done_again() -> None:
    (claim,) = (claim for claim in CLAIMS if claim.id == "7")
    findings = proofs.prove_and_check(claim.parts, (), 0, SILENT)
    assert set(findings.theorems) == {"shared-angles", "one-qnn", "incoherent-sharing"}
    assert all(found.status == "proved" for found in findings.theorems.values())
    assert findings.checks == {}
    assert ledger(findings, [claim])[0].judgement.verdict is Verdict.QUALIFIED


def test_the_command_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = proved_everything(models=world())
    monkeypatch.setattr(claims_page, "prove_and_check", lambda *_: known)
    out = tmp_path / "docs" / "page.md"
    result = CliRunner().invoke(claims_page.main, ["--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert out.read_text(encoding="utf-8") == page_of(known)
    assert [path.name for path in out.parent.iterdir()] == ["page.md"]


def test_without_out_the_source_tree_s_page_and_readme_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = proved_everything(models=world())
    monkeypatch.setattr(claims_page, "prove_and_check", lambda *_: known)
    page, readme = tmp_path / "docs" / "claims.md", tmp_path / "README.md"
    monkeypatch.setattr(claims_page, "PAGE", page)
    monkeypatch.setattr(claims_page, "README", readme)
    begin, end = claims_page.README_MARKS
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    (tmp_path / "none").mkdir()
    result = CliRunner().invoke(claims_page.main, ["--records", str(tmp_path / "none")])
    assert result.exit_code == 0, result.output
    assert page.read_text(encoding="utf-8") == page_of(known)
    # beside it, not in the source tree: a page of a made-up world would be committed
    written = {path.name for path in page.parent.iterdir()}
    assert written == {"claims.md", "artifact.md", "paper.md"}
    table = claims_page.readme_table(ledger(known))
    assert readme.read_text(encoding="utf-8") == f"before\n{begin}\n\n{table}\n\n{end}\nafter\n"


def test_damaged_records_are_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    result = CliRunner().invoke(claims_page.main, ["--records", str(tmp_path)])
    assert result.exit_code == 1
    assert "broken.json: expected a whole JSON file" in result.output


def test_readmes_table_has_the_ledgers_verdicts() -> None:
    """Of every claim, in two worlds: only this catches a verdict that is written into README."""
    for findings in (Findings(), proved_everything(models=world())):
        entries = ledger(findings)
        rows = claims_page.readme_table(entries).splitlines()[2:]
        found = [re.findall(r"\*\*([a-z ]+)\*\* \|$", row) for row in rows]
        assert found == [[str(entry.judgement.verdict)] for entry in entries]


def test_text_outside_the_marks_is_kept() -> None:
    text = "before\n<a>\nold\n<b>\nafter\n"
    assert replaced_between(text, "<a>", "<b>", "new") == "before\n<a>\n\nnew\n\n<b>\nafter\n"
    assert replaced_between(
        replaced_between(text, "<a>", "<b>", "x"), "<a>", "<b>", "new"
    ) == replaced_between(text, "<a>", "<b>", "new")


@pytest.mark.parametrize("text", ["none", "<a> <a> <b>", "<b> <a>", "<a>"])
def test_marks_that_are_not_one_pair_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected one '<a>' and after it one '<b>'"):
        replaced_between(text, "<a>", "<b>", "new")
