"""top_eigenpairs against numpy's dense eigensolver, and its honesty about convergence."""

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from patchlaw import HessianOperator, top_eigenpairs
from patchlaw.verification.solvers import EigenResult
from patchlaw.verification.solvers.result import format_interval
from tests.strategies import examples
from tests.verification.curvature_cases import dense_hessian, qnn_case


def diagonal(values: np.ndarray) -> LinearOperator:
    return aslinearoperator(np.diag(np.asarray(values, dtype=np.float64)))


@pytest.mark.parametrize("which", ["LA", "SA"])
def test_agrees_with_a_dense_eigensolver(which: str) -> None:
    """Only this catches pairs from the wrong end, in the wrong order, or values without vectors."""
    case = qnn_case()
    matrix = dense_hessian(case)
    result = top_eigenpairs(
        HessianOperator(case.model, case.images, case.labels), k=4, which=which, tol=1e-8
    )
    exact = np.linalg.eigvalsh(matrix)
    exact = exact[::-1][:4] if which == "LA" else exact[:4]
    assert result.converged.all()
    low, high = result.intervals().T
    slack = 1e-13 * np.abs(matrix).max() * len(matrix)  # rounding of the products themselves
    assert ((low - slack <= exact) & (exact <= high + slack)).all()
    np.testing.assert_allclose(result.vectors.T @ result.vectors, np.eye(4), atol=1e-8)
    assert (result.n_samples, result.dtype, result.which) == (5, "float64", which)


@examples(20)
@given(
    eigenvalues=hnp.arrays(
        np.float64, st.integers(3, 40), elements=st.floats(-100, 100), fill=st.nothing()
    ),
    data=st.data(),
)
def test_every_interval_holds_an_eigenvalue(eigenvalues: np.ndarray, data: st.DataObject) -> None:
    """Holds for clusters, zeros and runs cut short too; only this catches an optimistic bound."""
    k = data.draw(st.integers(1, len(eigenvalues) - 1))
    budget = data.draw(st.integers(2 * k + 4, 2 * k + 60))
    result = top_eigenpairs(diagonal(eigenvalues), k=k, max_matvecs=budget)
    assert result.values.shape == result.converged.shape == (k,)
    assert result.matvecs <= budget
    slack = 1e-12 * max(1.0, np.abs(eigenvalues).max())
    distance = np.abs(result.values[:, None] - eigenvalues).min(axis=1)
    assert (distance <= result.residual_norms + slack).all()


def test_a_run_cut_short_says_so_and_returns_what_it_has() -> None:
    """Only this catches a solver that raises its work away or calls a guess converged."""
    operator = diagonal(np.linspace(0, 1, 500))
    result = top_eigenpairs(operator, k=3, tol=1e-10, max_matvecs=30)
    assert not result.converged.any()
    assert result.values.shape == (3,)
    assert result.values[0] > 0.9  # already near the top, and within its own interval
    assert (np.abs(result.values - 1) <= result.residual_norms + 0.1).all()
    assert result.matvecs == 30


def test_converged_is_judged_on_fresh_residuals() -> None:
    """An operator that drifts once ARPACK is content: the check is not."""

    class Drifting(LinearOperator):
        def __init__(self) -> None:
            super().__init__(np.dtype(np.float64), (50, 50))
            self.passes = 0

        def _matvec(self, x: np.ndarray) -> np.ndarray:
            return np.arange(50.0) * np.ravel(x)

        def _matmat(self, X: np.ndarray) -> np.ndarray:
            self.passes += 1
            drift = 0.0 if self.passes == 1 else size  # the first pass is the symmetry probe's
            return np.arange(50.0)[:, None] * X + drift

    size = 1e-7  # within what is taken for rounding, beyond what is asked for
    result = top_eigenpairs(Drifting(), k=2, tol=1e-9, method="lanczos")
    assert not result.converged.any()
    assert (result.residual_norms > size).all()
    size = 0.1
    with pytest.raises(ValueError, match="expected the same product of the same vector"):
        top_eigenpairs(Drifting(), k=2, method="lanczos")


def test_a_value_is_printed_with_its_interval() -> None:
    result = top_eigenpairs(diagonal(np.linspace(0, 1, 500)), k=1, max_matvecs=30, tol=1e-9)
    (line,) = str(result).splitlines()
    assert re.fullmatch(r"0\.9\d+ ± \d\.\de-0\d \(not converged\)", line), line
    assert str(top_eigenpairs(diagonal(np.arange(4.0)), k=1)).startswith("3.0000")


def exact(number: str) -> Fraction:
    return Fraction(Decimal(number))


@given(
    value=st.floats(allow_nan=False, allow_infinity=False),
    radius=st.floats(0, allow_infinity=False, max_value=1e300),
)
def test_a_printed_interval_contains_the_one_it_prints(value: float, radius: float) -> None:
    """Only this catches digits of a value cut off below its radius: 21.757 for 21.7573 ± 4e-7."""
    shown, printed = format_interval(value, radius).split(" ± ")
    assert exact(printed) >= Fraction(radius) + abs(exact(shown) - Fraction(value))
    if 1e-10 < radius < 1e15 and abs(value) < 1e15:  # and it is no longer than two digits make it
        assert exact(printed) <= Fraction(radius) * Fraction(13, 10)


@pytest.mark.parametrize(
    ("value", "radius", "text"),
    [
        (21.7573456789, 3.81e-7, "21.75734568 ± 3.9e-07"),
        (-1.5, 0.0, "-1.500000000000 ± 0.0e+00"),
        (1234.5678, 250.0, "1235 ± 2.6e+02"),
        (float("nan"), 1.0, "nan ± 1"),
        (1.0, float("inf"), "1 ± inf"),
    ],
)
def test_intervals_in_print(value: float, radius: float, text: str) -> None:
    assert format_interval(value, radius) == text


def test_zero_operator_has_zero_eigenvalues() -> None:
    """The residual of a linear model; ARPACK itself stops with an error there."""
    result = top_eigenpairs(diagonal(np.zeros(9)), k=3)
    np.testing.assert_array_equal(result.values, np.zeros(3))
    assert result.converged.all()


def test_same_seed_same_result_and_read_only() -> None:
    operator = diagonal(np.linspace(-3, 5, 60))
    first, second = (top_eigenpairs(operator, k=2, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first.vectors, second.vectors)
    assert first.seed == 7
    with pytest.raises(ValueError, match="read-only"):
        first.values[0] = 0.0


def test_single_precision_operator_is_iterated_in_double() -> None:
    matrix = np.diag(np.linspace(0, 10, 80)).astype(np.float32)
    result: EigenResult = top_eigenpairs(aslinearoperator(matrix), k=2)
    assert result.dtype == "float32"
    assert result.values.dtype == result.vectors.dtype == np.float64
    assert result.converged.all()
    np.testing.assert_allclose(result.values, np.diag(matrix)[::-1][:2], rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 0}, "k: expected an integer from 1 to D = 6, got 0"),
        ({"k": 7}, "k: expected an integer from 1 to D = 6, got 7"),
        (
            {"k": 6, "method": "lanczos"},
            "k: expected an integer from 1 to D - 1 = 5, got 6; .* numpy.linalg.eigh",
        ),
        ({"method": "exact"}, "method: expected one of auto, lanczos, dense, got"),
        ({"method": "dense", "subspace": 4}, "expected none with method 'dense'"),
        ({"method": "dense", "max_matvecs": 10}, "expected 1 more for D = 6 columns and 2 to"),
        ({"k": True}, "k: expected an integer"),
        ({"tol": -1e-3}, "tol: expected a number > 0, got -0.001"),
        ({"tol": 0.0}, "tol: expected a number > 0"),
        ({"tol": float("nan")}, "tol: expected a number > 0"),
        ({"which": "LM"}, r"which: expected 'LA' \(largest\) or 'SA'"),
        ({"max_matvecs": 7}, r"max_matvecs: expected more than 7 .* got 7"),
        ({"max_matvecs": 5, "probe": False}, r"expected more than 5 \(k to search, k to check, 1"),
    ],
)
def test_bad_arguments_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        top_eigenpairs(diagonal(np.arange(6)), **({"k": 2} | changes))


def test_bad_operators_are_refused() -> None:
    with pytest.raises(ValueError, match="expected a square operator"):
        top_eigenpairs(aslinearoperator(np.ones((4, 5))))
    with pytest.raises(ValueError, match="expected a real floating dtype"):
        top_eigenpairs(aslinearoperator(np.eye(5, dtype=complex)))
    with pytest.raises(TypeError, match=r"LinearOperator, got Linear; .* HessianOperator\(model"):
        top_eigenpairs(torch.nn.Linear(2, 2))


def test_a_near_start_and_a_small_subspace_give_the_same_pairs_for_less() -> None:
    """A start near the wanted vectors: only this catches one that is ignored, or not normalised."""
    rng = np.random.default_rng(8)
    basis = np.linalg.qr(rng.standard_normal((300, 300)))[0]
    values = np.concatenate([np.linspace(0, 1, 298), [3.0, 4.0]])
    operator = aslinearoperator((basis * values) @ basis.T)
    start = 50 * (basis[:, -1] + basis[:, -2]) + 0.1 * rng.standard_normal(300)
    cold = top_eigenpairs(operator, k=2, tol=1e-6)
    warm = top_eigenpairs(operator, k=2, tol=1e-6, start=start, subspace=8)
    assert warm.converged.all()
    np.testing.assert_allclose(warm.values, [4, 3], atol=1e-9)
    assert warm.matvecs < cold.matvecs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": np.zeros(9)}, "start: expected finite numbers, not all zero"),
        ({"start": np.full(9, np.nan)}, "start: expected finite numbers"),
        ({"start": np.ones(8)}, r"start: expected shape \(9,\), got \(8,\)"),
        ({"subspace": 2}, "subspace: expected an integer above k = 2 and at most D = 9, got 2"),
        ({"subspace": 10}, "subspace: expected an integer above k = 2"),
    ],
)
def test_refuses_starts_and_subspaces_that_make_no_sense(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        top_eigenpairs(diagonal(np.arange(9.0)), k=2, **options)


def test_a_checkpoint_belongs_to_its_start(tmp_path) -> None:
    """Only this catches products of one start replayed for another."""
    operator = diagonal(np.arange(30.0))
    top_eigenpairs(operator, k=1, start=np.ones(30), checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"another's \(start"):
        top_eigenpairs(operator, k=1, start=np.arange(30.0), checkpoint=tmp_path)
