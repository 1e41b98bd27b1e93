"""What the fast engine alone has: static runs, chunks, kernels' vectors."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.simulators import Ansatz, EncodingBlock, EntanglingBlock
from patchlaw.simulators.ansatz import ring_signs
from patchlaw.simulators.circuit_plan import CircuitPlan, StaticRun
from patchlaw.simulators.fast_engine import CrossEntropy, FastEngine, SquaredError
from patchlaw.simulators.fast_engine.chunks import split_into_chunks
from patchlaw.simulators.fast_engine.pauli_run import PauliRun
from patchlaw.simulators.fast_engine.simd import LANES, horizontal_sum, kernel, load, splat, store
from patchlaw.simulators.fast_engine.static_run import FusedRun
from patchlaw.simulators.torch_engine.static_blocks import block_unitary
from tests.simulators.engine_cases import small


@pytest.mark.parametrize("kind", [FusedRun, PauliRun])
@given(
    n=st.integers(2, 5),
    layers=st.integers(0, 4),
    final_ring=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_static_run_and_its_reverse_pass(
    kind: type[FusedRun], n: int, layers: int, final_ring: bool, seed: int
) -> None:
    """Catches a reverse pass that undoes the layers in the wrong order or forgets a ring."""
    block = EntanglingBlock(layers, final_ring)
    phi = torch.rand(
        1, block.n_angles(n), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    ).mul_(2 * np.pi)
    phi.requires_grad_()
    rings = tuple(block.has_ring(layer) for layer in range(layers))
    signs = ring_signs(n).astype(np.float64)
    run = kind(StaticRun(rings), phi.detach().numpy()[0], signs)
    unitary = block_unitary(block, n, phi)[0]
    np.testing.assert_allclose(
        run.columns[0] + 1j * run.columns[1], unitary.detach().numpy(), atol=1e-13
    )
    cotangent = np.random.default_rng(seed).normal(size=(2, 2**n, 2**n))
    if layers:
        weight = torch.from_numpy(cotangent[0] + 1j * cotangent[1])
        loss = (weight.conj() * unitary).sum().real
        (expected,) = torch.autograd.grad(loss, phi)
        np.testing.assert_allclose(run.gradient(cotangent), expected[0].numpy(), atol=1e-11)
    else:
        assert run.gradient(cotangent).shape == (0,)


@pytest.mark.parametrize("kind", [FusedRun, PauliRun])
def test_reverse_pass_needs_no_memory_a_layer(kind: type[FusedRun]) -> None:
    """Catches a reverse pass that stores a state a layer (64 KiB each here)."""
    signs = ring_signs(6).astype(np.float64)
    peaks = []
    for layers in (2, 2, 60):  # the first compiles
        rng = np.random.default_rng(0)
        angles = rng.uniform(0, np.pi, 2 * 6 * layers)
        run = kind(StaticRun((True,) * layers), angles, signs)
        cotangent = rng.normal(size=(2, 64, 64))
        tracemalloc.start()
        run.gradient(cotangent)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < 60 * 2 * 6 * 8 * 4  # a few numbers an angle


@given(n_samples=st.integers(1, 500), threads=st.integers(1, 4), max_chunk=st.integers(1, 90))
def test_chunks_partition_the_samples(n_samples: int, threads: int, max_chunk: int) -> None:
    chunks = split_into_chunks(n_samples, threads, max_chunk)
    assert [i for c in chunks for i in range(c.start, c.stop)] == list(range(n_samples))
    assert len({c.width for c in chunks}) == 1
    assert all(c.width % LANES == 0 and 1 <= c.size <= min(c.width, max_chunk) for c in chunks)


def test_plan_merges_neighbouring_static_blocks() -> None:
    plan = CircuitPlan.of(
        Ansatz.from_blocks(
            3,
            (
                EntanglingBlock(1),
                EntanglingBlock(2, final_ring=False),
                EncodingBlock(1),
                EntanglingBlock(1),
                EntanglingBlock(1),
            ),
        )
    )
    assert plan.prefix == StaticRun((True, True, False), 0)
    assert plan.stages[1:] == (StaticRun((True, True), 24),)
    with pytest.raises(ValueError, match="at least one EncodingBlock"):
        CircuitPlan.of(Ansatz.from_blocks(2, (EntanglingBlock(1),)))


@kernel
def _combine(a, b, out):  # type: ignore[no-untyped-def]
    v = splat(a[0]) * load(a, 3) - load(b, 5) + load(b, 0)
    store(out, 2, v)
    return horizontal_sum(v)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_of_the_kernels(dtype: type) -> None:
    """Catches a wrong offset or a lost lane in the vector primitives themselves."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40)).astype(dtype)
    out = np.zeros(40, dtype=dtype)
    total = _combine(a.copy(), b.copy(), out)
    expected = a[0] * a[3 : 3 + LANES] - b[5 : 5 + LANES] + b[:LANES]
    np.testing.assert_allclose(out[2 : 2 + LANES], expected, rtol=1e-5)
    assert not out[:2].any()
    assert not out[2 + LANES :].any()
    assert total == pytest.approx(expected.sum(), rel=1e-4)


def test_bad_engines_and_targets_are_refused() -> None:
    model = small().model
    with pytest.raises(ValueError, match="n_threads and max_chunk: expected at least 1"):
        FastEngine(model, n_threads=0)
    with pytest.raises(ValueError, match="runs on the CPU"):
        FastEngine(model.to("meta"))
    with pytest.raises(ValueError, match="targets: expected finite"):
        SquaredError().check_targets(np.full((3, 4), np.nan), 4)
    CrossEntropy().check_targets(np.zeros(0, dtype=np.int64), 4)
