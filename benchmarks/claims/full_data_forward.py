"""The logits of the whole training set, which is one point of a loss landscape."""

from benchmarks.against_floor import Operation, compare_with_floor
from benchmarks.product_counts import FORWARD_PRODUCTS
from benchmarks.record import Record
from benchmarks.workload import TRAINING_SET, Scale, model, samples
from patchlaw.simulators.fast_engine import FastEngine

CLAIM = "Logits of all 60,000 training images (P=4 d=50) as a multiple of 2 products' floor."


def run(scale: Scale, record: Record) -> None:
    """Time the forward pass."""
    n_samples, depth = scale.pick(TRAINING_SET, 64), scale.pick(50, 2)
    images, _ = samples(n_samples)
    engine = FastEngine(model(4, depth))
    forward = Operation(
        f"logits of {n_samples:,} images, P=4 d={depth}",
        lambda: engine.logits(images),
        FORWARD_PRODUCTS,
        n_samples,
        "at most",
        1.6,
    )
    compare_with_floor(record, scale, engine, [forward], repeats=5)
