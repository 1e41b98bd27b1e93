"""patchlaw figures: what is refused, listed, interrupted and recomputed."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from patchlaw.commands.train import train
from patchlaw.paper_figures import recipes
from patchlaw.paper_figures.catalogue import FIGURES
from patchlaw.paper_figures.provenance import PaperFigure
from patchlaw.paper_figures.records import RESULTS, Records
from patchlaw.paper_figures.tables import TABLES
from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.seal import digest
from patchlaw.work_folder import counted
from tests.paper_figures.figure_cases import SMALL, invoke, sidecar
from tests.paper_figures.synthetic_records import (
    write_analysis,
    write_landscape,
    write_run,
)

# --- what is refused


def test_unknown_names_and_formats_are_refused_with_those_that_are_known(tmp_path):
    result = invoke("figure-9", "--out", tmp_path)
    assert result.exit_code == 2
    for item in (*FIGURES, *TABLES):
        assert item.name in result.output
    result = invoke("figure-1", "--out", tmp_path, "--format", "pdf,gif")
    assert result.exit_code == 2
    assert "expected some of pdf, png, svg, got 'gif'" in " ".join(result.output.split())
    assert invoke("--format", ",", "--out", tmp_path).exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["runs", "analyses", "landscapes"])
def test_a_damaged_record_is_named_and_nothing_drawn(small, tmp_path, kind):
    path = small / kind / f"{SMALL.run_id}.json"
    if kind == "runs":
        path = small / kind / SMALL.run_id / "checkpoint.json"
    text = path.read_text()
    # one digit changed: still JSON, and only the checksum can tell
    number = re.search(r"\d\.\d+", text)
    assert number is not None
    digit = text[number.end() - 1]
    changed = "1" if digit != "1" else "2"
    path.write_text(text[: number.end() - 1] + changed + text[number.end() :])
    result = invoke("figure-1", "--small", "--records", small, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert path.name in result.output
    assert "checksum mismatch" in " ".join(result.output.split())
    assert list((tmp_path / "out").iterdir()) == []


def test_a_record_of_an_earlier_state_of_its_run_is_refused(small, tmp_path):
    """The run went on, so its minimum may be another epoch: such an analysis is stale."""
    write_run(small, SMALL, epochs_done=4)
    with pytest.raises(RecordError, match=r"as it is: 4 epochs, .* got 6 epochs"):
        Records.read(small)


@pytest.mark.parametrize("kind", ["analyses", "landscapes"])
def test_a_record_of_another_training_is_refused(small, kind):
    """Of the same configuration on another machine.

    Only this catches a landscape beside the eigenvalues of another minimum.
    """
    path = small / kind / f"{SMALL.run_id}.json"
    content = json.loads(path.read_text())
    body = content.get("body", content)
    if kind == "analyses":
        body["minimum"]["train"]["loss"] *= 1.01
    else:
        body["trajectory"]["train_loss"][3] *= 0.99
    del content["sha256"]
    path.write_text(json.dumps(content | {"sha256": digest(body)}))
    with pytest.raises(RecordError, match=r"whose training loss is .* of another training"):
        Records.read(small)


def test_a_record_named_after_another_run_is_refused(small):
    path = small / "analyses" / f"{SMALL.run_id}.json"
    path.rename(path.with_name("P9_d1_s7.json"))
    with pytest.raises(RecordError, match="expected the record of run P9_d1_s7, got that of P4"):
        Records.read(small)


def test_a_run_in_the_folder_of_another_is_refused(small):
    path = small / "runs" / SMALL.run_id
    path.rename(path.with_name("P9_d1_s7"))
    with pytest.raises(
        RecordError,
        match=rf"expected the folder of run P9_d1_s7, got that of {SMALL.run_id}; rename it",
    ):
        Records.read(small)


def test_folders_that_are_no_runs_are_passed_over(small):
    (small / "runs" / "notes").mkdir()
    run = small / "runs" / SMALL.run_id
    shutil.copytree(run, run.with_name(f".{run.name}.abcd_123"))  # by a killed `patchlaw thin`
    assert counted(small)["runs"] == 1
    assert set(Records.read(small).runs) == {SMALL.run_id}


# --- the rest of the command


def test_the_list_names_everything(tmp_path):
    result = invoke("--list", "--out", tmp_path / "out")
    assert result.exit_code == 0
    names = [line.split()[0] for line in result.output.splitlines()]
    assert names == [*(item.name for item in (*FIGURES, *TABLES)), "explorer"]
    assert not (tmp_path / "out").exists()


def test_every_name_is_unique_and_every_figure_says_what_it_is():
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)
    for number in range(1, 6):
        assert any(figure.paper == f"Fig. {number}" for figure in FIGURES)
    for figure in FIGURES:
        module = __import__(figure.draw.__module__, fromlist=["__doc__"])
        opening = "Ours" if figure.paper == "ours" else figure.paper.split(",")[0]
        assert opening in module.__doc__.split(":")[0]


def test_tables_are_written_by_name_beside_figures(small, tmp_path):
    result = invoke("table-2", "figure-2", "--records", small, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    files = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert files == {"table-2.md", "table-2.tex", "table-2.csv", "table-2.json"} | {
        "figure-2.pdf",
        "figure-2.png",
        "figure-2.json",
    }


def test_the_committed_records_are_read_by_default():
    assert RESULTS.is_dir()
    records = Records.read()
    assert "P4_d50_s1001" in records.runs
    assert records.label == records.typed == "paper_figures/results"


def test_ctrl_c_ends_with_130_and_keeps_what_is_written(small, tmp_path, monkeypatch):
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    write = PaperFigure.write
    monkeypatch.setattr(
        PaperFigure,
        "write",
        lambda self, *rest: interrupted() if self.name == "figure-5" else write(self, *rest),
    )
    options = ("--small", "--records", small, "--out", tmp_path / "out", "--format", "png")
    result = invoke("figure-1", "figure-5", *options)
    assert result.exit_code == 130
    assert "Interrupted; the same command goes on where it was" in result.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"figure-1.png", "figure-1.json"}


# --- recomputing


def test_recompute_runs_what_is_missing_once_and_draws_it(tmp_path, monkeypatch):
    folder, out = tmp_path / "kept", tmp_path / "out"
    write_run(folder, SMALL)
    ran = []

    def run(command: str, where: Path) -> None:
        ran.append(command)
        write_analysis(folder, SMALL)

    monkeypatch.setattr(recipes, "run_command", run)
    options = ("--small", "--records", folder, "--out", out, "--format", "png")
    write_landscape(folder, SMALL)
    first = invoke("figure-3", "figure-4", "alignment", *options)
    assert "figure-4" in first.output
    assert ran == []
    assert sidecar(out, "figure-4")["numbers"]["panels"] == []
    result = invoke("figure-3", "figure-4", "alignment", *options, "--recompute")
    assert result.exit_code == 0, result.output
    # two figures need the one command
    assert ran == [f"patchlaw analyse {folder}/runs/{SMALL.run_id} --out {folder}/analyses"]
    assert "may take hours" in result.output
    assert "not run" not in result.output
    assert len(sidecar(out, "figure-4")["numbers"]["panels"]) == 1
    # and finished records are left alone
    assert invoke("figure-4", *options, "--recompute").exit_code == 0
    assert len(ran) == 1


def test_a_failing_command_is_named(tmp_path):
    folder = tmp_path / "kept"
    write_run(folder, SMALL)  # without its parameters, so there is nothing to analyse
    result = invoke(
        "figure-4", "--small", "--records", folder, "--out", tmp_path / "out", "--recompute"
    )
    assert result.exit_code == 1
    assert "patchlaw analyse" in result.output
    assert "expected exit code 0, got 1" in " ".join(result.output.split())


@pytest.mark.slow
def test_recompute_on_a_real_run(tmp_path):
    """The commands that are named do exist, take these options, and write what is drawn."""
    folder, out = tmp_path / "kept", tmp_path / "out"
    arguments = ["--patches", 4, "--depth", 1, "--epochs", 2, "--images", 40, "--batch-size", 20]
    trained = CliRunner().invoke(
        train, [*map(str, arguments), "--out", str(folder / "runs"), "--threads", "1"]
    )
    assert trained.exit_code == 0, trained.output
    (run,) = Records.read(folder).runs
    options = ("--small", "--records", folder, "--out", out, "--format", "png")
    result = invoke("figure-3", *options, "--recompute")
    assert result.exit_code == 0, result.output
    (panel,) = sidecar(out, "figure-3")["numbers"]["panels"]
    assert panel["run"] == run
    assert np.shape(panel["loss"]) == (20, 20)
    stored = json.loads((folder / "landscapes" / f"{run}.json").read_text())
    assert panel["loss"] == stored["grid"]["loss"]
