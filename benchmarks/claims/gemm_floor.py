"""The machine's rate for the product that everything over the data consists of."""

from benchmarks.floor import DIMENSION, measure_floor
from benchmarks.record import Figure, Measurement, Record
from benchmarks.workload import Scale
from patchlaw.simulators.fast_engine.product_rate import COLUMNS

CLAIM = (
    f"Rate of a complex64 {DIMENSION}x{DIMENSION} by {DIMENSION}x{COLUMNS} product, 8 real "
    "operations a complex multiply-add; the fastest way of calling it is the floor."
)


def run(scale: Scale, record: Record) -> None:
    """Measure the floor by itself."""
    floor = measure_floor(repeats=scale.pick(25, 2))
    record.figures.append(Figure("the floor", floor.gflops, "GFLOP/s"))
    record.measurements.extend(
        Measurement.of(f"product: {name}", timing, gflops=round(floor.rates[name], 1))
        for name, timing in floor.timings.items()
    )
    record.notes.append(
        "'own threads' is how the fast engine calls BLAS: each thread its own products, BLAS "
        "single-threaded; 'real' is the same product as one real product of stacked real and "
        "imaginary parts, 'three real' the engine's way, three real products and their sums. "
        "Other benchmarks measure the floor again, before and after, and compare with the "
        "higher rate."
    )
