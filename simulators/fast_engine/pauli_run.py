"""One static run of one patch whose reverse passes go through the Pauli basis."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.circuit_plan import StaticRun
from patchlaw.simulators.fast_engine.pauli_basis import PauliTables, Real, rotation_rates, rotations
from patchlaw.simulators.fast_engine.pauli_kernels import (
    pauli_numbers,
    undo_layers_of_numbers,
    undo_layers_of_numbers_tangent,
)
from patchlaw.simulators.fast_engine.simd import LANES
from patchlaw.simulators.fast_engine.static_run import FusedRun


class PauliRun(FusedRun):
    """All columns of W(phi), the derivatives from the 4^n real numbers tr(P A) alone.

    A = (W W̄^† - W̄ W^†) / 2i is all that the momenta about the gates' axes depend on (see
    ``pauli_kernels``). The same numbers as ``FusedRun``, which undoes W and W̄ themselves, at about
    a third of its time.

    Args:
        run: the layers.
        angles: the patch's angles, shape (n_angles,), float64, radians.
        signs: diagonal of the CZ ring, shape (2^n,), in the dtype of the states.
    """

    def __init__(self, run: StaticRun, angles: NDArray[np.float64], signs: Real) -> None:
        super().__init__(run, angles, signs, vector_only=False)
        self._tables = PauliTables.of(self._angle_shape[2], signs.dtype)

    @cached_property
    def _turns(self) -> Real:
        """The gates' rotations of (X, Y, Z), for reverse passes only."""
        return rotations(self._phi).astype(self._signs.dtype)

    def gradient(self, cotangent: Real) -> NDArray[np.float64]:
        """As ``FusedRun.gradient``."""
        gradient = np.zeros(self._angle_shape)
        numbers = self._numbers(self._momentum(self.columns, cotangent))
        undo_layers_of_numbers(self._turns, self._rings, *self._tables.ring, numbers, gradient)
        return gradient.ravel()

    def gradient_tangent(
        self, rates: NDArray[np.float64], tangent: Real, cotangent: Real, cotangent_dot: Real
    ) -> NDArray[np.float64]:
        """As ``FusedRun.gradient_tangent``."""
        gradient = np.zeros(self._angle_shape)
        turns_dot = rotation_rates(self._phi, self._of_layers(rates)).astype(self._signs.dtype)
        numbers = self._numbers(self._momentum(self.columns, cotangent))
        along = self._momentum(tangent, cotangent) + self._momentum(self.columns, cotangent_dot)
        undo_layers_of_numbers_tangent(
            self._turns,
            turns_dot,
            self._rings,
            *self._tables.ring,
            numbers,
            self._numbers(along),
            gradient,
        )
        return gradient.ravel()

    def _momentum(self, state: Real, cotangent: Real) -> Real:
        """Re A + Im A of A = (S Λ^† - Λ S^†) / 2i, shape (2^n, 2^n)."""
        dim = state.shape[1]
        left = np.empty((2 * dim, 2 * dim), dtype=state.dtype)
        np.subtract(state[1], state[0], out=left[:dim, :dim])
        np.add(state[0], state[1], out=left[dim:, :dim])
        np.negative(left[dim:, :dim], out=left[:dim, dim:])
        left[dim:, dim:] = left[:dim, :dim]
        right = np.concatenate(tuple(cotangent), axis=1).astype(left.dtype)
        product = left @ right.T
        momentum: Real = (product[:dim] + product[dim:].T) / 2
        return momentum

    def _numbers(self, momentum: Real) -> Real:
        """tr(P A) for every Pauli operator P, in the kernels' layout."""
        dim = len(momentum)
        numbers = np.zeros((dim, max(dim, LANES)), dtype=momentum.dtype)
        pauli_numbers(momentum, self._tables.phases, numbers)
        return numbers
