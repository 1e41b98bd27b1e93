"""H, G and R against sources that share no derivative code with them."""

import numpy as np
import pytest
import torch

from simulators.reference import qnn_outputs
from tests.verification.curvature_cases import mlp_case, qnn_case, relative_difference
from verification.operators import CurvatureProblem

CASE = qnn_case(n_samples=2)
QUARTER = np.pi / 2


def shifted_derivatives(
    ansatz: object, angles: np.ndarray, features: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """f (C,), df (n, C), ddf (n, n, C) of one patch, from values of the numpy simulator alone.

    f is a + b cos t + c sin t in each angle, so d_i f = [f(+pi/2) - f(-pi/2)] / 2 exactly, and
    the second derivatives are differences of those (Schuld et al. 2019).
    """
    cache: dict[tuple[tuple[int, int], ...], np.ndarray] = {}

    def f(*shifts: tuple[int, int]) -> np.ndarray:
        total: dict[int, int] = {}
        for i, k in shifts:
            total[i] = total.get(i, 0) + k
        key = tuple(sorted((i, k % 4) for i, k in total.items() if k % 4))
        if key not in cache:
            moved = angles.copy()
            for i, k in key:
                moved[i] += k * QUARTER
            cache[key] = qnn_outputs(ansatz, moved, features, n_classes)
        return cache[key]

    n = len(angles)
    first = np.array([(f((i, 1)) - f((i, -1))) / 2 for i in range(n)])
    second = np.empty((n, n, n_classes))
    for i in range(n):
        for j in range(i + 1):
            plus = f((i, 1), (j, 1)) + f((i, -1), (j, -1))
            second[i, j] = second[j, i] = (plus - f((i, 1), (j, -1)) - f((i, -1), (j, 1))) / 4
    return f(), first, second


@pytest.mark.parametrize("backend", ["fast", "autodiff"])
def test_parameter_shift_on_the_numpy_simulator(backend: str) -> None:
    """Eq. (6) put together by hand from shifted values: no autograd, no engine anywhere.

    Only this catches an error that the torch model and the fast engine have in common.
    """
    model = CASE.model
    problem = CurvatureProblem(model, CASE.images, CASE.labels, backend=backend)
    layout, s, n = problem.layout, model.output_scale, len(CASE.images)
    angles = model.angles.detach().numpy()
    pixels = (CASE.images + model.pixel_bias.detach()).reshape(n, -1).numpy()
    g, r = np.zeros((80, 80)), np.zeros((80, 80))
    for x, y in zip(pixels, CASE.labels, strict=True):
        patches = [
            shifted_derivatives(model.ansatz, a, x[rows], 4)
            for a, rows in zip(angles, model.grid.pixel_indices, strict=True)
        ]
        z = s * sum(f for f, _, _ in patches)
        pi = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        jacobian = s * np.concatenate([first for _, first, _ in patches])
        g += jacobian @ (np.diag(pi) - np.outer(pi, pi)) @ jacobian.T / n
        for p, (_, _, second) in enumerate(patches):
            block = np.ix_(layout.patch(p), layout.patch(p))
            r[block] += s * second @ (pi - np.eye(4)[int(y)]) / n
    identity = np.eye(96)[:, :80]
    assert relative_difference((problem.gauss_newton @ identity)[:80], g) < 1e-11
    assert relative_difference((problem.residual @ identity)[:80], r) < 1e-11


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # theirs
def test_curvlinops_agrees() -> None:
    """Another library's products; only this catches a convention of ours that is not the field's.

    Runs where the peers extra is installed.
    """
    curvlinops = pytest.importorskip("curvlinops")
    case = mlp_case()
    parameters = list(case.model.parameters())
    data = [(case.images[:4], case.labels[:4]), (case.images[4:], case.labels[4:])]  # uneven
    loss = torch.nn.CrossEntropyLoss(reduction="mean")
    problem = CurvatureProblem(case.model, case.images, case.labels)
    identity = torch.eye(27, dtype=torch.float64)
    for name, ours in (
        ("HessianLinearOperator", problem.hessian),
        ("GGNLinearOperator", problem.gauss_newton),
    ):
        theirs = getattr(curvlinops, name)(case.model, loss, parameters, data) @ identity
        assert relative_difference(ours @ np.eye(27), theirs.detach().numpy()) < 1e-12
