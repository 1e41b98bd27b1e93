"""The scripts themselves, at sizes that only try them out."""

import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import benchmarks
from benchmarks.claims.training_step_gpu_peers import PEERS
from benchmarks.floor import COLUMNS, PRODUCT_GFLOP, Floor, measure_floor
from benchmarks.peers.client import PYTHON_VARIABLE
from benchmarks.performance_page import render
from benchmarks.phases import REST, profile
from benchmarks.record import Record
from benchmarks.run import GPU, OWN, main, run_benchmark
from benchmarks.timing import Timing, time_in_turn
from benchmarks.workload import Scale, model, samples
from patchlaw.simulators.fast_engine import FastEngine, engine, patch_circuit
from patchlaw.verification.runs import Run


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_script_writes_a_record_that_reads_back(name, tmp_path):
    record = run_benchmark(name, Scale(tiny=True), tmp_path)
    assert Record.from_json((tmp_path / f"{name}.json").read_text()) == record
    assert record.benchmark == name
    assert record.figures
    assert all(figure.value is not None and figure.value > 0 for figure in record.figures)
    assert all(m.seconds_min > 0 for m in record.measurements)
    with pytest.raises(ValueError, match="full scale"):
        render({name: record})


@pytest.mark.parametrize("name", GPU)
def test_without_a_gpu_its_benchmark_has_no_figure(name, tmp_path, monkeypatch):
    """A figure of a device that is not there would be one of the CPU."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    record = run_benchmark(name, Scale(tiny=True), tmp_path)
    assert record.figures == []
    assert record.unavailable == {"CUDA": "no such device on this machine"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_benchmark_accounts_for_the_time(tmp_path):
    record = run_benchmark("cuda_engine", Scale(tiny=True), tmp_path)
    assert len(record.figures) == 12
    assert all(a.holds for a in record.agreements)
    for phases in record.profile.values():
        assert phases["matrix products"] > 0
        assert phases["other kernels"] > 0


@pytest.mark.slow
def test_without_peers_their_benchmark_names_each(tmp_path, monkeypatch):
    """A peer that is not installed must be listed with its reason, and have no figure."""
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "python"))
    record = run_benchmark("training_step_gpu_peers", Scale(tiny=True, device="cpu"), tmp_path)
    assert list(record.unavailable) == list(PEERS)
    assert all(reason.startswith("no environment") for reason in record.unavailable.values())
    assert [figure.unit for figure in record.figures] == ["times its floor"] * 3


def test_a_tiny_run_never_overwrites_the_results():
    done = CliRunner().invoke(main, ["gemm_floor", "--tiny"])
    assert done.exit_code != 0
    assert "--tiny: expected --out FOLDER" in done.output


def test_floor_seconds_are_work_over_rate():
    timing = Timing((1.0,), 1)
    floor = Floor({"a": 80.0, "b": 100.0}, {"a": timing, "b": timing})
    assert floor.seconds(6, 4, 3 * COLUMNS) == pytest.approx(6 * 4 * 3 * PRODUCT_GFLOP / 100)
    assert floor.faster(Floor({"a": 99.0}, {"a": timing})) is floor


def test_the_floor_does_the_work_it_counts(monkeypatch):
    """Counts the products that really run: only this catches a rate too high by a factor."""
    calls = []
    real = np.matmul

    def counted(a, b, out):
        calls.append(8 * a.shape[0] * a.shape[1] * b.shape[1])
        if a.dtype == np.float32:
            calls[-1] //= 4  # real multiply-adds: 4 of [[A, -B], [B, A]] a complex one, or 3
        return real(a, b, out=out)

    monkeypatch.setattr(np, "matmul", counted)
    floor = measure_floor(repeats=1, n_threads=1)
    for name in ("own threads, complex64", "own threads, real", "own threads, three real"):
        seconds = floor.timings[name].minimum
        assert floor.rates[name] * seconds == pytest.approx(16 * PRODUCT_GFLOP)
    # three ways through numpy with all the work and one with 3/4 on columns padded to 16's
    # multiple, each with one untimed and one timed call
    padded = 3 / 4 * 1008 / COLUMNS
    assert sum(calls) / 1e9 == pytest.approx((3 + padded) * 2 * 16 * PRODUCT_GFLOP)


def test_calls_take_turns():
    order = []
    timings = time_in_turn([lambda: order.append("a"), lambda: order.append("b")], repeats=2)
    assert order == ["a", "b"] * 3
    assert [len(t.seconds) for t in timings] == [2, 2]


def test_profile_finds_the_phases_and_puts_the_kernels_back():
    """Guards the names that the profile wraps: a renamed kernel would vanish into the rest."""
    images, labels = samples(32)
    fast = FastEngine(model(4, 2), n_threads=1)
    before = (dict(vars(patch_circuit)), dict(vars(engine)))
    expected = fast.loss_and_gradient(images, labels)[0]
    losses = []
    phases = profile(fast, lambda: losses.append(fast.loss_and_gradient(images, labels)[0]))
    assert losses == [expected]
    assert (dict(vars(patch_circuit)), dict(vars(engine))) == before
    wanted = {"dense products", "outer products", "encodings", "measurement", "data-free layers"}
    assert set(phases) == wanted | {REST}
    assert all(seconds > 0 for seconds in phases.values())


@pytest.mark.skipif(shutil.which("timeout") is None, reason="no GNU timeout")
def test_the_gpu_script_packs_what_it_trained_within_its_time(tmp_path):
    """Tried on the CPU: only this catches an archive without its runs, and a script that stays."""
    script = Path(benchmarks.__file__).with_name("gpu.sh")
    chosen = {"PARTS": "runs", "CONFIGURATIONS": "1,1,1-2", "PYTHON": sys.executable}
    begin = time.monotonic()
    done = subprocess.run(
        [script, tmp_path / "out", "100", "cpu"],
        env=os.environ | chosen,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - begin < 100
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"log.txt", "runs-d1.tar.gz"}
    with tarfile.open(tmp_path / "out" / "runs-d1.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    runs = [Run.open(path) for path in sorted((tmp_path / "d1").iterdir())]
    assert [(run.config.model.seed, run.epochs_done) for run in runs] == [(1, 3), (2, 3)]


@pytest.mark.skipif(shutil.which("timeout") is None, reason="no GNU timeout")
def test_the_gpu_script_says_what_is_missing(tmp_path):
    script = Path(benchmarks.__file__).with_name("gpu.sh")
    done = subprocess.run(
        [script, tmp_path, "60", "nowhere"],
        env=os.environ | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "DEVICE: expected one that torch has here, got nowhere" in done.stdout


def test_the_check_of_product_modes_reads_every_mode():
    """Catches a check that compares a mode with itself, or leaves one out; without a GPU."""
    from benchmarks.claims.cuda_kernels import MODES, mode_agreements

    found = mode_agreements(torch.device("cpu"), 1, 4)
    assert [agreement.label.split()[0] for agreement in found] == list(MODES)
    assert all(agreement.holds for agreement in found)
    errors = [value for agreement in found for value in agreement.difference.values()]
    assert min(errors) > 2**-24
