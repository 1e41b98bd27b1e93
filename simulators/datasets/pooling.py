"""2x2 pooling of 28x28 images: exact integer sums, and the angles they stand for."""

import math

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.datasets.idx import IMAGE_SIDE

POOLED_SIDE = IMAGE_SIDE // 2
MAX_SUM = 4 * 255
PIXEL_QUBITS = 8
MAX_ANGLE = 2 * math.pi / PIXEL_QUBITS
"""Largest pixel value, 2 pi / n for the paper's n = 8 qubits."""


def pool_sums(images: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Sum each 2x2 block of pixels (stride 2): four times the average pooling, kept exact.

    Args:
        images: uint8, shape (N, 28, 28).

    Returns:
        uint16, shape (N, 14, 14), values 0..1020.

    Raises:
        TypeError: ``images`` is not uint8.
        ValueError: ``images`` has another shape.
    """
    if images.dtype != np.uint8:
        raise TypeError(f"images: expected dtype uint8 (raw pixels), got {images.dtype}")
    if images.ndim != 3 or images.shape[1:] != (IMAGE_SIDE, IMAGE_SIDE):
        raise ValueError(
            f"images: expected shape (N, {IMAGE_SIDE}, {IMAGE_SIDE}), got {images.shape}"
        )
    blocks = images.reshape(-1, POOLED_SIDE, 2, POOLED_SIDE, 2)
    sums: NDArray[np.uint16] = blocks.sum(axis=(2, 4), dtype=np.uint16)
    return sums


def sums_to_angles(sums: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Turn pooled sums into encoding angles, x = s / (4 * 255) * 2 pi / 8.

    This is the author's u8 / 255 * 2 pi / n followed by 2x2 averaging, evaluated in float64 and
    rounded to float32 once. The author rounded at each step, so his values may differ in the last
    bits.

    Args:
        sums: uint16, any shape, values 0..1020.

    Returns:
        float32, same shape, values in [0, pi/4] (pi/4 as rounded to float32).

    Raises:
        ValueError: A sum exceeds 1020.
    """
    if sums.size and sums.max() > MAX_SUM:
        raise ValueError(f"sums: expected values 0..{MAX_SUM}, got {sums.max()}")
    angle_of_sum = (np.arange(MAX_SUM + 1) / MAX_SUM * MAX_ANGLE).astype(np.float32)
    return angle_of_sum[sums]
