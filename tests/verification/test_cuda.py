"""Training and analysis on a GPU against the same on the CPU; without one nothing here runs.

Sums over samples are grouped otherwise and the products are another library's, so numbers agree to
rounding, not to the bit; in float64 that leaves ten digits.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.engine import CurvatureKind
from patchlaw.simulators.engine_choice import make_engine
from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.landscape.landscape_job import compute_landscape
from patchlaw.verification.landscape.settings import LandscapeSettings
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.runs import Run, execute_run, execute_runs
from patchlaw.verification.store.errors import StoreError
from tests.verification.analysis_cases import OPTIONS
from tests.verification.run_cases import toy_config, toy_samples

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

SAMPLES = toy_samples()
_ROUNDING = ("stages", "sha256", "reproduce", "residual_norm", "rounding", "seconds")


def trained(folder: Path, device: str, epochs: int = 6) -> Run:
    config = toy_config(SAMPLES, epochs, dtype="float64")
    return execute_run(folder, config, SAMPLES, device=device)


def test_a_run_follows_the_cpus(tmp_path: Path) -> None:
    """Catches batches, rates or Adam's state that depend on the device."""
    cpu, gpu = trained(tmp_path / "cpu", "cpu"), trained(tmp_path / "gpu", "cuda")
    torch.testing.assert_close(gpu.trajectory(), cpu.trajectory(), rtol=0, atol=1e-8)
    for ours, theirs in zip(gpu.history, cpu.history, strict=True):
        assert ours.test.loss == pytest.approx(theirs.test.loss, rel=1e-8)
    assert gpu.header.environment["accelerator"] == torch.cuda.get_device_name()
    assert cpu.header.environment["accelerator"] is None


def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", "cuda")
    trained(tmp_path / "parts", "cuda", 3)
    parts = execute_run(tmp_path / "parts", toy_config(SAMPLES, 6, dtype="float64"), SAMPLES)
    assert parts.trajectory().equal(whole.trajectory())
    with pytest.raises(StoreError, match="device: expected cuda, as in the first session"):
        execute_run(
            tmp_path / "parts", toy_config(SAMPLES, 7, dtype="float64"), SAMPLES, device="cpu"
        )


def of_seeds(
    folder: Path, device: str, epochs: int, seeds: tuple[int, ...] = (3, 4, 5)
) -> list[Run]:
    configs = []
    for seed in seeds:
        found = toy_config(SAMPLES, epochs, dtype="float64", seed=seed)
        configs.append(replace(found, training=replace(found.training, batch_seed=seed)))
    return execute_runs(folder, configs, SAMPLES, device=device)


def test_replicas_follow_the_cpus_runs_and_resume_to_the_same_bits(tmp_path: Path) -> None:
    """Recorded steps of three runs: only a GPU shows what a graph keeps or loses."""
    cpu, gpu = of_seeds(tmp_path / "cpu", "cpu", 6), of_seeds(tmp_path / "gpu", "cuda", 6)
    of_seeds(tmp_path / "parts", "cuda", 3)
    parts = of_seeds(tmp_path / "parts", "cuda", 6)
    for ours, theirs, resumed in zip(gpu, cpu, parts, strict=True):
        torch.testing.assert_close(ours.trajectory(), theirs.trajectory(), rtol=0, atol=1e-8)
        for one, other in zip(ours.history, theirs.history, strict=True):
            assert one.step_losses == pytest.approx(other.step_losses, rel=1e-8)
            assert one.test.loss == pytest.approx(other.test.loss, rel=1e-8)
        assert resumed.trajectory().equal(ours.trajectory())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_replays_are_the_passes_they_recorded(dtype: torch.dtype) -> None:
    """At the paper's size, several vectors, parameters that move, outer products in slices.

    A warning that a pass cannot be recorded is an error here as everywhere in the tests.
    """
    size = {"n_patches": 4, "depth": 20, "dtype": dtype}
    models = [DistributedQNN(**size, device=device) for device in ("cuda", "cpu")]
    rng = np.random.default_rng(0)
    images, labels = torch.from_numpy(rng.uniform(0, 1, (192, 14, 14))), torch.arange(192) % 10
    engines = [make_engine(model, name="torch") for model in models]
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    for _ in range(3):
        ours, theirs = (engine.logits(images) for engine in engines)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())
        for model in models:
            model.load_flat_parameters(model.flat_parameters() * 0.95)
    of_gpu, of_cpu = (engine.curvature(images, labels) for engine in engines)
    for kind in get_args(CurvatureKind):
        for call in range(3):
            vectors = rng.normal(size=(models[0].n_parameters, 1 + call % 2))
            ours, theirs = (each.product(kind, vectors) for each in (of_gpu, of_cpu))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def test_a_chunk_of_more_images_than_a_grids_second_axis_holds() -> None:
    """A program an image: CUDA launches 65,535 along that axis, 2^31 along the first."""
    model = DistributedQNN(1, 1, device="cuda")
    images = torch.from_numpy(np.random.default_rng(0).uniform(0, 1, (7, 14, 14)))
    few = make_engine(model).logits(images)
    many = make_engine(model, max_chunk=70_000).logits(images.repeat(10_000, 1, 1))
    for rows in (many[:7], many[-7:]):
        np.testing.assert_allclose(rows, few, rtol=0, atol=1e-4 * np.abs(few).max())


def test_an_analysis_gives_the_cpus_numbers(tmp_path: Path) -> None:
    """Every stage, blocks with their loss on the host included."""
    run = trained(tmp_path / "runs", "cpu")
    records = {}
    for device in ("cpu", "cuda"):
        execute_analysis(run, SAMPLES, tmp_path / device, OPTIONS, device=device)
        path = tmp_path / device / f"{run.config.run_id}.json"
        records[device] = json.loads(path.read_text())
    assert_numbers_agree(records["cuda"], records["cpu"])
    stages = records["cuda"]["stages"].values()
    assert {s["environment"]["accelerator"] for s in stages} == {torch.cuda.get_device_name()}


def assert_numbers_agree(ours: Any, theirs: Any, where: str = "") -> None:
    """Same structure; floats to the solvers' tolerance; residual norms are rounding, left out."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for key in theirs:
            if key not in _ROUNDING:
                assert_numbers_agree(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for k, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_numbers_agree(one, other, f"{where}[{k}]")
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-4), where
    elif not where.endswith("matvecs"):
        assert ours == theirs, where


def test_a_landscape_has_the_cpus_losses(tmp_path: Path) -> None:
    run = trained(tmp_path / "runs", "cpu")
    settings = LandscapeSettings(None, 0, 3, 1.0)
    cpu, gpu = (
        compute_landscape(run, SAMPLES, tmp_path / device, settings, device=device)
        for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(gpu.grid.loss, cpu.grid.loss, rtol=1e-10)
    assert gpu.execution == replace(gpu.execution, device="cuda")


@pytest.mark.parametrize("kind", ["hessian", "gauss_newton", "residual"])
def test_blocks_are_those_of_the_whole_matrix(kind: str) -> None:
    """At the paper's size, where chunks and the loss on the host meet many samples."""
    model = DistributedQNN(4, 3, dtype=torch.float64, device="cuda")
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.uniform(0, 1, (50, 14, 14)))
    labels = torch.from_numpy(rng.integers(0, 10, 50))
    problem = CurvatureProblem(model, images, labels)
    whole = getattr(problem, kind)
    for p, block in enumerate(problem.blocks()):
        columns = problem.layout.patch(p)
        vector = rng.normal(size=len(columns))
        padded = np.zeros(model.n_parameters)
        padded[columns] = vector
        expected = (whole @ padded)[columns]
        actual = getattr(block, kind) @ vector
        np.testing.assert_allclose(actual, expected, atol=1e-10 * np.abs(expected).max())
