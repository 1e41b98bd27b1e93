"""Softmax cross-entropy of logits to which a known offset is added, for the fast engine."""

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.fast_engine import CrossEntropy

Float = NDArray[np.float64]


class OffsetCrossEntropy:
    """l = -log softmax(z + o)_y with targets (N, 1 + C): the label y, then the offset o."""

    def __init__(self) -> None:
        self._plain = CrossEntropy()

    def check_targets(self, targets: NDArray[np.generic], n_classes: int) -> None:
        """Targets are real rows (label, offsets), labels from 0 to C - 1."""
        if targets.ndim != 2 or targets.shape[1] != 1 + n_classes:
            raise ValueError(f"targets: expected shape (N, {1 + n_classes}), got {targets.shape}")
        self._plain.check_targets(targets[:, 0].astype(np.int64), n_classes)

    def value_and_gradient(self, z: Float, targets: NDArray[np.generic]) -> tuple[Float, Float]:
        """(l, pi - e_y) at z + o, shapes (m,) and (C, m)."""
        labels = targets[:, 0].astype(np.int64)
        return self._plain.value_and_gradient(self._shifted(z, targets), labels)

    def curvature_product(self, z: Float, targets: NDArray[np.generic], z_dot: Float) -> Float:
        """S z_dot at z + o."""
        return self._plain.curvature_product(self._shifted(z, targets), targets[:, 0], z_dot)

    @staticmethod
    def _shifted(z: Float, targets: NDArray[np.generic]) -> Float:
        return z + targets[:, 1:].astype(np.float64).T
