"""2-design moments against averages: over random unitaries, and exact over the Clifford group."""

from itertools import permutations, product

import numpy as np
import pytest
from sympy import Rational, symbols

from patchlaw.hessian_theory.proof.language import DIMENSION
from patchlaw.hessian_theory.theorems.second_moments import ALPHA_COEFFICIENT, BETA_COEFFICIENT
from patchlaw.hessian_theory.theorems.slope_moments import VARIANCE_VALUE

SAMPLES = 4000
PAULI = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1.0, -1.0]).astype(complex),
}


def pauli(word: str) -> np.ndarray:
    matrix = np.eye(1)
    for letter in word:
        matrix = np.kron(matrix, PAULI[letter])
    return matrix


def haar(rng: np.random.Generator, count: int, dimension: int) -> np.ndarray:
    """Haar-random unitaries: QR of Ginibre matrices with the phases of R's diagonal fixed."""
    shape = (count, dimension, dimension)
    ginibre = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    q, r = np.linalg.qr(ginibre)
    phases = np.diagonal(r, axis1=1, axis2=2)
    return q * (phases / np.abs(phases))[:, None, :]


def derivative(
    before: np.ndarray, after: np.ndarray, generator: str, observable: str
) -> np.ndarray:
    """df/dt at t = 0 of <0| B^+ R(t)^+ A^+ O A R(t) B |0>, from the state's own derivative."""
    state = before[:, :, 0]
    moved = np.einsum("nij,nj->ni", after, state)
    tilted = np.einsum("nij,jk,nk->ni", after, -0.5j * pauli(generator), state)
    return 2 * np.real(np.einsum("ni,ij,nj->n", moved.conj(), pauli(observable), tilted))


def assert_mean(values: np.ndarray, expected: float) -> None:
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert abs(values.mean() - expected) < 4.5 * error
    assert error < 0.05 * max(abs(expected), 0.2)


@pytest.mark.parametrize(
    ("n", "generator", "observable"),
    [(1, "X", "Z"), (2, "XI", "IZ"), (2, "ZI", "ZI"), (3, "IYI", "XII")],
)
def test_variance_of_the_derivative(n, generator, observable):
    """Catches a missing factor in the Weingarten coefficients; at n = 1 the quick value fails."""
    rng = np.random.default_rng(11 + n)
    size = 2**n
    before, after = haar(rng, SAMPLES, size), haar(rng, SAMPLES, size)
    values = derivative(before, after, generator, observable)
    assert_mean(values**2, float(VARIANCE_VALUE.subs(DIMENSION, size)))
    assert abs(values.mean()) < 4.5 * values.std() / np.sqrt(SAMPLES)
    if n == 1:
        quick = 1 / (2 * (size + 1))
        error = (values**2).std() / np.sqrt(SAMPLES)
        assert abs((values**2).mean() - quick) > 5 * error


@pytest.mark.parametrize("n", [2, 3])
def test_one_sided_variances(n):
    """Random state with a fixed frame, and a random frame with a fixed state."""
    rng = np.random.default_rng(5)
    size = 2**n
    random = haar(rng, SAMPLES, size)
    fixed = np.broadcast_to(np.eye(size), random.shape)
    first, other = "X" + "I" * (n - 1), "Z" + "I" * (n - 1)
    # fixed frame: observable Z anticommutes with generator X, observable X commutes
    assert_mean(derivative(random, fixed, first, other) ** 2, 1 / (size + 1))
    assert np.abs(derivative(random, fixed, first, first)).max() < 1e-12
    # fixed state |0>: <X> = 0 and <Z> = 1
    assert_mean(derivative(fixed, random, first, other) ** 2, size / (2 * (size**2 - 1)))
    assert np.abs(derivative(fixed, random, other, first)).max() < 1e-12


def test_covariance_of_two_observables():
    """Zero with a random frame; 1/6 for the tilted frame of the counterexample."""
    rng = np.random.default_rng(7)
    before, after = haar(rng, SAMPLES, 4), haar(rng, SAMPLES, 4)
    product = derivative(before, after, "XI", "ZI") * derivative(before, after, "XI", "XI")
    assert abs(product.mean()) < 4.5 * product.std() / np.sqrt(SAMPLES)
    # V^+ X V = (X + Z)/sqrt 2 and V^+ Z V = (X - Z)/sqrt 2 up to a common frame: a Y rotation
    angle = np.pi / 4
    turn = np.cos(angle / 2) * PAULI["I"] - 1j * np.sin(angle / 2) * PAULI["Y"]
    turned = [turn.conj().T @ PAULI[x] @ turn for x in "XZ"]
    assert np.allclose(abs(np.trace(turned[0] @ PAULI["Z"])), np.sqrt(2))
    before = haar(rng, SAMPLES, 2)
    fixed = np.broadcast_to(turn, before.shape)
    product = derivative(before, fixed, "Z", "X") * derivative(before, fixed, "Z", "Z")
    assert_mean(product * np.sign(product.mean()), 1 / 6)


def clifford_rotations() -> list[np.ndarray]:
    """The 24 turns of the Bloch sphere that the one-qubit Clifford group, a 2-design, makes."""
    signed = (
        np.array(signs)[:, None] * np.eye(3, dtype=int)[list(order)]
        for order in permutations(range(3))
        for signs in product((1, -1), repeat=3)
    )
    return [turn for turn in signed if round(np.linalg.det(turn)) == 1]


@pytest.mark.parametrize(("shift", "axis"), [(0, (0, 0, 1)), (3, (2, 0, 6))])
def test_clifford_averages_are_exact(shift, axis):
    """E[O~ x O~] = a_1 1 + a_2 SWAP for O = shift + axis . sigma, in whole numbers.

    Only this catches a wrong coefficient that noise would hide, or a moment of another form.
    """
    rotations = clifford_rotations()
    assert len(rotations) == 24
    sigma = np.array([PAULI[x] for x in "XYZ"])
    total = np.zeros((4, 4), dtype=complex)
    for turn in rotations:
        turned = shift * PAULI["I"] + np.tensordot(turn @ axis, sigma, 1)
        total += np.kron(turned, turned)
    t1, t2 = symbols("t_1 t_2", real=True)
    values = {DIMENSION: 2, t1: 2 * shift, t2: 2 * (shift**2 + int(np.dot(axis, axis)))}
    first, second = (24 * c.subs(values) for c in (ALPHA_COEFFICIENT, BETA_COEFFICIENT))
    assert first.is_Integer
    assert second.is_Integer
    swap = np.eye(4)[[0, 2, 1, 3]]
    assert (total == int(first) * np.eye(4) + int(second) * swap).all()


def test_clifford_variance_is_exact():
    """E (df/dt)^2 over 24 x 24 pairs: df/dt = (A x O~) . state on the Bloch sphere."""
    rotations = clifford_rotations()
    up = np.array([0, 0, 1])
    for axis in np.eye(3, dtype=int):
        squares = [
            int(np.dot(np.cross(axis, after @ up), before @ up)) ** 2
            for before in rotations
            for after in rotations
        ]
        assert Rational(sum(squares), len(squares)) == VARIANCE_VALUE.subs(DIMENSION, 2)
