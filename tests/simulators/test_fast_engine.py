"""The fast engine against autograd through the plain torch path, and against parameter shift."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from patchlaw.simulators import Ansatz, DistributedQNN, EncodingBlock, EntanglingBlock
from patchlaw.simulators.ansatz import ring_signs
from patchlaw.simulators.circuit_plan import CircuitPlan, StaticRun
from patchlaw.simulators.fast_engine import CrossEntropy, FastEngine, SquaredError
from patchlaw.simulators.fast_engine.chunks import split_into_chunks
from patchlaw.simulators.fast_engine.pauli_run import PauliRun
from patchlaw.simulators.fast_engine.simd import LANES, horizontal_sum, kernel, load, splat, store
from patchlaw.simulators.fast_engine.static_run import FusedRun
from patchlaw.simulators.reference import model_logits
from patchlaw.simulators.torch_engine.static_blocks import block_unitary
from tests.strategies import ModelCase, model_cases

# double precision: a few hundred gates of rounding 1e-16 each, times logits up to |s| P
TOLERANCE = 1e-11


def draw_labels(case: ModelCase) -> torch.Tensor:
    """Labels that use every class in turn: the batch's size and C are what is drawn."""
    return torch.arange(len(case.images)) % case.model.n_classes


def autograd_gradient(loss: torch.Tensor, model: DistributedQNN) -> np.ndarray:
    parts = torch.autograd.grad(loss, [model.angles, model.pixel_bias])
    return torch.cat([part.reshape(-1) for part in parts]).numpy()


def assert_close(actual: np.ndarray | float, expected: np.ndarray | float, size: float) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * max(size, 1.0))


@given(case=model_cases(), threads=st.integers(1, 2), max_chunk=st.integers(1, 5))
def test_engine_agrees_with_autograd(case: ModelCase, threads: int, max_chunk: int) -> None:
    """Catches any wrong sign, stride or angle offset in a kernel, and chunks that lose samples."""
    model, images, labels = case.model, torch.from_numpy(case.images), draw_labels(case)
    engine = FastEngine(model, n_threads=threads, max_chunk=max_chunk)
    size = abs(model.output_scale) * model.n_patches
    expected = model.autograd_logits(images)
    assert_close(engine.logits(images), expected.detach().numpy(), size)
    loss = cross_entropy(expected, labels)
    value, gradient = engine.loss_and_gradient(images, labels)
    assert_close(value, loss.item(), size)
    assert_close(gradient, autograd_gradient(loss, model), size)


@given(case=model_cases(n_qubits=st.just(2), batch_size=st.integers(1, 2)), data=st.data())
def test_gradient_by_parameter_shift(case: ModelCase, data: st.DataObject) -> None:
    """Independent of torch: shifts of +-pi/2 on the gate-by-gate simulator.

    Catches an error that the fast and the plain torch path share, such as a gate left out.
    """
    model, labels = case.model, draw_labels(case).numpy()
    patch = data.draw(st.integers(0, model.n_patches - 1))
    index = data.draw(st.integers(0, model.ansatz.n_angles - 1))

    def logits(shift: float) -> np.ndarray:
        angles = model.angles.detach().numpy().copy()
        angles[patch, index] += shift
        return np.stack(
            [
                model_logits(
                    model.ansatz,
                    model.grid.pixel_indices,
                    angles,
                    model.pixel_bias.detach().numpy(),
                    image,
                    n_classes=model.n_classes,
                    scale=model.scale,
                    aggregation_exponent=model.aggregation_exponent,
                )
                for image in case.images
            ]
        )

    z = logits(0.0)
    pi = np.exp(z - z.max(axis=1, keepdims=True))
    pi /= pi.sum(axis=1, keepdims=True)
    g = pi - np.eye(model.n_classes)[labels]
    expected = (g * (logits(np.pi / 2) - logits(-np.pi / 2)) / 2).sum() / len(z)
    _, gradient = FastEngine(model).loss_and_gradient(
        torch.from_numpy(case.images), torch.from_numpy(labels)
    )
    size = abs(model.output_scale) * model.n_patches
    assert_close(gradient[patch * model.ansatz.n_angles + index], expected, size)


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


def test_float32_sum_does_not_drift_with_the_number_of_samples() -> None:
    """Sums over chunks in float32 would lose digits as N grows; repeating the data must not."""
    model = DistributedQNN(4, 2, n_qubits=4, image_side=6, n_classes=4, scale=10.0)
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(48, 6, 6, generator=generator)
    labels = torch.randint(0, 4, (48,), generator=generator)
    engine = FastEngine(model, max_chunk=48, n_threads=1)
    loss, gradient = engine.loss_and_gradient(images, labels)
    many_loss, many = engine.loss_and_gradient(images.repeat(500, 1, 1), labels.repeat(500))
    assert many_loss == pytest.approx(loss, rel=1e-7)
    # 24,000 samples summed in float32 would be off by about 1e-5
    np.testing.assert_allclose(many, gradient, atol=3e-7 * np.abs(gradient).max())


@given(case=model_cases(batch_size=st.just(3)))
def test_float32_is_close_to_float64(case: ModelCase) -> None:
    """Catches a kernel that mixes precisions or computes angles in float32 before cosines."""
    double = case.model
    single = DistributedQNN(
        n_patches=double.n_patches,
        n_qubits=double.ansatz.n_qubits,
        image_side=double.grid.image_side,
        n_classes=double.n_classes,
        ansatz=double.ansatz,
    )
    single.load_flat_parameters(double.flat_parameters())
    double.scale, double.aggregation_exponent = 100.0, 1.0
    double.load_flat_parameters(single.flat_parameters().double())
    images = torch.from_numpy(case.images).float()
    a, b = FastEngine(single).logits(images), FastEngine(double).logits(images.double())
    # 100 times the rounding of about 100 gates of 6e-8 each
    np.testing.assert_allclose(a, b, atol=100 * 100 * 6e-8)


def test_squared_error_against_autograd() -> None:
    """Catches a loss other than cross-entropy being ignored."""
    model = DistributedQNN(4, 1, n_qubits=3, image_side=4, n_classes=2, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(5, 4, 4, generator=generator, dtype=torch.float64)
    targets = torch.randn(5, 2, generator=generator, dtype=torch.float64)
    loss = 0.5 * (model.autograd_logits(images) - targets).square().sum() / 5
    value, gradient = FastEngine(model, loss=SquaredError()).loss_and_gradient(images, targets)
    assert value == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, autograd_gradient(loss, model), rtol=1e-9, atol=1e-9)


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


@pytest.fixture
def small() -> tuple[DistributedQNN, torch.Tensor, torch.Tensor]:
    model = DistributedQNN(4, 1, n_qubits=2, image_side=3, n_classes=4)
    return model, torch.zeros(3, 3, 3), torch.tensor([0, 1, 2])


def test_bad_data_are_refused(small: tuple[DistributedQNN, torch.Tensor, torch.Tensor]) -> None:
    model, images, labels = small
    engine = FastEngine(model)
    with pytest.raises(ValueError, match=r"labels: expected values from 0 to 3, got 0 to 4"):
        engine.loss_and_gradient(images, torch.tensor([0, 1, 4]))
    with pytest.raises(ValueError, match=r"labels: expected 3 \(one an image\), got 2"):
        engine.loss_and_gradient(images, labels[:2])
    with pytest.raises(ValueError, match="labels: expected a vector of integers"):
        engine.loss_and_gradient(images, labels.float())
    with pytest.raises(ValueError, match="NaN"):
        engine.loss_and_gradient(images * torch.nan, labels)
    with pytest.raises(ValueError, match=r"targets: expected shape \(N, 4\)"):
        FastEngine(model, loss=SquaredError()).loss_and_gradient(images, torch.zeros(3, 3))
    with pytest.raises(ValueError, match="targets: expected finite"):
        SquaredError().check_targets(np.full((3, 4), np.nan), 4)
    CrossEntropy().check_targets(np.zeros(0, dtype=np.int64), 4)


def test_bad_engines_are_refused(
    small: tuple[DistributedQNN, torch.Tensor, torch.Tensor],
) -> None:
    model, images, _ = small
    with pytest.raises(ValueError, match="n_threads and max_chunk: expected at least 1"):
        FastEngine(model, n_threads=0)
    with pytest.raises(ValueError, match="n_threads and max_chunk: expected at least 1"):
        FastEngine(model, max_chunk=0)
    with pytest.raises(ValueError, match="runs on the CPU"):
        FastEngine(model.to("meta"))
    broken = DistributedQNN(4, 1, n_qubits=2, image_side=3, n_classes=4)
    with torch.no_grad():
        broken.angles[0, 0] = torch.nan
    with pytest.raises(ValueError, match="model: expected finite parameters"):
        FastEngine(broken).logits(images)
