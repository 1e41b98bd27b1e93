"""Times of the fast engine as multiples of the floor measured around them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.floor import Floor, measure_floor
from benchmarks.phases import profile
from benchmarks.record import Bound, Figure, Measurement
from benchmarks.timing import time_in_turn
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


@dataclass(frozen=True)
class Comparison:
    """Figures, measurements and profiles of operations timed in turn."""

    figures: list[Figure]
    measurements: list[Measurement]
    profile: Mapping[str, dict[str, float]]
    floor: Floor


def compare_with_floor(
    engine: FastEngine, operations: list[Operation], *, repeats: int, floor_repeats: int = 9
) -> Comparison:
    """Time operations of one engine, the floor before and after them, and profile each once."""
    before = measure_floor(floor_repeats, engine.n_threads)
    timings = time_in_turn([operation.call for operation in operations], repeats=repeats)
    floor = before.faster(measure_floor(floor_repeats, engine.n_threads))
    n_patches = engine.model.n_patches
    figures, measurements, profiles = [], [], {}
    for operation, timing in zip(operations, timings, strict=True):
        at_floor = floor.seconds(operation.products, n_patches, operation.n_samples)
        ratio = timing.minimum / at_floor
        figures.append(
            Figure(operation.what, ratio, "times its floor", operation.bound, operation.target)
        )
        measurements.append(
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
        profiles[operation.what] = profile(engine, operation.call)
    return Comparison(figures, measurements, profiles, floor)
