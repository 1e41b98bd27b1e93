"""Pairs of operators under one 2-design: the theorems' right-hand sides against exact averages.

Nothing of the Weingarten formula is used here. At one qubit averages run over the 24 turns of the
Bloch sphere that the Clifford group makes, in fractions; in any dimension the Haar average of
U x U M U^+ x U^+ is the projection on the symmetric and the antisymmetric subspace.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

from patchlaw.hessian_theory.proof.derivation import Derivation
from patchlaw.hessian_theory.proof.language import DIMENSION
from patchlaw.hessian_theory.theorems.kernel_of_an_angle import ANGLE
from patchlaw.hessian_theory.theorems.second_moments import i, j, k, l
from patchlaw.hessian_theory.theorems.tangent_kernel import KERNEL, ONE_SAMPLE, OUTPUTS
from patchlaw.hessian_theory.theorems.three_blocks import MU, NU
from patchlaw.hessian_theory.theorems.twirled_pairs import ENCODING, QUATERNIONS, TWIRL
from patchlaw.simulators.reference import rotation
from tests.theory.opened_formulas import Reader
from tests.theory.test_haar_moments import clifford_rotations, haar, pauli

Matrix = np.ndarray
UP = np.array([0, 0, 1])


class Values(Reader):
    """A theorem's formula at given numbers and matrices, in floats or in fractions."""

    def __init__(self, exact: bool = False, **known: Any) -> None:
        self.known, self.exact = known, exact

    def number(self, value: sp.Rational) -> Any:
        """A fraction where asked."""
        return Fraction(int(value.p), int(value.q)) if self.exact else float(value)

    def leaf(self, key: tuple[Any, ...]) -> Any:
        """A number by name, an entry of a matrix by name and indices from 1."""
        name, *at = key
        return self.known[name][tuple(x - 1 for x in at)] if at else self.known[name]

    def right(self, theorem: Derivation, label: str, dimension: int) -> Any:
        """The right-hand side of a step, for outputs mu and nu (1 and 1 unless known)."""
        scope: dict[Any, Any] = {DIMENSION: dimension}
        scope |= {output: self.known.get(output.name, 1) for output in (MU, NU)}
        return self(theorem.step(label).formula.right, scope)


def hermitian(rng: np.random.Generator, size: int, *, traceless: bool = True) -> Matrix:
    matrix = rng.standard_normal((size, size)) + 1j * rng.standard_normal((size, size))
    matrix = matrix + matrix.conj().T
    return matrix - traceless * np.trace(matrix) / size * np.eye(size)


def state(rng: np.random.Generator, size: int) -> Matrix:
    vector = haar(rng, 1, size)[0, :, 0]
    return np.outer(vector, vector.conj())


def twirled(pair: Matrix) -> Matrix:
    """E (U x U) M (U x U)^+ over Haar-random U, by the two irreducible subspaces of U x U."""
    size = math.isqrt(len(pair))
    order = np.arange(size * size).reshape(size, size).T.ravel()
    swap = np.eye(size * size)[order]
    total = np.zeros_like(pair)
    for sign in (1, -1):
        projector = (np.eye(size * size) + sign * swap) / 2
        total = total + np.trace(projector @ pair) / np.trace(projector) * projector
    return total


def clifford_unitaries() -> list[Matrix]:
    """The 24 elements of the one-qubit Clifford group up to a phase: words in H and S."""
    hadamard = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    phase = np.diag([1, 1j])
    found: list[Matrix] = [np.eye(2, dtype=complex)]
    for matrix in found:
        for gate in (hadamard, phase):
            new = gate @ matrix
            if all(abs(np.trace(new.conj().T @ old)) < 2 - 1e-9 for old in found):
                found.append(new)
    return found


def on_pair(matrix: Matrix, other: Matrix, pair: Matrix) -> Matrix:
    """(V x V') M (V x V')^+."""
    both = np.kron(matrix, other)
    return both @ pair @ both.conj().T


def entries(pair: Matrix) -> Matrix:
    """M[i, j, k, l] = sum of X_ij Y_kl of a pair's matrix."""
    size = math.isqrt(len(pair))
    return pair.reshape(size, size, size, size).transpose(0, 2, 1, 3)


@pytest.mark.parametrize("size", [2, 4])
def test_twirl_of_a_traceless_pair(size: int) -> None:
    """Only this catches d^2 for d^2 - 1, or X and Y twirled by two different U."""
    rng = np.random.default_rng(1)
    x, y, b, c = (hermitian(rng, size) for _ in range(4))
    mean = twirled(np.kron(x, y))
    measured = np.trace(np.kron(b, c) @ mean)
    values = Values(t=np.trace(x @ y).real, B=b, C=c)
    assert values.right(TWIRL, "pair", size) == pytest.approx(measured, rel=1e-12)
    moment = entries(mean)
    for at in np.ndindex(moment.shape):
        scope: dict[Any, Any] = {x: a + 1 for x, a in zip((i, j, k, l), at, strict=True)}
        formula = values(TWIRL.step("moment of the pair").formula.right, {DIMENSION: size, **scope})
        assert formula == pytest.approx(moment[at], abs=1e-12)


def test_the_clifford_group_is_a_two_design() -> None:
    """The mean over its 24 elements is the projection on the two subspaces, for any pair."""
    rng = np.random.default_rng(2)
    group = clifford_unitaries()
    assert len(group) == 24
    pair = np.kron(hermitian(rng, 2, traceless=False), hermitian(rng, 2, traceless=False))
    mean = sum(on_pair(u, u, pair) for u in group) / 24
    assert np.abs(mean - twirled(pair)).max() < 1e-13


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("traces", [0, 1])
def test_encoding_between_twirls(size: int, traces: int) -> None:
    """tr X~ Y~ behind two encodings, for traceless pairs and for states.

    Only this catches |tr W|^2 / d^2 in the place of (|tr W|^2 - 1) / (d^2 - 1).
    """
    rng = np.random.default_rng(3 + traces)
    x, y = (state(rng, size) if traces else hermitian(rng, size) for _ in range(2))
    first, other = haar(rng, 2, size)
    moved = entries(on_pair(first, other, twirled(np.kron(x, y))))
    measured = np.einsum("ijji", moved) - np.trace(x) * np.trace(y) / size
    w = first.conj().T @ other
    values = Values(t_1=traces, t_2=np.trace(x @ y).real, W=w, **{"W'": w.conj().T})
    premise = next(p for p in ENCODING.premises if p.label == "q")
    values.known["q"] = values(premise.formula.right, {DIMENSION: size})
    assert values.known["q"] == pytest.approx((abs(np.trace(w)) ** 2 - 1) / (size**2 - 1))
    assert values.right(ENCODING, "pair", size) == pytest.approx(measured, rel=1e-11)


def product_rotation(rng: np.random.Generator, n: int) -> tuple[Matrix, Matrix]:
    """Y and X rotations of every qubit: the unitary and the qubits' quaternions (n, 4)."""
    matrix, units = np.eye(1), []
    for _ in range(n):
        single = np.eye(2)
        for axis in "YXYX":
            single = rotation(axis, rng.uniform(-4, 4)) @ single
        matrix = np.kron(matrix, single)
        parts = [np.trace(single).real / 2]
        parts += [-np.trace(single @ pauli(axis)).imag / 2 for axis in "XYZ"]
        units.append(parts)
    return matrix, np.array(units)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_quaternions_of_single_qubit_rotations(n: int) -> None:
    """Gates of the simulator: |tr V^+ V'|^2 / D^2 is the product of (quaternion . quaternion)^2."""
    rng = np.random.default_rng(4)
    (first, units), (other, others) = product_rotation(rng, n), product_rotation(rng, n)
    assert np.sum(units**2, axis=1) == pytest.approx(1)
    product = 1.0
    for one, two in zip(units, others, strict=True):
        known = {f"x_{a}": one[a] for a in range(4)} | {f"y_{a}": two[a] for a in range(4)}
        product *= (Values(**known).right(QUATERNIONS, "inner product", 2) / 2) ** 2
    measured = abs(np.trace(first.conj().T @ other)) ** 2 / 4**n
    assert measured == pytest.approx(product, rel=1e-12)
    if n > 1:  # the first qubit beside the others
        rest = math.prod(2 * one @ two for one, two in zip(units[1:], others[1:], strict=True))
        w = np.diag([rest, *[0.0] * (2 ** (n - 1) - 1)])
        known = {f"x_{a}": units[0][a] for a in range(4)}
        known |= {f"y_{a}": others[0][a] for a in range(4)} | {"W": w, "W'": w}
        step = Values(**known).right(QUATERNIONS, "one more qubit", 2 ** (n - 1))
        assert step == pytest.approx(measured, rel=1e-12)


def commuted(generator: Matrix, pair: Matrix) -> Matrix:
    """X x X' of a pair of observables: both are (i/2) [A, O~]."""
    size = len(generator)
    for one in (np.kron(generator, np.eye(size)), np.kron(np.eye(size), generator)):
        pair = 0.5j * (one @ pair - pair @ one)
    return pair


@pytest.mark.parametrize(("size", "generator"), [(2, "X"), (4, "ZI"), (4, "XY")])
def test_kernel_of_an_angle(size: int, generator: str) -> None:
    """Only this catches r or t in each other's place, or d r - 1 without its d."""
    rng = np.random.default_rng(5)
    one, two = state(rng, size), state(rng, size)
    x, y = hermitian(rng, size), hermitian(rng, size)
    slopes = commuted(pauli(generator), twirled(np.kron(x, y)))
    measured = np.trace(twirled(np.kron(one, two)) @ slopes)
    values = Values(r=np.trace(one @ two).real, t=np.trace(x @ y).real)
    assert values.right(ANGLE, "kernel", size) == pytest.approx(measured, rel=1e-11)


# --- three blocks at one qubit, in fractions ----------------------------------------------------


def turn(quaternion: tuple[int, ...]) -> Matrix:
    """The rotation of the Bloch sphere by an unnormalised quaternion, in fractions."""
    w, x, y, z = (Fraction(a) for a in quaternion)
    rows = [
        [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
    ]
    norm = w * w + x * x + y * y + z * z
    return np.array([[a / norm for a in row] for row in rows], dtype=object)


def factor(first: tuple[int, ...], other: tuple[int, ...]) -> Fraction:
    """q of one qubit from the quaternions: (4 (x . y)^2 / |x|^2 |y|^2 - 1) / 3."""
    inner = sum(a * b for a, b in zip(first, other, strict=True))
    norms = sum(a * a for a in first) * sum(b * b for b in other)
    return (Fraction(4 * inner**2, norms) - 1) / 3


def averaged(pair: Matrix) -> Matrix:
    """Mean of the 24 turns of a pair of Bloch vectors (3, 3)."""
    return sum(g.astype(object) @ pair @ g.T.astype(object) for g in clifford_rotations()) / (
        Fraction(24)
    )


ENCODINGS = ((1, 2, -1, 3), (2, 1, 0, 1)), ((1, 0, 1, 4), (3, -1, 2, 0))  # (x, x') of V_1, V_2
AXES = np.array([[1, 0, 0], [0, 0, 1]])  # the outputs X and Z


def three_blocks(place: str, axis: int, encodings: Any) -> Matrix:
    """E d f_mu(x) d f_nu(x') over all Cliffords, (2, 2); without a place E f_mu(x) f_nu(x')."""
    cross = np.array([np.cross(np.eye(3, dtype=int)[axis], e) for e in np.eye(3, dtype=int)]).T
    pair = np.outer(UP, UP).astype(object)
    for block, encoding in zip("ABC", (*encodings, None), strict=True):
        pair = averaged(pair)
        if block == place:
            pair = averaged(cross @ pair @ cross.T)
        if encoding:
            first, other = map(turn, encoding)
            pair = first @ pair @ other.T
    return AXES @ pair @ AXES.T


@pytest.mark.parametrize("place", ["A", "B", "C"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_tangent_kernel_of_three_blocks(place: str, axis: int) -> None:
    """Every draw of A_1, A_2, B_1, ... from the Clifford group, one qubit, two encodings, exactly.

    Only this catches an encoding left out on one side of the angle, and a cross term of outputs;
    at x = x' it is v itself.
    """
    q = [factor(*encoding) for encoding in ENCODINGS]
    assert len({*q, Fraction(1), Fraction(0)}) == 4
    kernel = three_blocks(place, axis, ENCODINGS)
    same = three_blocks(place, axis, [(x, x) for x, _ in ENCODINGS])
    for mu, nu in np.ndindex(2, 2):
        values = Values(exact=True, q_1=q[0], q_2=q[1], mu=mu + 1, nu=nu + 1)
        assert kernel[mu, nu] == values.right(KERNEL, f"angle in {place}", 2)
        assert same[mu, nu] == values.right(ONE_SAMPLE, f"angle in {place}", 2)


def test_covariance_of_the_outputs() -> None:
    """Likewise E f_mu(x) f_nu(x') = delta q_1 q_2 / 3; at two qubits by the projections."""
    q = [factor(*encoding) for encoding in ENCODINGS]
    found = three_blocks("", 0, ENCODINGS)
    for mu, nu in np.ndindex(2, 2):
        values = Values(exact=True, q_1=q[0], q_2=q[1], mu=mu + 1, nu=nu + 1)
        assert found[mu, nu] == values.right(OUTPUTS, "covariance", 2)
    *_, pair = two_qubit_pairs(encodings := two_qubit_encodings())
    for words in (("XI", "XI"), ("XI", "ZI"), ("ZI", "IZ")):
        mean = np.trace(pair @ np.kron(*map(pauli, words)))
        values = Values(**dict(zip(("q_1", "q_2"), two_qubit_factors(encodings), strict=True)))
        values.known["nu"] = 1 + (words[0] != words[1])
        assert values.right(OUTPUTS, "covariance", 4) == pytest.approx(mean, abs=1e-13)


# --- three blocks at two qubits, by the projections ---------------------------------------------


def two_qubit_encodings() -> list[tuple[Matrix, Matrix]]:
    rng = np.random.default_rng(6)
    return [(product_rotation(rng, 2)[0], product_rotation(rng, 2)[0]) for _ in range(2)]


def two_qubit_factors(encodings: list[tuple[Matrix, Matrix]]) -> list[float]:
    """By the premises of the theorem: q_e from the entries of W_e."""
    found = []
    for number, (first, other) in enumerate(encodings, 1):
        w = first.conj().T @ other
        values = Values(**{f"W_{number}": w, f"W'_{number}": w.conj().T})
        premise = next(p for p in KERNEL.premises if p.label == f"q {number}, states")
        found.append(values(premise.formula.right, {DIMENSION: 4}).real)
    return found


def two_qubit_pairs(encodings: list[tuple[Matrix, Matrix]]) -> list[Matrix]:
    """The mean pair of states behind A, B and C."""
    start = np.zeros((16, 16))
    start[0, 0] = 1
    pairs = [twirled(start)]
    pairs += [twirled(on_pair(*encodings[0], pairs[0]))]
    return [*pairs, twirled(on_pair(*encodings[1], pairs[1]))]


@pytest.mark.parametrize("words", [("XI", "XI"), ("ZI", "ZI"), ("XI", "ZI")])
def test_tangent_kernel_at_two_qubits(words: tuple[str, str]) -> None:
    """The same at D = 4, entangling averages between product encodings."""
    encodings = two_qubit_encodings()
    q = two_qubit_factors(encodings)
    backwards = [(first.conj().T, other.conj().T) for first, other in encodings]
    observables = [twirled(np.kron(*map(pauli, words)))]
    for encoding in backwards[::-1]:
        observables.insert(0, twirled(on_pair(*encoding, observables[0])))
    states = two_qubit_pairs(encodings)
    values = Values(q_1=q[0], q_2=q[1], nu=1 + (words[0] != words[1]))
    for block, before, after in zip("ABC", states, observables, strict=True):
        measured = np.trace(before @ commuted(pauli("YX"), after))
        formula = values.right(KERNEL, f"angle in {block}", 4)
        assert formula == pytest.approx(measured, abs=1e-14)
        assert (abs(formula) > 1e-4) == (words[0] == words[1])
