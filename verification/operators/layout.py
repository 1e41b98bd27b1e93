"""Which flat parameters belong to which patch, and which to the pixel bias."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.circuit_model import CircuitModel


@dataclass(frozen=True)
class ParameterLayout:
    """The flat order of a distributed QNN: angles patch by patch, then the bias row by row.

    Attributes:
        n_patches: P.
        n_angles: angles of one patch.
        n_pixels: pixels of the bias.
    """

    n_patches: int
    n_angles: int
    n_pixels: int

    @classmethod
    def of(cls, model: CircuitModel) -> "ParameterLayout":
        """The layout of a model's flat parameters."""
        return cls(model.n_patches, model.ansatz.n_angles, model.pixel_bias.numel())

    @property
    def size(self) -> int:
        """D."""
        return self.n_patches * self.n_angles + self.n_pixels

    @property
    def angles(self) -> NDArray[np.int64]:
        """Indices of all angles."""
        return np.arange(self.n_patches * self.n_angles)

    @property
    def bias(self) -> NDArray[np.int64]:
        """Indices of the pixel bias."""
        return np.arange(self.n_patches * self.n_angles, self.size)

    def patch(self, p: int) -> NDArray[np.int64]:
        """Indices of patch p's angles.

        Raises:
            ValueError: no such patch.
        """
        if not 0 <= p < self.n_patches:
            raise ValueError(f"patch: expected an integer from 0 to {self.n_patches - 1}, got {p}")
        return np.arange(p * self.n_angles, (p + 1) * self.n_angles)

    def pair(self, p: int, q: int) -> NDArray[np.int64]:
        """Indices of two patches' angles, p's first: [[A_pp, A_pq], [A_qp, A_qq]].

        Raises:
            ValueError: no such patch, or one patch twice.
        """
        if p == q:
            raise ValueError(f"pair: expected two different patches, got {p} twice")
        return np.concatenate([self.patch(p), self.patch(q)])
