"""``patchlaw landscape`` as a user meets it."""

import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from patchlaw.commands.landscape import landscape
from patchlaw.commands.train import train
from patchlaw.verification.jobs.progress import ConsoleProgress
from patchlaw.verification.landscape.landscape_job import compute_landscape
from patchlaw.verification.landscape.record import LandscapeRecord
from patchlaw.verification.landscape.settings import LandscapeSettings
from patchlaw.verification.runs import Run, execute_run, load_samples
from tests.idx_files import write_idx_files
from tests.verification.run_cases import Stop, StopAt, interrupted


def invoke(command, *arguments: object):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def records_in(folder: Path) -> list[LandscapeRecord]:
    return [LandscapeRecord.read(path) for path in sorted(folder.glob("*.json"))]


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """IDX files of 50 training and 10 test images, every digit among them."""
    return write_idx_files(tmp_path_factory.mktemp("data") / "digits", n_train=50, n_test=10)


def trained(digits: Path, out: Path, epochs: int, *options: object) -> Path:
    """A run's folder; the rate is large, so that three epochs are no line."""
    arguments = ("--patches", 1, "--depth", 1, "--batch-size", 10, "--learning-rate", 0.2)
    result = invoke(train, *arguments, "--epochs", epochs, "--data", digits, "--out", out, *options)
    assert result.exit_code == 0, result.output
    return next(out.iterdir())


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory) -> Path:
    """Three epochs on a stratified 40 of the 50 images."""
    return trained(digits, tmp_path_factory.mktemp("runs"), 3, "--images", 40)


def test_a_landscape_of_a_run_on_a_subset(digits, run, tmp_path):
    """All training images are those of the run: 40 of the 50 in the files."""
    out = tmp_path / "new" / "landscapes"
    arguments = [run, "--out", out, "--points", 4, "--data", digits, "--threads", 1]
    first = invoke(landscape, *arguments)
    assert first.exit_code == 0, first.output
    assert "started, 16 losses, each over 40 images (all the training images)" in first.output
    assert re.search(r"16/16 +loss \d", first.output)
    (record,) = records_in(out)
    assert record.complete
    assert record.covers_training_set
    shown = record.pca.ratios[:2].sum(), record.pca.random_walk_ratios.sum()
    assert f"together {shown[0]:.4f} (a random walk of 4 points: {shown[1]:.4f})" in first.output
    assert f"loss at the minimum {record.loss_at_minimum:.5f}" in first.output
    own, on_plane = record.trajectory.train_loss, record.losses_on_plane()
    assert f"start {own[0]:.5f}, at its end {own[-1]:.5f}; on the plane there " in first.output
    assert f"there {on_plane[0]:.2f} and {on_plane[-1]:.2f}" in first.output
    second = invoke(landscape, *arguments)
    assert second.exit_code == 0, second.output
    assert "finished, 16 losses are computed" in second.output


def test_part_of_the_images_is_said_so(digits, run, tmp_path):
    options = ["--images", 20, "--seed", 5, "--points", 2, "--margin", 1.5]
    result = invoke(landscape, run, "--out", tmp_path, "--data", digits, *options)
    assert result.exit_code == 0, result.output
    assert "each over 20 images (a stratified subset of 40 training images)" in result.output
    (record,) = records_in(tmp_path)
    assert (record.n_samples, record.subset_seed, record.grid.margin) == (20, 5, 1.5)
    words = "--images 20 --seed 5 --points 2 --margin 1.5"
    assert record.reproduce == f"patchlaw landscape runs/{run.name} {words}"


def test_a_run_that_is_not_finished_is_said_so(digits, run, tmp_path):
    """Stopped in the fifth epoch of seven."""
    config = Run.open(run).config
    longer = replace(config, training=replace(config.training, epochs=7))
    stop = StopAt("epoch   4/")
    with pytest.raises(Stop):
        execute_run(tmp_path / "runs", longer, load_samples(digits, 40), progress=stop)
    folder = tmp_path / "runs" / run.name
    result = invoke(landscape, folder, "--out", tmp_path, "--points", 2, "--data", digits)
    assert result.exit_code == 0, result.output
    assert "note: the run has 4 of 7 epochs" in result.output
    (record,) = records_in(tmp_path)
    assert record.run.epochs == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--images", 41], "images: size: expected from 10 .* to 40 samples, got 41"),
        (["--margin", "nan"], "margin: expected a finite number"),
    ],
)
def test_what_cannot_work_is_refused(digits, run, tmp_path, options, message):
    result = invoke(landscape, run, "--out", tmp_path, "--data", digits, *options)
    assert result.exit_code == 1
    assert re.search(message, " ".join(result.output.split()))
    assert list(tmp_path.iterdir()) == []


def test_other_data_and_no_run_are_refused(run, tmp_path):
    other = invoke(landscape, run, "--out", tmp_path)  # MNIST, where the run has other images
    assert other.exit_code == 1
    assert "use the data set and subset that the run was trained on" in other.output
    nowhere = invoke(landscape, tmp_path / "nowhere", "--out", tmp_path)
    assert nowhere.exit_code == 1
    assert "expected the folder of a run" in nowhere.output


def test_a_short_run_is_refused(digits, tmp_path):
    run = trained(digits, tmp_path / "runs", 1)
    result = invoke(landscape, run, "--out", tmp_path, "--data", digits)
    assert result.exit_code == 1
    assert "expected at least 3 to span a plane" in " ".join(result.output.split())


def test_other_options_than_the_records_are_refused(digits, run, tmp_path):
    arguments = [run, "--out", tmp_path, "--data", digits, "--points"]
    assert invoke(landscape, *arguments, 2).exit_code == 0
    path = next(tmp_path.glob("*.json"))
    content = path.read_bytes()
    refused = invoke(landscape, *arguments, 3)
    assert refused.exit_code == 1
    assert "expected points 2, got 3" in " ".join(refused.output.split())
    assert path.read_bytes() == content


def test_ctrl_c_exits_130_and_says_how_to_go_on(digits, run, tmp_path, monkeypatch):
    def ctrl_c(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("patchlaw.verification.landscape.landscape_job.compute_landscape", ctrl_c)
    result = invoke(landscape, run, "--out", tmp_path, "--data", digits)
    assert result.exit_code == 130
    assert "Interrupted; the same command goes on where it stopped" in result.output


def test_interrupt_keeps_what_is_computed_and_exits_130(digits, run, tmp_path):
    """Ctrl-C to a real process: only this sees the exit code that the shell sees."""
    arguments = ["landscape", run, "--out", tmp_path, "--data", digits, "--points", 40]
    rest = interrupted(arguments, " 160/1600  loss ")
    assert "Interrupted; the same command goes on where it stopped" in rest
    record = LandscapeRecord.read(next(tmp_path.glob("*.json")))
    assert 160 <= record.grid.n_done < 1600
    assert len(list(tmp_path.iterdir())) == 1


def test_a_terminal_gets_a_bar_with_the_time_left(tmp_path, run, digits):
    """And lines as a log does, of one landscape of 16 losses."""
    result = invoke(landscape, run, "--out", tmp_path, "--points", 4, "--data", digits)
    assert result.exit_code == 0, result.output
    assert "left 0 s" in result.output.splitlines()[-5]
    (path,) = tmp_path.glob("*.json")
    path.unlink()
    opened, shown = Run.open(run), io.StringIO()
    samples, settings = load_samples(digits, 40), LandscapeSettings(points=4)
    with ConsoleProgress(Console(file=shown, force_terminal=True, width=120)) as progress:
        record = compute_landscape(opened, samples, tmp_path, settings, progress=progress)
    assert f"16/16, loss {record.grid.loss[-1, -1]:.4f}" in shown.getvalue()
    assert "100%" in shown.getvalue()
    assert re.search(r"\d:\d\d:\d\d", shown.getvalue())


def test_the_command_loads_nothing_heavy_until_it_runs():
    code = (
        "import sys, patchlaw.commands.landscape;"
        "print([m for m in ('torch', 'numpy', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
