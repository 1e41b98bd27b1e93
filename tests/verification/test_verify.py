"""``patchlaw verify`` end to end on a tiny problem, interrupted, and with things that fail."""

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import patchlaw.verification.chain as chain
from patchlaw.commands.verify import make_config, verify
from patchlaw.verification.checks import CheckResult
from patchlaw.verification.report import (
    Environment,
    Report,
    ReportStore,
    TheoremResult,
    as_markdown,
    write_atomically,
)

NO_RECORDS = Path("no-records-here")
TINY = ["--quick", "--images", "100", "--epochs", "1", "--depth", "1"]


@pytest.fixture
def small_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """P = 4 only, three theorems, two circuits: the chain itself is the real one."""
    theorems = chain.load_theorems()
    monkeypatch.setattr(chain, "load_theorems", lambda: theorems[:3])
    original = make_config

    def smaller(*arguments: object) -> object:
        config = original(*arguments)  # type: ignore[arg-type]
        return dataclasses.replace(config, patches=(4,), instances=2, tol=0.05)

    monkeypatch.setattr("patchlaw.commands.verify.make_config", smaller)
    # the records of the experiments grow; what the report draws of them is tested on its own
    monkeypatch.setattr("patchlaw.verification.claims.default_records_folder", lambda: NO_RECORDS)


def test_damaged_records_of_experiments_are_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, out = tmp_path / "records", tmp_path / "out"
    records.mkdir()
    (records / "P4_d50_s1001.json").write_text("{")
    monkeypatch.setattr("patchlaw.verification.claims.default_records_folder", lambda: records)
    result = CliRunner().invoke(verify, [*TINY, "--out", str(out)])
    assert result.exit_code == 1
    assert "P4_d50_s1001.json: expected a whole JSON file" in " ".join(result.output.split())
    assert not out.exists()


def load(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


@pytest.mark.slow
@pytest.mark.usefixtures("small_chain")
def test_end_to_end(tmp_path: Path) -> None:
    """Only this runs every stage on MNIST and reads the report back from disk."""
    result = CliRunner().invoke(verify, [*TINY, "--out", str(tmp_path / "new" / "folder")])
    assert result.exit_code == 0, result.output
    report = load(tmp_path / "new" / "folder")
    assert (report["status"], report["failures"]) == ("complete", [])
    assert [t["status"] for t in report["theorems"]] == ["proved"] * 3
    assert all(c["passed"] for c in report["checks"])
    assert report["config"]["images"] == 100
    assert report["environment"]["versions"]["torch"]
    (model,) = report["models"]
    tops = {name: entry["value"] for name, entry in model["top"].items()}
    blocks = [b["value"] for b in model["blocks"]]
    slack = 1.05  # the tolerance of the eigenvalues
    assert max(blocks) <= slack * tops["G over the angles"]
    assert tops["G over the angles"] <= slack * min(sum(blocks), tops["G"])
    assert tops["H"] <= slack * (tops["G"] + tops["R"])
    assert 0 < model["bias_share"] < 1
    assert model["alignment"] == pytest.approx(tops["G over the angles"] / sum(blocks))
    markdown = (tmp_path / "new" / "folder" / "report.md").read_text()
    assert "quick run: fewer images and epochs" in markdown
    assert "The author's recorded eigenvalues" in markdown
    assert str(tmp_path) not in markdown
    page = (tmp_path / "new" / "folder" / "report.html").read_text()
    assert "complete report" in page
    assert page.count("<svg") == 2  # one P only: no ratios of ours to draw
    assert str(tmp_path) not in page
    assert list(tmp_path.rglob(".report*")) == []
    moments = [(s["moment"], s["top"]["matrix"]) for s in report["supporting"]]
    assert moments == [
        ("start", "G"),
        ("minimum", "G"),
        ("start", "R"),
        ("minimum", "R"),
        ("minimum", "R over the bias"),
    ]
    values = {key: s["top"]["value"] for key, s in zip(moments, report["supporting"], strict=True)}
    # a block's top eigenvalue is not above the whole matrix's
    assert values["minimum", "R over the bias"] <= slack * values["minimum", "R"]
    assert 0 < tops["G over the bias"] <= slack * tops["G"]
    assert [entry["id"] for entry in report["ledger"]] == [str(n) for n in range(1, 14)]
    assert "Ledger of the paper's claims" in result.output
    assert "## Ledger of claims" in markdown


@pytest.mark.usefixtures("small_chain")
def test_ctrl_c_leaves_a_valid_partial_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only this catches findings lost by an interruption, or a report that claims to be whole."""

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(chain, "train", interrupted)
    result = CliRunner().invoke(verify, [*TINY, "--out", str(tmp_path)])
    assert result.exit_code == 130, result.output
    assert "Interrupted during training P=4" in result.output
    report = load(tmp_path)
    assert (report["status"], report["stage"]) == ("partial", "training P=4")
    assert len(report["checks"]) == 8
    assert report["models"] == []
    assert "Status: partial (stopped during: training P=4)" in (tmp_path / "report.md").read_text()
    page = (tmp_path / "report.html").read_text()
    assert "partial report (stopped during: training P=4)" in page
    assert page.endswith("</html>")


@pytest.mark.usefixtures("small_chain")
def test_failures_give_exit_code_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this catches a command that reports a failed check and exits with 0."""
    failed = CheckResult("split", "H = G + R", False, float("inf"), 1e-12, "rounding", 1)
    monkeypatch.setattr(chain, "run_checks", lambda *_: iter([failed]))
    monkeypatch.setattr(chain, "train", lambda *_: (None, None, 0.0))
    monkeypatch.setattr(chain, "measure", lambda *_: None)
    monkeypatch.setattr(chain, "compare_measured", lambda *_: [])
    smaller = make_config(True, 0, 1, 100, 1)
    config = dataclasses.replace(smaller, patches=())
    monkeypatch.setattr("patchlaw.commands.verify.make_config", lambda *_: config)
    result = CliRunner().invoke(verify, ["--out", str(tmp_path)])
    assert result.exit_code == 1, result.output
    assert "FAILED check split" in result.output
    assert load(tmp_path)["checks"][0]["measured"] == "inf"
    assert "**Failed:**" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--images", "50"),
        ("--images", "70000"),
        ("--epochs", "0"),
        ("--depth", "0"),
        ("--seed", "-1"),
    ],
)
def test_bad_options_are_refused(option: str, value: str) -> None:
    result = CliRunner().invoke(verify, [option, value])
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.output


def report() -> Report:
    environment = Environment("2000-01-01T00:00:00+00:00", {"python": "3"}, None, "Linux", 2, 1)
    return Report(make_config(True, 0, None, None, None), environment)


def test_an_unproved_theorem_is_a_failure() -> None:
    theorem = TheoremResult("eq4", "t", "s", "failed", 1, "gap | is 1", 0.1)
    failing = dataclasses.replace(report(), theorems=(theorem,))
    assert failing.failures == ["theorem eq4: failed"]
    assert "| failed | eq4 | t | s | gap \\| is 1 |" in as_markdown(failing)


def test_store_keeps_the_last_valid_report_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only this catches a report truncated in place by a crash, or temporary files left behind."""
    store = ReportStore(tmp_path, report())

    def full_disk(*arguments: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OSError, match="no space left"):
        store.update(stage="later")
    assert load(tmp_path)["stage"] == "starting"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
    ]


def test_write_atomically_replaces(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_atomically(path, "one")
    write_atomically(path, "two µ")
    assert path.read_text(encoding="utf-8") == "two µ"
    assert path.stat().st_mode & 0o777 == 0o644
