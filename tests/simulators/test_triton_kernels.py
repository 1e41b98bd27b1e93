"""Triton kernels against their plain torch twins: on a GPU, or by Triton's interpreter.

Torch for the CPU comes without Triton. With it installed, and without a GPU:
``TRITON_INTERPRET=1 pytest tests/simulators/test_triton_kernels.py``.
"""

import os

import pytest
import torch
from torch import Tensor

from patchlaw.simulators.torch_engine.static_runs import StaticRuns, static_run
from tests.simulators.test_torch_static_runs import RunCase, make_case

pytest.importorskip("triton", reason="Triton is not installed: it comes with torch's CUDA wheels")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytestmark = pytest.mark.skipif(
    DEVICE == "cpu" and os.environ.get("TRITON_INTERPRET") != "1",
    reason="no CUDA device; TRITON_INTERPRET=1 runs the kernels on the CPU",
)


@pytest.fixture(autouse=True)
def _kernels_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHLAW_KERNELS", "triton" if DEVICE == "cuda" else "interpreter")


def everything(run: StaticRuns, case: RunCase, tangent: Tensor) -> list[Tensor]:
    """W, Ẇ, the gradient and its derivative, on the CPU."""
    cotangents = case.cotangent.to(DEVICE), case.cotangent_dot.to(DEVICE)
    rates = case.rates.to(DEVICE)
    found = [
        run.columns,
        run.tangent(rates),
        run.gradient(cotangents[0]),
        run.gradient_tangent(rates, tangent.to(DEVICE), *cotangents),
    ]
    return [part.cpu() for part in found]


@pytest.mark.parametrize(
    ("n_qubits", "rings", "vector_only", "dtype", "tolerance"),
    [
        (2, (True, False, True), False, torch.float64, 1e-13),
        (3, (False, True), False, torch.float64, 1e-13),  # three qubits between rotations
        (5, (True,), True, torch.float64, 1e-13),  # one, as 5 has no small divisor
        (8, (True,), True, torch.float64, 1e-13),  # a warp's tile is one column
        (10, (True,), True, torch.float64, 1e-13),  # a column has more than a warp
        (4, (True, True), True, torch.float32, 1e-6),
    ],
)
def test_static_runs(
    n_qubits: int, rings: tuple[bool, ...], vector_only: bool, dtype: torch.dtype, tolerance: float
) -> None:
    """Catches momenta of the wrong side of a gate, qubits out of place, a ring that is left out.

    float64 on both sides is the same arithmetic in another order; float32 has 2^-24 a gate.
    """
    case = make_case(rings, n_qubits, 2, first_angle=1, vector_only=vector_only)
    plain = case.fused()
    tangent = plain.tangent(case.rates)
    along = plain.gradient_tangent(case.rates, tangent, case.cotangent, case.cotangent_dot)
    expected = [plain.columns, tangent, plain.gradient(case.cotangent), along]
    run = static_run(case.run, case.angles.to(DEVICE), n_qubits, dtype, vector_only=vector_only)
    assert type(run).__name__ == "FusedStaticRuns"
    for ours, theirs in zip(everything(run, case, tangent), expected, strict=True):
        assert ours.shape == theirs.shape
        assert (ours - theirs).abs().max() < tolerance * theirs.abs().max()


def test_columns_beyond_a_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches momenta of one tile alone, and columns of a tile that are not there."""
    from patchlaw.simulators.torch_engine.triton_kernels import fused_runs

    case = make_case((True, True), 2, 2)
    expected = case.fused().gradient(case.cotangent)
    monkeypatch.setattr(fused_runs, "AMPLITUDES", 8)  # two columns of four a tile
    run = static_run(case.run, case.angles.to(DEVICE), 2, torch.float64, vector_only=False)
    found = run.gradient(case.cotangent.to(DEVICE)).cpu()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_the_plain_way_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a switch that does nothing, and a misspelled value that is taken for one."""
    case = make_case((True,), 2, 1)
    monkeypatch.setenv("PATCHLAW_KERNELS", "plain")
    run = static_run(case.run, case.angles, 2, torch.float64, vector_only=False)
    assert isinstance(run, StaticRuns)
    monkeypatch.setenv("PATCHLAW_KERNELS", "off")
    with pytest.raises(ValueError, match=r"PATCHLAW_KERNELS: expected triton, .*, got off"):
        static_run(case.run, case.angles, 2, torch.float64, vector_only=False)
