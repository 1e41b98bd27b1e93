"""Second derivatives tried tensor by tensor, in steps of their size, and what that leaves open."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from patchlaw.verification.operators import CurvatureProblem, HessianOperator
from patchlaw.verification.operators.differences import compare
from tests.verification.difference_oracle import assert_right, hessian_by_differences
from tests.verification.test_operator_losses import AdjointLike

_DRAW = torch.Generator().manual_seed(8)
IMAGES = torch.randn(20, 4, generator=_DRAW, dtype=torch.float64)
LABELS = torch.randint(0, 3, (20,), generator=_DRAW)


class Drive(nn.Module):
    """Phases of order one beside a frequency in hertz; the data are times in seconds."""

    def __init__(self, frequency: float) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.frequency = nn.Parameter(torch.tensor(frequency, dtype=torch.float64))
        self.w = nn.Parameter(torch.randn(6, 3).double())
        self.phase = nn.Parameter(torch.randn(6).double())

    def forward(self, t: Tensor) -> Tensor:
        """Logits."""
        return torch.cos(2 * torch.pi * self.frequency * t + self.phase) @ self.w


@pytest.mark.parametrize("frequency", [1e3, 1e5, 5e9])
def test_frequencies_beside_phases_are_taken(frequency: float) -> None:
    """Only this catches one step for all tensors; H scales exactly with the unit of time."""
    times = torch.rand(20, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    unit = assert_right(Drive(1.0), times, LABELS).hessian @ np.eye(25)
    scale = np.ones(25)
    scale[0] = frequency
    operator = HessianOperator(Drive(frequency), times / frequency, LABELS)
    measured = operator @ np.eye(25) * np.outer(scale, scale)
    np.testing.assert_allclose(measured, unit, atol=1e-10 * np.abs(unit).max())
    assert operator.caveats == ()


class Offset(nn.Module):
    """A trained offset that the data carry as well (kelvin, counts)."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.offset = nn.Parameter(torch.full((4,), offset, dtype=torch.float64))
        self.net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.net(3 * (x - self.offset))


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_large_offsets_are_taken(offset: float) -> None:
    """A step in proportion to the parameter would cross hundreds of the tanh's widths."""
    assert_right(Offset(offset), IMAGES + offset, LABELS, step=1e-4, tolerance=1e-5)


class Gated(nn.Module):
    """z = net(x) + a g^2 x: nothing of first order in g at zero."""

    def __init__(self, gate: float) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
        self.gate = nn.Parameter(torch.tensor(gate, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.net(x) + self.gate**2 * x[:, :3]


class Attention(nn.Module):
    """A bias of the keys adds the same to all scores: its derivatives are sums that cancel."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.query, self.key, self.out = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        scores = torch.softmax(self.query(x) @ self.key(x).transpose(1, 2), dim=-1)
        return self.out((scores @ x).mean(dim=1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_that_cancel_leave_nothing_open(dtype: torch.dtype) -> None:
    """Only this catches rounding around zero taken for a derivative that cannot be resolved."""
    model, sequences = Attention().to(dtype), IMAGES.reshape(10, 2, 4).to(dtype)
    operator = HessianOperator(model, sequences, LABELS[:10])
    assert operator.caveats == ()
    if dtype == torch.float64:
        assert_right(model, sequences, LABELS[:10])


@pytest.mark.parametrize("gate", [0.0, 1e-8])
def test_parameters_at_zero_are_taken(gate: float) -> None:
    assert_right(Gated(gate), IMAGES, LABELS)


class SmallAndWrong(nn.Module):
    """A large smooth network, and a small part whose second derivatives are lost."""

    def __init__(self, size: float) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.net = nn.Sequential(nn.Linear(4, 20), nn.Tanh(), nn.Linear(20, 3)).double()
        self.part = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.net(x) + self.size * AdjointLike.apply(self.part * x[:, :3])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1.0, 1e-2, 1e-4])
def test_a_term_lost_in_a_small_block_is_found_and_named(size: float, dtype: torch.dtype) -> None:
    """Only this catches a wrong block that is small against the norm of the whole H v."""
    with pytest.raises(ValueError, match=r"second derivatives .*, in 'part'; .*check=False"):
        HessianOperator(SmallAndWrong(size).to(dtype), IMAGES.to(dtype), LABELS)


def test_who_knows_better_passes_and_the_operator_says_so() -> None:
    model = SmallAndWrong(1.0)
    problem = CurvatureProblem(model, IMAGES, LABELS, check=False)
    caveat = "second derivatives, repeatability and samples' independence not checked (check=False)"
    for operator in (problem.hessian, problem.gauss_newton, 2 * problem.hessian):
        assert operator.caveats == (caveat,)
    assert HessianOperator(model, IMAGES, LABELS, check=False).caveats == (caveat,)
    # G needs first derivatives only, and they are right
    gauss_newton = problem.gauss_newton @ np.eye(problem.hessian.shape[0])
    assert np.abs(gauss_newton - gauss_newton.T).max() < 1e-14

    def loss() -> Tensor:
        return nn.functional.cross_entropy(model(IMAGES), LABELS)

    wrong = problem.hessian @ np.eye(len(gauss_newton))
    assert np.abs(wrong - hessian_by_differences(model, loss)).max() > 1e-3


class Noisy(nn.Module):
    """One branch carries noise (a function of its bits) that autograd does not see."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.net = nn.Linear(4, 3).double()
        self.noisy = nn.Parameter(torch.tensor(0.7, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        smooth = torch.sin(self.noisy * x[:, :3])
        return torch.tanh(self.net(x)) + smooth + 0.1 * torch.sin(1e12 * smooth).detach()


def test_what_differences_cannot_resolve_is_said_and_not_refused() -> None:
    """Only this catches a right module refused, or an open question kept quiet."""
    operator = HessianOperator(Noisy(), IMAGES, LABELS)
    assert any("'noisy'" in c and "undecided by finite diff" in c for c in operator.caveats)


@pytest.mark.parametrize("width", [8, 200])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kinks_of_relu_leave_nothing_open(dtype: torch.dtype, width: int) -> None:
    """In float32 no step passes between the kinks of 200 units; in float64 one does."""
    torch.manual_seed(2)
    layers = (nn.Linear(4, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
    model = nn.Sequential(*layers, nn.Linear(width, 3)).to(dtype)
    operator = HessianOperator(model, IMAGES.to(dtype), LABELS)
    assert operator.caveats == ()
    assert all(p.dtype == dtype for p in model.parameters())


class Started(nn.Module):
    """Starts from zeros of the default dtype, or of float32 by name."""

    def __init__(self, dtype: torch.dtype | None) -> None:
        super().__init__()
        self.dtype = dtype
        torch.manual_seed(2)
        self.cells, self.out = nn.LSTM(4, 3, batch_first=True), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        start = torch.zeros(1, len(x), 3, dtype=self.dtype)
        return self.out(self.cells(x[:, None], (start, start))[0][:, -1])


@pytest.mark.parametrize("dtype", [None, torch.float32])
def test_modules_that_cannot_be_tried_in_float64_are_tried_as_they_are(
    dtype: torch.dtype | None,
) -> None:
    model = Started(dtype)
    operator = HessianOperator(model, IMAGES.float(), LABELS)
    assert torch.get_default_dtype() == torch.float32
    assert "second" not in "".join(operator.caveats)
    assert dtype is not None or operator.caveats == ()
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    product = operator @ np.ones(operator.shape[0])
    assert product.dtype == np.float32
    assert np.abs(product).max() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_perfect_fit_leaves_nothing_open(dtype: torch.dtype) -> None:
    """The gradient is zero there, and so is R: zeros that differences can tell from rounding."""
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).to(dtype)
    images = IMAGES.to(dtype)
    problem = CurvatureProblem(model, images, model(images).detach(), loss="squared_error")
    assert problem.hessian.caveats == ()
    np.testing.assert_allclose(problem.residual @ np.ones(43), np.zeros(43), atol=1e-6)


def test_verdicts_of_differences() -> None:
    """x^3 at 1: right to a part in a thousand is wrong in float64; noise decides nothing."""

    def cube(step: float) -> list[Tensor]:
        return [torch.tensor([(1 + step) ** 3], dtype=torch.float64)]

    def noise(step: float) -> list[Tensor]:
        return [torch.tensor([np.sin(1e12 * step + 1)], dtype=torch.float64)]

    for claim, verdict in ((3.0, "confirmed"), (3.003, "wrong"), (0.0, "wrong")):
        (found,) = compare(cube, [torch.tensor([claim])], torch.float64)
        assert found.verdict == verdict, claim
    (found,) = compare(noise, [torch.tensor([1.0])], torch.float64)
    assert found.verdict == "undecided"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "activation", [nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.Hardswish, nn.Softplus, nn.SELU]
)
@pytest.mark.parametrize("sharpness", [1, 30, 3000])
def test_fitted_classifiers_are_taken(
    activation: type[nn.Module], dtype: torch.dtype, sharpness: int
) -> None:
    """A loss of 1e-40 is a difference of logits: rounding is of their size, and condemns nothing.

    Only this catches a right model refused because it has learnt its data by heart.
    """
    torch.manual_seed(2)
    layers = (nn.Linear(4, 16), activation(), nn.Linear(16, 16), activation(), nn.Linear(16, 3))
    model = nn.Sequential(*layers).to(dtype)
    with torch.no_grad():
        for parameter in model[-1].parameters():
            parameter.mul_(sharpness)
        images = IMAGES.to(dtype)
        labels = model(images).argmax(dim=1)
    operator = HessianOperator(model, images, labels)
    assert operator.caveats == ()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6])
def test_a_lost_term_is_found_in_fitted_models_too(size: float, dtype: torch.dtype) -> None:
    """What excuses rounding must not excuse a wrong backward."""
    model = SmallAndWrong(size).to(dtype)
    images = IMAGES.to(dtype)
    labels = model(images).argmax(dim=1)
    with pytest.raises(ValueError, match=r"second derivatives .*'part'"):
        HessianOperator(model, images, labels)
