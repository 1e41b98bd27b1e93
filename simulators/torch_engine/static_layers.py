"""The layers of static runs as two Kronecker factors each, and stacks of states they act on.

States lie as (k P, lower, m, upper): k arrays of all P patches, m columns, the index of the basis
state cut into the upper and the lower half of the qubits. A layer's factor U acts on the last
axis, L on the axis before the columns, so each is one batched product that moves no data.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

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
        gates = _gates(phi[layers])
        upper, lower = gates[:, :, :split], gates[:, :, split:]
        group = LayerGroup(layers, kron_all(upper).to(dtype), kron_all(lower).to(dtype))
        if rates is None:
            yield group, None
            continue
        dots = _gate_rates(phi[layers], rates[layers])
        upper_dot = _kron_all_tangent(upper, dots[:, :, :split])
        lower_dot = _kron_all_tangent(lower, dots[:, :, split:])
        yield group, LayerGroup(layers, upper_dot.to(dtype), lower_dot.to(dtype))


def _gates(phi: Tensor) -> Tensor:
    """RY RX of every qubit for angles (k, P, 2, n): shape (k, P, n, 2, 2), complex128."""
    (waves,) = _half_waves(phi)
    return _products_as_matrices(waves[..., 0], waves[..., 1])


def _gate_rates(phi: Tensor, rates: Tensor) -> Tensor:
    """Their derivatives along ``rates``, by the product rule."""
    waves, along = _half_waves(phi, rates)
    about_x = _products_as_matrices(along[..., 0], waves[..., 1])
    return about_x + _products_as_matrices(waves[..., 0], along[..., 1])


def _half_waves(phi: Tensor, rates: Tensor | None = None) -> list[Tensor]:
    """(cos, sin) of half the angles, (k, P, n, 2, 2 for X and Y), and their derivatives."""
    half = phi.mT / 2
    waves = torch.stack((torch.cos(half), torch.sin(half)), dim=-2)
    if rates is None:
        return [waves]
    turned = torch.stack((-waves[..., 1, :], waves[..., 0, :]), dim=-2)
    return [waves, turned * (rates.mT / 2)[..., None, :]]


def _products_as_matrices(about_x: Tensor, about_y: Tensor) -> Tensor:
    """RY RX from (cos, sin) of the half angles, (..., 2) each: shape (..., 2, 2), complex."""
    products = about_y[..., :, None] * about_x[..., None, :]
    entries = products.flatten(-2) @ _entries(products.dtype, products.device)
    return torch.view_as_complex(entries.unflatten(-1, (2, 2, 2)))


@cache  # never dropped: a recorded pass reads it where it lies
def _entries(dtype: torch.dtype, device: torch.device) -> Tensor:
    """From (cos_y cos_x, cos_y sin_x, sin_y cos_x, sin_y sin_x) to RY RX, real parts and imaginary.

    [[cos_y cos_x + i sin_y sin_x, -sin_y cos_x - i cos_y sin_x],
     [sin_y cos_x - i cos_y sin_x,  cos_y cos_x - i sin_y sin_x]]
    """
    rows = [
        [1, 0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, -1, 0, -1, 0, 0],
        [0, 0, -1, 0, 1, 0, 0, 0],
        [0, 1, 0, 0, 0, 0, 0, -1],
    ]
    return torch.tensor(rows, dtype=dtype).to(device)


def layer_quaternions(phi: Tensor) -> Tensor:
    """RY RX of every qubit for angles (k, P, 2, n): quaternions (k, P, n, 4), float64."""
    (waves,) = _half_waves(phi)
    return _products_as_quaternions(waves[..., 0], waves[..., 1])


def layer_quaternion_rates(phi: Tensor, rates: Tensor) -> Tensor:
    """Their derivatives along ``rates``, by the product rule."""
    waves, along = _half_waves(phi, rates)
    about_x = _products_as_quaternions(along[..., 0], waves[..., 1])
    return about_x + _products_as_quaternions(waves[..., 0], along[..., 1])


def _products_as_quaternions(about_x: Tensor, about_y: Tensor) -> Tensor:
    """RY RX = (cos_y + sin_y j)(cos_x + sin_x i), (..., 4), as ``_products_as_matrices``."""
    products = (about_y[..., :, None] * about_x[..., None, :]).flatten(-2)
    return torch.cat((products[..., :3], -products[..., 3:]), dim=-1)


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
