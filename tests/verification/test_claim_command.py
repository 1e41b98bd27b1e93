"""``patchlaw claim``: the list, one entry, from a report and without one."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from patchlaw.commands.claim import claim
from tests.paper_figures.report_cases import finished_report
from tests.verification.comparison_cases import analysed, write_analysis
from tests.verification.test_claims_sources import record, write


@pytest.fixture
def report(tmp_path: Path) -> Path:
    found = finished_report()
    for model in found.models:
        write_analysis(tmp_path / "analyses", model)
    return write(tmp_path, "report.json", found.to_json())


def run(*arguments: object) -> Result:
    return CliRunner().invoke(claim, [str(a) for a in arguments], catch_exceptions=False)


def verdicts(result: Result) -> dict[str, str]:
    assert result.exit_code == 0, result.output
    return {entry["id"]: entry["verdict"] for entry in json.loads(result.stdout)}


def test_list_and_entry_agree_with_the_report(report: Path, tmp_path: Path) -> None:
    """The report was made without analysed runs, so the command gets none either."""
    none = tmp_path / "none"
    none.mkdir()
    listed = run("--report", report, "--records", none)
    assert listed.exit_code == 0, listed.output
    assert listed.output.count("│") > 13 * 3
    found = verdicts(run("--report", report, "--records", none, "--json"))
    assert list(found) == [str(n) for n in range(1, 14)]
    assert found["2"] == "confirmed"  # both theorems and the check are in the report
    assert found["1"] == "not measured"  # its theorems are not
    written = json.loads(report.read_text())["ledger"]
    assert {e["id"]: e["verdict"] for e in written} == found


def test_one_entry_in_full(report: Path, tmp_path: Path) -> None:
    """Every number with its interval, criterion, sample count and command."""
    none = tmp_path / "none"  # the committed records grow
    none.mkdir()
    result = run("4", "--report", report, "--records", none, "--json")
    entry = json.loads(result.stdout)
    part = next(p for p in entry["parts"] if p["id"] == "4c")
    assert [piece["value"] for piece in part["evidence"]] == pytest.approx(
        [2, 4.5, 8]
    )  # P A, A = 1/2
    for piece in part["evidence"]:
        assert piece["interval"][0] < piece["value"] < piece["interval"][1]
        assert piece["samples"] == "200 images"
        assert piece["reproduce"].startswith("patchlaw analyse runs/P")
        assert piece["ours"]
    author = [p for q in entry["parts"] for p in q["evidence"] if not p["ours"]]
    assert len(author) == 2 * 4 + 4 + 2  # ratios 4 to 9 twice, 9 to 16, an exponent, a mean
    text = run("4", "--report", report, "--full").output
    assert "author's" in text
    assert "What would refute it" in text
    assert "patchlaw derive replicated-patches --check" in text


def test_a_claim_is_a_line_a_part(report: Path) -> None:
    """Only this catches a summary that lacks a part, or has another's verdict beside it."""
    text = run("4", "--report", report).output
    entry = json.loads(run("4", "--report", report, "--json").stdout)
    words = {p["id"]: p["verdict"].split()[0] for p in entry["parts"]}
    shown = re.findall(r"^\W*(4[a-z]) .*\b(confirmed|refuted|not|holds)\b", text, re.MULTILINE)
    assert dict(shown) == words
    assert "To reproduce" not in text
    assert len(text.splitlines()) < 20 * len(words)


def test_one_part(report: Path) -> None:
    entry = json.loads(run("4b", "--report", report, "--json").stdout)
    assert [p["id"] for p in entry["parts"]] == ["4b"]
    text = run("4b", "--report", report).output
    assert "4b." in text
    assert "4a." not in text


def test_stored_verdicts_are_not_believed(report: Path) -> None:
    """Only this catches a ledger copied from the file in place of one computed from evidence."""
    content = json.loads(report.read_text())
    for entry in content["ledger"]:
        entry["verdict"] = "confirmed"
    content["theorems"][0]["status"] = "failed"
    report.write_text(json.dumps(content))
    found = verdicts(run("--report", report, "--json"))
    assert found["4"] != "confirmed"
    assert found["2"] == "not measured"


def test_records_enter(report: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    write(folder, "a.json", record(4, 16.0))
    write(folder, "b.json", record(9, 16.0))
    entry = json.loads(run("9a", "--report", report, "--records", folder, "--json").stdout)
    grades = [piece["grade"] for piece in entry["parts"][0]["evidence"]]
    assert "measured at the paper's scale" in grades
    assert entry["parts"][0]["verdict"] == "undecided"  # 1 within its error bounds
    (folder / "b.json").write_text("{")
    broken = run("9a", "--report", report, "--records", folder)
    assert broken.exit_code == 1
    assert "expected a whole JSON file" in broken.output


def test_without_a_report_the_theorems_are_proved_again() -> None:
    """Only this catches a command that needs a verification run before it."""
    result = run("8", "--json")
    entry = json.loads(result.stdout)
    assert entry["verdict"] == "confirmed with a qualification"
    pieces = [piece for part in entry["parts"] for piece in part["evidence"]]
    assert {piece["grade"] for piece in pieces} == {"proof", "measured at small scale"}
    assert all(int(piece["samples"].split()[0]) >= 1 for piece in pieces)


def test_bad_arguments(tmp_path: Path) -> None:
    unknown = run("14")
    assert unknown.exit_code == 2
    assert "expected a claim from 1 to 13" in unknown.output
    other = run("--report", write(tmp_path, "other.json", {"a": 1}))
    assert other.exit_code == 1
    assert "expected the keys" in other.output
    assert run("--report", tmp_path / "missing.json").exit_code == 2


def test_commands_name_runs_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the present folder as from there; only this catches one that finds no run."""
    (tmp_path / "mine" / "runs").mkdir(parents=True)
    for model in (analysed(4, top={"H": 16.0}), analysed(9, top={"H": 4.0})):
        write_analysis(tmp_path / "mine" / "analyses", model)
    for folder, place in ((tmp_path, "mine/runs"), (Path("/usr"), f"{tmp_path}/mine/runs")):
        monkeypatch.chdir(folder)
        result = run("9a", "--records", tmp_path / "mine" / "analyses", "--json")
        assert result.exit_code == 0, result.output
        assert (
            f'"patchlaw analyse {place}/P4_d50_s1001; patchlaw analyse {place}/P9' in result.stdout
        )
