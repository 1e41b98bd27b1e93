"""The curvature operators against dense matrices that are computed another way."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from patchlaw import GaussNewtonOperator, HessianOperator, ResidualOperator
from patchlaw.verification.operators.base import CurvatureOperator
from patchlaw.verification.operators.choice import BackendName
from tests.verification.curvature_cases import (
    Case,
    dense_gauss_newton,
    dense_hessian,
    flat_parameters,
    logits_of_flat,
    mlp_case,
    qnn_case,
    relative_difference,
)

# Double precision: some 1e3 rounded operations stand behind an element, 1e3 * 2.2e-16.
ROUNDING = 1e-12
CASES = {"qnn": qnn_case(), "qnn-one-patch": qnn_case(n_patches=1, depth=2), "mlp": mlp_case()}
ALL = (HessianOperator, GaussNewtonOperator, ResidualOperator)


def dense(operator: CurvatureOperator) -> np.ndarray:
    return operator @ np.eye(operator.shape[0])


@pytest.fixture(params=CASES, ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(params=["auto", "autodiff"])
def backend(request: pytest.FixtureRequest) -> BackendName:
    """The fast engine where it knows the model, and autograd for everything."""
    return request.param


def test_hessian_agrees_with_dense_autograd(case: Case, backend: BackendName) -> None:
    """Only this catches a wrong flat order or a missing 1/N in H."""
    measured = dense(HessianOperator(case.model, case.images, case.labels, backend=backend))
    assert relative_difference(measured, dense_hessian(case)) < ROUNDING


def test_gauss_newton_agrees_with_explicit_jacobian(case: Case, backend: BackendName) -> None:
    """Only this catches an S without its -pi pi^T, or the Fisher of sampled labels instead."""
    measured = dense(GaussNewtonOperator(case.model, case.images, case.labels, backend=backend))
    assert relative_difference(measured, dense_gauss_newton(case)) < ROUNDING


def test_residual_is_hessian_minus_gauss_newton(case: Case, backend: BackendName) -> None:
    """Only this catches a g that was differentiated too, or a one-hot with the wrong sign."""
    measured = dense(ResidualOperator(case.model, case.images, case.labels, backend=backend))
    assert relative_difference(measured, dense_hessian(case) - dense_gauss_newton(case)) < ROUNDING


@pytest.mark.parametrize("kind", [HessianOperator, ResidualOperator])
@pytest.mark.parametrize("name", ["qnn", "mlp"])
def test_finite_differences_of_the_gradient_converge_with_order_two(
    name: str, kind: type[CurvatureOperator]
) -> None:
    """Only this tests H and R against first derivatives, with no second derivative by torch.

    A central difference errs by h^2/6 times a third derivative: halving h divides the error by 4.
    A product that is off by anything else, a factor or a sign, leaves an error that stays. R is
    the change of J^T g with g held fixed.
    """
    case = CASES[name]
    flat = flat_parameters(case)
    vector = np.random.default_rng(1).standard_normal(len(flat))
    vector /= np.linalg.norm(vector)
    product = kind(case.model, case.images, case.labels) @ vector
    logits = logits_of_flat(case, flat)
    one_hot = torch.nn.functional.one_hot(case.labels, logits.shape[1])
    slopes = (torch.softmax(logits, dim=1) - one_hot).detach()

    def gradient(at: torch.Tensor) -> np.ndarray:
        at = at.clone().requires_grad_(True)
        z = logits_of_flat(case, at)
        loss = torch.nn.functional.cross_entropy(z, case.labels)
        if kind is ResidualOperator:
            loss = (slopes * z).sum(dim=1).mean()
        return torch.autograd.grad(loss, at)[0].numpy()

    errors = []
    for step in (4e-2, 2e-2, 1e-2):
        shift = step * torch.as_tensor(vector)
        difference = (gradient(flat + shift) - gradient(flat - shift)) / (2 * step)
        errors.append(np.linalg.norm(difference - product))
    orders = [np.log2(a / b) for a, b in pairwise(errors)]
    assert all(1.9 < order < 2.1 for order in orders), (errors, orders)


def test_float32_model_gives_float32_products_near_the_double_ones() -> None:
    case = CASES["qnn"]
    vector = np.random.default_rng(2).standard_normal(96)
    single = qnn_case().model.float()
    operator = HessianOperator(single, case.images, case.labels)
    product = operator @ vector
    assert operator.dtype == product.dtype == np.float32
    reference = dense_hessian(case) @ vector
    assert np.abs(product - reference).max() < 1e-4 * np.abs(reference).max()


def test_operator_keeps_the_parameters_it_was_made_with() -> None:
    """Only this catches an operator that changes under a Lanczos run while training goes on."""
    case = qnn_case()
    operator = HessianOperator(case.model, case.images, case.labels)
    vector = np.ones(operator.shape[0])
    before = operator @ vector
    with torch.no_grad():
        for parameter in case.model.parameters():
            parameter.add_(1.0)
    np.testing.assert_array_equal(operator @ vector, before)


def test_linear_model_has_no_residual() -> None:
    """Only this catches autograd's refusal to differentiate a gradient that is constant."""
    model = torch.nn.Linear(3, 2).double()
    operator = ResidualOperator(model, torch.ones(4, 3), torch.tensor([0, 1, 0, 1]))
    np.testing.assert_array_equal(operator @ np.ones(8), np.zeros(8))


def test_frozen_parameters_are_left_out() -> None:
    case = mlp_case()
    case.model[1].requires_grad_(False)
    full = dense(HessianOperator(mlp_case().model, case.images, case.labels))
    part = dense(HessianOperator(case.model, case.images, case.labels))
    np.testing.assert_allclose(part, full[15:, 15:], atol=ROUNDING * np.abs(full).max())


def _spoiled(name: str, value: float) -> torch.nn.Module:
    """The small models with one parameter that is not finite."""
    model = mlp_case().model if name == "1.weight" else qnn_case().model
    with torch.no_grad():
        dict(model.named_parameters())[name][0, 0] = value
    return model


CASE = qnn_case()
NAN, INF = float("nan"), float("inf")


def _spoiled_images(value: float) -> torch.Tensor:
    """One pixel of one image."""
    images = CASE.images.clone()
    images[3, 1, 2] = value
    return images


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((CASE.model, CASE.images[:0], CASE.labels[:0]), r"with N >= 1, .* got \(0, 4, 4\)"),
        ((mlp_case().model, CASE.images[:0], CASE.labels[:0]), "at least one sample, got zero"),
        ((CASE.model, CASE.images, CASE.labels[:3]), r"labels: expected shape \(5,\).*got \(3,\)"),
        ((CASE.model, CASE.images, CASE.labels + 4), "integers from 0 to 3 .* got values from"),
        ((CASE.model, CASE.images, CASE.labels - 9), "integers from 0 to 3 .* got values from"),
        ((CASE.model, CASE.images[:, 0], CASE.labels), r"images: expected shape \(N, 4, 4\)"),
        *(
            (arguments, message)
            for value in (NAN, INF, -INF)
            for arguments, message in (
                ((CASE.model, _spoiled_images(value), CASE.labels), "images: expected finite"),
                ((mlp_case().model, _spoiled_images(value), CASE.labels), "images: expected fin"),
                (
                    (_spoiled("angles", value), CASE.images, CASE.labels),
                    "expected finite parameters, got NaN or infinity in 'angles'",
                ),
                (
                    (_spoiled("pixel_bias", value), CASE.images, CASE.labels),
                    "expected finite parameters, got NaN or infinity in 'pixel_bias'",
                ),
                (
                    (_spoiled("1.weight", value), CASE.images, CASE.labels),
                    "expected finite parameters, got NaN or infinity in '1.weight'",
                ),
            )
        ),
        ((torch.nn.Flatten(), CASE.images, CASE.labels), "at least one parameter that requires"),
        ((torch.nn.Conv1d(4, 2, 1), CASE.images, CASE.labels), r"logits of shape \(1, C\), got"),
        (
            (torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Dropout()), CASE.images, [0]),
            "Dropout '1' in evaluation mode .* call model.eval",
        ),
        (
            (torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Linear(2, 2).double()), [], []),
            "all parameters in one dtype",
        ),
    ],
)
def test_bad_problems_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HessianOperator(*arguments)


def test_bad_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"labels: expected integers, got torch.float32"):
        HessianOperator(CASE.model, CASE.images, torch.zeros(5))
    with pytest.raises(TypeError, match=r"expected a torch.nn.Module, got int"):
        HessianOperator(3, CASE.images, CASE.labels)  # type: ignore[arg-type]


@pytest.mark.parametrize("chunk_size", [0, -1, 2.5, True])
def test_bad_chunk_size_is_refused(chunk_size: object) -> None:
    with pytest.raises(ValueError, match="chunk_size: expected an integer >= 1"):
        HessianOperator(CASE.model, CASE.images, CASE.labels, chunk_size=chunk_size)  # type: ignore[arg-type]


def test_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match=r"backend: expected one of .* got 'gpu'"):
        HessianOperator(CASE.model, CASE.images, CASE.labels, backend="gpu")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        (np.ones(95), r"expected shape \(D,\) or \(D, m\) with D = 96.*got \(95,\)"),
        (np.full(96, np.nan), "finite real entries"),
        (np.full(96, -np.inf), "finite real entries"),
        (np.ones(96, dtype=complex), "finite real entries"),
    ],
)
def test_bad_vectors_are_refused(vector: np.ndarray, message: str) -> None:
    operator = HessianOperator(CASE.model, CASE.images, CASE.labels)
    with pytest.raises(ValueError, match=message):
        operator.matvec(vector)
    with pytest.raises(ValueError, match="expected"):
        operator.matmat(vector)
