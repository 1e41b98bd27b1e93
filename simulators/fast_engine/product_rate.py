"""The machine's rate for the dense products that everything over the data consists of."""

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from patchlaw.simulators.fast_engine.buffers import BufferPool
from patchlaw.simulators.fast_engine.chunks import split_into_chunks
from patchlaw.simulators.fast_engine.complex_products import ComplexMatrix, multiply

OPERATIONS = 8  # real ones a complex multiply-add, also for the way that makes do with 6
COLUMNS = 1000


def workers_products(
    dimension: int, columns: int, n_threads: int, share: int
) -> Callable[[int], None]:
    """Work of a thread: ``share`` of the engine's products (r, r) by (r, m), m = ``columns``."""
    rng = np.random.default_rng(0)
    matrix = ComplexMatrix(rng.standard_normal((2, dimension, dimension)).astype(np.float32))
    (chunk,) = split_into_chunks(columns, 1, columns)  # padded as the engine's states are
    shape = 2, dimension, chunk.width
    pools = [BufferPool(shape, np.float32) for _ in range(n_threads)]
    states = [rng.standard_normal(shape).astype(np.float32) for _ in range(n_threads)]
    outputs = [np.empty_like(state) for state in states]

    def work(thread: int) -> None:
        for _ in range(share):
            multiply(matrix, states[thread], outputs[thread], pools[thread])

    return work


def dense_product_rate(n_qubits: int, n_threads: int, seconds: float) -> float:
    """GFLOP/s of 2^n x 2^n by 2^n x 1000 products in complex64, all threads together.

    Args:
        n_qubits: n.
        n_threads: threads with products of their own, as the engine has them.
        seconds: how long is measured; the fastest round counts.
    """
    dimension: int = 2**n_qubits
    share = max(1, round(4.0 ** (8 - n_qubits)))  # milliseconds a round at any n
    work = workers_products(dimension, COLUMNS, n_threads, share)
    operations = OPERATIONS * dimension**2 * COLUMNS * share * n_threads
    fastest, end = math.inf, time.perf_counter() + seconds
    with ThreadPoolExecutor(n_threads) as pool, threadpool_limits(limits=1, user_api="blas"):
        list(pool.map(work, range(n_threads)))  # compiles the kernels
        while fastest == math.inf or time.perf_counter() < end:
            begin = time.perf_counter()
            list(pool.map(work, range(n_threads)))
            fastest = min(fastest, time.perf_counter() - begin)
    return operations / fastest / 1e9
