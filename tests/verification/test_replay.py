"""``patchlaw replay`` against the author's recorded losses."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.commands import replay as module
from patchlaw.commands.replay import replay
from patchlaw.verification.records import author_runs

FIRST = ["--patches", "4", "--depth", "50"]


@pytest.mark.slow
def test_first_steps_of_a_recorded_run() -> None:
    """Only this ties data, initial angles, batches, circuit and Adam to the author's numbers."""
    result = CliRunner().invoke(replay, [*FIRST, "--steps", "2"])
    assert result.exit_code == 0, result.output
    assert "5.8541" in result.output
    assert "4.5647" in result.output
    assert "agrees" in result.output


@pytest.mark.parametrize(("factor", "code"), [(1.0009, 0), (1.0011, 1)])
def test_a_difference_beyond_the_tolerance_fails(
    monkeypatch: pytest.MonkeyPatch, factor: float, code: int
) -> None:
    """Only this catches a command that prints differences and exits with 0 all the same."""
    recorded = author_runs()[4, 50].iteration_train_loss

    def losses(patches: int, depth: int, data: Path | None, device: str) -> Iterator[float]:
        for step, loss in enumerate(recorded):
            yield float(loss) * (factor if step == 5 else 1.0)

    monkeypatch.setattr(module, "replayed_losses", losses)
    result = CliRunner().invoke(replay, [*FIRST, "--steps", "8"])
    assert result.exit_code == code, result.output
    assert ("DIFFERS" in result.output) == bool(code)
    # the seventh and eighth steps are shown, not judged; with five steps the sixth is not run
    assert CliRunner().invoke(replay, [*FIRST, "--steps", "5"]).exit_code == 0


def test_later_steps_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = author_runs()[4, 50].iteration_train_loss

    def losses(patches: int, depth: int, data: Path | None, device: str) -> Iterator[float]:
        for step, loss in enumerate(recorded):
            yield float(loss) * (2.0 if step == 6 else 1.0)

    monkeypatch.setattr(module, "replayed_losses", losses)
    result = CliRunner().invoke(replay, [*FIRST, "--steps", "7"])
    assert result.exit_code == 0
    assert "largest relative difference 1.0e+00 over 7 steps" in result.output


def test_an_unrecorded_run_is_refused_with_the_list() -> None:
    result = CliRunner().invoke(replay, ["--patches", "9", "--depth", "50"])
    assert result.exit_code == 2
    assert "no run is recorded for P=9 d=50" in result.output
    assert result.output.count("P=") == 8


@pytest.mark.parametrize("steps", ["0", "3001", "x"])
def test_bad_steps_are_refused(steps: str) -> None:
    result = CliRunner().invoke(replay, [*FIRST, "--steps", steps])
    assert result.exit_code == 2
    assert "Invalid value for '--steps'" in result.output
