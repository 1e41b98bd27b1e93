"""``patchlaw verify`` end to end on a tiny problem, interrupted, and with things that fail."""

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.commands.analyse import analyse
from patchlaw.commands.verify import make_config, verify
from patchlaw.paper_figures.report import steps
from patchlaw.paper_figures.report.data import Report
from patchlaw.paper_figures.report.store import ReportStore
from patchlaw.paper_figures.report.text import as_markdown
from patchlaw.verification.checks import CheckResult
from patchlaw.verification.claims import TheoremResult, proofs, read_report
from patchlaw.verification.comparison import compare_models
from patchlaw.verification.records import read_analyses
from patchlaw.verification.runs import Run, execute_run, load_samples
from patchlaw.verification.store.atomic_write import write_atomically
from patchlaw.verification.store.environment import Environment
from patchlaw.verification.training import Lockstep

NO_RECORDS = Path("no-records-here")
TINY = ["--quick", "--images", "100", "--epochs", "1", "--depth", "1"]


@pytest.fixture
def small_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """P = 1 and 4, three quick theorems, two circuits: the steps themselves are the real ones."""
    theorems = proofs.load_theorems()
    monkeypatch.setattr(proofs, "load_theorems", lambda: theorems[6:9])
    original = make_config

    def smaller(*arguments: object) -> object:
        config = original(*arguments)  # type: ignore[arg-type]
        return dataclasses.replace(config, patches=(1, 4), instances=2, tol=0.05)

    monkeypatch.setattr("patchlaw.commands.verify.make_config", smaller)
    # the records of the experiments grow; what the report draws of them is tested on its own
    monkeypatch.setattr("patchlaw.paper_figures.records.ANALYSES", NO_RECORDS)


def test_damaged_records_of_experiments_are_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, out = tmp_path / "records", tmp_path / "out"
    records.mkdir()
    (records / "P4_d50_s1001.json").write_text("{")
    monkeypatch.setattr("patchlaw.paper_figures.records.ANALYSES", records)
    result = CliRunner().invoke(verify, [*TINY, "--out", str(out)])
    assert result.exit_code == 1
    assert "P4_d50_s1001.json: expected a whole JSON file" in " ".join(result.output.split())
    assert not out.exists()


def test_images_that_the_patches_do_not_fit_on_are_refused_at_the_door(tmp_path: Path) -> None:
    """Only this catches digits refused after the proofs and checks, with a report left behind."""
    out = tmp_path / "out"
    result = CliRunner().invoke(verify, [*TINY, "--data", "digits", "--out", str(out)])
    assert result.exit_code == 1
    assert "--data: expected images of 14 x 14 pixels" in " ".join(result.output.split())
    assert not out.exists()


def load(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


@pytest.mark.slow
@pytest.mark.usefixtures("small_chain")
def test_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this runs every stage on MNIST and reads everything back from disk."""
    out = tmp_path / "new" / "folder"
    result = CliRunner().invoke(verify, [*TINY, "--out", str(out)])
    assert result.exit_code == 0, result.output
    report = load(out)
    assert (report["status"], report["failures"]) == ("complete", [])
    assert [t["status"] for t in report["theorems"]] == ["proved"] * 3
    assert all(c["passed"] for c in report["checks"])
    assert report["config"]["images"] == 100
    assert report["environment"]["versions"]["torch"]
    models = read_analyses(out / "analyses")
    assert [f"analyses/{model.name}.json" for model in models] == report["models"]
    slack = 1.05  # the tolerance of the eigenvalues
    for model in models:
        tops = {name: values[0].value for name, values in model.eigenvalues.items()}
        blocks = [b.value for b in model.blocks("G")]
        assert max(blocks) <= slack * tops["G over the angles"]
        assert tops["G over the angles"] <= slack * min(sum(blocks), tops["G"])
        assert tops["H"] <= slack * (tops["G"] + tops["R"])
        if model is models[0]:  # a block's top eigenvalue is not above the whole matrix's
            assert 0 < tops["G over the bias"] <= slack * tops["G"]
            assert tops["R over the bias"] <= slack * tops["R"]
        assert model.bias_share is not None
        assert 0 < model.bias_share < 1
    assert [[m.epoch for m in model.along_training] for model in models] == [[0, 1], []]
    # the same solve, from the same products
    assert models[0].along_training[1].top["R"].value == models[0].eigenvalues["R"][0].value
    rows = [(row.law, row.measured, row.predicted) for row in compare_models(models)]
    assert rows == [(r["law"], r["measured"], r["predicted"]) for r in report["comparisons"]]
    ledger = {entry["id"]: entry["verdict"] for entry in report["ledger"]}
    assert list(ledger) == [str(n) for n in range(1, 14)]
    assert [m.name for m in read_report(out / "report.json").models] == [m.name for m in models]
    markdown = (out / "report.md").read_text()
    assert "quick run: fewer images and epochs" in markdown
    assert "Ratios of the author's lambda_max(H)" in markdown
    page = (out / "report.html").read_text()
    assert "complete report" in page
    assert page.count("<svg") == 5  # three matrices, the author's, the eigenvalues
    for text in (markdown, page, (out / "report.json").read_text()):
        assert str(tmp_path) not in text
    assert list(tmp_path.rglob(".report*")) == []
    assert "Ledger of the paper's claims" in result.output
    assert "## Ledger of claims" in markdown
    # the same command again trains and measures nothing, and says the same
    monkeypatch.setattr(Lockstep, "run_epoch", None)
    monkeypatch.setattr("patchlaw.verification.analysis.workbench.top_eigenpairs", None)
    monkeypatch.setattr(proofs, "run_checks", lambda *_: iter(()))
    again = CliRunner().invoke(verify, [*TINY, "--out", str(out)])
    assert again.exit_code == 0, again.output
    assert load(out)["comparisons"] == report["comparisons"]
    monkeypatch.undo()
    # another command goes on with a run and its record
    folder = out / "runs" / models[0].name
    words = [str(folder), "--out", str(out / "analyses"), "--stage", "trajectory"]
    result = CliRunner().invoke(analyse, words)
    assert "no plane" not in result.output
    assert result.exit_code == 0, result.output


def test_the_ordinary_run_is_the_one_that_verify_trains(tmp_path: Path) -> None:
    """`patchlaw train` of the same numbers gives the same run: name, minimum and parameters."""
    config = make_config(True, 0, 1, 100, 1)
    request = config.requests()[0]
    samples = steps.samples_of(config, None)
    own = execute_run(tmp_path / "a", config.run_config(request, samples), samples)
    plain = load_samples(None, 100)
    other = execute_run(tmp_path / "b", request.config(plain), plain)
    assert own.config == other.config
    assert Run.open(own.path).history[-1].train == other.history[-1].train


@pytest.mark.usefixtures("small_chain")
def test_ctrl_c_leaves_a_valid_partial_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only this catches findings lost by an interruption, or a report that claims to be whole."""

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Lockstep, "run_epoch", interrupted)
    result = CliRunner().invoke(verify, [*TINY, "--out", str(tmp_path)])
    assert result.exit_code == 130, result.output
    assert "Interrupted during training P=1" in result.output
    report = load(tmp_path)
    assert (report["status"], report["stage"]) == ("partial", "training P=1")
    assert len(report["checks"]) == 8
    assert report["models"] == []
    assert "Status: partial (stopped during: training P=1)" in (tmp_path / "report.md").read_text()
    page = (tmp_path / "report.html").read_text()
    assert "partial report (stopped during: training P=1)" in page
    assert page.endswith("</html>")


@pytest.mark.usefixtures("small_chain")
def test_failures_give_exit_code_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this catches a command that reports a failed check and exits with 0."""
    failed = CheckResult("split", "H = G + R", False, float("inf"), 1e-12, "rounding", 1)
    monkeypatch.setattr(proofs, "run_checks", lambda *_: iter([failed]))
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
    theorem = TheoremResult("eq4", "failed", 1, "t", "s", "gap | is 1")
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
