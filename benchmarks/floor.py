"""The floor: how fast this machine multiplies a 256x256 complex matrix by 256x1000.

A state of the paper's 8 qubits passes each dense block as one such product. Work is counted as 8
real operations a complex multiply-add: 0.52 GFLOP a product of 1,000 samples, also for the way
that makes do with 6.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.timing import Timing, time_calls
from patchlaw.simulators.fast_engine.product_rate import COLUMNS, OPERATIONS, workers_products

DIMENSION = 256
PRODUCT_GFLOP = OPERATIONS * DIMENSION * DIMENSION * COLUMNS / 1e9
PRODUCTS_PER_CALL = 16


@dataclass(frozen=True)
class Floor:
    """Rates by way of calling the product; the fastest repeat of the fastest way is the floor."""

    rates: dict[str, float]
    timings: dict[str, Timing]

    @property
    def gflops(self) -> float:
        """GFLOP/s of the fastest way."""
        return max(self.rates.values())

    def seconds(self, products: float, n_patches: int, n_samples: int) -> float:
        """Seconds the floor needs for so many products a patch and sample."""
        return products * n_patches * (n_samples / COLUMNS) * PRODUCT_GFLOP / self.gflops

    def faster(self, other: "Floor") -> "Floor":
        """Of two measurements the one with the higher rate, hence the harder floor."""
        return self if self.gflops >= other.gflops else other


def _random(rng: np.random.Generator, *shape: int) -> NDArray[np.complex64]:
    real, imaginary = rng.standard_normal((2, *shape))
    return np.asarray(real + 1j * imaginary, dtype=np.complex64)


def measure_floor(repeats: int = 9, n_threads: int | None = None) -> Floor:
    """Measure the product in the ways a program may call it, and keep all the rates."""
    workers = torch.get_num_threads() if n_threads is None else n_threads
    rng = np.random.default_rng(0)
    matrix = _random(rng, DIMENSION, DIMENSION)
    states = [_random(rng, DIMENSION, COLUMNS) for _ in range(workers)]
    outputs = [np.empty_like(state) for state in states]
    real_matrix = np.block([[matrix.real, -matrix.imag], [matrix.imag, matrix.real]])
    real_states = [np.concatenate([state.real, state.imag]) for state in states]
    real_outputs = [np.empty_like(state) for state in real_states]
    torch_matrix, torch_state = torch.from_numpy(matrix), torch.from_numpy(states[0])
    torch_output = torch.empty_like(torch_state)
    share = PRODUCTS_PER_CALL // workers
    three_share = workers_products(DIMENSION, COLUMNS, workers, share)

    def complex_share(worker: int) -> None:
        for _ in range(share):
            np.matmul(matrix, states[worker], out=outputs[worker])

    def real_share(worker: int) -> None:
        for _ in range(share):
            np.matmul(real_matrix, real_states[worker], out=real_outputs[worker])

    def library_threads() -> None:
        for _ in range(share * workers):
            np.matmul(matrix, states[0], out=outputs[0])

    def torch_threads() -> None:
        for _ in range(share * workers):
            torch.mm(torch_matrix, torch_state, out=torch_output)

    timings = {}
    with ThreadPoolExecutor(workers) as executor:

        def threaded(work: Callable[[int], None]) -> Callable[[], object]:
            return lambda: list(executor.map(work, range(workers)))

        with threadpool_limits(limits=1, user_api="blas"):
            ways = (
                ("own threads, complex64", complex_share),
                ("own threads, real", real_share),
                ("own threads, three real", three_share),
            )
            for name, work in ways:
                timings[name] = time_calls(threaded(work), repeats=repeats)
        timings["numpy's threads, complex64"] = time_calls(library_threads, repeats=repeats)
        timings["torch's threads, complex64"] = time_calls(torch_threads, repeats=repeats)
    work_per_call = share * workers * PRODUCT_GFLOP
    return Floor({name: work_per_call / t.minimum for name, t in timings.items()}, timings)
