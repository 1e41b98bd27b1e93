"""Squared error, losses of one's own, and models whose second derivatives are wrong."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from patchlaw.verification.operators import CurvatureProblem, GaussNewtonOperator, HessianOperator
from patchlaw.verification.operators.differences import compare
from tests.verification.curvature_cases import (
    Case,
    dense_gauss_newton,
    flat_parameters,
    logits_of_flat,
    mlp_case,
    qnn_case,
    relative_difference,
)

CASES = {"qnn": qnn_case(), "mlp": mlp_case()}


def targets_of(case: Case) -> Tensor:
    n, classes = logits_of_flat(case, flat_parameters(case)).shape
    generator = torch.Generator().manual_seed(2)
    return torch.randn(n, classes, generator=generator, dtype=torch.float64)


def squared_error_matrices(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """H by torch.autograd.functional.hessian of the written-out mean, G = <J^T J>."""
    targets = targets_of(case)

    def loss(flat: Tensor) -> Tensor:
        return ((logits_of_flat(case, flat) - targets) ** 2).sum(dim=1).mean() / 2

    flat = flat_parameters(case)
    jacobian = torch.func.jacrev(lambda t: logits_of_flat(case, t))(flat).detach().numpy()
    hessian = torch.autograd.functional.hessian(loss, flat, vectorize=True).numpy()
    return hessian, np.einsum("nki,nkj->ij", jacobian, jacobian) / len(targets)


@pytest.mark.parametrize("backend", ["auto", "autodiff"])
@pytest.mark.parametrize("name", list(CASES))
def test_squared_error_agrees_with_dense_autograd(name: str, backend: str) -> None:
    """Only this catches a softmax left in the squared loss, or a missing 1/2."""
    case = CASES[name]
    hessian, gauss_newton = squared_error_matrices(case)
    problem = CurvatureProblem(
        case.model, case.images, targets_of(case), loss="squared_error", backend=backend
    )
    identity = np.eye(len(hessian))
    assert relative_difference(problem.hessian @ identity, hessian) < 1e-12
    assert relative_difference(problem.gauss_newton @ identity, gauss_newton) < 1e-12
    assert relative_difference(problem.residual @ identity, hessian - gauss_newton) < 1e-12


@pytest.mark.parametrize("backend", ["fast", "autodiff"])
def test_blocks_with_squared_error(backend: str) -> None:
    """Only this catches a block whose residual z - y forgets the other patches' logits."""
    case = CASES["qnn"]
    hessian, _ = squared_error_matrices(case)
    for p, inputs in enumerate(case.model.block_inputs(case.images)):
        block = HessianOperator(
            case.model.patch_block(p),
            inputs,
            targets_of(case),
            loss="squared_error",
            backend=backend,
        )
        rows = slice(20 * p, 20 * p + 20)
        expected = hessian[rows, rows]
        np.testing.assert_allclose(block @ np.eye(20), expected, atol=1e-12 * np.abs(hessian).max())


def cross_entropy_written_out(z: Tensor, labels: Tensor) -> Tensor:
    return torch.logsumexp(z, dim=1) - z.gather(1, labels[:, None])[:, 0]


def test_a_loss_of_ones_own_agrees_with_the_named_one() -> None:
    """Only this catches g or S of a custom loss taken at the wrong logits or averaged twice."""
    case = CASES["mlp"]
    named = CurvatureProblem(case.model, case.images, case.labels)
    own = CurvatureProblem(case.model, case.images, case.labels, loss=cross_entropy_written_out)
    for a, b in (
        (own.hessian, named.hessian),
        (own.gauss_newton, named.gauss_newton),
        (own.residual, named.residual),
    ):
        assert relative_difference(a @ np.eye(27), b @ np.eye(27)) < 1e-12
    assert relative_difference(named.gauss_newton @ np.eye(27), dense_gauss_newton(case)) < 1e-12


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        (lambda z, y: (z - y).abs().sum(dim=1), "real", r"piecewise linear"),
        (lambda z, y: torch.relu(1 - z * y).sum(dim=1), "real", r"piecewise linear"),
        (lambda z, y: (z * y).sum(dim=1), "real", r"piecewise linear"),
        (lambda z, y: ((z - y) ** 2).mean(), "real", r"one number a sample.*reduction='none'"),
        (lambda z, y: (z.argmax(dim=1) == y).double(), "labels", r"differentiable function"),
        ("huber", "real", "expected one of cross_entropy, squared_error, got 'huber'"),
        ("squared_error", "integers", r"expected floating-point targets .*one_hot\(labels, C\)"),
        ("squared_error", "short", r"targets: expected shape \(6, 3\), got \(6, 2\)"),
        ("squared_error", "nan", r"targets: expected finite numbers, got NaN"),
        (lambda z, y: ((z - y) ** 2).sum(dim=1), "few", r"targets: expected 6, one an image"),
        (3, "labels", r"expected a name or a function, got int"),
    ],
)
def test_bad_losses_and_targets_are_refused(loss: object, targets: str, message: str) -> None:
    case = CASES["mlp"]
    real = targets_of(case)
    choices = {
        "real": real,
        "labels": case.labels,
        "short": real[:, :2],
        "nan": real / 0 * 0,
        "few": real[:2],
        "integers": real.long(),
    }
    with pytest.raises((ValueError, TypeError), match=message):
        HessianOperator(case.model, case.images, choices[targets], loss=loss)  # type: ignore[arg-type]


def test_fast_backend_takes_named_losses_only() -> None:
    case = CASES["qnn"]
    with pytest.raises(ValueError, match="a loss given by name"):
        HessianOperator(
            case.model, case.images, case.labels, loss=cross_entropy_written_out, backend="fast"
        )
    own = HessianOperator(case.model, case.images, case.labels, loss=cross_entropy_written_out)
    assert own.backend_name == "autodiff"


class AdjointLike(torch.autograd.Function):
    """sin with a right gradient that autograd believes to be constant, as in adjoint methods."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        """Sine."""
        ctx.save_for_backward(x.detach())
        return x.sin()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> Tensor:
        """Cosine of a detached argument: no second derivative of the sine."""
        (x,) = ctx.saved_tensors
        return grad * x.cos().detach()


class OnceDifferentiable(AdjointLike):
    """The same, but marked."""

    backward = staticmethod(torch.autograd.function.once_differentiable(AdjointLike.backward))


class Activated(torch.nn.Module):
    """Two layers with a given activation between them."""

    def __init__(self, activation: object, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.first, self.second = torch.nn.Linear(4, 5), torch.nn.Linear(5, 3)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=generator))
        self.activation = activation
        self.to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.second(self.activation(self.first(x.flatten(1))))


IMAGES, LABELS = CASES["mlp"].images, CASES["mlp"].labels


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", [AdjointLike, OnceDifferentiable])
def test_a_backward_without_second_derivative_is_found_out(
    function: type[AdjointLike], dtype: torch.dtype
) -> None:
    """Only this catches H without some of its terms: right gradients, no error, wrong numbers."""
    with pytest.raises(ValueError, match="agree with finite differences of the gradient"):
        HessianOperator(Activated(function.apply, dtype), IMAGES, LABELS)


def test_an_operation_without_double_backward_is_named() -> None:
    centres = torch.eye(5, dtype=torch.float64)
    model = Activated(lambda x: torch.cdist(x, centres, p=3.0))
    with pytest.raises(ValueError, match=r"differentiates twice, got .*cdist_backward"):
        HessianOperator(model, IMAGES, LABELS)


class Detached(Activated):
    """A forward pass under no_grad."""

    def forward(self, x: Tensor) -> Tensor:
        """Logits without graph."""
        return super().forward(x).detach()


def test_logits_without_graph_are_refused() -> None:
    with pytest.raises(ValueError, match="depend on the parameters, got a loss without graph"):
        HessianOperator(Detached(torch.tanh), IMAGES, LABELS)


@pytest.mark.parametrize("name", ["qnn", "mlp"])
@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (AdjointLike.apply, r"loss: expected second derivatives that agree|piecewise linear"),
        (OnceDifferentiable.apply, r"loss: expected second derivatives that agree|piecewise"),
        (
            lambda z: torch.cdist(z, torch.zeros_like(z[:1]), p=3.0),
            r"loss: expected a loss that autograd differentiates twice, got .*cdist_backward",
        ),
    ],
)
@pytest.mark.parametrize("rest", [0.0, 1.0])
def test_a_loss_of_ones_own_is_differentiated_twice_or_refused(
    name: str, inner: Callable[[Tensor], Tensor], message: str, rest: float
) -> None:
    """Only this catches an S without some of its terms under a model whose own are right."""
    case = CASES[name]

    def loss(z: Tensor, y: Tensor) -> Tensor:
        return inner(z).sum(dim=1) + rest * 0.05 * ((z - y) ** 2).sum(dim=1)

    with pytest.raises(ValueError, match=message):
        HessianOperator(case.model, case.images, targets_of(case), loss=loss)


@pytest.mark.parametrize("delta", [0.1, 1.0])
@pytest.mark.parametrize("name", ["qnn", "mlp"])
def test_losses_with_kinks_in_their_slope_are_taken(name: str, delta: float) -> None:
    """Huber's loss is linear far out: only this catches its refusal as a piecewise linear one."""
    case = CASES[name]

    def loss(z: Tensor, y: Tensor) -> Tensor:
        return torch.nn.functional.huber_loss(z, y, reduction="none", delta=delta).sum(dim=1)

    operator = GaussNewtonOperator(case.model, case.images, targets_of(case), loss=loss)
    flat = flat_parameters(case)
    z = logits_of_flat(case, flat).detach()
    jacobian = torch.func.jacrev(lambda t: logits_of_flat(case, t))(flat).detach()
    curved = ((z - targets_of(case)).abs() < delta).double()  # S is 1 there and 0 elsewhere
    expected = torch.einsum("nki,nk,nkj->ij", jacobian, curved, jacobian) / len(z)
    size = len(flat)
    np.testing.assert_allclose(operator @ np.eye(size), expected.numpy(), atol=1e-11)


def verdict_on(function: Callable[[Tensor], Tensor], at: Tensor) -> str:
    """That of the differences on autograd's H v of a function of one tensor."""
    direction = torch.linspace(1, 2, at.numel(), dtype=at.dtype)
    leaf = at.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(function(leaf), leaf, create_graph=True)
    product = torch.zeros_like(at)
    if gradient.requires_grad:
        (product,) = torch.autograd.grad(gradient @ direction, leaf)

    def evaluate(step: float) -> list[Tensor]:
        moved = (at + step * direction).requires_grad_(True)
        return list(torch.autograd.grad(function(moved), moved))

    (comparison,) = compare(evaluate, [product], at.dtype)
    return comparison.verdict


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_kink_near_by_is_no_reason_to_refuse(dtype: torch.dtype) -> None:
    """The largest step crosses it, smaller ones see that H = 0 is right; lost terms still show."""
    at = torch.tensor([1.05, 3.0], dtype=dtype)

    def huber(x: Tensor) -> Tensor:
        return torch.nn.functional.huber_loss(x, torch.zeros_like(x))

    assert verdict_on(huber, at) == "confirmed"
    assert verdict_on(lambda x: huber(x) + AdjointLike.apply(x).sum(), at) == "wrong"


class DetachedSquare(torch.autograd.Function):
    """Half a square whose gradient has the right value and no graph."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        """Half the square."""
        ctx.x = x.detach()
        return x**2 / 2

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        """The gradient, of a copy that remembers nothing."""
        return gradient.detach() * ctx.x


def test_a_gradient_without_graph_is_that_of_a_linear_loss_or_refused() -> None:
    """Nothing is there to differentiate: H v = 0 is right for the one, and wrong for the other."""
    at = torch.tensor([1.05, 3.0], dtype=torch.float64)
    assert verdict_on(lambda x: 2 * x.sum(), at) == "confirmed"
    assert verdict_on(lambda x: DetachedSquare.apply(x).sum(), at) == "wrong"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", [torch.relu, torch.tanh, torch.sin, lambda x: x, torch.sign])
def test_honest_models_pass_the_check(activation: object, dtype: torch.dtype) -> None:
    """Kinks, linear layers and float32 rounding are no reason to refuse."""
    operator = GaussNewtonOperator(Activated(activation, dtype), IMAGES, LABELS)
    assert operator.shape == (43, 43)


class Rooted(torch.nn.Module):
    """A square root of its weight, which has no derivative at zero."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((3,), weight, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return x.flatten(1)[:, :3] * self.weight.sqrt()


def test_derivatives_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="model: expected finite derivatives of the loss, got NaN"):
        HessianOperator(Rooted(0.0), IMAGES, LABELS)
    assert HessianOperator(Rooted(0.5), IMAGES, LABELS).shape == (3, 3)


def test_integers_are_images_of_models_that_look_them_up() -> None:
    """Only this catches tokens turned into floating-point numbers."""
    model = torch.nn.Sequential(torch.nn.Embedding(7, 3), torch.nn.Flatten()).double()
    tokens = torch.tensor([[0], [6], [2]])
    operator = HessianOperator(model, tokens, [0, 1, 2])
    assert operator.shape == (21, 21)
    used = np.flatnonzero(np.abs(operator @ np.eye(21)).sum(axis=0))
    assert set(used // 3) == {0, 2, 6}  # the rows that were looked up
    with pytest.raises(ValueError, match="got a single number"):
        HessianOperator(model, torch.tensor(3), [0])
