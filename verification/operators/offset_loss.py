"""Softmax cross-entropy of logits to which a known offset is added, for the fast engine."""

import threading

import numpy as np
from numpy.typing import NDArray

from simulators.fast_engine import CrossEntropy

Float = NDArray[np.float64]


class OffsetCrossEntropy:
    """l = -log softmax(z + o)_y with targets (N, 1 + C): the label y, then the offset o.

    The engine asks for S z_dot without saying of which samples, right after g of the same
    chunk on the same thread; the offsets of that call are kept for it, and a z that is not
    that call's is refused.
    """

    def __init__(self) -> None:
        self._plain = CrossEntropy()
        self._latest = threading.local()

    def check_targets(self, targets: NDArray[np.generic], n_classes: int) -> None:
        """Targets are real rows (label, offsets), labels from 0 to C - 1."""
        if targets.ndim != 2 or targets.shape[1] != 1 + n_classes:
            raise ValueError(f"targets: expected shape (N, {1 + n_classes}), got {targets.shape}")
        self._plain.check_targets(targets[:, 0].astype(np.int64), n_classes)

    def value_and_gradient(self, z: Float, targets: NDArray[np.generic]) -> tuple[Float, Float]:
        """(l, pi - e_y) at z + o, shapes (m,) and (C, m)."""
        shifted = z + targets[:, 1:].astype(np.float64).T
        self._latest.z, self._latest.shifted = z, shifted
        return self._plain.value_and_gradient(shifted, targets[:, 0].astype(np.int64))

    def curvature_product(self, z: Float, z_dot: Float) -> Float:
        """S z_dot at z + o.

        Raises:
            RuntimeError: z is not the one of this thread's latest ``value_and_gradient``.
        """
        latest = getattr(self._latest, "z", None)
        if latest is None or latest.shape != z.shape or latest.ctypes.data != z.ctypes.data:
            raise RuntimeError("curvature_product: expected the logits of the preceding gradient")
        return self._plain.curvature_product(self._latest.shifted, z_dot)
