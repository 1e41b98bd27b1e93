"""Reusable state buffers: no page faults and no clearing between chunks."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import DTypeLike, NDArray

Real = NDArray[np.floating]

ALIGNMENT = 64  # bytes: one cache line, one vector of 16 float32
KEPT_BYTES = 2**26  # ours: what a thread holds on to between calls

_KEPT = threading.local()


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

    def trim(self, n_bytes: int) -> None:
        """Keep at most so many bytes of the buffers that are free."""
        size = int(np.prod(self.shape)) * self.dtype.itemsize
        del self._free[n_bytes // size :]


@contextmanager
def kept_pool(shape: tuple[int, int, int], dtype: DTypeLike) -> Iterator[BufferPool]:
    """This thread's pool, whose free buffers outlive the call that gave them back.

    A training step or a batch of an evaluation is short enough for the page faults of fresh
    memory to be a fifth of its time.
    """
    pool: BufferPool | None = getattr(_KEPT, "pool", None)
    _KEPT.pool = None  # a call within this one gets a pool of its own
    if pool is None or (pool.shape, pool.dtype) != (shape, np.dtype(dtype)):
        pool = BufferPool(shape, dtype)
    yield pool
    pool.trim(KEPT_BYTES)
    _KEPT.pool = pool
