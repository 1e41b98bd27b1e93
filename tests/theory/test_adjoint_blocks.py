"""The tangent kernel of any group: exact group averages, Pauli operators counted one by one."""

from __future__ import annotations

import itertools
from functools import reduce

import numpy as np
import pytest

from patchlaw.hessian_theory.predictions import EncodingRotations, TangentKernel
from patchlaw.hessian_theory.predictions.circuit_group import (
    CircuitGroup,
    group_variance,
    output_variance,
)
from patchlaw.hessian_theory.proof.derivation import Derivation
from patchlaw.hessian_theory.theorems.adjoint_blocks import KERNEL, OVERLAP
from patchlaw.hessian_theory.theorems.adjoint_groups import ORTHOGONAL, SYMPLECTIC, UNITARY
from patchlaw.simulators.ansatz import ControlledZ, EntanglingBlock
from patchlaw.simulators.reference import rotation
from tests.theory.test_haar_moments import pauli
from tests.theory.test_haar_pairs import Matrix, Values, clifford_unitaries


def words(n: int, *, odd: bool) -> list[str]:
    """Pauli strings of odd weight, or all but the identity."""
    found = ["".join(word) for word in itertools.product("IXYZ", repeat=n)]
    return [w for w in found if (n - w.count("I")) % 2 or (not odd and w != "I" * n)]


def signed_permutations(size: int) -> list[Matrix]:
    """The group of signed permutations: irreducible on antisymmetric matrices, so a 2-design."""
    unit = np.eye(size, dtype=int)
    return [
        np.array(signs)[:, None] * unit[list(order)]
        for order in itertools.permutations(range(size))
        for signs in itertools.product((1, -1), repeat=size)
    ]


def coordinates(matrix: Matrix, basis: list[Matrix]) -> Matrix:
    """On operators of square norm 1."""
    return np.array([np.trace(b @ matrix).real for b in basis])


def conjugation(unitary: Matrix, basis: list[Matrix]) -> Matrix:
    """The matrix of X -> U X U^+."""
    return np.stack([coordinates(unitary @ b @ unitary.conj().T, basis) for b in basis], axis=1)


def unit_paulis(n: int, *, odd: bool = True) -> list[Matrix]:
    return [pauli(word) / 2 ** (n / 2) for word in words(n, odd=odd)]


def groups() -> dict[str, tuple[list[Matrix], list[Matrix]]]:
    """Finite 2-designs of the three groups by their unitaries, and an orthonormal basis each."""
    found = {"one qubit": (clifford_unitaries(), unit_paulis(1))}
    for size in (3, 4):
        unit = np.eye(size)
        pairs = itertools.combinations(range(size), 2)
        basis = [
            1j * (np.outer(unit[a], unit[b]) - np.outer(unit[b], unit[a])) / np.sqrt(2)
            for a, b in pairs
        ]
        found[f"O({size})"] = ([u.astype(complex) for u in signed_permutations(size)], basis)
    return found


@pytest.mark.parametrize("name", ["one qubit", "O(3)", "O(4)"])
def test_three_blocks_of_a_group(name: str) -> None:
    """Element by element over 24, 48 and 384 of them; encodings and outputs are any.

    Only this catches an encoding on the wrong side of an angle, w for w^2, or an angle of an
    encoding that is given the other encoding's q.
    """
    unitaries, basis = groups()[name]
    moves = np.array([conjugation(u, basis) for u in unitaries])
    width = len(basis)
    rng = np.random.default_rng(5)

    def twirled(pair: Matrix) -> Matrix:
        return np.einsum("gab,bc,gdc->ad", moves, pair, moves) / len(moves)

    start, outputs = rng.standard_normal(width), rng.standard_normal((2, width))
    turns = np.linalg.qr(rng.standard_normal((4, width, width)))[0].reshape(2, 2, width, width)
    slopes = rng.standard_normal((2, 2, width, width))
    generator = rng.standard_normal((width, width))
    generator -= generator.T
    states = [twirled(np.outer(start, start))]
    seen = [twirled(np.outer(*outputs))]
    for forth, back in zip(turns, turns[::-1], strict=True):
        states.append(twirled(forth[0] @ states[-1] @ forth[1].T))
        seen.insert(0, twirled(back[0].T @ seen[0] @ back[1]))

    def product(before: Matrix, first: Matrix, second: Matrix, after: Matrix) -> float:
        return float(np.einsum("ab,ca,db,cd", before, first, second, after))

    q, h = (np.einsum("eab,eab->e", x[:, 0], x[:, 1]) / width for x in (turns, slopes))
    values = Values(
        w=width, sigma=start @ start, tau=outputs[0] @ outputs[1], N=(generator**2).sum(),
        q_1=q[0], q_2=q[1], h_1=h[0], h_2=h[1],
    )  # fmt: skip
    measured = {
        f"angle in {x}": product(states[e], generator, generator, seen[e])
        for e, x in enumerate("ABC")
    }
    measured |= {f"angle in V_{e + 1}": product(states[e], *slopes[e], seen[e + 1]) for e in (0, 1)}
    measured["covariance"] = outputs[0] @ states[2] @ outputs[1]
    for label, value in measured.items():
        assert values.right(KERNEL, label, 2) == pytest.approx(value, rel=1e-10), label
    assert len({round(v, 9) for v in measured.values()}) == 4


GROUPS: dict[CircuitGroup, tuple[Derivation, int]] = {
    "unitary": (UNITARY, 0),
    "orthogonal": (ORTHOGONAL, 1),
    "symplectic": (SYMPLECTIC, -1),
}


@pytest.mark.parametrize(("group", "n"), [("symplectic-even", 3), ("orthogonal-even", 4)])
def test_values_of_outputs_that_the_flip_keeps(group: CircuitGroup, n: int) -> None:
    """v, u and q of outputs of even weight, counted on every Pauli string of even weight.

    Only this catches the moments of odd outputs, or of the unitary group, taken for ZZ.
    """
    everything = [w for w in words(n, odd=False) if (n - w.count("I")) % 2 == 0]
    strings, d = [pauli(word) for word in everything], 2**n
    width = len(strings)
    sigma = sum(p[0, 0].real ** 2 for p in strings) / d
    turned = [pauli(word) for word in ("X" + "I" * (n - 1), "XYZ" + "I" * (n - 3))]
    (square,) = {sum(bool(np.allclose(a @ p, -p @ a)) for p in strings) for a in turned}
    relative, law = drawn_turn(n, group)
    moved = (relative @ p @ relative.conj().T for p in strings)
    q = sum(np.trace(p @ m).real for p, m in zip(strings, moved, strict=True)) / d / width
    assert law.overlap(0)[0, 1] == pytest.approx(q, rel=1e-12)
    assert sigma * d * square / width**2 == pytest.approx(float(group_variance(n, group)))
    assert sigma * d / width == pytest.approx(float(output_variance(n, group)), rel=1e-12)
    assert group_variance(1, "symplectic-even") == output_variance(1, "symplectic-even") == 0


def drawn_turn(n: int, group: CircuitGroup) -> tuple[Matrix, TangentKernel]:
    """V(x)^+ V(x') of two drawn encodings, and the law of them."""
    rng = np.random.default_rng(n)
    u = rng.standard_normal((1, 2, n, 4)) + np.eye(4)[0]
    u /= np.linalg.norm(u, axis=-1, keepdims=True)
    v = [reduce(np.kron, [turn(x) for x in sample]) for sample in u[0]]
    return v[0].conj().T @ v[1], TangentKernel((EncodingRotations(u),), 1, 1.0, group)


@pytest.mark.parametrize(
    ("group", "n"),
    [("unitary", 1), ("unitary", 2), ("orthogonal", 2), ("symplectic", 3), ("orthogonal", 4)],
)
def test_values_of_the_groups(group: CircuitGroup, n: int) -> None:
    """w, N and sigma counted on every Pauli string; theorem, prediction and count agree.

    Only this catches a wrong sign of eps, or odd weights for an n that has the other group.
    """
    theorem, eps = GROUPS[group]
    strings = [pauli(word) for word in words(n, odd=bool(eps))]
    d, width = 2**n, len(strings)
    sigma = sum(p[0, 0].real ** 2 for p in strings) / d
    counts = {
        sum(bool(np.allclose(a @ p, -p @ a)) for p in strings) for a in (strings[0], strings[-1])
    }
    (square,) = counts
    relative, law = drawn_turn(n, group)
    moved = (relative @ p @ relative.conj().T for p in strings)
    q = sum(np.trace(p @ m).real for p, m in zip(strings, moved, strict=True)) / d / width
    assert law.overlap(0)[0, 1] == pytest.approx(q, rel=1e-12)
    values = Values(q_1=q, q_2=0.7, h_1=0.3, h_2=0.4, mu=1, nu=1)
    variance = sigma * d * square / width**2
    assert variance == pytest.approx(float(group_variance(n, group)), rel=1e-12)
    assert sigma * d / width == pytest.approx(float(output_variance(n, group)), rel=1e-12)
    for block in "ABC":
        found = values.right(theorem, f"angle in {block}", d)
        assert found == pytest.approx(variance * q * 0.7, rel=1e-12)
    assert values.right(theorem, "angle in V_1", d) == pytest.approx(sigma * d / width * 0.7 * 0.3)
    assert values.right(theorem, "covariance", d) == pytest.approx(sigma * d / width * q * 0.7)


def turn(u: Matrix) -> Matrix:
    w, x, y, z = u
    return np.array([[w - 1j * z, -y - 1j * x], [y - 1j * x, w + 1j * z]])


def test_overlap_is_one_for_equal_encodings_only() -> None:
    """Products of qubits' rotations: W = -1 and W = 1 have q = 1, all else less."""
    rng = np.random.default_rng(2)
    basis = unit_paulis(3)
    first = reduce(np.kron, [turn(u / np.linalg.norm(u)) for u in rng.standard_normal((3, 4))])
    near = reduce(np.kron, [rotation("X", x) for x in (0.1, 0.2, -0.1)])
    flipped = reduce(np.kron, [rotation("X", x) for x in (2 * np.pi, 0, 0)])
    for change, equal in ((near, False), (flipped, True), (pauli("XXI"), False)):
        v, other = conjugation(first, basis), conjugation(first @ change, basis)
        q = (v * other).sum() / len(basis)
        assert (q > 1 - 1e-9) == equal
        found = Values(w=len(basis), q_1=q).right(OVERLAP, "distance", 8)
        assert found == pytest.approx(((v - other) ** 2).sum(), abs=1e-9)
        assert -1 <= q <= 1 + 1e-12


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_quarter_turns_of_the_circuit_are_irreducible(n: int) -> None:
    """The layers' gates at quarter turns carry any odd Pauli string to all of odd weight.

    Together with the Pauli operators among them, which tell two strings apart, that makes the
    circuit's Clifford group one of the designs that the theorems assume; for n = 2 it reaches all.
    Only this shows that the group of the paper's layers is not a smaller one still.
    """
    seen = todo = {"X" + "I" * (n - 1)}
    ring = [g.qubits for g in EntanglingBlock(1).gates(n, 0, 0) if isinstance(g, ControlledZ)]
    turns = {"X": str.maketrans("YZ", "ZY"), "Y": str.maketrans("XZ", "ZX")}
    while todo:
        new = set()
        for word in todo:
            for qubit, table in itertools.product(range(n), turns.values()):
                letter = word[qubit].translate(table)
                new.add(word[:qubit] + letter + word[qubit + 1 :])
            flips = [0] * n  # CZ: X on one qubit puts Z on the other
            for a, b in ring:
                flips[b] ^= word[a] in "XY"
                flips[a] ^= word[b] in "XY"
            swap = {"I": "Z", "Z": "I", "X": "Y", "Y": "X"}
            new.add("".join(swap[c] if f else c for c, f in zip(word, flips, strict=True)))
        todo = new - seen
        seen = seen | new
    assert seen == set(words(n, odd=n > 2))
