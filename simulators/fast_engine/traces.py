"""What the passes over a chunk keep and collect: pixels, states, cotangents."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.fast_engine.buffers import BufferPool, Real


@dataclass(frozen=True)
class ChunkPixels:
    """cos(x/2) and sin(x/2) of every pixel (image plus bias), each (pixels, m)."""

    cos: Real
    sin: Real


@dataclass
class Trace:
    """What a forward pass keeps of one chunk, a list entry a stage.

    states[i]: S after stage i, kept after encodings and after the last stage.
    quaternions[i]: the encoding's single-qubit matrices (n, 4, m).
    cotangents[i]: Λ after encoding i, kept on request for Hessian products.
    """

    states: list[Real | None]
    quaternions: list[Real | None]
    cotangents: list[Real | None]

    def release(self, pool: BufferPool) -> None:
        """Give the states back to the pool."""
        pool.give(*self.states, *self.cotangents)
        self.states.clear()
        self.cotangents.clear()


@dataclass
class TangentTrace:
    """What a tangent pass keeps: Ṡ like ``Trace.states``, and omega (n, 3, m) a encoding."""

    states: list[Real | None]
    rates: list[Real | None]

    def release(self, pool: BufferPool) -> None:
        """Give the states back to the pool."""
        pool.give(*self.states)
        self.states.clear()


@dataclass
class Cotangents:
    """Sums over samples of a reverse pass, in float64: what the angles' gradient is made from.

    runs[i]: W̄ (2, 2^n, 2^n) of a static run; encodings[i]: (n, h, 2) of an encoding's angles;
    prefix: (2, 2^n, 1); pixels: (pixels,).
    """

    prefix: NDArray[np.float64]
    pixels: NDArray[np.float64]
    runs: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    encodings: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    def __iadd__(self, other: "Cotangents") -> "Cotangents":
        """Add another thread's sums."""
        self.prefix += other.prefix
        self.pixels += other.pixels
        for mine, theirs in ((self.runs, other.runs), (self.encodings, other.encodings)):
            for i, value in theirs.items():
                mine[i] += value
        return self
