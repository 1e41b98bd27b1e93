"""Training and analysis on a GPU against the same on the CPU; without one nothing here runs.

Sums over samples are grouped otherwise and the products are another library's, so numbers agree to
rounding, not to the bit; in float64 that leaves ten digits.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from patchlaw.simulators import DistributedQNN
from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.landscape.landscape_job import compute_landscape
from patchlaw.verification.landscape.settings import LandscapeSettings
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.runs import Run, execute_run
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
