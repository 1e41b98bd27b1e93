"""How little a Hessian product over the whole training set depends on the circuit's depth."""

from benchmarks.phases import profile
from benchmarks.record import Figure, Measurement, Record
from benchmarks.timing import time_in_turn
from benchmarks.workload import TRAINING_SET, Scale, direction, model, samples
from patchlaw.simulators.fast_engine import FastEngine

CLAIM = "Hessian product over 60,000 images, P=4: time at d=200 over time at d=50."


def run(scale: Scale, record: Record) -> None:
    """Time both depths in turn."""
    n_samples = scale.pick(TRAINING_SET, 64)
    depths = (scale.pick(50, 2), scale.pick(200, 4))
    images, labels = samples(n_samples)
    engines = [FastEngine(model(4, depth)) for depth in depths]
    products = [engine.curvature(images, labels) for engine in engines]
    vectors = [direction(p.n_parameters)[:, None] for p in products]
    calls = [
        lambda p=p, v=v: p.product("hessian", v) for p, v in zip(products, vectors, strict=True)
    ]
    timings = time_in_turn(calls, repeats=scale.pick(2, 1))
    labels_of = [f"Hessian product, {n_samples:,} images, P=4 d={depth}" for depth in depths]
    ratio = timings[1].minimum / timings[0].minimum
    what = f"Hessian product, d={depths[1]} against d={depths[0]}, {n_samples:,} images"
    record.figures.append(Figure(what, ratio, "times the time", "at most", 1.3))
    record.measurements.extend(
        Measurement.of(label, timing, depth=depth, kept_samples=p.kept_samples)
        for label, timing, depth, p in zip(labels_of, timings, depths, products, strict=True)
    )
    for label, engine, call in zip(labels_of, engines, calls, strict=True):
        record.profile[label] = profile(engine, call)
