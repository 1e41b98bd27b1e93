"""Lossless bit packing of pooled images: one bit for a zero, eleven for any other sum.

Three quarters of pooled MNIST is background, so a bit mask of the non-zero sums followed by their
values, ten bits each, takes 6.1 MB; lzma over the same two streams takes 4.9 MB. Unlike a
compressor's, this output is fixed by definition and cannot change with a library's version.
"""

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.datasets.pooling import MAX_SUM, POOLED_SIDE

_VALUE_BITS = 10  # 1020 < 2**10


def pack_sums(sums: NDArray[np.uint16]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pack pooled sums; :func:`unpack_sums` is the inverse.

    Args:
        sums: uint16, shape (N, 14, 14), values 0..1020.

    Returns:
        ``(mask, values)``, both uint8: one bit for each sum in row-major order, set where it is
        not zero; then each non-zero sum in the same order as a 10-bit big-endian integer. Both are
        filled up to a whole byte with zero bits.

    Raises:
        TypeError: ``sums`` is not uint16.
        ValueError: A sum exceeds 1020, or the shape is not (N, 14, 14).
    """
    if sums.dtype != np.uint16:
        raise TypeError(f"sums: expected dtype uint16, got {sums.dtype}")
    if sums.ndim != 3 or sums.shape[1:] != (POOLED_SIDE, POOLED_SIDE):
        raise ValueError(
            f"sums: expected shape (N, {POOLED_SIDE}, {POOLED_SIDE}), got {sums.shape}"
        )
    if sums.size and sums.max() > MAX_SUM:
        raise ValueError(f"sums: expected values 0..{MAX_SUM}, got {sums.max()}")
    occupied = sums != 0
    sixteen_bits = np.unpackbits(sums[occupied].astype(">u2").view(np.uint8)).reshape(-1, 16)
    return np.packbits(occupied), np.packbits(sixteen_bits[:, 16 - _VALUE_BITS :])


def unpack_sums(
    mask: NDArray[np.uint8], values: NDArray[np.uint8], n_images: int
) -> NDArray[np.uint16]:
    """Restore what :func:`pack_sums` packed.

    Args:
        mask: uint8, shape (ceil(196 N / 8),).
        values: uint8, shape (ceil(10 K / 8),) where K is the number of bits set in the mask.
        n_images: N.

    Returns:
        uint16, shape (N, 14, 14).

    Raises:
        ValueError: The sizes of ``mask`` and ``values`` do not fit N and each other.
    """
    n_pixels = n_images * POOLED_SIDE**2
    _check_size("mask", mask, n_pixels)
    occupied = np.unpackbits(mask, count=n_pixels).astype(bool)
    n_occupied = int(occupied.sum())
    _check_size("values", values, _VALUE_BITS * n_occupied)
    sixteen_bits = np.zeros((n_occupied, 16), dtype=np.uint8)
    sixteen_bits[:, 16 - _VALUE_BITS :] = np.unpackbits(
        values, count=_VALUE_BITS * n_occupied
    ).reshape(n_occupied, _VALUE_BITS)
    sums = np.zeros(n_pixels, dtype=np.uint16)
    sums[occupied] = np.packbits(sixteen_bits).view(">u2")
    return sums.reshape(n_images, POOLED_SIDE, POOLED_SIDE)


def _check_size(name: str, packed: NDArray[np.uint8], n_bits: int) -> None:
    expected = (n_bits + 7) // 8
    if packed.dtype != np.uint8 or packed.shape != (expected,):
        raise ValueError(
            f"{name}: expected uint8 of shape ({expected},), got {packed.dtype} of {packed.shape}"
        )
