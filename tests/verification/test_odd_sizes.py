"""Sizes that no machine or data set has are refused by an estimate, before anything is done."""

import resource
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.cli import main
from patchlaw.verification import memory
from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.analysis.options import AnalysisOptions
from patchlaw.verification.landscape.settings import LandscapeSettings
from patchlaw.verification.memory import available_bytes, check_memory
from patchlaw.verification.runs import RunRequest, execute_run
from patchlaw.verification.runs.plan import PlanError, parse_plan
from tests.verification.run_cases import toy_config, toy_samples

GIGABYTE = 10**9


@pytest.fixture(autouse=True)
def few_gigabytes(monkeypatch):
    """The same limit on every machine."""
    monkeypatch.setattr("patchlaw.verification.memory.available_bytes", lambda: 8 * GIGABYTE)


def test_memory_is_refused_with_the_number_and_the_limit():
    check_memory("points 3", 8 * GIGABYTE, "use fewer")
    with pytest.raises(
        ValueError,
        match=r"points 4: expected what fits into the 8 GB of memory .* at least 9 GB; use fewer",
    ):
        check_memory("points 4", 9 * GIGABYTE, "use fewer")
    with pytest.raises(ValueError, match=r"got at least 1\.00e\+4000 GB"):
        check_memory("depth", 10**4009, "use a smaller one")  # no float


def test_available_memory_is_what_the_system_says(monkeypatch, tmp_path):
    """A container's limit counts where it is less; "max" is none."""
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 4000 kB\n")
    (tmp_path / "limit").write_text("max\n")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_LIMITS", (tmp_path / "limit", tmp_path / "none"))
    assert available_bytes() == 4000 * 1024
    (tmp_path / "limit").write_text("1000\n")
    assert available_bytes() == 1000
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    (tmp_path / "limit").write_text("max\n")
    pages = resource.getpagesize()
    found = available_bytes()
    assert found is not None
    assert found % pages == 0


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"depth": 10**7}, "depth 10000000, 1920000512 angles: expected what fits .* 123 GB"),
        ({"depth": 10**30}, "depth 1000"),
        ({"depth": 1, "epochs": 10**11}, r"epochs 100000000000: expected .* got at least 8.00e\+4"),
    ],
)
def test_a_run_too_large_is_refused_before_it_is_built(sizes, message):
    with pytest.raises(ValueError, match=message):
        RunRequest(4, **sizes)
    with pytest.raises(PlanError, match=f"table 1: {message}"):
        parse_plan({"runs": [{"patches": 4} | sizes]})


def test_the_largest_runs_of_the_paper_are_not_refused():
    RunRequest(16, 200, epochs=50)
    RunRequest(49, 1000, epochs=10**5, dtype="float64")


def test_a_batch_of_more_images_than_there_are_is_refused():
    samples = toy_samples()
    assert RunRequest(4, 1).config(samples).training.n_batches == 2  # the default, for few images
    with pytest.raises(
        ValueError, match=f"batch_size: expected at most {len(samples.train_labels)}"
    ):
        RunRequest(4, 1, batch_size=10**24).config(samples)


@pytest.mark.parametrize("points", [10**5, 10**6, 10**400])
def test_a_grid_too_fine_is_refused(points):
    with pytest.raises(ValueError, match=r"points 10+, 10+ losses: expected what fits"):
        LandscapeSettings(points=points)
    LandscapeSettings(points=1000)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"n_top": 10**9}, "--top: expected less than D = "),
        ({"n_bottom": 10**9}, "--bottom: expected less than D = "),
        ({"n_top_subset": 10**9}, "--subset-top: expected less than D = "),
        ({"density_steps": 10**9}, "--density-steps: expected less than D = "),
    ],
)
def test_an_analysis_too_large_is_refused_before_anything_is_written(tmp_path, asked, message):
    samples = toy_samples()
    run = execute_run(tmp_path / "runs", toy_config(samples, 1), samples, threads=1)
    options = AnalysisOptions().changed(**asked)
    with pytest.raises(ValueError, match=message):
        execute_analysis(run, samples, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_vectors_that_do_not_fit_into_memory_are_refused():
    with pytest.raises(ValueError, match=r"--top 1000, vectors of 2000000 numbers: .* 16 GB"):
        AnalysisOptions(n_top=1000, n_top_subset=1000).check_fits(2 * 10**6)
    AnalysisOptions().check_fits(10**6)


@pytest.mark.parametrize("name", ["density_probes", "trace_probes"])
def test_probes_beyond_any_patience_are_refused(name):
    with pytest.raises(ValueError, match=f"{name}: expected at most 1000000, got 1000000000"):
        AnalysisOptions(**{name: 10**9})


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "--patches", "4", "--depth", "10000000"], 1, "depth 10000000"),
        (["train", "--patches", "4", "--depth", "1", "--epochs", "1" + "0" * 11], 1, "epochs 1000"),
        (["train", "--patches", "4", "--depth", "1", "--threads", "1" + "0" * 9], 2, "--threads"),
        (["verify", "--depth", "10000000"], 1, "depth 10000000"),
        (["landscape", "run", "--points", "1000000"], 1, "points 1000000"),
        (["predict", "--from", "4", "--to", "9", "--depth", "1", "--image-side", "1" + "0" * 11],
         2, "image_side: expected at most 1000000"),
        (["analyse", ".", "--trace-probes", "1000000000"], 2, "trace_probes: expected at most"),
    ],
)  # fmt: skip
def test_the_command_says_so_and_writes_nothing(tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code
    assert message in " ".join(result.output.split())
    assert list(Path().iterdir()) == []
