"""``patchlaw replay --epochs``: whole epochs of a run beside the author's record."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.commands import replay as module
from patchlaw.commands.replay import replay
from patchlaw.verification.jobs.job import Execution
from patchlaw.verification.records import author_runs
from patchlaw.verification.runs import EpochEntry, Run, RunConfig, RunError
from patchlaw.verification.runs.checkpoint import Checkpoint
from patchlaw.verification.runs.replay import ReplayComparison
from patchlaw.verification.runs.run import RunHeader
from patchlaw.verification.store.tensors import FileRecord
from patchlaw.verification.training import Evaluation
from tests.idx_files import write_idx_files

AUTHOR = author_runs()[4, 50]


def recorded_run(
    epochs: int, loss_shifts: dict[int, float], test_shifts: dict[int, float] | None = None
) -> Run:
    """The author's own numbers as a run, shifted at some steps (from 1) and epochs (from 1)."""

    def entry(epoch: int) -> EpochEntry:
        steps = range(60 * (epoch - 1), 60 * epoch) if epoch else ()
        losses = tuple(
            float(AUTHOR.iteration_train_loss[step]) + loss_shifts.get(step + 1, 0.0)
            for step in steps
        )
        test = float(AUTHOR.epoch_test_loss[max(epoch - 1, 0)]) + (test_shifts or {}).get(epoch, 0)
        evaluation = Evaluation(test, 0.9, 0.1, 0.1, 10000)
        return EpochEntry(epoch, 1e-2 if epoch else None, losses, evaluation, evaluation, 1.0)

    config = RunConfig.paper(4, 50)
    file = FileRecord("none", "", 0)
    history = tuple(entry(epoch) for epoch in range(epochs + 1))
    checkpoint = Checkpoint(config.sha256, history, (file,) * len(history), file, {}, 0.01, ())
    return Run(Path("P4_d50_s1001"), RunHeader(config, Execution(1, 1), {}), checkpoint)


def test_the_step_of_departure_is_the_first_beyond_the_tolerance():
    """Counted from 0."""
    run = recorded_run(3, {60: 9e-4, 62: -2e-3, 130: 0.5})
    comparison = ReplayComparison(run, AUTHOR, 3)
    assert (comparison.departure(1e-3), comparison.departure(1e-2)) == (61, 129)
    assert comparison.largest == pytest.approx([9e-4, 2e-3, 0.5])
    assert comparison.departure(1.0) is None


def test_a_departure_is_shown_with_its_epoch_and_both_losses(monkeypatch):
    """Steps 60 and 62 lie in epochs 1 and 2: only this catches an epoch or step one off."""
    run = recorded_run(3, {60: 9e-4, 62: -2e-3, 130: 0.5})
    monkeypatch.setattr(module, "run_of", lambda *_: run)
    result = CliRunner().invoke(replay, ["--patches", "4", "--depth", "50", "--epochs", "3"])
    recorded = float(AUTHOR.iteration_train_loss[61])
    assert (
        "first step that differs by more than 1e-03: 62 (epoch 2, rate 1.0e-02): "
        f"recorded {recorded:.5f}, replayed {recorded - 2e-3:.5f}"
    ) in " ".join(result.output.split())
    assert "first step that differs by more than 1e-02: 130 (epoch 3" in result.output


@pytest.mark.parametrize(
    ("loss_shifts", "test_shifts", "agrees"),
    [
        ({300: 9.9e-4}, {5: 5e-5}, True),
        ({300: -1.1e-3}, {}, False),
        ({}, {5: -6e-5}, False),
        ({301: 1.0}, {6: 1.0}, True),  # the sixth epoch is shown, not judged
    ],
)
def test_five_epochs_are_judged(monkeypatch, loss_shifts, test_shifts, agrees):
    run = recorded_run(6, loss_shifts, test_shifts)
    monkeypatch.setattr(module, "run_of", lambda *_: run)
    result = CliRunner().invoke(replay, ["--patches", "4", "--depth", "50", "--epochs", "6"])
    assert result.exit_code == (0 if agrees else 1), result.output
    assert ("agrees" in result.output) == agrees
    assert ("first step that differs by more than 1e-02: 301 (epoch 6" in result.output) == (
        301 in loss_shifts
    )


def test_a_run_of_another_protocol_is_no_replay():
    run = recorded_run(1, {})
    slow = replace(run.config, training=replace(run.config.training, learning_rate=1e-3))
    other = replace(run, header=replace(run.header, config=slow))
    with pytest.raises(RunError, match=r"expected the author's configuration P4_d50_s1001, got"):
        ReplayComparison(other, AUTHOR, 1)
    with pytest.raises(RunError, match=r"epochs: expected 1 to 1 .*got 2"):
        ReplayComparison(run, AUTHOR, 2)


def test_other_data_are_refused_before_anything_is_trained(tmp_path):
    """Only this catches fifty epochs that are then refused, and the folder that they leave."""
    write_idx_files(tmp_path / "data", n_train=20, n_test=10)
    out = tmp_path / "runs"
    arguments = ["--patches", "4", "--depth", "50", "--epochs", "1", "--out", str(out)]
    result = CliRunner().invoke(replay, [*arguments, "--data", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert "expected the author's configuration P4_d50_s1001, got" in result.output
    assert not out.exists()


def test_a_run_that_cannot_be_read_is_refused_and_left_alone(tmp_path):
    """Reading fails, so training is asked, and says what is wrong with the files."""
    folder = tmp_path / "P4_d50_s1001"
    folder.mkdir()
    (folder / "config.json").write_text("{")
    arguments = ["--patches", "4", "--depth", "50", "--epochs", "1", "--out", str(tmp_path)]
    result = CliRunner().invoke(replay, arguments)
    assert result.exit_code == 1
    output = " ".join(result.output.split())
    assert "Error: " in output
    assert "config.json: expected a whole JSON file, got 1 bytes that do not parse" in output
    assert [path.name for path in folder.iterdir() if path.suffix == ".json"] == ["config.json"]
    assert (folder / "config.json").read_text() == "{"


def test_a_run_on_disk_is_not_trained_again(monkeypatch, tmp_path):
    """A finished or running run is read: training it again would meet its lock, or take an hour."""
    from patchlaw.verification import runs

    run = recorded_run(2, {})
    monkeypatch.setattr(runs.Run, "open", classmethod(lambda *_: run))
    arguments = ["--patches", "4", "--depth", "50", "--epochs", "2", "--out", str(tmp_path)]
    result = CliRunner().invoke(replay, arguments)
    assert result.exit_code == 0, result.output
    assert "no step differs by more than 1e-03" in result.output
