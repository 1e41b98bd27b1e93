"""What the torch engine alone has: memory, waits, precision settings, devices."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.engine import CurvatureKind
from patchlaw.simulators.engine_choice import make_engine
from patchlaw.simulators.fast_engine import FastEngine
from patchlaw.simulators.output_losses import CrossEntropy, SquaredError
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
from tests.simulators.engine_cases import small
from tests.simulators.operation_log import OperationLog
from tests.simulators.tape import NoCopyFromTheHost


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


def test_bad_workspaces_are_refused() -> None:
    with pytest.raises(ValueError, match="workspace: expected a positive number of bytes, got nan"):
        TorchEngine(small().model, workspace=math.nan)


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
