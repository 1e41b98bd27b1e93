"""Layers as they act on Pauli operators: rotations of (X, Y, Z), and the CZ ring's moves."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.ansatz import ring_signs
from patchlaw.simulators.fast_engine.simd import LANES

Float = NDArray[np.float64]
Real = NDArray[np.floating]


def rotations(phi: Float) -> Float:
    """Rotations r of U = RY(y) RX(x), U P_i U^† = sum_j r_ji P_j for P = X, Y, Z.

    Args:
        phi: angles, shape (layers, 2, n): x, then y.

    Returns:
        r = r_y r_x, shape (layers, n, 3, 3).
    """
    about_x, about_y = _about_axes(phi)
    return about_y @ about_x


def rotation_rates(phi: Float, rates: Float) -> Float:
    """Tangent of ``rotations`` along rates of the angles; shapes as there."""
    about_x, about_y = _about_axes(phi)
    rate_x, rate_y = rates.swapaxes(0, 1)[..., None, None]
    # d r(a) / da = r(a) [axis]x, and a rotation commutes with its own axis' generator
    turned: Float = about_y @ (rate_x * _GENERATOR_X + rate_y * _GENERATOR_Y) @ about_x
    return turned


_GENERATOR_X = np.array([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])
_GENERATOR_Y = np.array([[0.0, 0, 1], [0, 0, 0], [-1, 0, 0]])


def _about_axes(phi: Float) -> tuple[Float, Float]:
    """Rotations about X and about Y by the angles, each (layers, n, 3, 3): Rodrigues' formula."""
    cos, sin = np.cos(phi)[..., None, None], np.sin(phi)[..., None, None]
    about = [
        np.eye(3) + sin[:, i] * k + (1 - cos[:, i]) * (k @ k)
        for i, k in enumerate((_GENERATOR_X, _GENERATOR_Y))
    ]
    return about[0], about[1]


@dataclass(frozen=True)
class PauliTables:
    """What the kernels on Pauli operators P = i^|a&b| X^a Z^b need to know of n qubits.

    The CZ ring D is an involution and D P D = sign_a (-1)^|m & b| times the operator of a and
    b xor move_a, with m = a & move_a.

    Attributes:
        moves: shape (2^n,), integers.
        signs: shape (2^n,), +1 or -1.
        phases: sign of the real part of i^|i| (1 + i), shape (2^n,): +, -, -, + and so on.
        parities: (-1)^|i|, shape (2^n,).
        characters: (-1)^|i & j|, shape (16, 16).
    """

    moves: NDArray[np.int64]
    signs: Real
    phases: Real
    parities: Real
    characters: Real

    @property
    def ring(self) -> tuple[NDArray[np.int64], Real, Real, Real]:
        """What conjugation by the ring needs: moves, signs, parities, characters."""
        return self.moves, self.signs, self.parities, self.characters

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, n_qubits: int, dtype: np.dtype[np.floating]) -> "PauliTables":
        """Tables in the dtype of the states.

        With the ring's diagonal d, D X^a D = X^a diag(d_k d_(k xor a)), a character of k times a
        sign; Z^b commutes with D, so a alone decides what moves where.
        """
        d = ring_signs(n_qubits).astype(np.int64)
        a = np.arange(len(d))
        at_zero = d[0] * d
        moves = np.zeros_like(a)
        for bit in (1 << j for j in range(n_qubits)):
            moves += bit * (d[bit] * d[bit ^ a] != at_zero)
        # i^|a&b| against i^|a&(b xor move)| leaves i^(2 |m&b| - |m|), and |m| is even
        halves = np.bitwise_count(a & moves) // 2
        lanes = np.arange(LANES)
        return cls(
            moves,
            (at_zero * _sign(halves)).astype(dtype),
            _sign((np.bitwise_count(a) + 1) // 2).astype(dtype),
            _sign(np.bitwise_count(a)).astype(dtype),
            _sign(np.bitwise_count(lanes[:, None] & lanes)).astype(dtype),
        )


def _sign(power: NDArray[np.integer]) -> NDArray[np.int64]:
    """(-1)^power."""
    return 1 - 2 * (power.astype(np.int64) % 2)
