"""A command that is refused leaves every file as it was, however late the fault shows."""

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.cli import main
from patchlaw.verification.runs import execute_run
from patchlaw.verification.runs import training_job as module
from tests.verification.run_cases import toy_config, toy_samples

RESULTS = Path(__file__).resolve().parents[2] / "paper_figures" / "results"
RUN = "P4_d2_s1001_7c678b47"
SAMPLES = toy_samples()


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file but the lock, which holds a process number only."""
    paths = (p for p in folder.rglob("*") if p.is_file() and p.name != "lock")
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


@pytest.mark.parametrize("epochs", [5, 10**11])
def test_a_run_whose_trainer_cannot_be_made(tmp_path, monkeypatch, epochs: int) -> None:
    """The goal of 10^11 epochs stood in config.json before the allocator refused it."""
    execute_run(tmp_path, toy_config(SAMPLES, 2), SAMPLES, threads=1)
    before = snapshot(tmp_path)

    def refuse(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(module, "Trainer", refuse)
    with pytest.raises(MemoryError):
        execute_run(tmp_path, toy_config(SAMPLES, epochs), SAMPLES, threads=1)
    assert snapshot(tmp_path) == before


def test_a_run_that_never_began_leaves_no_folder(tmp_path, monkeypatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(module, "Trainer", refuse)
    with pytest.raises(MemoryError):
        execute_run(tmp_path / "new" / "runs", toy_config(SAMPLES, 2), SAMPLES, threads=1)
    assert list(tmp_path.iterdir()) == []


def test_fewer_epochs_than_the_goal_leave_the_goal(tmp_path) -> None:
    run = execute_run(tmp_path, toy_config(SAMPLES, 3), SAMPLES, threads=1)
    again = execute_run(tmp_path, toy_config(SAMPLES, 2), SAMPLES, threads=1)
    assert again.config.training.epochs == run.config.training.epochs == 3
    assert again.epochs_done == 3


TRAIN = [
    *("train", "--patches", "4", "--depth", "2", "--images", "2000"),
    *("--batch-size", "100", "--out", "{runs}"),
]
COMMANDS = [
    [*TRAIN, "--epochs", "100000000000"],
    [*TRAIN, "--epochs", "20", "--threads", "7"],
    [*TRAIN, "--epochs", "20", "--device", "meta"],
    [*TRAIN, "--epochs", "20", "--data", "{nothing}"],
    ["analyse", "{run}", "--out", "{analyses}", "--stage", "nonsense"],
    ["analyse", "{run}", "--out", "{analyses}", "--top", "100000000"],
    ["analyse", "{run}", "--out", "{analyses}", "--device", "meta"],
    ["analyse", "{run}", "--out", "{analyses}", "--data", "{nothing}"],
    ["landscape", "{run}", "--out", "{landscapes}", "--points", "1000000"],
    ["landscape", "{run}", "--out", "{landscapes}", "--device", "meta"],
    ["thin", "{run}", "--out", "{runs}"],
    ["thin", "{run}", "--out", "{out}", "--epoch", "99999"],
    ["sweep", "{nothing}", "--out", "{runs}"],
    ["figures", "table-3", "--out", "{out}", "--format", "nonsense"],
    ["figures", "nonsense", "--out", "{out}"],
    ["derive", "--markdown", "{runs}"],
    ["compare", "--records", "{nothing}"],
    ["claim", "4b", "--report", "{nothing}"],
    ["replay", "--patches", "4", "--depth", "50", "--epochs", "1", "--data", "{nothing}"],
    ["verify", "--out", "{out}", "--data", "{nothing}"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(c) for c in COMMANDS])
def test_commands_refused_late(tmp_path, command: list[str]) -> None:
    runs, analyses = tmp_path / "runs", tmp_path / "analyses"
    shutil.copytree(RESULTS / "runs" / RUN, runs / RUN)
    analyses.mkdir()
    shutil.copyfile(RESULTS / "analyses" / f"{RUN}.json", analyses / f"{RUN}.json")
    names = {
        "{runs}": runs, "{run}": runs / RUN, "{analyses}": analyses, "{out}": tmp_path / "out",
        "{landscapes}": tmp_path / "landscapes", "{nothing}": tmp_path / "nothing",
    }  # fmt: skip
    before = snapshot(tmp_path)
    result = CliRunner().invoke(main, [str(names.get(word, word)) for word in command])
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert snapshot(tmp_path) == before


def test_an_epoch_that_the_run_does_not_have_is_refused(tmp_path) -> None:
    """It was left out without a word, and one of 21 digits made a record that nobody can read."""
    command = ["analyse", str(RESULTS / "runs" / RUN), "--out", str(tmp_path / "a"), "--epoch"]
    for epoch in ("16", str(10**20)):
        result = CliRunner().invoke(main, [*command, epoch])
        assert result.exit_code == 1
        shown = " ".join(result.output.split())
        assert f"--epoch: expected at most 15, the epochs of the run, got {epoch}; leave" in shown
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["thin", "train", "sweep", "analyse", "landscape", "replay"])
def test_a_pipe_is_no_folder_to_write_to(tmp_path, name: str) -> None:
    """It was "[Errno 17] File exists"."""
    os.mkfifo(tmp_path / "pipe")
    words = {
        "train": ["--patches", "4", "--depth", "1"],
        "replay": ["--patches", "4", "--depth", "50"],
        "sweep": [__file__],
    }.get(name, [str(RESULTS / "runs" / RUN)])
    result = CliRunner().invoke(main, [name, *words, "--out", str(tmp_path / "pipe")])
    assert result.exit_code == 2
    assert "expected a folder, got a pipe" in " ".join(result.output.split())
