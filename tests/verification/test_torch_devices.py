"""The device of a command: refused by name before anything is written, named in records."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from patchlaw.commands.replay import replay
from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.engine_choice import default_max_chunk
from patchlaw.simulators.fast_engine.chunks import MAX_CHUNK
from patchlaw.simulators.torch_engine.engine import TorchEngine
from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.landscape.landscape_job import compute_landscape
from patchlaw.verification.landscape.settings import LandscapeSettings
from patchlaw.verification.runs import Run
from patchlaw.verification.store.environment import current_environment
from patchlaw.verification.store.errors import StoreError
from patchlaw.verification.torch_devices import accelerator_of, check_device
from tests.verification.analysis_cases import OPTIONS, SAMPLES, toy_run
from tests.verification.run_cases import Stop, StopAt

REFUSED = "device: expected one that torch has here, such as cpu, got 'abacus'"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return toy_run(tmp_path_factory.mktemp("runs"), 2)


def test_an_unknown_device_is_refused_before_a_file_is_written(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        check_device("abacus")
    with pytest.raises(ValueError, match=REFUSED):
        execute_analysis(run, SAMPLES, tmp_path, OPTIONS, device="abacus")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match=REFUSED):
        compute_landscape(run, SAMPLES, tmp_path, LandscapeSettings(), device="abacus")
    assert [path.suffix for path in tmp_path.iterdir()] in ([], [".lock"])
    done = CliRunner().invoke(replay, ["--patches", "4", "--depth", "50", "--device", "abacus"])
    assert done.exit_code == 1
    assert "expected one that torch has here" in done.output


def test_a_landscape_stays_on_its_device(run: Run, tmp_path: Path) -> None:
    """Catches a grid whose losses come from two engines."""
    settings = LandscapeSettings(None, 0, 2, 1.0)
    with pytest.raises(Stop):
        compute_landscape(run, SAMPLES, tmp_path, settings, progress=StopAt(done=2))
    with pytest.raises(StoreError, match="device: expected cpu, as in the first session, got met"):
        compute_landscape(run, SAMPLES, tmp_path, settings, device="meta")
    done = compute_landscape(run, SAMPLES, tmp_path, settings, device="cpu")
    assert (done.complete, done.execution.device) == (True, "cpu")


def test_the_accelerator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card of {device}")
    assert accelerator_of("cpu") is None
    assert accelerator_of("cuda:1") == "card of cuda:1"
    assert current_environment("cuda").accelerator == "card of cuda"
    assert current_environment().accelerator is None
    assert str(accelerator_of("meta")).startswith("meta of ")


def test_the_chunk_on_record_is_that_of_the_engine_that_computes() -> None:
    """Catches the numba engine's chunk recorded for a run on a GPU."""
    assert default_max_chunk(DistributedQNN(4, 1)) == MAX_CHUNK
    elsewhere = DistributedQNN(4, 1, device="meta")
    assert default_max_chunk(elsewhere) == TorchEngine(elsewhere).max_chunk != MAX_CHUNK
