"""Static runs of all patches, one launch a run and pass: the twin of ``StaticRuns`` in kernels."""

from functools import cache

import torch
from torch import Tensor

from patchlaw.simulators.circuit_plan import StaticRun
from patchlaw.simulators.torch_engine.static_blocks import ring_signs
from patchlaw.simulators.torch_engine.static_layers import (
    layer_quaternion_rates,
    layer_quaternions,
)
from patchlaw.simulators.torch_engine.triton_kernels.launches import Tiles
from patchlaw.simulators.torch_engine.triton_kernels.layer_kernels import (
    forward_layers,
    reverse_layers,
)


class FusedStaticRuns:
    """W_p(phi_p) of one static run for every patch p; arguments and methods as ``StaticRuns``.

    Gates are built in float64 and cast to the dtype of the states. A launch goes through all
    layers; the momenta of a tile of columns are summed in the states' dtype, tiles in float64.
    """

    def __init__(
        self,
        run: StaticRun,
        angles: Tensor,
        n_qubits: int,
        dtype: torch.dtype,
        *,
        vector_only: bool,
    ) -> None:
        n_layers = len(run.rings)
        self.angle_slice = slice(run.first_angle, run.first_angle + 2 * n_qubits * n_layers)
        self._n_qubits = n_qubits
        self._shape = (len(angles), 1 if vector_only else 1 << n_qubits, 1 << n_qubits, 2)
        self._layers = (n_layers, len(angles))
        self._phi = self._layer_angles(angles)
        self._table = layer_quaternions(self._phi).to(dtype)
        self._constants = _constants(run.rings, n_qubits, dtype, angles.device)
        self._state = self._forward(None)

    def _layer_angles(self, angles: Tensor) -> Tensor:
        """The run's share of (P, n_angles) as (layers, P, 2, n): axis 2 is X, then Y."""
        shape = (len(angles), self._layers[0], 2, self._n_qubits)
        return angles[:, self.angle_slice].reshape(shape).transpose(0, 1)

    def _rates(self, rates: Tensor) -> Tensor:
        quaternions = layer_quaternion_rates(self._phi, self._layer_angles(rates))
        return quaternions.to(self._table.dtype)

    def _forward(self, table_dot: Tensor | None) -> Tensor:
        """W's columns, or their tangents: (P, m, 2^n, 2)."""
        tiles = Tiles.of(self._n_qubits, self._shape[1])
        result = torch.empty(self._shape, dtype=self._table.dtype, device=self._table.device)
        tangent = table_dot is not None
        into = (None, result) if tangent else (result, None)
        forward_layers[self._shape[0], tiles.count](
            *into,
            self._table,
            table_dot,
            *self._constants,
            self._layers[0],
            self._shape[1],
            TANGENT=tangent,
            **tiles.options,
        )
        return result

    def _reverse(self, lam: Tensor, table_dot: Tensor | None = None, *dots: Tensor) -> Tensor:
        """The angles' derivatives (P, 2 n layers), float64, or their tangents."""
        tiles = Tiles.of(self._n_qubits, self._shape[1])
        momenta = self._table.new_empty(
            tiles.count, self._shape[0], self._layers[0], 2, self._n_qubits
        )
        state_dot, lam_dot = dots or (None, None)
        reverse_layers[self._shape[0], tiles.count](
            momenta,
            self._state,
            lam,
            state_dot,
            lam_dot,
            self._table,
            table_dot,
            *self._constants,
            self._layers[0],
            self._shape[1],
            TANGENT=table_dot is not None,
            **tiles.options,
        )
        return momenta.sum(dim=0, dtype=torch.float64).flatten(1)

    def _taken(self, columns: Tensor) -> Tensor:
        """(P, 2^n, m) complex of any dtype as the kernels have it, (P, m, 2^n, 2)."""
        dtype, device = self._table.dtype.to_complex(), self._table.device
        taken = torch.empty(self._shape[:3], dtype=dtype, device=device)
        return torch.view_as_real(taken.copy_(columns.mT))

    @property
    def columns(self) -> Tensor:
        """W's columns, shape (P, 2^n, m), complex."""
        return torch.view_as_complex(self._state).mT

    def tangent(self, rates: Tensor) -> Tensor:
        """Ẇ = sum_i rates_i dW/dphi_i, shape (P, 2^n, m); rates (P, n_angles), float64."""
        return torch.view_as_complex(self._forward(self._rates(rates))).mT

    def gradient(self, cotangent: Tensor) -> Tensor:
        """dL/dphi of the run's angles, (P, 2 n layers), float64; W̄ (P, 2^n, m), complex."""
        return self._reverse(self._taken(cotangent))

    def gradient_tangent(
        self, rates: Tensor, tangent: Tensor, cotangent: Tensor, cotangent_dot: Tensor
    ) -> Tensor:
        """Derivative of ``gradient`` along ``rates``; see ``StaticRuns``."""
        lam, *dots = (self._taken(part) for part in (cotangent, tangent, cotangent_dot))
        return self._reverse(lam, self._rates(rates), *dots)


@cache  # never dropped: a recorded pass reads them where they lie
def _constants(
    rings: tuple[bool, ...], n_qubits: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Which layers end with the ring, (layers,), and its diagonal, (2^n,)."""
    flags = torch.tensor(rings, dtype=torch.int8, device=device)
    return flags, ring_signs(n_qubits, dtype, device)
