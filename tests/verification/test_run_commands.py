import io
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from patchlaw.commands.status import status
from patchlaw.commands.sweep import sweep
from patchlaw.commands.train import train
from patchlaw.verification.jobs.progress import ConsoleProgress, Pace
from patchlaw.verification.runs import EpochEntry, Run, execute_run
from patchlaw.verification.runs.status import all_statuses, status_of
from patchlaw.verification.runs.training_job import epoch_line
from patchlaw.verification.store.lock import held
from patchlaw.verification.training import Evaluation
from tests.idx_files import write_idx_files
from tests.verification.run_cases import Stop, StopAt, interrupted, toy_config, toy_samples


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """A folder of IDX files: 40 training and 20 test images, every digit among them."""
    return write_idx_files(tmp_path_factory.mktemp("data") / "digits", n_train=40, n_test=20)


@pytest.fixture
def runs(tmp_path) -> Path:
    """Two epochs of the toy run, alone in its folder."""
    samples = toy_samples()
    execute_run(tmp_path, toy_config(samples, 2), samples, threads=1)
    return tmp_path


def invoke(command, *arguments: object):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def small(digits: Path, out: Path) -> list[object]:
    return ["--patches", 1, "--depth", 1, "--batch-size", 10, "--data", digits, "--out", out]


# --- train


def test_train_resumes_and_then_says_that_it_is_finished(digits, tmp_path):
    first = invoke(train, *small(digits, tmp_path), "--epochs", 1)
    assert first.exit_code == 0, first.output
    assert [line.split()[1] for line in first.output.splitlines()[1:]] == ["0/1", "1/1"]
    second = invoke(train, *small(digits, tmp_path), "--epochs", 2)
    assert second.exit_code == 0, second.output
    assert "resumed after epoch 1, goal 2 epochs" in second.output
    third = invoke(train, *small(digits, tmp_path), "--epochs", 2)
    assert third.exit_code == 0
    assert "finished, 2 epochs are done" in third.output
    run = Run.open(next(tmp_path.iterdir()))
    assert [len(entry.step_losses) for entry in run.history] == [0, 4, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--patches", 5], "n_patches: expected a square"),
        (["--learning-rate", "nan"], "learning_rate: expected a finite number"),
        (["--batch-size", 1], "n_batches: expected at most 4"),
        (["--images", 41], "size: expected from 10 .* to 40 samples, got 41"),
        (["--device", "nowhere"], "device: expected one that torch has"),
    ],
)
def test_train_refuses_what_cannot_work(digits, tmp_path, options, message):
    result = invoke(train, *small(digits, tmp_path), "--epochs", 1, *options)
    assert result.exit_code == 1
    assert re.search(message, " ".join(result.output.split()))


def test_interrupt_leaves_the_last_epoch_and_exits_130(digits, tmp_path):
    """Ctrl-C to a real process: only this sees the exit code that the shell sees."""
    arguments = ["train", *small(digits, tmp_path), "--qubits", 5, "--epochs", 100000]
    rest = interrupted(arguments, "epoch   2/", delay=0.02)
    assert "Interrupted; the same command resumes" in rest
    run = Run.open(next(tmp_path.iterdir()))
    run.verify()
    assert run.epochs_done >= 2


def ctrl_c(*_: object, **__: object) -> None:
    """In the middle of the work."""
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (train, "the same command resumes after the last finished epoch"),
        (sweep, "the same command goes on after the last finished epoch"),
    ],
)
def test_ctrl_c_exits_130_and_says_how_to_go_on(digits, tmp_path, monkeypatch, command, message):
    """And does not go on with a sweep's next run, as after any other failure."""
    monkeypatch.setattr("patchlaw.verification.runs.execute_runs", ctrl_c)
    out = tmp_path / "runs"
    arguments = (
        [*small(digits, out), "--epochs", 1]
        if command is train
        else [write_plan(tmp_path, PLAN), "--data", digits, "--out", out]
    )
    result = invoke(command, *arguments)
    assert result.exit_code == 130
    assert f"Interrupted; {message}" in result.output
    assert result.output.count("Interrupted") == 1


class Clock:
    """A clock that shows what it is told."""

    now = 0.0

    def perf_counter(self) -> float:
        """As told."""
        return self.now


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (99.4, "99 s"),
        (100.0, "2 min"),
        (5930.0, "99 min"),
        (5950.0, "1 h 40 min"),
        (7e4, "19 h 27 min"),
    ],
)
def test_the_time_left_is_said_in_the_unit_that_fits(monkeypatch, seconds, expected):
    """One epoch of two is done, so as much is left as it took."""
    clock = Clock()
    monkeypatch.setattr("patchlaw.verification.jobs.progress.time", clock)
    entry = EpochEntry(1, 0.1, (), *[Evaluation(0.5, 0.5, 0.1, 0.1, 10)] * 2, 1.0)
    pace = Pace(2, 0)
    clock.now = seconds
    assert epoch_line(entry, 2, pace).endswith(f"  left {expected}")


def test_a_second_run_on_the_same_terminal_takes_the_first_ones_bar():
    text = io.StringIO()
    with ConsoleProgress(Console(file=text, width=100, force_terminal=True)) as progress:
        for name in ("first", "second"):
            progress.begin(name, 10)
    drawn_last = text.getvalue().rsplit("\x1b[2K", 1)[1]  # after the last line was erased
    assert "second" in drawn_last
    assert "first" not in drawn_last


# --- sweep


def write_plan(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text)
    return path


PLAN = """
[defaults]
epochs = 1
batch_size = 10
patches = 1

[[runs]]
depth = [1, 2]
seed = [5, 6]
"""


def test_a_sweep_does_its_runs_in_order_and_skips_the_finished(digits, tmp_path):
    plan, out = write_plan(tmp_path, PLAN), tmp_path / "runs"
    first = invoke(sweep, plan, "--out", out, "--data", digits, "--shard", "1/2")
    assert first.exit_code == 0, first.output
    assert [path.name.split("_")[1:3] for path in sorted(out.iterdir())] == [
        ["d1", "s5"],
        ["d2", "s5"],
    ]
    rest = invoke(sweep, plan, "--out", out, "--data", digits)
    assert rest.exit_code == 0, rest.output
    assert rest.output.count("finished, 1 epochs are done") == 2
    assert rest.output.count("started, goal 1 epochs") == 2
    assert {each.state for each in all_statuses(out)} == {"finished"}


def test_one_failing_run_does_not_stop_the_others(digits, tmp_path):
    plan, out = write_plan(tmp_path, PLAN), tmp_path / "runs"
    assert invoke(sweep, plan, "--out", out, "--data", digits, "--shard", "1/4").exit_code == 0
    broken = next(out.iterdir()) / "checkpoint.json"
    broken.write_text("{")
    result = invoke(sweep, plan, "--out", out, "--data", digits)
    assert result.exit_code == 1
    assert "failed: RecordError" in result.output
    assert "1 of 4 runs failed: P=1 d=1 seed=5" in result.output
    assert sorted(each.state for each in all_statuses(out)) == ["damaged"] + ["finished"] * 3
    assert broken.read_text() == "{"


def test_a_sweep_takes_its_shard_from_the_job_array(tmp_path, monkeypatch):
    plan = write_plan(tmp_path, PLAN)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MIN", "0")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MAX", "2")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "3")
    listed = invoke(sweep, plan, "--list")
    assert "1 of 4 runs (shard 2/3)" in listed.output
    assert "P=1 d=1 seed=6" in listed.output
    refused = invoke(sweep, plan, "--list", "--shard", "5/3")
    assert refused.exit_code == 2
    assert "expected i/n with 1 <= i <= n, got 5/3" in refused.output


# --- status


def test_status_shows_the_minimum_and_the_state(runs):
    run = Run.open(next(runs.iterdir()))
    best = run.history[run.minimum_epoch]
    (found,) = all_statuses(runs)
    assert (found.state, found.epochs_done, found.epochs) == ("finished", 2, 2)
    assert (found.train_loss, found.test_loss) == (best.train.loss, best.test.loss)
    shown = json.loads(invoke(status, runs, "--json").output)
    assert shown[0]["test_accuracy"] == best.test.accuracy
    table = invoke(status, runs)
    assert table.exit_code == 0
    assert "2/2" in table.output
    # in 80 columns, beside a name with the configuration's digits: whole numbers, none cut short
    assert len(run.config.run_id) > len("P4_d1_s1001")
    for number in (f"{best.train.loss:.5f}", f"{best.train.accuracy:.2%}"):
        assert number in table.output


def test_status_tells_running_from_partial(runs):
    samples = toy_samples()
    execute_run(runs, toy_config(samples, 4), samples)

    with pytest.raises(Stop):
        execute_run(runs, toy_config(samples, 8), samples, progress=StopAt("epoch   6/"))
    folder = next(runs.iterdir())
    assert (status_of(folder).state, status_of(folder).epochs_done) == ("partial", 6)
    with held(folder):
        assert status_of(folder).state == "running"


def test_a_run_that_goes_on_under_the_reader_is_not_called_damaged(runs, monkeypatch):
    """Only this catches the state of Adam that is looked for after a new one has replaced it."""
    samples, look = toy_samples(), Run.verify

    def late(run: Run, **how: bool) -> None:
        execute_run(runs, toy_config(samples, 4), samples)
        look(run, **how)

    monkeypatch.setattr(Run, "verify", late)
    found = status_of(next(runs.iterdir()), checksums=True)
    assert (found.state, found.epochs_done, found.problem) == ("finished", 4, None)


def test_status_of_a_run_without_an_epoch(runs):
    """Before the first checkpoint, and with that of the start alone."""
    samples = toy_samples()

    config = toy_config(samples, 4, seed=5)
    with pytest.raises(Stop):
        execute_run(runs, config, samples, progress=StopAt("epoch   0/"))
    (folder,) = runs.glob("P4_d1_s5*")
    started = status_of(folder)
    assert (started.state, started.epochs_done, started.epochs) == ("partial", 0, 4)
    assert started.train_loss is None
    with held(folder):
        assert status_of(folder).state == "running"
    (folder / "checkpoint.json").unlink()
    assert status_of(folder) == started
    with held(folder):
        assert status_of(folder).state == "running"
    assert "0/4" in invoke(status, runs).output


def test_status_reports_damage_and_says_what_it_is(runs):
    path = next(runs.iterdir()) / "epochs" / "001.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    assert invoke(status, runs).exit_code == 0  # sizes do not tell
    checked = invoke(status, runs, "--check")
    assert checked.exit_code == 1
    assert "checksum mismatch" in checked.output
    path.write_bytes(bytes(content[:-1]))
    assert "truncated" in (status_of(next(runs.iterdir())).problem or "")
    path.unlink()
    assert status_of(next(runs.iterdir())).state == "damaged"


def test_status_of_no_folder_is_an_error_and_of_an_empty_one_is_not(tmp_path):
    refused = invoke(status, tmp_path / "nowhere")
    assert refused.exit_code == 1
    assert "expected a folder of runs, got none" in refused.output
    (tmp_path / "notes").mkdir()
    assert invoke(status, tmp_path, "--json").output.strip() == "[]"


def test_status_sorts_by_number(tmp_path):
    samples = toy_samples()
    for seed in (10, 9):
        execute_run(tmp_path, toy_config(samples, 1, seed=seed), samples, threads=1)
    assert [each.run.split("_")[2] for each in all_statuses(tmp_path)] == ["s9", "s10"]
