"""Times of the fast engine as multiples of the floor measured around them."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.floor import measure_floor
from benchmarks.phases import profile
from benchmarks.record import Bound, Figure, Measurement, Record
from benchmarks.timing import time_in_turn
from benchmarks.workload import Scale
from patchlaw.simulators.fast_engine import FastEngine


@dataclass(frozen=True)
class Operation:
    """Something to time against the floor.

    Attributes:
        what: for the table. call: does it once.
        products: dense products a patch and sample.
        n_samples: samples it passes over.
        bound, target: what the ratio must keep, if anything.
    """

    what: str
    call: Callable[[], object]
    products: float
    n_samples: int
    bound: Bound | None = None
    target: float | None = None


def compare_with_floor(
    record: Record, scale: Scale, engine: FastEngine, operations: list[Operation], repeats: int
) -> None:
    """Time operations of one engine, the floor before and after them, and profile each once.

    Args:
        record: gets the figures, measurements and profiles.
        scale: at the tiny one everything is done once.
        engine: whose operations.
        operations: timed in turn.
        repeats: of each.
    """
    floor_repeats, calls = scale.pick(9, 1), [operation.call for operation in operations]
    before = measure_floor(floor_repeats, engine.n_threads)
    timings = time_in_turn(calls, repeats=scale.pick(repeats, 1))
    floor = before.faster(measure_floor(floor_repeats, engine.n_threads))
    n_patches = engine.model.n_patches
    for operation, timing in zip(operations, timings, strict=True):
        at_floor = floor.seconds(operation.products, n_patches, operation.n_samples)
        ratio = timing.minimum / at_floor
        record.figures.append(
            Figure(operation.what, ratio, "times its floor", operation.bound, operation.target)
        )
        record.measurements.append(
            Measurement.of(
                operation.what,
                timing,
                patches=n_patches,
                depth=engine.model.ansatz.depth,
                samples=operation.n_samples,
                products=operation.products,
                floor_seconds=at_floor,
                floor_gflops=round(floor.gflops, 1),
            )
        )
        record.profile[operation.what] = profile(engine, operation.call)
