"""Reverse passes in the Pauli basis against dense matrices and against the undone states."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchlaw.simulators.ansatz import ring_signs
from patchlaw.simulators.circuit_plan import StaticRun
from patchlaw.simulators.fast_engine.pauli_basis import PauliTables, rotation_rates, rotations
from patchlaw.simulators.fast_engine.pauli_kernels import pauli_numbers
from patchlaw.simulators.fast_engine.pauli_run import PauliRun
from patchlaw.simulators.fast_engine.simd import LANES, kernel, load, store, swap_lanes
from patchlaw.simulators.fast_engine.static_run import FusedRun

DOUBLE = np.dtype(np.float64)
X = np.array([[0, 1], [1, 0]], dtype=complex)
Y = np.array([[0, -1j], [1j, 0]])
Z = np.diag([1, -1]).astype(complex)
BY_BITS = {(0, 0): np.eye(2, dtype=complex), (1, 0): X, (1, 1): Y, (0, 1): Z}


def pauli(n: int, a: int, b: int) -> NDArray[np.complex128]:
    """The Pauli operator with X on the bits of a, Z on those of b, Y on both; first qubit first."""
    bits = [((a >> q) & 1, (b >> q) & 1) for q in range(n - 1, -1, -1)]
    return reduce(np.kron, [BY_BITS[pair] for pair in bits])


def hermitian(n: int, seed: int) -> NDArray[np.complex128]:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(2**n, 2**n)) + 1j * rng.normal(size=(2**n, 2**n))
    return matrix + matrix.conj().T


def numbers_of(matrix: NDArray[np.complex128], n: int) -> NDArray[np.float64]:
    dim = 2**n
    numbers = np.zeros((dim, max(dim, LANES)))
    pauli_numbers(matrix.real + matrix.imag, PauliTables.of(n, DOUBLE).phases, numbers)
    return numbers[:, :dim]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_numbers_are_traces_with_pauli_operators(n: int) -> None:
    """Catches a phase of i^|a&b| or a bit order that the reverse pass would undo with its own."""
    matrix = hermitian(n, n)
    expected = [[np.trace(pauli(n, a, b) @ matrix).real for b in range(2**n)] for a in range(2**n)]
    np.testing.assert_allclose(numbers_of(matrix, n), expected, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_the_ring_moves_pauli_operators(n: int) -> None:
    """D P D by dense matrices, one by one; only this sees a sign that cancels in pairs."""
    tables, ring = PauliTables.of(n, DOUBLE), np.diag(ring_signs(n).astype(complex))
    for a in range(2**n):
        for b in range(2**n):
            move = int(tables.moves[a])
            sign = tables.signs[a] * tables.parities[a & move & b]
            moved = sign * pauli(n, a, b ^ move)
            np.testing.assert_array_equal(ring @ pauli(n, a, b) @ ring, moved)


def test_rotations_conjugate_a_qubits_operators() -> None:
    """U P U^† of every fused gate, and their rates by central differences."""
    rng = np.random.default_rng(5)
    phi, rates = rng.uniform(-4, 4, (2, 3, 2, 4))
    found = rotations(phi)
    for layer in range(3):
        for q in range(4):
            x, y = phi[layer, :, q] / 2
            gate = (np.cos(y) * np.eye(2) - 1j * np.sin(y) * Y) @ (
                np.cos(x) * np.eye(2) - 1j * np.sin(x) * X
            )
            for i, operator in enumerate((X, Y, Z)):
                expected = sum(found[layer, q, j, i] * p for j, p in enumerate((X, Y, Z)))
                np.testing.assert_allclose(gate @ operator @ gate.conj().T, expected, atol=1e-14)
    step = 1e-6
    difference = (rotations(phi + step * rates) - rotations(phi - step * rates)) / (2 * step)
    np.testing.assert_allclose(rotation_rates(phi, rates), difference, atol=1e-8)


@kernel
def _swap_all(values, swapped):
    for i in range(4):
        store(swapped, i * LANES, swap_lanes(load(values, 0), 1 << i))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lanes_are_swapped(dtype: type[np.floating]) -> None:
    values = np.arange(LANES, dtype=dtype)
    swapped = np.empty((4, LANES), dtype=dtype)
    _swap_all(values, swapped)
    expected = [[lane ^ (1 << i) for lane in range(LANES)] for i in range(4)]
    np.testing.assert_array_equal(swapped, expected)


@dataclass(frozen=True)
class Layers:
    """A run that begins somewhere among a patch's angles, and four matrices to differentiate."""

    n: int
    run: StaticRun
    angles: NDArray[np.float64]
    rates: NDArray[np.float64]
    cotangents: NDArray[np.float64]


@st.composite
def layer_cases(draw: st.DrawFn) -> Layers:
    n = draw(st.integers(1, 6))
    rings = tuple(draw(st.lists(st.booleans(), max_size=4)))
    first = draw(st.integers(0, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    angles, rates = rng.uniform(-4, 4, (2, first + 2 * n * len(rings) + 2))
    return Layers(n, StaticRun(rings, first), angles, rates, rng.normal(size=(2, 2, 2**n, 2**n)))


@given(case=layer_cases())
def test_both_reverse_passes_agree(case: Layers) -> None:
    """The states undone, and their observable: first derivatives and their tangents.

    Only this covers n from 1, where a vector of 16 is mostly padding, to 6, where qubits lie
    within vectors and across them.
    """
    signs = ring_signs(case.n).astype(np.float64)
    states = FusedRun(case.run, case.angles, signs)
    numbers = PauliRun(case.run, case.angles, signs)
    cotangent, cotangent_dot = case.cotangents
    np.testing.assert_allclose(numbers.gradient(cotangent), states.gradient(cotangent), atol=1e-11)
    tangent = states.tangent(case.rates)
    arguments = (case.rates, tangent, cotangent, cotangent_dot)
    np.testing.assert_allclose(
        numbers.gradient_tangent(*arguments), states.gradient_tangent(*arguments), atol=1e-10
    )


def test_single_precision_is_as_close_as_with_states() -> None:
    """50 layers on 8 qubits, the paper's: errors grow no faster than those of the undone states."""
    rng = np.random.default_rng(1)
    run, angles = StaticRun((True,) * 50), rng.uniform(-3, 3, 800)
    cotangent = rng.normal(size=(2, 256, 256))
    exact = FusedRun(run, angles, ring_signs(8).astype(np.float64)).gradient(cotangent)
    errors = [
        np.abs(
            kind(run, angles, ring_signs(8).astype(np.float32)).gradient(cotangent) - exact
        ).max()
        for kind in (PauliRun, FusedRun)
    ]
    assert errors[0] < 2 * errors[1] < 1e-5 * np.abs(exact).max()
