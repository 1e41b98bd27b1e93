"""The torch engine against autograd through the plain path and against the numba engine."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy

from patchlaw.simulators import Ansatz, DistributedQNN, EncodingBlock, EntanglingBlock
from patchlaw.simulators.engine import CurvatureKind
from patchlaw.simulators.engine_choice import make_engine
from patchlaw.simulators.fast_engine import FastEngine
from patchlaw.simulators.output_losses import CrossEntropy, OutputLoss, SquaredError
from patchlaw.simulators.torch_engine.engine import TorchEngine
from patchlaw.simulators.torch_engine.local_operators import (
    PAULI,
    LocalOperators,
    apply_combined,
    halves,
)
from patchlaw.simulators.torch_engine.losses import bind_loss
from patchlaw.simulators.torch_engine.patch_circuits import Direction
from patchlaw.simulators.torch_engine.precision import full_precision
from tests.simulators.operation_log import OperationLog
from tests.simulators.plain_derivatives import KINDS, autograd_gradient, plain_products
from tests.simulators.tape import NoCopyFromTheHost
from tests.strategies import ModelCase, image_batches, model_cases, real_arrays

# double precision: a few hundred gates of rounding 1e-16 each, relative to the size of the result
TOLERANCE = 1e-11


def labels_of(case: ModelCase) -> Tensor:
    """Labels that use every class in turn: the batch's size and C are what is drawn."""
    return torch.arange(len(case.images)) % case.model.n_classes


def assert_close(actual: np.ndarray | float, expected: np.ndarray | float, size: float) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * max(size, 1.0))


@st.composite
def own_sequences(draw: st.DrawFn) -> ModelCase:
    """Encodings first, last and in a row, runs of several static blocks, the empty one too."""
    n = draw(st.integers(2, 3))
    blocks: list[EntanglingBlock | EncodingBlock] = []
    left = n
    while left:
        blocks += draw(
            st.lists(st.builds(EntanglingBlock, st.integers(0, 2), st.booleans()), max_size=2)
        )
        features = draw(st.integers(1, left))
        blocks.append(EncodingBlock(features))
        left -= features
    blocks += draw(
        st.lists(st.builds(EntanglingBlock, st.integers(0, 2), st.booleans()), max_size=2)
    )
    model = DistributedQNN(
        n_patches=draw(st.sampled_from([1, 4])),
        n_qubits=n,
        image_side=n + 1,
        n_classes=draw(st.sampled_from(range(2, 2 * n + 1, 2))),
        scale=draw(st.floats(-20, 20)),
        dtype=torch.float64,
        ansatz=Ansatz.from_blocks(n, tuple(blocks)),
    )
    model.load_flat_parameters(draw(real_arrays(model.n_parameters)))
    return ModelCase(model, draw(image_batches(n + 1)))


@given(case=st.one_of(model_cases(), own_sequences()), max_chunk=st.integers(1, 5))
def test_logits_loss_and_gradient(case: ModelCase, max_chunk: int) -> None:
    """Against autograd and the numba engine.

    Catches a sign or an angle offset in any pass, a ring lost between two encodings, features of
    one patch given to another, and chunks that lose samples.
    """
    model, images, labels = case.model, torch.from_numpy(case.images), labels_of(case)
    engine = TorchEngine(model, max_chunk=max_chunk)
    size = abs(model.output_scale) * model.n_patches
    logits = model.autograd_logits(images)
    loss = cross_entropy(logits, labels)
    value, gradient = engine.loss_and_gradient(images, labels)
    assert_close(engine.logits(images), logits.detach().numpy(), size)
    assert_close(value, loss.item(), size)
    assert_close(gradient, autograd_gradient(loss, model), size)
    numba = FastEngine(model, n_threads=1)
    assert_close(engine.logits(images), numba.logits(images), size)
    assert_close(gradient, numba.loss_and_gradient(images, labels)[1], size)


@given(
    case=st.one_of(
        model_cases(n_qubits=st.integers(2, 3), batch_size=st.integers(1, 5)), own_sequences()
    ),
    max_chunk=st.integers(1, 3),
    kept_samples=st.integers(0, 5),
)
def test_curvature_products(case: ModelCase, max_chunk: int, kept_samples: int) -> None:
    """Against double backward and the numba engine.

    Catches a missing cross term between encodings, static runs and bias, R with a trace of G, and
    states kept for some chunks only that are mistaken for others'.
    """
    model, images, labels = case.model, torch.from_numpy(case.images), labels_of(case)
    # all blocks of parameters at once, and single parameters from everywhere
    count = model.n_parameters
    vectors = np.eye(count)[:, :: max(1, count // 5)]
    vectors = np.column_stack([vectors, np.cos(np.arange(count))])
    references = plain_products(model, images, labels, vectors)
    engine = TorchEngine(model, max_chunk=max_chunk)
    encodings = sum(isinstance(block, EncodingBlock) for block in model.ansatz.blocks)
    budget = kept_samples * (2 * encodings + 1) * engine.bytes_a_state
    products = engine.curvature(images, labels, memory_budget=budget)
    assert products.kept_samples <= min(kept_samples, len(images))
    numba = FastEngine(model, n_threads=1).curvature(images, labels)
    # sums of terms up to (s P)^2 may cancel to nothing and keep their rounding, 1e-13 of that
    terms = (model.output_scale * model.n_patches) ** 2
    size = max(1.0, 1e-2 * terms, *(np.abs(reference).max() for reference in references.values()))
    for kind in KINDS:
        actual = products.product(kind, vectors)
        assert_close(actual, references[kind], size)
        assert_close(actual, numba.product(kind, vectors), size)


@given(case=model_cases(n_qubits=st.just(2), batch_size=st.integers(1, 3)))
def test_hessian_product_is_the_derivative_of_the_gradient(case: ModelCase) -> None:
    """Central differences of the engine's own gradient; the error must fall like the step squared.

    Catches a product that is not the derivative of what the engine calls its gradient, whatever
    autograd says of the plain path.
    """
    model, images, labels = case.model, torch.from_numpy(case.images), labels_of(case)
    engine = TorchEngine(model)
    centre = model.flat_parameters().numpy()
    direction = np.cos(np.arange(len(centre)))
    direction /= np.linalg.norm(direction)
    product = engine.curvature(images, labels).product("hessian", direction[:, None])[:, 0]
    scale = max(1.0, abs(model.output_scale) * model.n_patches)
    errors = []
    for step in (2e-3 / scale, 1e-3 / scale):
        sides = []
        for sign in (1, -1):
            model.load_flat_parameters(centre + sign * step * direction)
            sides.append(engine.loss_and_gradient(images, labels)[1])
        errors.append(np.linalg.norm((sides[0] - sides[1]) / (2 * step) - product))
    floor = 1e-9 * scale**2  # rounding 1e-16 of gradients of size scale, over the step
    assert errors[1] <= max(floor, 0.3 * errors[0])
    assert errors[0] <= max(floor, 1e-3 * scale**2)


@dataclass(frozen=True)
class Small:
    """A model of two qubits with seven samples."""

    model: DistributedQNN
    images: Tensor
    labels: Tensor


def small(dtype: torch.dtype = torch.float64, device: str = "cpu", **sizes: int) -> Small:
    options = {"n_patches": 4, "depth": 1, "n_qubits": 2, "image_side": 3, "n_classes": 4} | sizes
    model = DistributedQNN(**options, scale=5.0, dtype=dtype, device=device)
    generator = torch.Generator().manual_seed(2)
    side = options["image_side"]
    images = torch.rand(7, side, side, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 4, (7,), generator=generator)
    return Small(model, images.to(device, dtype), labels.to(device))


class NumpyCrossEntropy(CrossEntropy):
    """A loss that the torch engine does not know, which checks whose curvature it is asked for."""

    def curvature_product(
        self, z: np.ndarray, targets: np.ndarray, z_dot: np.ndarray
    ) -> np.ndarray:
        """As CrossEntropy."""
        assert targets.shape == (z.shape[1],)
        return super().curvature_product(z, targets, z_dot)


@pytest.mark.parametrize("loss", [SquaredError(), NumpyCrossEntropy()])
def test_other_losses(loss: OutputLoss) -> None:
    """Catches softmax curvature used for every loss, and a host loss of transposed chunks."""
    case = small()
    targets = case.labels
    if isinstance(loss, SquaredError):
        targets = torch.cos(torch.arange(28.0, dtype=torch.float64)).reshape(7, 4)
    ours = TorchEngine(case.model, loss=loss, max_chunk=3)
    numba = FastEngine(case.model, loss=loss, n_threads=1)
    value, gradient = ours.loss_and_gradient(case.images, targets)
    expected, expected_gradient = numba.loss_and_gradient(case.images, targets)
    assert value == pytest.approx(expected, rel=1e-12)
    assert_close(gradient, expected_gradient, 5.0)
    vectors = np.random.default_rng(0).normal(size=(case.model.n_parameters, 11))
    for kind in KINDS:
        actual = ours.curvature(case.images, targets).product(kind, vectors)
        assert_close(actual, numba.curvature(case.images, targets).product(kind, vectors), 100.0)


def test_products_belong_to_the_parameters_of_their_construction() -> None:
    """Catches products that read the model's parameters anew and mix two points."""
    case = small()
    engine = TorchEngine(case.model, max_chunk=3)
    products = engine.curvature(case.images, case.labels, memory_budget=0)
    loss, gradient = engine.loss_and_gradient(case.images, case.labels)
    assert products.loss == loss
    np.testing.assert_array_equal(products.gradient, gradient)
    vector = np.ones((case.model.n_parameters, 1))
    before = products.product("hessian", vector)
    case.model.load_flat_parameters(case.model.flat_parameters() + 0.3)
    np.testing.assert_array_equal(products.product("hessian", vector), before)


def test_float32_sum_does_not_drift_with_the_number_of_samples() -> None:
    """Sums over chunks in float32 would lose digits as N grows; repeating the data must not."""
    case = small(torch.float32)
    engine = TorchEngine(case.model, max_chunk=7)
    loss, gradient = engine.loss_and_gradient(case.images, case.labels)
    repeats = 500
    many_loss, many = engine.loss_and_gradient(
        case.images.repeat(repeats, 1, 1), case.labels.repeat(repeats)
    )
    assert many_loss == pytest.approx(loss, rel=1e-7)
    # 500 chunks summed in float32 would be off by about 1e-5
    np.testing.assert_allclose(many, gradient, atol=3e-7 * np.abs(gradient).max())


def test_float32_is_close_to_float64() -> None:
    """Catches a pass that mixes precisions or builds gates in float32."""
    single, double = small(torch.float32, depth=30), small(torch.float64, depth=30)
    single.model.load_flat_parameters(double.model.flat_parameters())
    double.model.load_flat_parameters(single.model.flat_parameters().double())
    double_images = single.images.double()
    vectors = np.eye(single.model.n_parameters)[:, ::40]
    ours = TorchEngine(single.model).curvature(single.images, single.labels)
    exact = TorchEngine(double.model).curvature(double_images, double.labels)
    assert ours.loss == pytest.approx(exact.loss, rel=1e-5)
    np.testing.assert_allclose(ours.gradient, exact.gradient, atol=1e-5)
    for kind in KINDS:
        expected = exact.product(kind, vectors)
        atol = 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(ours.product(kind, vectors), expected, atol=atol)


def test_memory_does_not_grow_with_samples_or_depth() -> None:
    """Catches chunks kept alive without a budget, and states stored a layer."""
    peaks = {}
    for depth, repeats in ((40, 4), (40, 12), (80, 4)):
        case = small(n_qubits=4, image_side=4, n_patches=1, depth=depth)
        engine = TorchEngine(case.model, max_chunk=7)
        vector = np.ones((case.model.n_parameters, 1))
        images, labels = case.images.repeat(repeats, 1, 1), case.labels.repeat(repeats)
        with OperationLog() as log:
            products = engine.curvature(images, labels, memory_budget=0)
            products.product("hessian", vector)
        peaks[depth, repeats] = log.peak_bytes
    state = 16 * 16 * 16  # of a static run, with all its columns
    images_and_logits = 8 * 7 * (16 + 4) * 2 * 8
    assert peaks[40, 12] - peaks[40, 4] < images_and_logits
    assert peaks[80, 4] - peaks[40, 4] < 3 * 40 * state / 2


@pytest.mark.parametrize("n_patches", [1, 4])
def test_the_device_is_waited_for_a_fixed_number_of_times(n_patches: int) -> None:
    """Catches a read-back a chunk or a layer, which would stall a GPU, and a loop over patches."""
    counts = {}
    for chunks, depth in ((1, 1), (7, 1), (1, 9)):
        case = small(depth=depth, n_patches=n_patches)
        engine = TorchEngine(case.model, max_chunk=-(-7 // chunks))
        products = engine.curvature(case.images, case.labels, memory_budget=0)
        vector = np.ones((case.model.n_parameters, 1))
        with OperationLog() as log:
            engine.loss_and_gradient(case.images, case.labels)
            products.product("hessian", vector)
        waits = ("_local_scalar_dense", "is_nonzero", "nonzero", "equal", "item", "unique")
        counts[chunks, depth] = [log.counts[name] for name in waits]
    assert counts[1, 1] == counts[7, 1] == counts[1, 9]
    assert sum(counts[1, 1]) < 10


def test_everything_stays_on_one_device() -> None:
    """Catches a tensor made on the CPU, which a recorded pass can't hold, in a product's passes."""
    case = small()
    engine = TorchEngine(case.model.to("meta"))
    angles, pixels = case.model.angles.detach().double(), case.images.flatten(1)[None].to("meta")
    loss = bind_loss(CrossEntropy(), case.labels.numpy(), pixels.device)
    rates = torch.ones_like(angles), torch.ones(9, dtype=torch.float64, device="meta")

    def product() -> Tensor:
        circuits = engine.circuits(angles)
        tables = circuits.tables(pixels)
        outputs, trace = circuits.forward(tables)
        at = loss.at(outputs, slice(None))
        sums = circuits.zero_cotangents()
        circuits.reverse(tables, trace, at.gradient, sums, keep=True)
        direction = Direction(circuits, *rates)
        outputs_dot, tangents = circuits.tangent(tables, trace, direction)
        weights_dot = at.curvature_product(outputs_dot)
        circuits.reverse_tangent(tables, trace, tangents, direction, at.gradient, weights_dot, sums)
        return circuits.gradient(sums) + circuits.gradient_tangent(direction, sums, sums)

    product()  # makes what is made once
    with NoCopyFromTheHost():
        found = product()
    assert (found.device.type, found.shape) == ("meta", (1, case.model.n_parameters))


@given(n=st.integers(2, 5), data=st.data())
def test_operators_on_halves_of_the_qubits(n: int, data: st.DataObject) -> None:
    """Against dense Kronecker products; catches a transposed half or a qubit counted backwards."""
    qubits = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=4))
    axes = data.draw(st.lists(st.sampled_from("XYZ"), min_size=len(qubits), max_size=len(qubits)))
    chosen = [(PAULI[axis], qubit) for axis, qubit in zip(axes, qubits, strict=True)]
    operators = LocalOperators(n, chosen, torch.float64, torch.device("cpu"))
    generator = torch.Generator().manual_seed(n)
    left, right = torch.randn(2, 3, 2**n, generator=generator, dtype=torch.complex128)
    coefficients = torch.randn(3, len(chosen), generator=generator, dtype=torch.float64)
    dense = []
    for entries, qubit in chosen:
        parts = [np.eye(2)] * n
        parts[qubit] = np.array(entries)
        total = np.eye(1)
        for part in parts:
            total = np.kron(total, part)
        dense.append(torch.from_numpy(total.astype(np.complex128)))
    shape = (3, *halves(n))
    overlaps = operators.overlaps(left.reshape(shape), right.reshape(shape))
    expected = [
        [torch.vdot(a, o @ b).real for o in dense] for a, b in zip(left, right, strict=True)
    ]
    torch.testing.assert_close(overlaps, torch.tensor(expected), rtol=0, atol=1e-12)
    applied = apply_combined(operators.combine(coefficients), right.reshape(shape))
    for c, b, result in zip(coefficients, right, applied, strict=True):
        total = sum(x * (o @ b) for x, o in zip(c, dense, strict=True))
        torch.testing.assert_close(result.flatten(), total, rtol=0, atol=1e-12)


def test_chunks_cover_the_samples_in_even_sizes() -> None:
    case = small()
    assert TorchEngine(case.model, max_chunk=3).chunks(7) == [
        slice(0, 3), slice(3, 6), slice(6, 7)
    ]  # fmt: skip
    assert TorchEngine(case.model, max_chunk=4).chunks(6) == [slice(0, 3), slice(3, 6)]
    roomy, tight = TorchEngine(case.model), TorchEngine(case.model, workspace=1)
    assert (roomy.chunks(7), tight.max_chunk) == ([slice(0, 7)], 1)
    assert TorchEngine(case.model, workspace=math.inf).chunks(7) == [slice(0, 7)]


@pytest.mark.parametrize("setting", ["highest", "high"])
def test_full_precision_is_restored(setting: str) -> None:
    """Catches TF32 left on for the products, or left off for the rest of the process."""
    before = torch.get_float32_matmul_precision()
    matmul = torch.backends.cuda.matmul
    try:
        torch.set_float32_matmul_precision(setting)
        outside = matmul.fp32_precision
        with full_precision():
            assert matmul.fp32_precision == "ieee"
        with pytest.raises(KeyError, match="inside"), full_precision():
            raise KeyError("inside")
        assert matmul.fp32_precision == outside
        assert torch.get_float32_matmul_precision() == setting
    finally:
        torch.set_float32_matmul_precision(before)


def test_a_setting_that_is_inherited_stays_so() -> None:
    """Only this catches TF32 that was the process's for a time and stays with the products."""
    matmul = torch.backends.cuda.matmul
    before = torch.backends.fp32_precision, matmul.fp32_precision
    try:
        matmul.fp32_precision, torch.backends.fp32_precision = "none", "tf32"
        with full_precision():
            assert matmul.fp32_precision == "ieee"
        assert matmul.fp32_precision == "tf32"
        torch.backends.fp32_precision = "ieee"
        assert matmul.fp32_precision == "ieee"
    finally:
        torch.backends.fp32_precision, matmul.fp32_precision = before


def test_the_last_thread_out_of_full_precision_restores_it() -> None:
    """Catches TF32 that comes back while another thread multiplies, and full precision for good."""
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    first, second = full_precision(), full_precision()
    try:
        matmul.fp32_precision = "tf32"
        with first:
            second.__enter__()
        assert matmul.fp32_precision == "ieee"
        second.__exit__(None, None, None)
        assert matmul.fp32_precision == "tf32"
    finally:
        matmul.fp32_precision = before


def test_the_callers_autocast_rounds_nothing() -> None:
    """It casts what is real and float32: only this catches logits that are right to 3 digits."""
    model = DistributedQNN(4, 1, n_qubits=3, image_side=4, n_classes=4)
    images = torch.rand(5, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(5) % 4
    vector = np.ones((model.n_parameters, 1))

    def computed() -> list[np.ndarray]:
        engine = TorchEngine(model)
        products = engine.curvature(images, labels)
        return [engine.logits(images), products.gradient, products.product("hessian", vector)]

    expected = computed()
    with torch.autocast("cpu"):
        found = computed()
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_full_precision_of_a_torch_without_settings_by_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """torch 2.6 to 2.8 have the one setting of the process, and no fp32_precision."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    monkeypatch.setattr(torch.backends.cuda, "matmul", SimpleNamespace(allow_tf32=False))
    monkeypatch.setattr(torch.backends, "mkldnn", SimpleNamespace())
    try:
        with full_precision():
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "high"
        with pytest.raises(KeyError, match="inside"), full_precision():
            raise KeyError("inside")
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        monkeypatch.undo()
        torch.set_float32_matmul_precision(before)


def test_make_engine_chooses_by_device() -> None:
    case = small()
    assert isinstance(make_engine(case.model), FastEngine)
    assert make_engine(case.model, max_chunk=5).max_chunk == 5
    torch_engine = make_engine(case.model, name="torch", max_chunk=5, loss=SquaredError())
    assert isinstance(torch_engine, TorchEngine)
    assert (torch_engine.max_chunk, torch_engine.loss) == (5, SquaredError())
    assert isinstance(make_engine(small(torch.float32).model.to("meta")), TorchEngine)
    with pytest.raises(ValueError, match=r"name: expected one of .* got 'cuda'"):
        make_engine(case.model, name="cuda")  # type: ignore[arg-type]


def test_bad_arguments_are_refused() -> None:
    case = small()
    engine = TorchEngine(case.model)
    with pytest.raises(ValueError, match="max_chunk: expected at least 1, got 0"):
        TorchEngine(case.model, max_chunk=0)
    with pytest.raises(ValueError, match="workspace: expected a positive number of bytes, got nan"):
        TorchEngine(case.model, workspace=math.nan)
    with pytest.raises(ValueError, match="labels: expected values from 0 to 3, got 0 to 4"):
        engine.loss_and_gradient(case.images[:2], torch.tensor([0, 4]))
    with pytest.raises(ValueError, match=r"labels: expected 7 \(one an image\), got 2"):
        engine.loss_and_gradient(case.images, case.labels[:2])
    with pytest.raises(ValueError, match="images: expected finite pixels"):
        engine.logits(case.images * torch.nan)
    with pytest.raises(ValueError, match="memory_budget: expected at least 0 bytes, got -1"):
        engine.curvature(case.images, case.labels, memory_budget=-1)
    products = engine.curvature(case.images, case.labels)
    count = case.model.n_parameters
    with pytest.raises(ValueError, match="kind: expected 'hessian'"):
        products.product("fisher", np.zeros((count, 1)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"vectors: expected shape \(\d+, k\), got \(3, 1\)"):
        products.product("hessian", np.zeros((3, 1)))
    with pytest.raises(ValueError, match="vectors: expected finite"):
        products.product("hessian", np.full((count, 1), np.nan))
    with torch.no_grad():
        case.model.angles[0, 0] = torch.nan
    with pytest.raises(ValueError, match="model: expected finite parameters"):
        engine.logits(case.images)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_cuda_agrees_with_the_cpu(dtype: torch.dtype) -> None:
    """Only this catches a product that a GPU computes otherwise (TF32, conjugated operands)."""
    cpu, gpu = (
        small(dtype, device, n_qubits=8, image_side=14, depth=3) for device in ("cpu", "cuda")
    )
    tolerance = 1e-11 if dtype == torch.float64 else 2e-5
    ours = make_engine(gpu.model).curvature(gpu.images, gpu.labels)
    other = make_engine(cpu.model, name="torch").curvature(cpu.images, cpu.labels)
    assert ours.loss == pytest.approx(other.loss, rel=tolerance)
    vectors = np.random.default_rng(0).normal(size=(cpu.model.n_parameters, 2))
    pairs = [(ours.gradient, other.gradient)]
    kinds: tuple[CurvatureKind, ...] = ("hessian", "gauss_newton", "residual")
    pairs += [(ours.product(kind, vectors), other.product(kind, vectors)) for kind in kinds]
    for actual, expected in pairs:
        np.testing.assert_allclose(
            actual, expected, rtol=0, atol=tolerance * np.abs(expected).max()
        )
