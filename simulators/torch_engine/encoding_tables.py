"""One encoding on a chunk of samples: the fused rotations and the axes its derivatives turn about.

Every rotation of a qubit's encoding contributes to one infinitesimal rotation of that qubit: with
V = R_m ... R_1 the derivative is dV = (-i/2)(omega . sigma) V, omega = sum_r rate_r A_r, A_r the
axis of rotation r turned by the rotations after it. So the derivative of the loss along angle r
is A_r . w with the momenta w_a = Re<Λ, (-i/2) sigma_a S> after the encoding, and its tangent is
A_r . (w' + w x omega_r), omega_r summing the rotations after r alone (dA_r = omega_r x A_r).
"""

from dataclasses import dataclass
from functools import cache, reduce

import torch
from torch import Tensor

from patchlaw.simulators.ansatz import EncodingBlock
from patchlaw.simulators.circuit_plan import Encoding
from patchlaw.simulators.torch_engine.local_operators import PAULI, halves
from patchlaw.simulators.torch_engine.static_blocks import kron_all


@dataclass(frozen=True)
class _Generators:
    """Constants of h features' rotations R_a(phi') R_b(x) R_a(phi), float64, in feature order.

    Attributes:
        turns: of (trained a, data b): e e^T, 1 - e e^T and [e]_x, so that a turn by t is their sum
            with 1, cos t, sin t; shape (2, h, 3, 3, 3).
        axes: unit vectors a and b, shape (2, h, 3).
        spins: 1 and -i sigma, so that R(t) is their sum with cos(t/2), sin(t/2); (2, h, 2, 2, 2).
    """

    turns: Tensor
    axes: Tensor
    spins: Tensor


@cache  # never dropped: a recorded pass reads it where it lies
def _generators(features_per_qubit: int, device: torch.device) -> _Generators:
    pairs = [EncodingBlock.axes(j) for j in range(features_per_qubit)]
    unit = torch.eye(3, dtype=torch.float64)
    axes = torch.stack([torch.stack([unit["XYZ".index(axis)] for axis in both]) for both in pairs])
    spins = torch.tensor([[PAULI[axis] for axis in both] for both in pairs], dtype=torch.complex128)
    projector = axes[..., :, None] * axes[..., None, :]
    across = torch.linalg.cross(
        axes[..., None, :].expand(*axes.shape, 3), unit.expand_as(projector)
    )
    turns = torch.stack((projector, unit - projector, across.mT), dim=2)
    one = torch.eye(2, dtype=torch.complex128).expand_as(spins)
    parts = (turns, axes, torch.stack((one, -1j * spins), dim=2))
    return _Generators(*(part.transpose(0, 1).contiguous().to(device) for part in parts))


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Of small matrices: a few sums over all of them, where ``@`` is slow."""
    total = left[..., :, :1] * right[..., :1, :]
    for k in range(1, left.shape[-1]):
        total.addcmul_(left[..., :, k : k + 1], right[..., k : k + 1, :])
    return total


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
        fixed, dtype = _generators(self.features_per_qubit, phi.device), self._dtype
        (first, last), data = self._turns(phi, fixed), fixed.turns[1]
        turned = last[..., None, :, :] @ data  # (P, n, h, 3, 3, 3): of 1, cos x, sin x
        axes = torch.zeros_like(turned)  # of the three rotations, as rows
        axes[..., 0, :] = (turned @ fixed.axes[0][:, None, :, None])[..., 0]
        axes[..., 0, 1, :] = (last @ fixed.axes[1][..., None])[..., 0]
        axes[..., 0, 2, :] = fixed.axes[0]
        transposed = (turned @ first[..., None, :, :]).mT
        #: of 1, cos x, sin x: a feature's axes before later features turn them, and its turn
        self._turn = torch.stack((axes, transposed), dim=-3).flatten(-3).to(dtype).unbind(-2)
        half = phi[..., None, None] / 2
        spins = torch.cos(half) * fixed.spins[0, :, None, 0]
        first, last = (spins + torch.sin(half) * fixed.spins[0, :, None, 1]).unbind(3)
        spins = last[..., None, :, :] @ fixed.spins[1] @ first[..., None, :, :]
        #: of cos(x/2), sin(x/2): a feature's SU(2) matrix
        self._spin = torch.view_as_real(spins).flatten(-3).to(dtype).unbind(-2)

    @staticmethod
    def _turns(phi: Tensor, fixed: _Generators) -> tuple[Tensor, Tensor]:
        """R_a(phi), R_a(phi') as 3 x 3 matrices, (P, n, h, 3, 3)."""
        one, of_cos, of_sin = fixed.turns[0][:, None].unbind(2)
        angle = phi[..., None, None]
        turns = torch.addcmul(one, torch.cos(angle), of_cos).addcmul_(torch.sin(angle), of_sin)
        first, last = turns.unbind(3)
        return first, last

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
        return parts[..., ::2].flatten(1), parts[..., 1].flatten(1)

    def tables(self, features: Tensor) -> EncodingTables:
        """Tables of a chunk with features (P, m, n^2), radians."""
        x = self.data(features)[..., None]
        gates = self._gates(x)
        split = self.n_qubits // 2
        rows, columns = halves(self.n_qubits)
        return KroneckerTables(
            self._turned_axes(x),
            kron_all(gates[:, :, :split]).reshape(*x.shape[:2], rows, rows),
            kron_all(gates[:, :, split:].mT).reshape(*x.shape[:2], columns, columns),
        )

    def _gates(self, x: Tensor) -> Tensor:
        """Each qubit's V, (P, m, n, 2, 2), from x (P, m, n, h, 1)."""
        of_cos, of_sin = (part[:, None] for part in self._spin)
        half = x / 2
        spins = (torch.cos(half) * of_cos).addcmul_(torch.sin(half), of_sin)
        first, *later = torch.view_as_complex(spins.unflatten(-1, (2, 2, 2))).unbind(3)
        return reduce(lambda total, spin: _product(spin, total), later, first)

    def _turned_axes(self, x: Tensor) -> Tensor:
        """A_r, the axes turned by all later rotations, (P, m, n, 3 h, 3)."""
        one, of_cos, of_sin = (part[:, None] for part in self._turn)
        both = torch.addcmul(one, torch.cos(x), of_cos).addcmul_(torch.sin(x), of_sin)
        axes, turns = both.unflatten(-1, (2, 3, 3)).unbind(-3)
        identity = torch.eye(3, dtype=x.dtype, device=x.device)
        later = [identity.expand_as(turns[:, :, :, 0])]  # transposed turns of all later features
        for j in range(self.features_per_qubit - 1, 0, -1):
            turn = turns[:, :, :, j]
            later.append(turn if len(later) == 1 else _product(turn, later[-1]))
        return _product(axes, torch.stack(later[::-1], dim=3)).flatten(3, 4)
