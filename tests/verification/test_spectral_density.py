"""Stochastic Lanczos quadrature and trace estimates against dense matrices."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse.linalg import aslinearoperator

from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.solvers import estimate_trace, spectral_density
from patchlaw.verification.solvers.probe_vectors import probe_vectors
from patchlaw.verification.solvers.trace import Estimate
from tests.verification.curvature_cases import dense_hessian, qnn_case
from tests.verification.slow_operator import SlowOperator

CASE = qnn_case()
PROBLEM = CurvatureProblem(CASE.model, CASE.images, CASE.labels)
SIZE = CASE.model.n_parameters


@cache  # and not at import, which every worker pays for
def dense() -> np.ndarray:
    return dense_hessian(CASE)


@st.composite
def symmetric_matrices(draw: st.DrawFn) -> np.ndarray:
    """Rotated diagonals: clusters, zeros and repeated eigenvalues are all drawn."""
    n = draw(st.integers(2, 14))
    elements = st.one_of(st.sampled_from([0.0, 1.0, -3.0]), st.floats(-50, 50, width=32))
    values = draw(hnp.arrays(np.float64, n, elements=elements, fill=st.nothing()))
    axis = draw(hnp.arrays(np.float64, n, elements=st.floats(-1, 1), fill=st.nothing()))
    if np.linalg.norm(axis) < 0.1:
        return np.diag(values)
    axis /= np.linalg.norm(axis)
    mirror = np.eye(n) - 2 * np.outer(axis, axis)
    matrix = mirror @ np.diag(values) @ mirror
    return (matrix + matrix.T) / 2


@given(matrix=symmetric_matrices(), data=st.data())
def test_quadrature_is_exact_for_low_powers(matrix: np.ndarray, data: st.DataObject) -> None:
    """sum w theta^j = v^T A^j v up to degree 2 steps - 1.

    Only this catches lost orthogonality, weights of the wrong component, unnormalised probes.
    """
    steps = data.draw(st.integers(1, len(matrix)))
    kind = data.draw(st.sampled_from(["rademacher", "normal"]))
    result = spectral_density(
        aslinearoperator(matrix), n_probes=3, n_steps=steps, probes=kind, together=2, seed=5
    )
    probes = probe_vectors(kind, len(matrix), 3, np.random.default_rng(5))
    probes = probes / np.linalg.norm(probes, axis=0)
    norm = max(1.0, np.abs(np.linalg.eigvalsh(matrix)).max())
    for row in range(3):
        for power in range(2 * steps):
            exact = probes[:, row] @ np.linalg.matrix_power(matrix, power) @ probes[:, row]
            measured = (result.weights[row] * result.nodes[row] ** power).sum()
            assert abs(measured - exact) < 1e-9 * norm**power
    assert (result.weights >= 0).all()


@given(matrix=symmetric_matrices())
def test_ritz_values_lie_inside_the_spectrum(matrix: np.ndarray) -> None:
    exact = np.linalg.eigvalsh(matrix)
    steps = max(1, len(matrix) // 2)
    result = spectral_density(aslinearoperator(matrix), n_probes=2, n_steps=steps)
    slack = 1e-10 * max(1.0, np.abs(exact).max())
    assert exact[0] - slack <= result.nodes.min()
    assert result.nodes.max() <= exact[-1] + slack


def test_moments_agree_with_dense_traces() -> None:
    """Within three standard errors of 64 probes; the error itself shrinks as it should."""
    result = spectral_density(PROBLEM.hessian, n_probes=64, n_steps=8, seed=1)
    for power in range(1, 5):
        value, error = result.moment(power)
        exact = np.trace(np.linalg.matrix_power(dense(), power)) / SIZE
        assert abs(value - exact) < 3 * error
        assert error < 0.5 * np.linalg.norm(dense(), 2) ** power
    assert result.moment(0) == (pytest.approx(1.0, abs=1e-12), pytest.approx(0.0, abs=1e-12))
    assert result.matvecs == 64 * 8 + 3


def test_density_counts_eigenvalues() -> None:
    """Only this catches a density that is not normalised, or errors that are not over probes."""
    result = spectral_density(PROBLEM.hessian, n_probes=64, n_steps=30, seed=2)
    grid = result.grid(1000, margin=0.2)
    density, error = result.density(grid, width=0.2)
    step = grid[1] - grid[0]
    assert density.sum() * step == pytest.approx(1.0, abs=1e-6)
    exact_values = np.linalg.eigvalsh(dense())
    distance = (grid[:, None] - exact_values) / 0.2
    exact = np.exp(-(distance**2) / 2).mean(axis=1) / (0.2 * np.sqrt(2 * np.pi))
    # points of one grid are correlated: the share outside 3 errors is what may be asked
    outside = np.abs(density - exact) > 3 * error + 1e-6
    assert outside.mean() < 0.1


def test_an_exhausted_krylov_space_gives_the_exact_quadrature() -> None:
    """The identity, and zero, after one step; repeated nodes weigh nothing."""
    for value in (2.0, 0.0):
        result = spectral_density(aslinearoperator(value * np.eye(9)), n_probes=2, n_steps=5)
        np.testing.assert_allclose(result.nodes, value, atol=1e-12)
        np.testing.assert_allclose(result.weights[:, 1:], 0)
        assert result.matvecs == 2 + 3
        density, error = result.density([value])
        assert density[0] > 0
        assert error[0] == pytest.approx(0, abs=1e-9)


def test_probes_together_or_apart_and_resumed(tmp_path) -> None:
    """Only this catches probes mixed up in the pass they share, or a checkpoint that is not."""
    whole = spectral_density(SlowOperator(), n_probes=5, n_steps=20, together=5)
    apart = spectral_density(SlowOperator(), n_probes=5, n_steps=20, together=1)
    np.testing.assert_allclose(apart.nodes, whole.nodes, atol=1e-9)

    class Killed(SlowOperator):
        def product(self, vectors: np.ndarray) -> np.ndarray:
            if self.matvecs > 42:
                raise KeyboardInterrupt
            return super().product(vectors)

    with pytest.raises(KeyboardInterrupt):
        spectral_density(Killed(), n_probes=5, n_steps=20, together=5, checkpoint=tmp_path)
    resumed = spectral_density(
        SlowOperator(), n_probes=5, n_steps=20, together=5, checkpoint=tmp_path
    )
    assert resumed.replayed == 45  # every product that was made, also those not yet in a file
    np.testing.assert_array_equal(resumed.nodes, whole.nodes)
    np.testing.assert_array_equal(resumed.weights, whole.weights)


@given(matrix=symmetric_matrices())
def test_traces_are_exact_where_theory_says_so(matrix: np.ndarray) -> None:
    """Rademacher probes have no variance on a diagonal matrix; Hutch++ none on a low rank."""
    diagonal = np.diag(np.diag(matrix))
    result = estimate_trace(aslinearoperator(diagonal), n_products=3)
    scale = max(1.0, np.abs(matrix).sum())
    assert result.trace.value == pytest.approx(np.trace(diagonal), abs=1e-12 * scale)
    assert result.trace.standard_error < 1e-12 * scale
    first = matrix[:, :1]
    low_rank = first @ first.T
    result = estimate_trace(aslinearoperator(low_rank), n_products=9, method="hutch++")
    scale = max(1.0, np.trace(low_rank))
    assert result.trace.value == pytest.approx(np.trace(low_rank), abs=1e-9 * scale)
    square = np.trace(low_rank @ low_rank)
    assert result.trace_of_square.value == pytest.approx(square, abs=1e-9 * scale**2)


@pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
@pytest.mark.parametrize("probes", ["rademacher", "normal"])
def test_traces_of_the_hessian(method: str, probes: str) -> None:
    result = estimate_trace(PROBLEM.hessian, n_products=90, method=method, probes=probes, seed=3)
    for estimate, exact in (
        (result.trace, np.trace(dense())),
        (result.trace_of_square, (dense() ** 2).sum()),
    ):
        assert abs(estimate.value - exact) < 3 * estimate.standard_error
    assert result.matvecs <= 91
    assert (result.dtype, result.n_samples) == ("float64", 5)


def test_hutchpp_errs_less_where_few_eigenvalues_dominate() -> None:
    op = aslinearoperator(np.diag(np.exp(-np.arange(60.0))) + 1e-3 * np.ones((60, 60)))
    plain = estimate_trace(op, n_products=30, probes="normal")
    better = estimate_trace(op, n_products=30, probes="normal", method="hutch++")
    assert better.trace.standard_error < 0.01 * plain.trace.standard_error


def test_traces_of_blocks_come_from_the_same_products() -> None:
    layout = PROBLEM.layout
    blocks = {f"patch {p}": layout.patch(p) for p in range(4)} | {"bias": layout.shared}
    result = estimate_trace(PROBLEM.hessian, n_products=64, blocks=blocks, seed=4)
    assert result.matvecs == 64 + 1
    for name, indices in blocks.items():
        estimate = result.blocks[name]
        assert abs(estimate.value - dense()[indices, indices].sum()) < 3 * estimate.standard_error
    total = sum(estimate.value for estimate in result.blocks.values())
    assert total == pytest.approx(result.trace.value, rel=1e-9)


def test_an_estimate_is_printed_with_its_error() -> None:
    assert str(Estimate(1234567.8, 0.0416)) == "1.23457e+06 ± 4.2e-02"
    assert str(Estimate(-0.5, 0.0)) == "-0.5 ± 0.0e+00"


OP = aslinearoperator(np.eye(5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spectral_density(OP, n_probes=1), "n_probes: expected an integer >= 2"),
        (lambda: spectral_density(OP, n_steps=6), "n_steps: expected an integer from 1 to D = 5"),
        (lambda: spectral_density(OP, n_steps=0), "n_steps: expected an integer from 1 to D = 5"),
        (lambda: spectral_density(OP, n_steps=2, together=0), "together: expected an integer >= 1"),
        (lambda: spectral_density(OP, n_steps=2, probes="sobol"), "probes: expected one of"),
        (
            lambda: spectral_density(OP, n_steps=2).density([0.0], width=-1),
            "width: expected a number > 0, got -1",
        ),
        (lambda: estimate_trace(OP, n_products=1), "n_products: expected an integer >= 2"),
        (lambda: estimate_trace(OP, n_products=5, method="hutch++"), "expected an integer >= 6"),
        (lambda: estimate_trace(OP, method="exact"), "method: expected one of"),
        (
            lambda: estimate_trace(OP, method="hutch++", blocks={"a": [0]}),
            "blocks: expected none with 'hutch",
        ),
        (lambda: estimate_trace(OP, blocks={"a": [5]}), "a: expected integers from 0 to 4"),
        (lambda: estimate_trace(aslinearoperator(np.ones((2, 3)))), "expected a square operator"),
    ],
)
def test_bad_arguments_are_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
def test_a_killed_trace_goes_on(tmp_path, method: str) -> None:
    """Only this catches probes drawn anew after a restart, or products that are not kept."""

    class Killed(SlowOperator):
        def product(self, vectors: np.ndarray) -> np.ndarray:
            if self.matvecs > 12:
                raise KeyboardInterrupt
            return super().product(vectors)

    calls = {"n_products": 30, "method": method, "together": 4, "checkpoint": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        estimate_trace(Killed(), save_every=1, **calls)
    operator = SlowOperator()
    resumed = estimate_trace(operator, **calls)
    # chunks of four (the last of a third of 30 products has two), one product made again
    assert (resumed.replayed, operator.matvecs) == (
        16 if method == "hutchinson" else 14,
        30 - resumed.replayed + 1,
    )
    whole = estimate_trace(SlowOperator(), n_products=30, method=method, together=4)
    assert resumed.trace == whole.trace
    assert resumed.trace_of_square == whole.trace_of_square
