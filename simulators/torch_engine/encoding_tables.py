"""One encoding on a chunk of samples: the fused rotations and the axes its derivatives turn about.

Every rotation of a qubit's encoding contributes to one infinitesimal rotation of that qubit: with
V = R_m ... R_1 the derivative is dV = (-i/2)(omega . sigma) V, omega = sum_r rate_r A_r, A_r the
axis of rotation r turned by the rotations after it. So the derivative of the loss along angle r
is A_r . w with the momenta w_a = Re<Λ, (-i/2) sigma_a S> after the encoding, and its tangent is
A_r . (w' + w x omega_r), omega_r summing the rotations after r alone (dA_r = omega_r x A_r).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from patchlaw.simulators.ansatz import Axis, EncodingBlock
from patchlaw.simulators.circuit_plan import Encoding
from patchlaw.simulators.torch_engine.local_operators import halves
from patchlaw.simulators.torch_engine.static_blocks import kron_all


def rotation_axes(features_per_qubit: int) -> tuple[Axis, ...]:
    """Axis of a qubit's rotations in time order: trained, data, trained, feature by feature."""
    axes: list[Axis] = []
    for j in range(features_per_qubit):
        trained, data = EncodingBlock.axes(j)
        axes += (trained, data, trained)
    return tuple(axes)


@dataclass(frozen=True)
class EncodingTables:
    """What passes need of one encoding at P patches and m samples.

    Attributes:
        axes: A_r, shape (P, m, n, 3 h, 3).
    """

    axes: Tensor

    def encode(self, states: Tensor) -> Tensor:
        """V S of states (P, m or 1, rows, columns)."""
        raise NotImplementedError

    def decode(self, states: Tensor) -> Tensor:
        """V^† S."""
        raise NotImplementedError

    def total_rate(self, rates: Tensor) -> Tensor:
        """Omega of a direction: rates (P, n, 3 h) of the rotations to (P, m, n, 3)."""
        total: Tensor = (self.axes * rates[:, None, :, :, None]).sum(dim=3)
        return total

    def pull_back(self, momenta: Tensor) -> Tensor:
        """Derivatives along every rotation, summed over samples: w (P, m, n, 3) to (P, n, 3 h).

        The sum is taken in float64.
        """
        return (self.axes * momenta[:, :, :, None]).sum(dim=4).sum(dim=1, dtype=torch.float64)

    def pull_back_tangent(self, momenta: Tensor, momenta_dot: Tensor, rates: Tensor) -> Tensor:
        """Tangent of ``pull_back`` along rates (P, n, 3 h)."""
        terms = self.axes * rates[:, None, :, :, None]
        after = terms.sum(dim=3, keepdim=True) - terms.cumsum(dim=3)
        along = momenta_dot[:, :, :, None] + torch.linalg.cross(momenta[:, :, :, None], after)
        total: Tensor = (self.axes * along).sum(dim=4).sum(dim=1, dtype=torch.float64)
        return total


@dataclass(frozen=True)
class KroneckerTables(EncodingTables):
    """Tables with V as two factors.

    Attributes:
        upper: fused rotations of the upper half of the qubits, shape (P, m, 2^(n//2), 2^(n//2)).
        lower: of the lower half, transposed.
    """

    upper: Tensor
    lower: Tensor

    def encode(self, states: Tensor) -> Tensor:
        """See EncodingTables."""
        return self.upper @ states @ self.lower

    def decode(self, states: Tensor) -> Tensor:
        """See EncodingTables."""
        decoded: Tensor = self.upper.mH @ states @ self.lower.mH
        return decoded


class PatchEncoding:
    """One encoding of all patches at fixed angles.

    Args:
        encoding: which angles and features.
        angles: shape (P, n_angles), float64.
        n_qubits: n.
        dtype: real dtype of the states; cosines and sines are taken in float64 and cast.
    """

    def __init__(
        self, encoding: Encoding, angles: Tensor, n_qubits: int, dtype: torch.dtype
    ) -> None:
        h = encoding.features_per_qubit
        self.n_qubits = n_qubits
        self.features_per_qubit = h
        self.angle_slice = slice(encoding.first_angle, encoding.first_angle + 2 * h * n_qubits)
        self.feature_slice = slice(encoding.first_feature, encoding.first_feature + h * n_qubits)
        self._dtype = dtype
        self._prepare(self.trained(angles))

    def _prepare(self, phi: Tensor) -> None:
        """Keep what tables need of the trained angles, (P, n, h, 2)."""
        self._axes = rotation_axes(self.features_per_qubit)
        trigonometry = (torch.cos(phi / 2), torch.sin(phi / 2), torch.cos(phi), torch.sin(phi))
        self._trained = tuple(values.to(self._dtype)[:, None] for values in trigonometry)

    def trained(self, angles: Tensor) -> Tensor:
        """The encoding's share of (P, n_angles), shape (P, n, h, 2)."""
        shape = (len(angles), self.n_qubits, self.features_per_qubit, 2)
        return angles[:, self.angle_slice].reshape(shape)

    def data(self, features: Tensor) -> Tensor:
        """The encoding's share of (..., n_features), shape (..., n, h)."""
        shape = (*features.shape[:-1], self.n_qubits, self.features_per_qubit)
        return features[..., self.feature_slice].reshape(shape)

    def rotation_rates(self, angle_rates: Tensor, feature_rates: Tensor) -> Tensor:
        """Rates of all rotations in time order, (P, n, 3 h), from (P, n_angles) and (P, n^2)."""
        trained, data = self.trained(angle_rates), self.data(feature_rates)
        rates = torch.stack((trained[..., 0], data, trained[..., 1]), dim=-1)
        return rates.flatten(-2).to(self._dtype)

    def split_rotations(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """From rotations (P, n, 3 h) to angles (P, 2 h n) and features (P, h n)."""
        parts = values.unflatten(-1, (self.features_per_qubit, 3))
        return parts[..., (0, 2)].flatten(1), parts[..., 1].flatten(1)

    def tables(self, features: Tensor) -> EncodingTables:
        """Tables of a chunk with features (P, m, n^2), radians."""
        x = self.data(features)
        rotations = self._rotations(x)
        column = self._first_columns(rotations, x.shape[:-1])
        a, b = column
        gates = torch.stack(
            (torch.stack((a, -b.conj()), dim=-1), torch.stack((b, a.conj()), dim=-1)), dim=-2
        )
        split = self.n_qubits // 2
        rows, columns = halves(self.n_qubits)
        return KroneckerTables(
            self._turned_axes(rotations, x.shape[:-1]),
            kron_all(gates[:, :, :split]).reshape(*x.shape[:2], rows, rows),
            kron_all(gates[:, :, split:].mT).reshape(*x.shape[:2], columns, columns),
        )

    def _rotations(self, x: Tensor) -> list[tuple[Axis, Tensor, Tensor, Tensor, Tensor]]:
        """(axis, cos t/2, sin t/2, cos t, sin t) in time order; shapes broadcast to (P, m, n)."""
        data = (torch.cos(x / 2), torch.sin(x / 2), torch.cos(x), torch.sin(x))
        result = []
        for r, axis in enumerate(self._axes):
            j, step = divmod(r, 3)
            cos_half, sin_half, cos, sin = (
                d[..., j] if step == 1 else t[..., j, step // 2]
                for d, t in zip(data, self._trained, strict=True)
            )
            result.append((axis, cos_half, sin_half, cos, sin))
        return result

    def _first_columns(
        self, rotations: list[tuple[Axis, Tensor, Tensor, Tensor, Tensor]], shape: torch.Size
    ) -> Tensor:
        """First column (a, b) of each qubit's V = [[a, -b*], [b, a*]], shape (2, P, m, n)."""
        dtype = torch.complex128 if self._dtype == torch.float64 else torch.complex64
        column = torch.zeros(2, *shape, dtype=dtype, device=rotations[0][1].device)
        column[0] = 1
        # off-diagonal entries of sigma for sin(t/2) in R = cos(t/2) - i sin(t/2) sigma
        about_x = torch.full((2, 1, 1, 1), -1j, dtype=dtype, device=column.device)
        about_y = torch.ones(2, 1, 1, 1, dtype=dtype, device=column.device)
        about_y[0] = -1
        for axis, cos_half, sin_half, _, _ in rotations:
            factor = about_x if axis == "X" else about_y
            column = cos_half * column + (factor * sin_half) * column.flip(0)
        return column

    def _turned_axes(
        self, rotations: list[tuple[Axis, Tensor, Tensor, Tensor, Tensor]], shape: torch.Size
    ) -> Tensor:
        """A_r: the columns of the rotation matrix Q of all later rotations, (P, m, n, 3 h, 3)."""
        identity = torch.eye(3, dtype=self._dtype, device=rotations[0][1].device)
        x, y, z = (row.expand(*shape, 3) for row in identity)
        axes = []
        for axis, _, _, cos, sin in reversed(rotations):
            c, s = cos[..., None], sin[..., None]
            if axis == "X":
                axes.append(x)
                y, z = c * y + s * z, c * z - s * y
            else:
                axes.append(y)
                z, x = c * z + s * x, c * x - s * z
        return torch.stack(axes[::-1], dim=3)
