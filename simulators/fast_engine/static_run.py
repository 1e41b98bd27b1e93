"""One static run of one patch at given angles: its unitary, first and second derivatives."""

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.circuit_plan import StaticRun
from patchlaw.simulators.fast_engine.simd import LANES
from patchlaw.simulators.fast_engine.static_kernels import (
    apply_layers,
    apply_layers_tangent,
    undo_layers,
    undo_layers_tangent,
)

Real = NDArray[np.floating]


def _product_ry_rx(cos_x: Real, sin_x: Real, cos_y: Real, sin_y: Real) -> Real:
    """Quaternion of RY RX = (cos_y + sin_y j)(cos_x + sin_x i), shape (layers, n, 4)."""
    return np.stack((cos_y * cos_x, cos_y * sin_x, sin_y * cos_x, -sin_y * sin_x), axis=-1)


class FusedRun:
    """W(phi), a product of layers: its columns, or only W|0...0>, with derivatives.

    Column arrays have shape (2, 2^n, m): real and imaginary part, rows, and m = 1 column for the
    prefix (``vector_only``), else m = 2^n.

    Args:
        run: the layers.
        angles: the patch's angles, shape (n_angles,), float64, radians.
        signs: diagonal of the CZ ring, shape (2^n,), in the dtype of the states.
        vector_only: whether only W|0...0> is needed.

    Attributes:
        angle_slice: where the run's angles lie among the patch's.
    """

    def __init__(
        self, run: StaticRun, angles: NDArray[np.float64], signs: Real, *, vector_only: bool = False
    ) -> None:
        n_qubits = len(signs).bit_length() - 1
        self._signs = signs
        self._rings = np.array(run.rings, dtype=np.bool_)
        self._angle_shape = (len(run.rings), 2, n_qubits)
        self._n_columns = 1 if vector_only else len(signs)
        self.angle_slice = slice(run.first_angle, run.first_angle + 2 * n_qubits * len(run.rings))
        self._phi = self._of_layers(angles)
        self._cos, self._sin = np.cos(self._phi / 2), np.sin(self._phi / 2)
        (cos_x, cos_y), (sin_x, sin_y) = self._cos.swapaxes(0, 1), self._sin.swapaxes(0, 1)
        self._gates = _product_ry_rx(cos_x, sin_x, cos_y, sin_y).astype(signs.dtype)
        self._state = self._kernel_layout(None)
        diagonal = np.arange(self._n_columns)
        self._state[0, diagonal, diagonal] = 1
        apply_layers(self._gates, self._rings, signs, self._state)

    def _of_layers(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The run's part of a patch's values, (layers, 2, n); axis 1: about X, then Y."""
        return values[self.angle_slice].reshape(self._angle_shape)

    def _kernel_layout(self, columns: Real | None) -> Real:
        """Columns padded with zeros to the kernels' width (zeros alone for None)."""
        width = max(self._n_columns, LANES)
        padded = np.zeros((2, len(self._signs), width), dtype=self._signs.dtype)
        if columns is not None:
            padded[:, :, : self._n_columns] = columns
        return padded

    def _gate_rates(self, rates: NDArray[np.float64]) -> Real:
        """Derivative of the gates' quaternions along angle rates (product rule)."""
        half = self._of_layers(rates) / 2
        (cos_x, cos_y), (sin_x, sin_y) = self._cos.swapaxes(0, 1), self._sin.swapaxes(0, 1)
        rate_x, rate_y = half.swapaxes(0, 1)
        along_x = _product_ry_rx(-rate_x * sin_x, rate_x * cos_x, cos_y, sin_y)
        along_y = _product_ry_rx(cos_x, sin_x, -rate_y * sin_y, rate_y * cos_y)
        return (along_x + along_y).astype(self._signs.dtype)

    @property
    def columns(self) -> Real:
        """W's columns, shape (2, 2^n, m)."""
        return self._state[:, :, : self._n_columns]

    def tangent(self, rates: NDArray[np.float64]) -> Real:
        """Ẇ = sum_i rates_i dW/dphi_i, shape (2, 2^n, m); rates (n_angles,) of the patch."""
        state, tangent = self._kernel_layout(None), self._kernel_layout(None)
        diagonal = np.arange(self._n_columns)
        state[0, diagonal, diagonal] = 1
        apply_layers_tangent(
            self._gates, self._gate_rates(rates), self._rings, self._signs, state, tangent
        )
        return tangent[:, :, : self._n_columns]

    def gradient(self, cotangent: Real) -> NDArray[np.float64]:
        """dL/dphi of the run's angles from the cotangent W̄ (dL = Re<W̄, dW>), float64."""
        gradient = np.zeros(self._angle_shape)
        undo_layers(
            self._gates,
            self._rings,
            self._signs,
            self._state.copy(),
            self._kernel_layout(cotangent),
            gradient,
        )
        return gradient.ravel()

    def gradient_tangent(
        self, rates: NDArray[np.float64], tangent: Real, cotangent: Real, cotangent_dot: Real
    ) -> NDArray[np.float64]:
        """Derivative of ``gradient`` along ``rates``, W̄ moving by ``cotangent_dot``."""
        gradient = np.zeros(self._angle_shape)
        undo_layers_tangent(
            self._gates,
            self._gate_rates(rates),
            self._rings,
            self._signs,
            self._state.copy(),
            self._kernel_layout(tangent),
            self._kernel_layout(cotangent),
            self._kernel_layout(cotangent_dot),
            gradient,
        )
        return gradient.ravel()
