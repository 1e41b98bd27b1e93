"""The layers of static runs as two Kronecker factors each, and stacks of states they act on.

States lie as (k P, lower, m, upper): k arrays of all P patches, m columns, the index of the basis
state cut into the upper and the lower half of the qubits. A layer's factor U acts on the last
axis, L on the axis before the columns, so each is one batched product that moves no data.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from patchlaw.simulators.torch_engine.quaternions import to_matrix
from patchlaw.simulators.torch_engine.static_blocks import kron, kron_all

# Layers whose factors are held at a time: few launches a layer to build them, and bounded memory.
GROUP = 32


@dataclass(frozen=True)
class LayerGroup:
    """Consecutive layers U x L of all patches.

    Attributes:
        layers: which ones.
        upper: U, shape (layers, P, r, r), in the dtype of the states.
        lower: L, likewise.
    """

    layers: slice
    upper: Tensor
    lower: Tensor

    def factors(self, arrays: int, *, undo: bool = False) -> list[tuple[Tensor, Tensor]]:
        """What ``Stack`` takes, a pair a layer: (U^T, L) or of their inverses, k times each."""
        upper, lower = (self.upper.conj(), self.lower.mH) if undo else (self.upper.mT, self.lower)
        repeated = [
            part.resolve_conj().repeat(1, arrays, 1, 1).unbind(0) for part in (upper, lower)
        ]
        return list(zip(*repeated, strict=True))


def layer_groups(
    phi: Tensor, dtype: torch.dtype, rates: Tensor | None = None, *, reverse: bool = False
) -> Iterator[tuple[LayerGroup, LayerGroup | None]]:
    """The layers ``GROUP`` at a time, first to last or last to first, with their tangents.

    Args:
        phi: angles, shape (layers, P, 2, n), float64, axis 2 being X, Y.
        dtype: complex dtype of the states; the factors are built in complex128.
        rates: direction of the angles, likewise; without it there are no tangents.
        reverse: last group first (the layers within a group stay in order).
    """
    starts = range(0, len(phi), GROUP)
    split = phi.shape[-1] // 2
    for start in reversed(starts) if reverse else starts:
        layers = slice(start, start + GROUP)
        gates = to_matrix(layer_quaternions(phi[layers]))
        upper, lower = gates[:, :, :split], gates[:, :, split:]
        group = LayerGroup(layers, kron_all(upper).to(dtype), kron_all(lower).to(dtype))
        if rates is None:
            yield group, None
            continue
        dots = to_matrix(layer_quaternion_rates(phi[layers], rates[layers]))
        upper_dot = _kron_all_tangent(upper, dots[:, :, :split])
        lower_dot = _kron_all_tangent(lower, dots[:, :, split:])
        yield group, LayerGroup(layers, upper_dot.to(dtype), lower_dot.to(dtype))


def layer_quaternions(phi: Tensor) -> Tensor:
    """RY RX of every qubit for angles (k, P, 2, n): quaternions (k, P, n, 4), float64."""
    cos, sin = torch.cos(phi / 2).unbind(2), torch.sin(phi / 2).unbind(2)
    return _product_ry_rx(cos, sin)


def layer_quaternion_rates(phi: Tensor, rates: Tensor) -> Tensor:
    """Their derivatives along ``rates``, by the product rule."""
    cos, sin = torch.cos(phi / 2), torch.sin(phi / 2)
    (cos_x, cos_y), (sin_x, sin_y) = cos.unbind(2), sin.unbind(2)
    cos_x_dot, cos_y_dot = (-rates / 2 * sin).unbind(2)
    sin_x_dot, sin_y_dot = (rates / 2 * cos).unbind(2)
    along_x = _product_ry_rx((cos_x_dot, cos_y), (sin_x_dot, sin_y))
    along_y = _product_ry_rx((cos_x, cos_y_dot), (sin_x, sin_y_dot))
    return along_x + along_y


def _product_ry_rx(cos: Sequence[Tensor], sin: Sequence[Tensor]) -> Tensor:
    """Quaternion of RY RX = (cos_y + sin_y j)(cos_x + sin_x i) from (X, Y) pairs, (..., 4)."""
    (cos_x, cos_y), (sin_x, sin_y) = cos, sin
    return torch.stack((cos_y * cos_x, cos_y * sin_x, sin_y * cos_x, -sin_y * sin_x), dim=-1)


def _kron_all_tangent(matrices: Tensor, rates: Tensor) -> Tensor:
    """Derivative of ``kron_all``, each 2x2 matrix moving by its entry in ``rates``."""
    (total, *others), (dot, *other_dots) = matrices.unbind(2), rates.unbind(2)
    for matrix, rate in zip(others, other_dots, strict=True):
        total, dot = kron(total, matrix), kron(dot, matrix) + kron(total, rate)
    return dot


class Stack:
    """Arrays of states with room for a product; layers act in place.

    Views are made once: on a GPU a layer should cost its launches and nothing else.

    Args:
        state: shape (k P, lower, m, upper); taken over, not copied.

    Attributes:
        state: the states.
        upper: as U sees them, (k P, lower m, upper).
        lower: as L sees them, (k P, lower, m upper).
    """

    def __init__(self, state: Tensor) -> None:
        self.state = state
        self.upper, self.lower = layer_views(state)
        self._work_upper, self._work_lower = layer_views(torch.empty_like(state))
        half = len(state) // 2
        self._primal = self.upper[:half], self._work_lower[:half]
        self._dot = self._work_upper[half:], self.lower[half:]

    def apply(self, factors: tuple[Tensor, Tensor]) -> None:
        """S <- (U x L) S, for all arrays."""
        torch.bmm(self.upper, factors[0], out=self._work_upper)
        torch.bmm(factors[1], self._work_lower, out=self.lower)

    def apply_with_tangent(
        self, factors: tuple[Tensor, Tensor], rates: tuple[Tensor, Tensor]
    ) -> None:
        """The same, the second half of the arrays being tangents: Ṡ <- (U x L) Ṡ + (U x L)' S.

        ``factors`` are for all arrays, ``rates`` (derivatives of the factors) for half of them.
        """
        torch.bmm(self.upper, factors[0], out=self._work_upper)
        self._dot[0].baddbmm_(self._primal[0], rates[0])
        torch.bmm(factors[1], self._work_lower, out=self.lower)
        self._dot[1].baddbmm_(rates[1], self._primal[1])


def layer_views(state: Tensor) -> tuple[Tensor, Tensor]:
    """A state (k P, lower, m, upper) as U and as L see it."""
    return state.flatten(1, 2), state.flatten(2, 3)
