"""What the numba and the torch engine both give, against autograd through the plain torch path."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, one_hot

from patchlaw.simulators import Ansatz, DistributedQNN, EncodingBlock, EntanglingBlock
from patchlaw.simulators.engine import Engine
from patchlaw.simulators.fast_engine import FastEngine
from patchlaw.simulators.fast_engine.simd import LANES
from patchlaw.simulators.output_losses import CrossEntropy, OutputLoss, SquaredError
from patchlaw.simulators.torch_engine.engine import TorchEngine
from tests.simulators.engine_cases import assert_close, labels_of, small
from tests.simulators.plain_derivatives import (
    KINDS,
    autograd_gradient,
    hessian_products,
    plain_products,
    probes,
    reference_logits,
)
from tests.strategies import ModelCase, examples, image_batches, model_cases, real_arrays

both = pytest.mark.parametrize("engine", [FastEngine, TorchEngine])


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


def made(engine: type[Engine], model: DistributedQNN, threads: int, **options: object) -> Engine:
    """The engine, numba's with so many threads."""
    return engine(model, **options, **({"n_threads": threads} if engine is FastEngine else {}))


@both
@given(
    case=st.one_of(model_cases(), own_sequences()),
    threads=st.integers(1, 2),
    max_chunk=st.integers(1, 5),
)
def test_logits_loss_and_gradient(
    engine: type[Engine], case: ModelCase, threads: int, max_chunk: int
) -> None:
    """Catches a sign, stride or angle offset in any pass, a ring lost between two encodings.

    Also features of one patch given to another, and chunks that lose samples.
    """
    model, images, labels = case.model, torch.from_numpy(case.images), labels_of(case)
    ours = made(engine, model, threads, max_chunk=max_chunk)
    size = abs(model.output_scale) * model.n_patches
    logits = model.autograd_logits(images)
    loss = cross_entropy(logits, labels)
    value, gradient = ours.loss_and_gradient(images, labels)
    assert_close(ours.logits(images), logits.detach().numpy(), size)
    assert_close(value, loss.item(), size)
    assert_close(gradient, autograd_gradient(loss, model), size)


@both
@given(case=model_cases(n_qubits=st.just(2), batch_size=st.integers(1, 2)), data=st.data())
@examples(12)
def test_gradient_by_parameter_shift(
    engine: type[Engine], case: ModelCase, data: st.DataObject
) -> None:
    """Independent of torch: shifts of +-pi/2 on the gate-by-gate simulator.

    Catches an error that an engine and the plain torch path share, such as a gate left out.
    """
    model, labels = case.model, labels_of(case).numpy()
    patch = data.draw(st.integers(0, model.n_patches - 1))
    index = data.draw(st.integers(0, model.ansatz.n_angles - 1))

    def logits(shift: float) -> np.ndarray:
        angles = model.angles.detach().numpy().copy()
        angles[patch, index] += shift
        return np.stack([reference_logits(model, image, angles) for image in case.images])

    z = logits(0.0)
    pi = np.exp(z - z.max(axis=1, keepdims=True))
    pi /= pi.sum(axis=1, keepdims=True)
    g = pi - np.eye(model.n_classes)[labels]
    expected = (g * (logits(np.pi / 2) - logits(-np.pi / 2)) / 2).sum() / len(z)
    _, gradient = engine(model).loss_and_gradient(
        torch.from_numpy(case.images), torch.from_numpy(labels)
    )
    size = abs(model.output_scale) * model.n_patches
    assert_close(gradient[patch * model.ansatz.n_angles + index], expected, size)


@both
@given(
    case=st.one_of(
        model_cases(n_qubits=st.integers(2, 3), batch_size=st.integers(1, 5)), own_sequences()
    ),
    threads=st.integers(1, 2),
    max_chunk=st.integers(1, 3),
    kept=st.integers(0, 5),
)
@examples(12)
def test_curvature_products(
    engine: type[Engine], case: ModelCase, threads: int, max_chunk: int, kept: int
) -> None:
    """Catches a missing cross term between encodings, static runs and bias, R with a trace of G.

    Also states kept for some chunks only that are mistaken for others'.
    """
    model, images, labels = case.model, torch.from_numpy(case.images), labels_of(case)
    vectors = probes(model.n_parameters)
    references = plain_products(model, images, labels, vectors)
    # numba keeps a whole chunk, padded to its vectors' width; torch keeps samples
    width, samples = (LANES, max_chunk) if engine is FastEngine else (1, 1)
    encodings = sum(isinstance(block, EncodingBlock) for block in model.ansatz.blocks)
    budget = kept * (2 * encodings + 1) * model.n_patches * model.ansatz.dimension * 16 * width
    ours = made(engine, model, threads, max_chunk=max_chunk)
    products = ours.curvature(images, labels, memory_budget=budget)
    assert products.kept_samples <= min(kept * samples, len(images))
    # sums of terms up to (s P)^2 may cancel to nothing and keep their rounding, 1e-13 of that
    terms = (model.output_scale * model.n_patches) ** 2
    size = max(1.0, 1e-2 * terms, *(np.abs(reference).max() for reference in references.values()))
    for kind in KINDS:
        assert_close(products.product(kind, vectors), references[kind], size)


@both
@given(case=model_cases(n_qubits=st.just(2), batch_size=st.integers(1, 3)))
@examples(12)
def test_hessian_product_is_the_derivative_of_the_gradient(
    engine: type[Engine], case: ModelCase
) -> None:
    """Central differences of the engine's own gradient; the error must fall like the step squared.

    Catches a product that is not the derivative of what the engine calls its gradient, whatever
    the two agree with elsewhere.
    """
    model, images, labels = case.model, torch.from_numpy(case.images), labels_of(case)
    ours = made(engine, model, 1)
    centre = model.flat_parameters().numpy()
    direction = np.cos(np.arange(len(centre)))
    direction /= np.linalg.norm(direction)
    product = ours.curvature(images, labels).product("hessian", direction[:, None])[:, 0]
    scale = max(1.0, abs(model.output_scale) * model.n_patches)
    errors = []
    for step in (2e-3 / scale, 1e-3 / scale):
        sides = []
        for sign in (1, -1):
            model.load_flat_parameters(centre + sign * step * direction)
            sides.append(ours.loss_and_gradient(images, labels)[1])
        errors.append(np.linalg.norm((sides[0] - sides[1]) / (2 * step) - product))
    floor = 1e-9 * scale**2  # rounding 1e-16 of gradients of size scale, over the step
    assert errors[1] <= max(floor, 0.3 * errors[0])
    assert errors[0] <= max(floor, 1e-3 * scale**2)


class NumpyCrossEntropy(CrossEntropy):
    """A loss that the torch engine does not know, which checks whose curvature it is asked for."""

    def curvature_product(
        self, z: np.ndarray, targets: np.ndarray, z_dot: np.ndarray
    ) -> np.ndarray:
        """As CrossEntropy."""
        assert targets.shape == (z.shape[1],)
        return super().curvature_product(z, targets, z_dot)


@pytest.mark.parametrize("loss", [SquaredError(), NumpyCrossEntropy()])
@both
def test_other_losses(engine: type[Engine], loss: OutputLoss) -> None:
    """Catches softmax curvature used for every loss, and a host loss of transposed chunks.

    Against autograd alone: H of the loss, R of the logits weighted by g, and G as what is left.
    """
    case, targets = small(), small().labels
    model, z = case.model, case.model.autograd_logits(case.images)
    scalar, g = cross_entropy(z, targets), torch.softmax(z, dim=1) - one_hot(targets, 4)
    if isinstance(loss, SquaredError):
        targets = torch.cos(torch.arange(28.0, dtype=torch.float64)).reshape(7, 4)
        scalar, g = 0.5 * (z - targets).square().sum() / 7, z - targets
    vectors = probes(model.n_parameters)
    expected = {
        "hessian": hessian_products(model, scalar, vectors),
        "residual": hessian_products(model, (g.detach() * z).sum() / 7, vectors),
    }
    expected["gauss_newton"] = expected["hessian"] - expected["residual"]
    ours = engine(model, loss=loss, max_chunk=3)
    value, gradient = ours.loss_and_gradient(case.images, targets)
    assert value == pytest.approx(scalar.item(), rel=1e-12)
    assert_close(gradient, autograd_gradient(scalar, model), 5.0)
    products = ours.curvature(case.images, targets)
    for kind in KINDS:
        assert_close(products.product(kind, vectors), expected[kind], 100.0)


@both
def test_products_belong_to_the_parameters_of_their_construction(engine: type[Engine]) -> None:
    """Catches products that read the model's parameters anew and mix two points."""
    case = small()
    ours = engine(case.model, max_chunk=3)
    assert ours.curvature(case.images, case.labels).kept_samples == 7
    products = ours.curvature(case.images, case.labels, memory_budget=0)
    loss, gradient = ours.loss_and_gradient(case.images, case.labels)
    assert (products.n_samples, products.loss) == (7, pytest.approx(loss, rel=1e-13))
    np.testing.assert_allclose(products.gradient, gradient, atol=1e-13)
    vector = np.ones((case.model.n_parameters, 1))
    before = products.product("hessian", vector)
    case.model.load_flat_parameters(case.model.flat_parameters() + 0.3)
    np.testing.assert_array_equal(products.product("hessian", vector), before)


@both
def test_many_vectors_share_a_pass_and_agree_with_one_by_one(engine: type[Engine]) -> None:
    case = small()
    products = engine(case.model).curvature(case.images, case.labels)
    vectors = np.random.default_rng(0).normal(size=(case.model.n_parameters, 11))
    together = products.product("hessian", vectors)
    apart = np.hstack([products.product("hessian", v[:, None]) for v in vectors.T])
    np.testing.assert_allclose(together, apart, atol=1e-12)


@both
def test_float32_sum_does_not_drift_with_the_number_of_samples(engine: type[Engine]) -> None:
    """Sums over chunks in float32 would lose digits as N grows; repeating the data must not."""
    case = small(torch.float32)
    ours = made(engine, case.model, 1, max_chunk=7)
    loss, gradient = ours.loss_and_gradient(case.images, case.labels)
    repeats = 500
    many_loss, many = ours.loss_and_gradient(
        case.images.repeat(repeats, 1, 1), case.labels.repeat(repeats)
    )
    assert many_loss == pytest.approx(loss, rel=1e-7)
    # 500 chunks summed in float32 would be off by about 1e-5
    np.testing.assert_allclose(many, gradient, atol=3e-7 * np.abs(gradient).max())


@both
def test_float32_is_close_to_float64(engine: type[Engine]) -> None:
    """Catches a pass that mixes precisions or builds gates in float32."""
    single, double = small(torch.float32, depth=30), small(torch.float64, depth=30)
    single.model.load_flat_parameters(double.model.flat_parameters())
    double.model.load_flat_parameters(single.model.flat_parameters().double())
    double_images = single.images.double()
    vectors = np.eye(single.model.n_parameters)[:, ::40]
    rounded, exact_engine = engine(single.model), engine(double.model)
    ours = rounded.curvature(single.images, single.labels)
    exact = exact_engine.curvature(double_images, double.labels)
    np.testing.assert_allclose(
        rounded.logits(single.images), exact_engine.logits(double_images), atol=1e-5
    )
    assert ours.loss == pytest.approx(exact.loss, rel=1e-5)
    np.testing.assert_allclose(ours.gradient, exact.gradient, atol=1e-5)
    for kind in KINDS:
        expected = exact.product(kind, vectors)
        atol = 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(ours.product(kind, vectors), expected, atol=atol)


@both
def test_bad_arguments_are_refused(engine: type[Engine]) -> None:
    case = small()
    ours = engine(case.model)
    with pytest.raises(ValueError, match="max_chunk: expected at least 1"):
        engine(case.model, max_chunk=0)
    with pytest.raises(ValueError, match="labels: expected values from 0 to 3, got 0 to 4"):
        ours.loss_and_gradient(case.images[:2], torch.tensor([0, 4]))
    with pytest.raises(ValueError, match=r"labels: expected 7 \(one an image\), got 2"):
        ours.loss_and_gradient(case.images, case.labels[:2])
    with pytest.raises(ValueError, match="labels: expected a vector of integers"):
        ours.loss_and_gradient(case.images, case.labels.float())
    with pytest.raises(ValueError, match=r"targets: expected shape \(N, 4\)"):
        engine(case.model, loss=SquaredError()).loss_and_gradient(case.images, torch.zeros(7, 3))
    for images in (case.images * torch.nan, case.images * torch.inf):
        with pytest.raises(ValueError, match="images: expected finite pixels"):
            ours.logits(images)
        with pytest.raises(ValueError, match="images: expected finite pixels"):
            ours.loss_and_gradient(images, case.labels)
    for budget in (-1, float("nan")):
        with pytest.raises(ValueError, match="memory_budget: expected at least 0 bytes, got"):
            ours.curvature(case.images, case.labels, memory_budget=budget)
    products = ours.curvature(case.images, case.labels)
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
        ours.logits(case.images)
