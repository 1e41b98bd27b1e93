"""Size estimates: the 2-design variance by exact enumeration, the collapse from the records."""

from fractions import Fraction
from functools import reduce
from itertools import product
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchlaw.hessian_theory.predictions import (
    PAPER_COLLAPSE,
    Architecture,
    collapsed_eigenvalue,
    curvature_ceiling,
    derivative_variance,
    gauss_newton_trace,
    size_estimates,
)
from patchlaw.verification.records import author_results

Matrix = NDArray[np.complex128]

IDENTITY, X, Y, Z = (
    np.array(m, dtype=np.complex128)
    for m in ([[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]])
)


def pauli_strings(n_qubits: int) -> list[Matrix]:
    """The 4^n - 1 Pauli strings other than the identity."""
    strings = [
        reduce(np.kron, factors) for factors in product((IDENTITY, X, Y, Z), repeat=n_qubits)
    ]
    return strings[1:]


def stabilizer_states(n_qubits: int) -> list[Matrix]:
    """All stabilizer states, reached from |0..0> by H, S and CZ; they form a 3-design."""
    hadamard, phase = (X + Z) / np.sqrt(2), np.diag([1, 1j])
    gates = [
        reduce(np.kron, [gate if q == target else IDENTITY for q in range(n_qubits)])
        for gate in (hadamard, phase)
        for target in range(n_qubits)
    ]
    if n_qubits == 2:
        gates.append(np.diag([1, 1, 1, -1]).astype(np.complex128))
    start = np.zeros(2**n_qubits, dtype=np.complex128)
    start[0] = 1
    found, frontier = [start], [start]
    while frontier:
        state = frontier.pop()
        for gate in gates:
            new = gate @ state
            if all(abs(np.vdot(old, new)) < 1 - 1e-9 for old in found):
                found.append(new)
                frontier.append(new)
    return found


@pytest.mark.parametrize(("n_qubits", "n_states"), [(1, 6), (2, 60)])
def test_derivative_variance_is_the_exact_mean_over_a_design(n_qubits: int, n_states: int) -> None:
    """Clifford circuits are a 2-design on both sides of the rotation, so their mean is exact.

    Before the rotation they send |0> to every stabilizer state, after it they send O to every
    Pauli string (up to sign), each equally often. Derivatives by parameter shift. Only this
    would catch a wrong constant in v, as 1/(2 (N + 1)) without the factor N^2 / (N^2 - 1).
    """
    states = stabilizer_states(n_qubits)
    assert len(states) == n_states
    rotated_by = pauli_strings(n_qubits)[-1]
    size = 2**n_qubits
    shifts = [(np.eye(size) - sign * 1j * rotated_by) / np.sqrt(2) for sign in (1, -1)]
    squares = []
    for state, observable in product(states, pauli_strings(n_qubits)):
        plus, minus = (np.vdot(u @ state, observable @ u @ state).real for u in shifts)
        squares.append(((plus - minus) / 2) ** 2)
    assert np.mean(squares) == pytest.approx(float(derivative_variance(n_qubits)), rel=1e-12)


def test_derivative_variance_approaches_the_plain_form() -> None:
    assert derivative_variance(1) == Fraction(2, 9)
    for n in (2, 8, 20):
        plain = Fraction(1, 2 * (2**n + 1))
        assert derivative_variance(n) / plain == Fraction(4**n, 4**n - 1)
    with pytest.raises(ValueError, match="n_qubits: expected at most 64, got 65"):
        derivative_variance(65)


def test_recorded_eigenvalues_collapse_onto_the_quoted_constant() -> None:
    """Recomputes K from arXiv 2504.19239, Tables 1 and 3: every digit the library quotes."""
    constants = [
        r.top_hessian_eigenvalue * r.n_patches / (r.train_loss * (48 * r.depth + 128))
        for r in author_results()
    ]
    assert len(constants) == 12
    assert median(constants) == pytest.approx(PAPER_COLLAPSE.median, abs=5e-3)
    assert min(constants) == pytest.approx(PAPER_COLLAPSE.low, abs=5e-3)
    assert max(constants) == pytest.approx(PAPER_COLLAPSE.high, abs=5e-3)
    for r in author_results():
        estimate = collapsed_eigenvalue(Architecture(r.n_patches, r.depth), loss=r.train_loss)
        assert estimate.status == "empirical"
        assert estimate.interval is not None
        assert estimate.interval.contains(r.top_hessian_eigenvalue, relative_tolerance=5e-3)
        assert estimate.value == pytest.approx(r.top_hessian_eigenvalue, rel=0.4)


@given(
    st.integers(1, 400),
    st.integers(1, 300),
    st.integers(1, 10),
    st.floats(0, 0.4),
    st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1)]),
)
def test_trace_estimate_is_the_sum_over_angles(
    p: int, depth: int, n: int, curvature: float, alpha: Fraction
) -> None:
    architecture = Architecture(p, depth, n, aggregation_exponent=alpha)
    estimate = gauss_newton_trace(architecture, curvature=curvature)
    angles = p * (3 * depth * 2 * n + 2 * n * n)  # three blocks, and two angles a feature
    s = 100 / p ** float(alpha)
    expected = s**2 * angles * curvature * float(derivative_variance(n))
    assert estimate.value == pytest.approx(expected, rel=1e-12)
    assert estimate.status == "assumed"


def test_trace_from_the_loss_is_an_upper_end() -> None:
    architecture = Architecture(4, 50)
    ceiling = gauss_newton_trace(architecture, loss=0.02)
    known = gauss_newton_trace(architecture, loss=0.02, curvature=0.03)
    assert ceiling.quantity.endswith("at most")
    assert ceiling.value is not None
    assert known.value is not None
    assert known.value / 0.03 == pytest.approx(ceiling.value / curvature_ceiling(0.02, 10))
    assert (known.used, ceiling.used) == (("curvature",), ("loss",))


def test_estimates_say_what_they_need() -> None:
    trace, top, collapse = size_estimates(Architecture(4, 50))
    assert trace.reason == "needs curvature (or loss, for an upper end)"
    assert top.value is None
    assert top.reason == trace.reason
    assert collapse.reason == "needs loss"
    _, top, collapse = size_estimates(Architecture(4, 50), loss=0.02)
    assert top.reason == "needs kappa and curvature"
    trace, top, collapse = size_estimates(Architecture(4, 50), curvature=0.03, kappa=0.05)
    assert top.value == pytest.approx(0.05 * (trace.value or 0))
    assert (top.status, top.used) == ("empirical", ("kappa", "curvature"))


def test_extrapolated_collapse_says_so() -> None:
    inside = collapsed_eigenvalue(Architecture(4, 50), loss=0.02)
    assert "extrapolated" not in inside.assumption
    for other in (
        Architecture(4, 50, n_qubits=4),
        Architecture(4, 50, scale=10),
        Architecture(4, 50, aggregation_exponent=Fraction(1, 2)),
    ):
        assert "extrapolated" in collapsed_eigenvalue(other, loss=0.02).assumption


def test_bad_inputs() -> None:
    architecture = Architecture(4, 50)
    with pytest.raises(ValueError, match="kappa: expected a finite number, > 0, <= 1, got 0"):
        size_estimates(architecture, kappa=0)
    with pytest.raises(ValueError, match="loss: expected a finite number, >= 0, got -1"):
        size_estimates(architecture, loss=-1)
    with pytest.raises(
        ValueError, match=r"curvature: expected at most .* take <tr S> and the loss"
    ):
        size_estimates(architecture, loss=0.01, curvature=0.5)
