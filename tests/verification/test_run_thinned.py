"""Thinned copies: what they keep, what they refuse, and that a refusal leaves no trace."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.commands.thin import thin
from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.landscape.landscape_job import compute_landscape
from patchlaw.verification.runs import Run, RunError, execute_run, thin_run
from patchlaw.verification.runs.run import KEPT, KEPT_FILE
from patchlaw.verification.runs.status import all_statuses, status_of
from patchlaw.verification.store.errors import RecordError
from tests.verification.analysis_cases import OPTIONS
from tests.verification.run_cases import toy_config, toy_samples

SAMPLES = toy_samples()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return execute_run(tmp_path_factory.mktemp("whole"), toy_config(SAMPLES, 6), SAMPLES, threads=1)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_minimum_and_what_is_asked_for_are_kept(whole: Run, tmp_path: Path) -> None:
    """Catches the last epoch taken for the minimum, and a copy whose parameters are others."""
    copy = thin_run(whole, tmp_path, [2])
    minimum = whole.minimum_epoch
    assert copy.kept == {2, minimum}
    for epoch in sorted(copy.kept):
        assert copy.parameters(epoch).equal(whole.parameters(epoch))
    assert copy.history == whole.history
    assert sorted(p.name for p in (copy.path / "epochs").iterdir()) == sorted(
        f"{epoch:03d}.safetensors" for epoch in copy.kept
    )
    copy.verify()
    assert status_of(copy.path).state == "thinned"
    assert status_of(copy.path).minimum_epoch == minimum


def test_it_is_analysed_at_its_minimum(whole: Run, tmp_path: Path) -> None:
    copy = thin_run(whole, tmp_path / "thin")
    values = [
        execute_analysis(run, SAMPLES, tmp_path / name, OPTIONS, stages=("hessian",))
        for name, run in (("of whole", whole), ("of copy", copy))
    ]
    first, second = (record.eigenvalues["H"][0].value for record in values)
    assert first == second


def test_what_needs_other_epochs_is_refused_with_the_way_out(whole: Run, tmp_path: Path) -> None:
    copy = thin_run(whole, tmp_path / "thin")
    with pytest.raises(RunError, match=r"after 0 epochs, got a thinned copy that keeps \d .kept"):
        copy.trajectory()
    with pytest.raises(RunError, match="thinned copy"):
        compute_landscape(copy, SAMPLES, tmp_path)


def test_training_on_is_refused_and_changes_nothing(whole: Run, tmp_path: Path) -> None:
    """Only this catches a refusal after the goal of 9 epochs was written into the copy."""
    copy = thin_run(whole, tmp_path)
    before = files(copy.path)
    with pytest.raises(RunError, match="expected a whole run to train on, got a thinned copy"):
        execute_run(tmp_path, toy_config(SAMPLES, 9), SAMPLES, threads=1)
    after = files(copy.path)
    after.pop("lock", None)
    assert after == before
    # what is done already is no training
    assert execute_run(tmp_path, toy_config(SAMPLES, 6), SAMPLES, threads=1).kept == copy.kept


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"configuration": "other", "epochs": [1]}, "expected epochs up to 6 of configuration"),
        (
            {"epochs": [1]},
            "expected the fields of .*missing required field `configuration`; restore",
        ),
    ],
)
def test_another_runs_list_is_refused(
    whole: Run, tmp_path: Path, body: dict[str, object], message: str
) -> None:
    copy = thin_run(whole, tmp_path)
    KEPT.write(copy.path / KEPT_FILE, body)
    with pytest.raises(RecordError, match=message):
        Run.open(copy.path)
    (copy.path / KEPT_FILE).write_text('{"kind": "patch')
    assert status_of(copy.path).state == "damaged"


def test_a_damaged_run_leaves_no_copy(tmp_path: Path) -> None:
    run = execute_run(tmp_path / "runs", toy_config(SAMPLES, 2), SAMPLES, threads=1)
    path = run.path / run.file_of(run.minimum_epoch).name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RecordError, match="truncated"):
        thin_run(run, tmp_path / "thin")
    assert list((tmp_path / "thin").iterdir()) == []


def test_the_command(whole: Run, tmp_path: Path) -> None:
    command = [str(whole.path), "--out", str(tmp_path), "--epoch", "0"]
    done = CliRunner().invoke(thin, command)
    assert done.exit_code == 0, done.output
    assert f"epochs 0, {whole.minimum_epoch}" in done.output
    again = CliRunner().invoke(thin, command)
    assert again.exit_code == 1
    assert "expected nothing there, got a file or folder; move it away" in again.output
    beyond = CliRunner().invoke(
        thin, [str(whole.path), "--out", str(tmp_path / "b"), "--epoch", "9"]
    )
    assert beyond.exit_code == 1
    assert "epoch: expected 0 to 6, got 9" in beyond.output
    kept = json.loads((tmp_path / whole.path.name / "kept.json").read_text())["body"]
    assert kept["configuration"] == whole.config.sha256


def test_a_run_that_went_on_since_it_was_opened_is_refused(tmp_path: Path) -> None:
    """Only this catches a copy whose history has another minimum than the one it kept."""
    run = execute_run(tmp_path / "runs", toy_config(SAMPLES, 1), SAMPLES, threads=1)
    execute_run(tmp_path / "runs", toy_config(SAMPLES, 3), SAMPLES)
    with pytest.raises(RunError, match="as it was opened, got one that was trained on meanwhile"):
        thin_run(run, tmp_path / "thin")
    assert list((tmp_path / "thin").iterdir()) == []
    copy = thin_run(Run.open(run.path), tmp_path / "thin")
    copy.model(copy.minimum_epoch)


def test_a_copy_that_is_not_whole_yet_is_no_run(whole: Run, tmp_path: Path) -> None:
    """Of a process that was killed, or works: `patchlaw status` would call it damaged."""
    copy = thin_run(whole, tmp_path)
    shutil.copytree(copy.path, tmp_path / f".{copy.path.name}.abcd_123")
    (tmp_path / f".{copy.path.name}.abcd_123" / KEPT_FILE).unlink()
    assert [each.run for each in all_statuses(tmp_path)] == [copy.path.name]
