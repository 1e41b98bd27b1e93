"""The commutator kernel against exact averages over generators, slopes by parameter shifts."""

from __future__ import annotations

import numpy as np
import pytest

from patchlaw.hessian_theory.proof.language import DIMENSION
from patchlaw.hessian_theory.theorems.adjoint_blocks import WIDTH
from patchlaw.hessian_theory.theorems.commutator_kernel import GROUP, KERNEL, MEAN, VECTORS
from tests.theory.test_adjoint_blocks import coordinates, unit_paulis, words
from tests.theory.test_haar_moments import haar, pauli
from tests.theory.test_haar_pairs import Matrix, Values, entries, hermitian, state, twirled


def slope(vector: Matrix, observable: Matrix, generator: Matrix) -> float:
    """d/dt of <psi| R^+ O R |psi> at 0, from R(+-pi/2): exact for a generator of square 1."""
    sides = []
    for sign in (1, -1):
        moved = (np.eye(len(vector)) - 1j * sign * generator) @ vector / np.sqrt(2)
        sides.append((moved.conj() @ observable @ moved).real)
    return (sides[0] - sides[1]) / 2


def commutators(first: tuple[Matrix, Matrix], second: tuple[Matrix, Matrix]) -> float:
    """C = -tr([O, rho] [O', rho']) / 2 of (psi, O) and (psi', O')."""
    parts = []
    for vector, observable in (first, second):
        rho = np.outer(vector, vector.conj())
        parts.append(observable @ rho - rho @ observable)
    return -np.trace(parts[0] @ parts[1]).real / 2


def samples(seed: int, n: int, word: str) -> list[tuple[Matrix, Matrix]]:
    """Two random states, near each other, with two random conjugates of a Pauli operator."""
    rng = np.random.default_rng(seed)
    turns = haar(rng, 2, 2**n)
    vectors = turns[:, :, 0] + turns[0, :, 0]
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    frames = haar(rng, 2, 2**n)
    return [(v, f @ pauli(word) @ f.conj().T) for v, f in zip(vectors, frames, strict=True)]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_random_generators(n: int) -> None:
    """Mean over all Pauli generators, an exact random traceless operator of square 1.

    Only this catches d^2 for d^2 - 1, a lost factor 2 and the sign of the commutators' product.
    """
    generators = [pauli(word) for word in words(n, odd=False)]
    for seed in range(3):
        first, second = samples(seed, n, "Z" * n)
        products = [slope(*first, p) * slope(*second, p) for p in generators]
        values = Values(C=commutators(first, second))
        assert values.right(KERNEL, "kernel", 2**n) == pytest.approx(np.mean(products), rel=1e-10)
    diagonal = [slope(*first, p) ** 2 for p in generators]
    f = (first[0].conj() @ first[1] @ first[0]).real
    value = Values(C=1 - f**2).right(KERNEL, "kernel", 2**n)
    assert value == pytest.approx(np.mean(diagonal), rel=1e-10)


def test_vectors() -> None:
    """C and 1 - f^2 from four vectors; only this catches a dropped second term or cross term."""
    first, second = samples(1, 2, "XY")
    known: dict[str, object] = {"f": (first[0].conj() @ first[1] @ first[0]).real}
    for prime, (vector, observable) in (("", first), ("'", second)):
        for name, value in (("psi", vector), ("phi", observable @ vector)):
            known |= {f"{name}{prime}": value, f"{name}{prime}^*": value.conj()}
    values = Values(**known)
    expected = commutators(first, second)
    assert values.right(VECTORS, "C", 4) == pytest.approx(expected, rel=1e-12)
    assert values.right(VECTORS, "x = x'", 4) == pytest.approx(commutators(first, first), rel=1e-12)
    psi, phi, psi2, phi2 = (known[x] for x in ("psi", "phi", "psi'", "phi'"))
    only_first = (np.vdot(psi, psi2) * np.vdot(phi2, phi)).real
    assert abs(only_first - expected) > 0.01


@pytest.mark.parametrize("size", [2, 4])
def test_random_states_give_the_tangent_kernel(size: int) -> None:
    """Exact Haar means of states and observables: v (d r - 1)/(d - 1) t/d, at x = x' v."""
    rng = np.random.default_rng(3)
    for same in (False, True):
        rho, rho2 = state(rng, size), state(rng, size)
        o, o2 = hermitian(rng, size), hermitian(rng, size)
        if same:
            o = o2 = pauli("Z" + "I" * (size // 4))
            rho2 = rho
        q, e = (entries(twirled(np.kron(*pair))) for pair in ((rho, rho2), (o, o2)))
        words_ = (
            (1, "abce,bcea"), (-1, "abea,bcce"), (-1, "bcce,abea"), (1, "bcea,abce"),
        )  # fmt: skip
        c = -sum(sign * np.einsum(word, e, q) for sign, word in words_).real / 2
        values = Values(r=np.trace(rho @ rho2).real, t=np.trace(o @ o2).real)
        found = values.right(MEAN, "kernel", size)
        assert found == pytest.approx(size / (2 * (size**2 - 1)) * c, rel=1e-10)
    assert found == pytest.approx(size**2 / (2 * (size + 1) * (size**2 - 1)), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_generators_of_a_group(n: int) -> None:
    """Mean over Pauli generators of odd weight: 2 k . k' / (d - eps), and by flipped states.

    (C of psi, psi' less C of psi, T psi') / (2 (d - eps)): only this catches the wrong eps, and the
    unitary factor taken for outputs of the Lie algebra.
    """
    d, eps = 2**n, (-1) ** n
    rng = np.random.default_rng(4)
    basis = unit_paulis(n)
    generators = [np.sqrt(d) * b for b in basis]
    vectors = [v for v, _ in samples(6, n, "Z" * n)]
    pairs = [
        (v, np.einsum("a,aij->ij", rng.standard_normal(len(basis)), np.array(basis)))
        for v in vectors
    ]
    mean = np.mean([slope(*pairs[0], p) * slope(*pairs[1], p) for p in generators])
    k = [
        coordinates(0.5j * (o @ np.outer(v, v.conj()) - np.outer(v, v.conj()) @ o), basis)
        for v, o in pairs
    ]
    values, scope = Values(**{"k": k[0], "k'": k[1]}), {DIMENSION: d, WIDTH: len(basis)}
    for label, wanted in (("kernel", mean), ("spin flip", (d - eps) * mean)):
        assert values(GROUP.step(label).formula.right, scope) == pytest.approx(wanted, rel=1e-10)
    flipped = pauli("Y" * n) @ vectors[1].conj()
    difference = commutators(*pairs) - commutators(pairs[0], (flipped, pairs[1][1]))
    assert difference / (2 * (d - eps)) == pytest.approx(mean, rel=1e-10)
