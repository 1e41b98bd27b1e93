"""Layers of a run cut into segments that are done side by side.

One layer after another leaves a GPU idle: a layer of 16 patches is microseconds of work and as many
of launching it. With L layers in G segments a pass takes L / G steps, each on G times the states,
and G dense 2^n x 2^n products that join the segments: W_s = E_s W_(s-1), E_s the matrix of segment
s alone. Cotangents at the segments' ends go back by E_s^†, and then every segment undoes its own
layers. Memory grows with G, which is why the CPU, which gains nothing, takes one segment.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

# Ours: a product that joins segments costs a patch about as much as 8 layers, a launch nothing.
SEGMENT_ON_A_DEVICE = 16


def default_segment(device: torch.device) -> int:
    """Layers of a segment: all of them on the CPU."""
    return 1 << 30 if device.type == "cpu" else SEGMENT_ON_A_DEVICE


class LayerSegments:
    """How a run's layers are cut: ``count`` segments of ``size`` steps, the last one padded.

    A padding layer has zero angles and no ring, so it is the identity. Segments lie before the
    patches: (G P, ...) in place of (P, ...).

    Args:
        rings: of each layer, whether the CZ ring follows.
        most: layers of a segment at most, at least 1.

    Raises:
        ValueError: most below 1.
    """

    def __init__(self, rings: Sequence[bool], most: int) -> None:
        if most < 1:
            raise ValueError(f"segment: expected at least 1 layer, got {most}")
        n_layers = len(rings)
        self.n_layers = n_layers
        self.count = max(1, -(-n_layers // most))
        self.size = -(-n_layers // self.count)
        padded = [*rings, *[False] * (self.count * self.size - n_layers)]
        self._rings = [padded[step :: self.size] for step in range(self.size)]

    def split(self, layers: Tensor) -> Tensor:
        """From (L, P, ...) to (size, G P, ...), zeros for the padding."""
        if self.count == 1:
            return layers
        padding = layers.new_zeros(self.count * self.size - self.n_layers, *layers.shape[1:])
        steps: Tensor = torch.cat([layers, padding]).unflatten(0, (self.count, self.size))
        return steps.transpose(0, 1).flatten(1, 2)

    def join(self, steps: Tensor) -> Tensor:
        """The inverse of ``split``."""
        if self.count == 1:
            return steps
        patches = steps.shape[1] // self.count
        layers = steps.unflatten(1, (self.count, patches)).transpose(0, 1)
        joined: Tensor = layers.flatten(0, 1)[: self.n_layers]
        return joined

    def signs(
        self, steps: slice, ring: Tensor, patches: int, arrays: int = 1
    ) -> list[Tensor | None]:
        """What each step multiplies the states of all segments by; None where none has a ring.

        Args:
            steps: which steps.
            ring: the ring's diagonal, shape (lower, 1, upper).
            patches: P.
            arrays: how often the segments' states lie one after the other.

        Returns:
            Each as ``ring``, or (arrays G P, lower, 1, upper) where the segments differ.
        """
        return [self._sign(rings, ring, patches, arrays) for rings in self._rings[steps]]

    def _sign(
        self, rings: Sequence[bool], ring: Tensor, patches: int, arrays: int
    ) -> Tensor | None:
        if all(rings):
            return ring
        if not any(rings):
            return None
        ones = torch.ones_like(ring)
        each = torch.stack([ring if has else ones for has in rings])
        of_patches = each[:, None].expand(-1, patches, -1, -1, -1)
        return of_patches.expand(arrays, *[-1] * 5).flatten(0, 2)
