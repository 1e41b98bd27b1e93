"""docs/artifact.md and docs/paper.md: what the ledger and the records give, by hand."""

import json
import re
from itertools import combinations
from statistics import median

import numpy as np
import pytest

from patchlaw.hessian_theory.theorems import THEOREMS
from patchlaw.paper_figures import averaged_observables
from patchlaw.paper_figures.records import ANALYSES, RESULTS, Records, kernels_beside
from patchlaw.paper_figures.tables import replication_report
from patchlaw.paper_figures.tables.claims_page import further_pages
from patchlaw.verification.claims import Entry, Findings, Verdict, ledger
from patchlaw.verification.records import author_models, author_results, read_analyses
from patchlaw.verification.runs import load_samples
from tests.verification.claim_worlds import proved_everything

FULL = re.compile(r"P(\d+)_d(\d+)_s(\d{4})")


@pytest.fixture(scope="module")
def entries() -> tuple[Entry, ...]:
    """The committed records, with every theorem proved, as `make docs` finds them."""
    models = (*author_models(), *read_analyses(ANALYSES))
    return ledger(proved_everything(models=models, kernels=kernels_beside(ANALYSES)))


@pytest.fixture(scope="module")
def pages(entries: tuple[Entry, ...]) -> dict[str, str]:
    return {path.name: text for path, text in further_pages(entries).items()}


def test_the_committed_pages_are_what_the_records_give(entries: tuple[Entry, ...]) -> None:
    """A new record, claim, theorem or verdict makes them stale: then `make docs`, and read them."""
    for path, text in further_pages(entries).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make docs`"


def tops() -> dict[tuple[int, int, int], float]:
    """lambda_max(H) of the runs at the paper's scale, from the bare JSON."""
    found = {}
    for path in ANALYSES.glob("P*.json"):
        if name := FULL.fullmatch(path.stem):
            record = json.loads(path.read_text())
            patches, depth, seed = map(int, name.groups())
            found[depth, seed, patches] = record["eigenvalues"]["H"][0]["value"]
    return found


def test_the_papers_law_and_the_authors_eigenvalues(pages: dict[str, str]) -> None:
    found = tops()
    logs = [
        abs(np.log((one[2] / two[2]) ** 2 / (found[two] / found[one])))
        for one, two in combinations(sorted(found), 2)
        if one[:2] == two[:2]
    ]
    text = " ".join(pages["paper.md"].split())
    assert f"is off by a typical factor of {np.exp(median(logs)):.2f}" in text
    his = {(r.depth, 1001, r.n_patches): r.top_hessian_eigenvalue for r in author_results()}
    apart = [abs(found[key] / his[key] - 1) for key in found if key in his]
    assert f"within a median of {median(apart):.0%} of the author's" in text
    assert f"differ from the author's by up to {max(apart):.0%}" in text
    assert f"trained {len(found)} models at the paper's scale" in text
    assert f"The theory page has {len(THEOREMS)} of them" in text


def test_every_run_has_the_command_that_makes_it(pages: dict[str, str]) -> None:
    """Only this catches runs of a plan that the page does not look into: cells stood empty."""
    cells = [line.split(" | ") for line in pages["artifact.md"].splitlines()]
    commands = {c[0].removeprefix("| "): c[1] for c in cells if c[0].startswith("| P")}
    assert set(commands) == set(Records.read(RESULTS).runs)
    assert all(
        command.startswith(("`patchlaw train", "`python -m")) for command in commands.values()
    )
    samples = load_samples("digits", averaged_observables.IMAGES)
    of_modules = {config.run_id for config in averaged_observables.configurations(samples)}
    assert {run for run, command in commands.items() if "python -m" in command} == of_modules


def test_hours_are_those_of_the_records(pages: dict[str, str]) -> None:
    """One row, from the bare JSON: a stage or a session left out shows here."""
    name = "P9_d50_s1001"
    run = Records.read(RESULTS).runs[name]
    training = sum(entry.seconds for entry in run.history) / 3600
    stages = json.loads((ANALYSES / f"{name}.json").read_text())["stages"].values()
    analysis = sum(m["seconds"] for s in stages for m in (s, *s.get("earlier", ()))) / 3600
    land = json.loads((RESULTS / "landscapes" / f"{name}.json").read_text())["seconds"] / 3600
    row = next(line for line in pages["artifact.md"].splitlines() if line.startswith(f"| {name} "))
    assert row.endswith(
        f"| `patchlaw train --patches 9 --depth 50 --out mine/runs` | 2 CPUs | {training:.2f} h "
        f"| 2 CPUs | {analysis:.2f} h | {land:.2f} h |"
    )


def test_verdicts_are_the_ledgers() -> None:
    """In a world without evidence: no verdict is written into the pages or the template."""
    nothing = ledger(Findings())
    pages = {path.name: text for path, text in further_pages(nothing).items()}
    for entry in nothing:
        number, verdict = entry.claim.id, entry.judgement.verdict
        assert f"| `patchlaw claim {number}` | Verdict: {verdict} |" in pages["artifact.md"]
        assert re.search(rf"^\| \[{number}\].*\| {verdict} \|$", pages["paper.md"], re.MULTILINE)
        if number == "4":
            assert f'The verdict on the law is "{verdict}"' in " ".join(pages["paper.md"].split())
    unmeasured = sum(entry.judgement.verdict == Verdict.NOT_MEASURED for entry in nothing)
    assert unmeasured > 2  # as there are with the committed records
    assert f"not measured {unmeasured}" in " ".join(pages["paper.md"].split())


def test_every_number_of_the_report_is_put_in() -> None:
    """Bare digits in the template are those of formulas, of the model, and of a date or name."""
    template = replication_report.TEMPLATE.read_text()
    words = re.sub(r"\{\{.*?\}\}|\[[^\]]*\]\([^)]*\)|<!--.*?-->", "", template)
    fixed = {"4", "9", "16", "50", "100", "150", "200", "60,000", "2", "20", "95", "10", "1"}
    assert set(re.findall(r"\d[\d,.]*\d|\d", words)) <= fixed
