"""Reusable state buffers: no page faults and no clearing between chunks."""

import numpy as np
from numpy.typing import DTypeLike, NDArray

Real = NDArray[np.floating]

ALIGNMENT = 64  # bytes: one cache line, one vector of 16 float32


def aligned_empty(shape: tuple[int, ...], dtype: DTypeLike) -> Real:
    """An uninitialised C-contiguous array that starts on a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    array: Real = raw[start : start + size].view(dtype).reshape(shape)
    return array


class BufferPool:
    """States of one shape, (2, 2^n, m), handed out uninitialised and taken back.

    One pool a thread; it is not locked.
    """

    def __init__(self, shape: tuple[int, int, int], dtype: DTypeLike) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._free: list[Real] = []

    def take(self) -> Real:
        """A buffer with undefined content."""
        return self._free.pop() if self._free else aligned_empty(self.shape, self.dtype)

    def give(self, *buffers: Real | None) -> None:
        """Return buffers that are no longer needed; None is ignored."""
        self._free.extend(buffer for buffer in buffers if buffer is not None)
