"""Theorems where they are tight: models that attain a bound or a rate, and drawn ones within it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.verification.operators import CurvatureProblem
from tests.strategies import examples, real_arrays
from tests.theory.dense_model import DenseModel, top
from tests.theory.test_theorems_on_the_model import GRIDS, ROUNDING, dense_models


@given(dense_models(grids=GRIDS[:2]), st.data())
@examples(12)
def test_first_harmonic(case: DenseModel, data: st.DataObject) -> None:
    """f is a + b cos t + c sin t in an angle or a pixel of the bias: three values give all others.

    Only this catches an argument that enters twice, or other than by a half angle.
    """
    index = data.draw(st.integers(0, len(case.flat) - 1))
    unit = torch.zeros_like(case.flat)
    unit[index] = 1.0

    def at(t: float) -> Tensor:
        return case.outputs_at(case.flat + t * unit)

    quarter = math.pi / 2
    ahead, behind = at(quarter), at(-quarter)
    a, c = (ahead + behind) / 2, (ahead - behind) / 2
    b = at(0.0) - a
    for t in data.draw(st.lists(st.floats(-7, 7), min_size=3, max_size=3)):
        expected = a + b * math.cos(t) + c * math.sin(t)
        assert float((at(t) - expected).abs().max()) < ROUNDING


@given(dense_models(grids=GRIDS[:1]))
@examples(8)
def test_second_derivatives_are_bounded(case: DenseModel) -> None:
    """|d_i f| <= 1 and |d_i d_j f| <= 1 for every output, angles and pixels alike."""
    assert float(case.jacobian.abs().max()) <= 1 + 1e-12
    shape = case.outputs_at(case.flat).shape
    for which in range(math.prod(shape)):
        second = torch.autograd.functional.hessian(
            lambda flat, which=which: case.outputs_at(flat).reshape(-1)[which],
            case.flat,
            vectorize=True,
        )
        assert float(second.abs().max()) <= 1 + 1e-12


def test_derivative_bounds_are_attained() -> None:
    """A rotation alone: f = cos t, slope and curvature 1, so no smaller constant will do."""
    model = DistributedQNN(1, 1, 2, 2, 4, dtype=torch.float64)
    model.load_flat_parameters(np.zeros(model.n_parameters))
    case = DenseModel(model, torch.zeros(1, 2, 2, dtype=torch.float64), torch.tensor([0]))
    turned = case.flat.clone()
    turned[-3] += math.pi / 2  # a pixel of the bias turns qubit 0 or 1 to the equator
    slopes = torch.autograd.functional.jacobian(case.outputs_at, turned)
    assert float(slopes.abs().max()) == pytest.approx(1, abs=1e-12)


class Signed(torch.nn.Module):
    """P patches that share one angle: f_p = h_p(x) sin t, the logit s sum_p f_p.

    Args:
        signs: h, shape (N, P).
        scale: s.
        angle: t.
    """

    def __init__(self, signs: np.ndarray, scale: float, angle: float) -> None:
        super().__init__()
        self.signs = torch.from_numpy(signs)
        self.scale = scale
        self.angle = torch.nn.Parameter(torch.tensor([angle], dtype=torch.float64))

    def forward(self, rows: Tensor) -> Tensor:
        """Logits (n, 1) of samples given by their number."""
        return self.scale * torch.sin(self.angle) * self.signs[rows].sum(dim=1, keepdim=True)


def hadamard(order: int) -> np.ndarray:
    """Sylvester's matrix (2^order, 2^order): columns of +-1, uncorrelated over the rows."""
    matrix = np.ones((1, 1))
    for _ in range(order):
        matrix = np.kron(matrix, np.array([[1.0, 1.0], [1.0, -1.0]]))
    return matrix


@given(
    order=st.integers(1, 4),
    data=st.data(),
    alpha=st.floats(0, 2),
    angle=st.floats(-1.4, 1.4),
    scale=st.floats(0.1, 10),
)
def test_shared_angles_coherent_and_incoherent(
    order: int, data: st.DataObject, alpha: float, angle: float, scale: float
) -> None:
    """Uncorrelated derivatives leave G a factor P^(1 - 2 alpha), like ones P^(2 - 2 alpha).

    Only this holds both ends of sharing against one operator.
    """
    columns = hadamard(order)
    n_patches = data.draw(st.integers(1, 2**order))
    rows = torch.arange(2**order)
    targets = torch.zeros(len(rows), 1, dtype=torch.float64)
    single = (scale * math.cos(angle)) ** 2  # P = 1: s^2 <h^2> cos^2 t
    for signs, power in (
        (columns[:, :n_patches], 1 - 2 * alpha),
        (np.repeat(columns[:, :1], n_patches, axis=1), 2 - 2 * alpha),
    ):
        model = Signed(signs, scale * n_patches**-alpha, angle)
        problem = CurvatureProblem(model, rows, targets, loss="squared_error")
        element = float((problem.gauss_newton @ np.ones(1))[0])
        assert element == pytest.approx(single * n_patches**power, rel=1e-10)


class Coherent(torch.nn.Module):
    """P patches of one angle each that respond alike, to their angle and to one shared bias."""

    def __init__(self, n_patches: int, alpha: float, scale: float, angle: float) -> None:
        super().__init__()
        self.scale = scale * n_patches**-alpha
        self.angles = torch.nn.Parameter(torch.full((n_patches,), angle, dtype=torch.float64))
        self.bias = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 1)."""
        return self.scale * torch.sin(x + self.angles + self.bias).sum(dim=1, keepdim=True)


@given(
    n_patches=st.integers(1, 12),
    alpha=st.floats(0, 2),
    angle=st.floats(-1.2, 1.2),
    scale=st.floats(0.1, 10),
)
def test_coherent_patches_level_off(
    n_patches: int, alpha: float, angle: float, scale: float
) -> None:
    """lambda_max(G) = c^2 (P^(1 - 2 alpha) a + P^(2 - 2 alpha) b): at alpha = 1, c^2 (a/P + b).

    Only this catches a bias whose part falls with P: the pixel that all patches read.
    """
    x = torch.zeros(1, 1, dtype=torch.float64)
    model = Coherent(n_patches, alpha, scale, angle)
    problem = CurvatureProblem(model, x, torch.zeros(1, 1), loss="squared_error")
    g = problem.gauss_newton @ np.eye(n_patches + 1)
    a = b = math.cos(angle) ** 2
    law = scale**2 * (n_patches ** (1 - 2 * alpha) * a + n_patches ** (2 - 2 * alpha) * b)
    assert np.linalg.eigvalsh(g)[-1] == pytest.approx(law, rel=1e-9)


@given(dense_models())
@examples(12)
def test_bias_adds_no_more_than_its_own_part(case: DenseModel) -> None:
    """max of the two parts' tops <= lambda_max(G) <= their sum, on drawn models."""
    n = case.n_angles
    whole, angles, bias = (
        top(case.gauss_newton),
        top(case.gauss_newton[:n, :n]),
        top(case.gauss_newton[n:, n:]),
    )
    slack = ROUNDING * (1 + whole)
    assert max(angles, bias) - slack <= whole <= angles + bias + slack


def test_bias_rows_lift_the_top_of_r_above_its_blocks() -> None:
    """The counterexample on real circuits: with bias rows R's top is not its largest block's."""
    lifted = []
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        model = DistributedQNN(4, 1, 2, 3, 4, 8.0, seed=seed, dtype=torch.float64)
        images = torch.rand(2, 3, 3, generator=generator, dtype=torch.float64)
        case = DenseModel(model, images, torch.tensor([0, 3]))
        n, patch = case.n_angles, case.patch_of()
        blocks = [case.residual[:n, :n][patch == p][:, patch == p] for p in range(4)]
        largest = max(top(block) for block in blocks)
        assert top(case.residual[:n, :n]) == pytest.approx(largest, rel=1e-9)
        lifted.append(top(case.residual) / largest)
    assert min(lifted) > 1
    assert max(lifted) > 1.05


@given(weights=real_arrays((4, 3), bound=1.0), alpha=st.sampled_from([0.0, 0.5, 1.0]))
@examples(12)
def test_orthogonal_patches_of_any_kind(weights: np.ndarray, alpha: float) -> None:
    """lambda_max(G) = s^2 max_p a_p where every patch moves a logit of its own, alike or not.

    Only this catches a sum over patches in place of their maximum.
    """
    x = torch.from_numpy(np.array([[0.3, -0.2, 0.5], [0.1, 0.4, -0.6]]))
    model = OwnLogits(weights, 2.0 * len(weights) ** -alpha)
    targets = torch.zeros(2, len(weights), dtype=torch.float64)
    problem = CurvatureProblem(model, x, targets, loss="squared_error")
    size = weights.size
    largest = np.linalg.eigvalsh(problem.gauss_newton @ np.eye(size))[-1]
    slopes = np.cos(x.numpy() @ weights.T)[:, :, None] * x.numpy()[:, None, :]  # (N, P, 3)
    blocks = np.einsum("npi,npj->pij", slopes, slopes) / len(x)
    expected = 4 * len(weights) ** (-2 * alpha) * np.linalg.eigvalsh(blocks)[:, -1].max()
    assert largest == pytest.approx(expected, rel=1e-9)


class OwnLogits(torch.nn.Module):
    """Patch p moves logit p alone."""

    def __init__(self, weights: np.ndarray, scale: float) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.from_numpy(weights))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, P)."""
        return self.scale * torch.sin(x @ self.weights.T)
