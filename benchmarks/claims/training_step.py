"""A mini-batch's loss and gradient against the floor of its dense products."""

from benchmarks.against_floor import Operation, compare_with_floor
from benchmarks.product_counts import GRADIENT_PRODUCTS
from benchmarks.record import Record
from benchmarks.workload import Scale, model, samples
from patchlaw.simulators.fast_engine import FastEngine

CLAIM = "Training step (loss and gradient, P=4 d=50 B=1000) as a multiple of 6 products' floor."


def run(scale: Scale, record: Record) -> None:
    """Time loss_and_gradient."""
    batch, depth = scale.pick(1000, 32), scale.pick(50, 2)
    images, labels = samples(batch)
    engine = FastEngine(model(4, depth))
    step = Operation(
        f"training step, P=4 d={depth} B={batch}",
        lambda: engine.loss_and_gradient(images, labels),
        GRADIENT_PRODUCTS,
        batch,
        "at most",
        4,
    )
    compare_with_floor(record, scale, engine, [step], repeats=15)
    record.notes.append(
        "The floor counts the samples' products only; building the data-free blocks and "
        "their reverse pass come on top, whatever the batch. Adam's update is not included."
    )
