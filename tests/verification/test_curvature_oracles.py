"""H, G and R against sources that share no derivative code with them."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.peers.client import peers_python
from patchlaw.simulators import Ansatz, qiskit_circuit, reference
from patchlaw.verification.operators import CurvatureProblem
from tests.verification.curvature_cases import Case, mlp_case, qnn_case, relative_difference
from tests.verification.curvlinops_oracle import write_problem

QUARTER = np.pi / 2
ROOT = Path(__file__).parents[2]

Outputs = Callable[[Ansatz, np.ndarray, np.ndarray, int], np.ndarray]


class ShiftedOutputs:
    """Derivatives of one patch's outputs from values of a simulator at shifted arguments alone.

    An output is a + b cos t + c sin t in each angle and each feature, so its slope is
    [f(+pi/2) - f(-pi/2)] / 2 exactly, and second derivatives are differences of those (Schuld et
    al. 2019).

    Args:
        outputs: the simulator.
        ansatz: the circuit.
        angles: shape (n_angles,).
        features: shape (n_features,); its derivatives follow those in the angles.
        n_classes: C.
    """

    def __init__(
        self,
        outputs: Outputs,
        ansatz: Ansatz,
        angles: np.ndarray,
        features: np.ndarray,
        n_classes: int,
    ) -> None:
        self.outputs, self.ansatz, self.n_classes = outputs, ansatz, n_classes
        self.arguments, self.n_angles = np.concatenate([angles, features]), len(angles)
        self._known: dict[tuple[tuple[int, int], ...], np.ndarray] = {}

    def value(self, *shifts: tuple[int, int]) -> np.ndarray:
        """f (C,) with argument i moved by k quarter turns, for each (i, k)."""
        total: dict[int, int] = {}
        for i, k in shifts:
            total[i] = total.get(i, 0) + k
        key = tuple(sorted((i, k % 4) for i, k in total.items() if k % 4))
        if key not in self._known:
            moved = self.arguments.copy()
            for i, k in key:
                moved[i] += k * QUARTER
            split = np.split(moved, [self.n_angles])
            self._known[key] = self.outputs(self.ansatz, *split, self.n_classes)
        return self._known[key]

    def first(self, i: int) -> np.ndarray:
        """d_i f, shape (C,)."""
        return (self.value((i, 1)) - self.value((i, -1))) / 2

    def second(self, i: int, j: int) -> np.ndarray:
        """d_i d_j f, shape (C,)."""
        plus = self.value((i, 1), (j, 1)) + self.value((i, -1), (j, -1))
        return (plus - self.value((i, 1), (j, -1)) - self.value((i, -1), (j, 1))) / 4


def shifted_patches(case: Case, outputs: Outputs, sample: int) -> list[ShiftedOutputs]:
    """Every patch of a model at one image."""
    model = case.model
    pixels = (case.images[sample] + model.pixel_bias.detach()).reshape(-1).numpy()
    angles = model.angles.detach().numpy()
    return [
        ShiftedOutputs(outputs, model.ansatz, a, pixels[rows], model.n_classes)
        for a, rows in zip(angles, model.grid.pixel_indices, strict=True)
    ]


def positions(case: Case) -> list[np.ndarray]:
    """Where each patch's arguments, angles and then features, stand among the parameters."""
    layout = CurvatureProblem(case.model, case.images, case.labels).layout
    return [
        np.concatenate([layout.patch(p), layout.shared[rows]])
        for p, rows in enumerate(case.model.grid.pixel_indices)
    ]


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z - z.max()) / np.exp(z - z.max()).sum()


@pytest.mark.slow
def test_parameter_shift_on_the_numpy_simulator() -> None:
    """Eq. (5) put together by hand from shifted values, bias rows included: no autograd, no engine.

    Only this catches an error that the torch model and the fast engine have in common, and the
    bias of a pixel counted once where two patches read it.
    """
    case = qnn_case(n_samples=1, image_side=3)  # patches that overlap
    model, where = case.model, positions(case)
    s, size = model.output_scale, model.n_parameters
    patches = shifted_patches(case, reference.qnn_outputs, 0)
    pi = softmax(s * sum(patch.value() for patch in patches))
    slope = pi - np.eye(4)[int(case.labels[0])]
    jacobian, r = np.zeros((size, 4)), np.zeros((size, size))
    for patch, rows in zip(patches, where, strict=True):
        count = len(rows)
        jacobian[rows] += s * np.array([patch.first(i) for i in range(count)])
        second = np.array([[patch.second(i, j) for j in range(count)] for i in range(count)])
        r[np.ix_(rows, rows)] += s * second @ slope
    g = jacobian @ (np.diag(pi) - np.outer(pi, pi)) @ jacobian.T
    identity = np.eye(size)
    for backend in ("fast", "autodiff"):
        problem = CurvatureProblem(model, case.images, case.labels, backend=backend)
        assert relative_difference(problem.gauss_newton @ identity, g) < 1e-11
        assert relative_difference(problem.residual @ identity, r) < 1e-11
        assert relative_difference(problem.hessian @ identity, g + r) < 1e-11


def test_parameter_shift_on_qiskit_expectations() -> None:
    """All of G and some of R from expectation values that qiskit computes.

    Only this catches a convention, of a gate or an observable, that all simulators here share.
    """
    case = qnn_case(n_samples=1)
    model, where = case.model, positions(case)
    problem = CurvatureProblem(model, case.images, case.labels)
    s, size = model.output_scale, problem.layout.size
    patches = shifted_patches(case, qiskit_circuit.qnn_outputs, 0)
    pi = softmax(s * sum(patch.value() for patch in patches))
    slope = pi - np.eye(4)[int(case.labels[0])]
    jacobian = np.zeros((size, 4))
    for patch, rows in zip(patches, where, strict=True):
        jacobian[rows] += s * np.array([patch.first(i) for i in range(len(rows))])
    g = jacobian @ (np.diag(pi) - np.outer(pi, pi)) @ jacobian.T
    assert relative_difference(problem.gauss_newton @ np.eye(size), g) < 1e-11
    r = problem.residual @ np.eye(size)
    rng = np.random.default_rng(6)
    for _ in range(12):
        p, i, j = rng.integers(4), *rng.integers(24, size=2)
        expected = s * patches[p].second(i, j) @ slope
        assert abs(r[where[p][i], where[p][j]] - expected) < 1e-11 * np.abs(r).max()


def curvlinops_python() -> str:
    """An interpreter with curvlinops: this one, or the peers' environment.

    Where there is none the test is skipped, with the way to get one.
    """
    if importlib.util.find_spec("curvlinops") is not None:
        return sys.executable
    if not peers_python().exists():
        pytest.skip(
            "curvlinops is neither installed here (pip install '.[peers]') nor in the peers' "
            "environment (python -m benchmarks.peers.install)"
        )
    return str(peers_python())


@pytest.mark.slow
def test_curvlinops_agrees(tmp_path: Path) -> None:
    """Another library's products: only this catches a convention that the field does not share."""
    python = curvlinops_python()
    case = mlp_case()
    write_problem(tmp_path, case)
    done = subprocess.run(
        [python, "-m", "tests.verification.curvlinops_oracle", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    theirs = np.load(tmp_path / "matrices.npz")
    problem = CurvatureProblem(case.model, case.images, case.labels)
    identity = np.eye(27)
    hessian, gauss_newton = theirs["hessian"], theirs["gauss_newton"]
    assert relative_difference(problem.hessian @ identity, hessian) < 1e-12
    assert relative_difference(problem.gauss_newton @ identity, gauss_newton) < 1e-12
    assert relative_difference(problem.residual @ identity, hessian - gauss_newton) < 1e-12


def test_the_case_for_curvlinops_tells_g_from_h() -> None:
    """G and H of the case differ by far more than the agreement asked for."""
    case = mlp_case()
    problem = CurvatureProblem(case.model, case.images, case.labels)
    g, h = problem.gauss_newton @ np.eye(27), problem.hessian @ np.eye(27)
    assert relative_difference(g, h) > 0.01
    assert not torch.equal(case.labels[:3], case.labels[3:])
