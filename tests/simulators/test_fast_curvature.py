"""Hessian, Gauss-Newton and residual products of the fast engine against double backward."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.fast_engine import FastEngine, SquaredError
from patchlaw.simulators.fast_engine.curvature import CurvatureProducts
from tests.simulators.plain_derivatives import KINDS, dense_by_double_backward, plain_products
from tests.strategies import ModelCase, model_cases


@given(
    case=model_cases(n_qubits=st.integers(2, 3), batch_size=st.integers(1, 5)),
    threads=st.integers(1, 2),
    max_chunk=st.integers(1, 3),
    kept_chunks=st.integers(0, 5),
)
def test_products_against_double_backward(
    case: ModelCase, threads: int, max_chunk: int, kept_chunks: int
) -> None:
    """Catches a missing cross term between encodings, static blocks and bias.

    Also states kept for some chunks only that are mistaken for others'.
    """
    model, images = case.model, torch.from_numpy(case.images)
    labels = torch.arange(len(images)) % model.n_classes
    # all blocks of parameters at once, and single parameters from everywhere
    count = model.n_parameters
    vectors = np.eye(count)[:, :: max(1, count // 5)]
    vectors = np.column_stack([vectors, np.cos(np.arange(count))])
    references = plain_products(model, images, labels, vectors)
    engine = FastEngine(model, n_threads=threads, max_chunk=max_chunk)
    bytes_a_chunk = 5 * model.n_patches * 2 * 2**model.ansatz.n_qubits * 16 * 8
    products = CurvatureProducts(engine, images, labels, memory_budget=kept_chunks * bytes_a_chunk)
    # sums of terms up to (s P)^2 may cancel to nothing and keep their rounding, 1e-13 of that
    terms = (model.output_scale * model.n_patches) ** 2
    size = max(1.0, 1e-2 * terms, *(np.abs(reference).max() for reference in references.values()))
    for kind in KINDS:
        actual = products.product(kind, vectors)
        np.testing.assert_allclose(actual, references[kind], rtol=0, atol=1e-11 * size)


@given(case=model_cases(n_qubits=st.just(2), batch_size=st.integers(1, 3)))
def test_hessian_product_is_the_derivative_of_the_gradient(case: ModelCase) -> None:
    """Central differences of the engine's own gradient; the error must fall like the step squared.

    Catches a product that is not the derivative of what the engine calls its gradient, whatever
    the two agree with elsewhere.
    """
    model, images = case.model, torch.from_numpy(case.images)
    labels = torch.arange(len(images)) % model.n_classes
    engine = FastEngine(model, n_threads=1)
    centre = model.flat_parameters().numpy()
    direction = np.cos(np.arange(len(centre)))
    direction /= np.linalg.norm(direction)
    product = CurvatureProducts(engine, images, labels).product("hessian", direction[:, None])
    scale = max(1.0, abs(model.output_scale) * model.n_patches)
    errors = []
    for step in (2e-3 / scale, 1e-3 / scale):
        sides = []
        for sign in (1, -1):
            model.load_flat_parameters(centre + sign * step * direction)
            sides.append(engine.loss_and_gradient(images, labels)[1])
        difference = (sides[0] - sides[1]) / (2 * step)
        errors.append(np.linalg.norm(difference - product[:, 0]))
    floor = 1e-9 * scale**2  # rounding 1e-16 of gradients of size scale, over the step
    assert errors[1] <= max(floor, 0.3 * errors[0])
    assert errors[0] <= max(floor, 1e-3 * scale**2)


def test_loss_and_gradient_of_the_first_pass() -> None:
    model, images, labels = _small_model()
    engine = FastEngine(model)
    products = CurvatureProducts(engine, images, labels)
    loss, gradient = engine.loss_and_gradient(images, labels)
    assert products.loss == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(products.gradient, gradient, atol=1e-13)
    assert products.kept_samples == products.n_samples == len(images)


def test_parameters_are_those_of_the_construction() -> None:
    """Catches products that read the model's parameters anew and mix two points."""
    model, images, labels = _small_model()
    products = CurvatureProducts(FastEngine(model), images, labels)
    vector = np.ones((model.n_parameters, 1))
    before = products.product("hessian", vector)
    model.load_flat_parameters(model.flat_parameters() + 0.3)
    np.testing.assert_array_equal(products.product("hessian", vector), before)


def test_many_vectors_share_a_pass_and_agree_with_one_by_one() -> None:
    model, images, labels = _small_model()
    products = CurvatureProducts(FastEngine(model), images, labels)
    vectors = np.random.default_rng(0).normal(size=(model.n_parameters, 11))
    together = products.product("hessian", vectors)
    apart = np.hstack([products.product("hessian", v[:, None]) for v in vectors.T])
    np.testing.assert_allclose(together, apart, atol=1e-12)


def test_squared_error_hessian() -> None:
    """With S = I, G = J^T J: catches a softmax curvature used for every loss."""
    model, images, _ = _small_model()
    targets = torch.zeros(len(images), model.n_classes, dtype=torch.float64)
    products = CurvatureProducts(FastEngine(model, loss=SquaredError()), images, targets)
    expected = dense_by_double_backward(
        model, 0.5 * model.autograd_logits(images).square().sum() / len(images)
    )
    identity = np.eye(model.n_parameters)
    np.testing.assert_allclose(products.product("hessian", identity), expected, atol=1e-9)
    split = products.product("gauss_newton", identity) + products.product("residual", identity)
    np.testing.assert_allclose(split, expected, atol=1e-9)


def test_bad_arguments_are_refused() -> None:
    model, images, labels = _small_model()
    engine = FastEngine(model)
    with pytest.raises(ValueError, match="memory_budget: expected at least 0 bytes, got -1"):
        CurvatureProducts(engine, images, labels, memory_budget=-1)
    with pytest.raises(ValueError, match="memory_budget"):
        CurvatureProducts(engine, images, labels, memory_budget=float("nan"))
    products = CurvatureProducts(engine, images, labels)
    with pytest.raises(ValueError, match="kind: expected 'hessian'"):
        products.product("fisher", np.zeros((model.n_parameters, 1)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"vectors: expected shape \(\d+, k\), got \(3, 1\)"):
        products.product("hessian", np.zeros((3, 1)))
    with pytest.raises(ValueError, match="vectors: expected finite"):
        products.product("hessian", np.full((model.n_parameters, 1), np.nan))


def _small_model() -> tuple[DistributedQNN, torch.Tensor, torch.Tensor]:
    model = DistributedQNN(
        4, 1, n_qubits=2, image_side=3, n_classes=4, scale=5.0, dtype=torch.float64
    )
    generator = torch.Generator().manual_seed(2)
    images = torch.rand(7, 3, 3, generator=generator, dtype=torch.float64)
    return model, images, torch.randint(0, 4, (7,), generator=generator)
