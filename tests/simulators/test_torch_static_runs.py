"""Static runs of the torch engine against autograd, the numba kernels, and their own promises."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from patchlaw.simulators import EntanglingBlock
from patchlaw.simulators.ansatz import ring_signs
from patchlaw.simulators.circuit_plan import StaticRun
from patchlaw.simulators.fast_engine.static_run import FusedRun
from patchlaw.simulators.torch_engine.layer_segments import SEGMENT_ON_A_DEVICE
from patchlaw.simulators.torch_engine.static_blocks import apply_entangling
from patchlaw.simulators.torch_engine.static_layers import GROUP
from patchlaw.simulators.torch_engine.static_runs import StaticRuns
from tests.simulators.operation_log import OperationLog


@dataclass(frozen=True)
class RunCase:
    """A run with angles, rates (P, n_angles) and cotangents (P, 2^n, m)."""

    run: StaticRun
    n_qubits: int
    vector_only: bool
    angles: Tensor
    rates: Tensor
    cotangent: Tensor
    cotangent_dot: Tensor
    segment: int | None = None

    def fused(self) -> StaticRuns:
        """The run in torch."""
        return StaticRuns(
            self.run,
            self.angles,
            self.n_qubits,
            torch.float64,
            vector_only=self.vector_only,
            segment=self.segment,
        )


def make_case(
    rings: tuple[bool, ...],
    n_qubits: int,
    patches: int,
    *,
    first_angle: int = 0,
    vector_only: bool = False,
    segment: int | None = None,
    seed: int = 0,
) -> RunCase:
    generator = torch.Generator().manual_seed(seed)
    count = first_angle + 2 * n_qubits * len(rings) + 3

    def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=dtype)

    columns = (patches, 2**n_qubits, 1 if vector_only else 2**n_qubits)
    return RunCase(
        StaticRun(rings, first_angle),
        n_qubits,
        vector_only,
        3 * draw(patches, count),
        draw(patches, count),
        draw(*columns, dtype=torch.complex128),
        draw(*columns, dtype=torch.complex128),
        segment,
    )


@st.composite
def run_cases(draw: st.DrawFn) -> RunCase:
    """Runs shorter and longer than a group of layers or a segment, rings and angles anywhere."""
    n = draw(st.integers(2, 4))
    longest = GROUP + 3 if n < 4 else 3
    return make_case(
        tuple(draw(st.lists(st.booleans(), max_size=longest))),
        n,
        draw(st.integers(1, 3)),
        first_angle=draw(st.integers(0, 3)),
        vector_only=draw(st.booleans()),
        segment=draw(st.none() | st.integers(1, 5)),
        seed=draw(st.integers(0, 2**16)),
    )


def plain_columns(case: RunCase, angles: Tensor) -> Tensor:
    """W by the plain torch path, one layer at a time."""
    n = case.n_qubits
    state = torch.eye(2**n, case.cotangent.shape[-1], dtype=torch.complex128)
    state = state.expand(len(angles), -1, -1)
    for layer, ring in enumerate(case.run.rings):
        first = case.run.first_angle + 2 * n * layer
        block = EntanglingBlock(1, final_ring=ring)
        state = apply_entangling(block, n, angles[:, first : first + 2 * n], state)
    return state


def overlap(cotangent: Tensor, columns: Tensor) -> Tensor:
    return (cotangent.conj() * columns).sum().real


@given(case=run_cases())
def test_against_autograd(case: RunCase) -> None:
    """Catches wrong momenta, a lost group of layers, or layers undone in the wrong order."""
    run, angles = case.fused(), case.angles.clone().requires_grad_()
    columns = plain_columns(case, angles)
    torch.testing.assert_close(run.columns, columns.detach(), rtol=0, atol=1e-12)
    if not case.run.rings:
        assert run.gradient(case.cotangent).shape == (len(angles), 0)
        assert not run.tangent(case.rates).any()
        return
    # Ẇ by differentiating W̄ -> d<W̄, W>, which is linear in W̄
    probe = torch.zeros_like(case.cotangent, requires_grad=True)
    (pulled,) = torch.autograd.grad(overlap(probe, columns), angles, create_graph=True)
    (tangent,) = torch.autograd.grad(pulled, probe, case.rates, retain_graph=True)
    torch.testing.assert_close(run.tangent(case.rates), tangent, rtol=0, atol=1e-10)
    (gradient,) = torch.autograd.grad(overlap(case.cotangent, columns), angles, create_graph=True)
    (moving,) = torch.autograd.grad(overlap(case.cotangent_dot, columns), angles, retain_graph=True)
    (along,) = torch.autograd.grad(gradient, angles, case.rates)
    where = run.angle_slice
    torch.testing.assert_close(
        run.gradient(case.cotangent), gradient.detach()[:, where], rtol=0, atol=1e-10
    )
    actual = run.gradient_tangent(case.rates, tangent, case.cotangent, case.cotangent_dot)
    torch.testing.assert_close(actual, (along + moving)[:, where], rtol=0, atol=1e-9)


@given(case=run_cases())
def test_against_the_numba_kernels(case: RunCase) -> None:
    """The two realisations of one interface; catches patches that are mixed up."""
    run = case.fused()
    tangent = run.tangent(case.rates)
    gradient = run.gradient(case.cotangent)
    along = run.gradient_tangent(case.rates, tangent, case.cotangent, case.cotangent_dot)
    signs = ring_signs(case.n_qubits).astype(np.float64)

    def parts(columns: Tensor) -> np.ndarray:
        return np.stack((columns.real.numpy(), columns.imag.numpy()))

    for p in range(len(case.angles)):
        rates = case.rates[p].numpy()
        other = FusedRun(case.run, case.angles[p].numpy(), signs, vector_only=case.vector_only)
        assert other.angle_slice == run.angle_slice
        np.testing.assert_allclose(parts(run.columns[p]), other.columns, atol=1e-12)
        np.testing.assert_allclose(parts(tangent[p]), other.tangent(rates), atol=1e-10)
        if not case.run.rings:
            continue
        cotangents = parts(case.cotangent[p]), parts(case.cotangent_dot[p])
        np.testing.assert_allclose(gradient[p], other.gradient(cotangents[0]), atol=1e-10)
        expected = other.gradient_tangent(rates, parts(tangent[p]), *cotangents)
        np.testing.assert_allclose(along[p], expected, atol=1e-9)


def passes(case: RunCase) -> None:
    """Every pass once."""
    run = case.fused()
    run.gradient(case.cotangent)
    tangent = run.tangent(case.rates)
    run.gradient_tangent(case.rates, tangent, case.cotangent, case.cotangent_dot)


def test_no_state_is_stored_a_layer() -> None:
    """Only this catches a reverse pass that keeps a state a layer (16 KiB here); autograd does.

    The CPU's way, one segment; segments side by side take states a segment.
    """
    state = 32 * 32 * 16

    def peak(layers: int, *, plain: bool) -> int:
        case = make_case((True,) * layers, 5, 1)
        with OperationLog() as log:
            if plain:
                angles = case.angles.clone().requires_grad_()
                overlap(case.cotangent, plain_columns(case, angles)).backward()
            else:
                passes(case)
        return log.peak_bytes

    assert peak(12, plain=True) - peak(4, plain=True) > 8 * state  # the log sees what is stored
    more = peak(4 * GROUP, plain=False) - peak(2 * GROUP, plain=False)
    # a dozen float64 an angle (momenta, rates, cosines), here a sixteenth of a state a layer
    assert more < 2 * GROUP * state / 8


def test_launches_a_layer_are_few_and_do_not_grow_with_the_patches() -> None:
    """Catches a loop over patches or qubits: each launch costs microseconds on a GPU."""
    launches = {}
    for patches, layers in ((1, GROUP), (1, 2 * GROUP), (5, 2 * GROUP)):
        with OperationLog() as log:
            passes(make_case((True,) * layers, 4, patches))
        launches[patches, layers] = log.launches
    # forward 3, tangent 5, reverse 6, its tangent 13, and a share of what builds a group's factors
    a_layer = (launches[1, 2 * GROUP] - launches[1, GROUP]) / GROUP
    assert 27 <= a_layer < 27 + 8
    assert launches[5, 2 * GROUP] <= launches[1, 2 * GROUP] + 4  # layouts that are views for one


def test_segments_side_by_side_spare_launches() -> None:
    """Catches segments done one after another, which cost what they should save."""
    launches = {}
    for segment in (None, 8):
        case = make_case((True,) * 64, 4, 2, segment=segment)
        with OperationLog() as log:
            case.fused().gradient(case.cotangent)
        launches[segment] = log.launches
    # 64 steps of 9 launches or 8 steps and 8 products twice; building the factors is on both sides
    assert launches[None] - launches[8] > 56 * 9 - 60


@pytest.mark.parametrize("vector_only", [True, False])
def test_everything_stays_on_the_device_of_the_angles(vector_only: bool) -> None:
    """Catches a tensor made on the CPU: torch refuses to mix devices, the meta device included."""
    rings = (True, False) * SEGMENT_ON_A_DEVICE + (True,)  # three segments, one padded
    case = make_case(rings, 3, 2, vector_only=vector_only)
    run = StaticRuns(case.run, case.angles.to("meta"), 3, torch.float32, vector_only=vector_only)
    rates, cotangent = case.rates.to("meta"), case.cotangent.to("meta")
    tangent = run.tangent(rates)
    along = run.gradient_tangent(rates, tangent, cotangent, cotangent)
    for result in (run.columns, tangent, run.gradient(cotangent), along):
        assert result.device.type == "meta"
    assert (tangent.dtype, along.dtype) == (torch.complex64, torch.float64)


def test_float32_states_lose_only_rounding() -> None:
    """Catches gates built in float32: angles of 200 layers then lose digits in cosines."""
    case = make_case((True,) * 200, 4, 2)
    single = StaticRuns(case.run, case.angles, 4, torch.float32, vector_only=False)
    double = case.fused()
    # 200 layers, each a few roundings of 6e-8 in entries of a unitary
    assert (single.columns - double.columns).abs().max() < 1e-5
    size = double.gradient(case.cotangent).abs().max()
    difference = single.gradient(case.cotangent) - double.gradient(case.cotangent)
    assert difference.abs().max() < 1e-4 * size


def test_bad_angles_are_refused() -> None:
    run = StaticRun((True,), 2)
    with pytest.raises(ValueError, match=r"angles: expected float64 .* got torch.float32 \(1, 6\)"):
        StaticRuns(run, torch.zeros(1, 6), 2, torch.float32, vector_only=True)
    with pytest.raises(ValueError, match=r"angles: expected float64 .* got .* \(6,\)"):
        StaticRuns(run, torch.zeros(6, dtype=torch.float64), 2, torch.float32, vector_only=True)
    with pytest.raises(ValueError, match="segment: expected at least 1 layer, got 0"):
        StaticRuns(
            run,
            torch.zeros(1, 6, dtype=torch.float64),
            2,
            torch.float32,
            vector_only=True,
            segment=0,
        )
    with pytest.raises(ValueError, match="angles: expected at least 6 a patch, got 5"):
        StaticRuns(run, torch.zeros(1, 5, dtype=torch.float64), 2, torch.float32, vector_only=True)
