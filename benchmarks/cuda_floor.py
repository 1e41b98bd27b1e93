"""The floor on a GPU: the rate of one batched complex product, a 256x256 matrix a patch."""

import time
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.floor import DIMENSION, Floor
from benchmarks.timing import Timing
from patchlaw.simulators.fast_engine.product_rate import OPERATIONS
from patchlaw.simulators.torch_engine.precision import full_precision

_COLUMNS = 15_000  # a patch; enough to fill the device
_PATCHES = 4
PRODUCTS, OTHERS, IDLE = "matrix products", "other kernels", "device idle"


def _wait() -> None:
    """Until the device is done; the CPU, on which scripts are tried, always is."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def time_on_device(
    call: Callable[[], object], *, repeats: int, warmups: int = 2, calls: int = 1
) -> Timing:
    """Wall-clock seconds of one of ``calls`` that a call makes, until the device is done."""
    for _ in range(warmups):
        call()
    seconds = []
    for _ in range(repeats):
        _wait()
        begin = time.perf_counter()
        call()
        _wait()
        seconds.append((time.perf_counter() - begin) / calls)
    return Timing(tuple(seconds), warmups)


def measure_cuda_floor(repeats: int = 10, columns: int = _COLUMNS, device: str = "cuda") -> Floor:
    """Measure the product in complex64, and as one real float32 product; no TF32."""
    generator = torch.Generator(device).manual_seed(0)

    def random(rows: int, scale: int, dtype: torch.dtype) -> torch.Tensor:
        shape = (_PATCHES, rows, scale * DIMENSION)
        return torch.randn(shape, generator=generator, device=device, dtype=dtype)

    timings = {}
    for name, scale, dtype in (("complex64", 1, torch.complex64), ("real", 2, torch.float32)):
        states, matrix = random(columns, scale, dtype), random(scale * DIMENSION, scale, dtype)
        out = torch.empty_like(states)
        with torch.no_grad(), full_precision():
            timings[name] = time_on_device(
                lambda: torch.bmm(states, matrix, out=out),  # noqa: B023
                repeats=repeats,
            )
    work = OPERATIONS * DIMENSION * DIMENSION * _PATCHES * columns / 1e9
    return Floor({name: work / timing.minimum for name, timing in timings.items()}, timings)


def device_phases(call: Callable[[], object]) -> tuple[dict[str, float], int]:
    """Seconds of one call by what the device does, which sum to its time, and its kernels' count.

    The profiler slows the launches, so the idle share is an upper bound.
    """
    call()
    _wait()
    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as found:
        begin = time.perf_counter()
        call()
        _wait()
        total = time.perf_counter() - begin
    seconds = {PRODUCTS: 0.0, OTHERS: 0.0}
    kernels = 0
    for event in found.events():
        if event.device_type.name != "CUDA":
            continue
        name = event.name.lower()
        is_product = any(word in name for word in ("gemm", "cutlass", "cublas"))
        seconds[PRODUCTS if is_product else OTHERS] += event.device_time_total / 1e6
        kernels += 1
    seconds[IDLE] = max(0.0, total - sum(seconds.values()))
    return seconds, kernels
