"""Hessian and Gauss-Newton products over the whole training set against their floors."""

from benchmarks import product_counts
from benchmarks.against_floor import Operation, compare_with_floor
from benchmarks.record import Record
from benchmarks.workload import TRAINING_SET, Scale, direction, model, samples
from patchlaw.simulators.engine import DEFAULT_MEMORY_BUDGET
from patchlaw.simulators.fast_engine import FastEngine

CLAIM = (
    "Hessian and Gauss-Newton products over 60,000 images (P=4 d=50) as multiples of the floor "
    "of 12 and 8 products a patch and sample."
)


def run(scale: Scale, record: Record) -> None:
    """Time both products at one set of kept states."""
    n_samples, depth = scale.pick(TRAINING_SET, 64), scale.pick(50, 2)
    images, labels = samples(n_samples)
    engine = FastEngine(model(4, depth))
    products = engine.curvature(images, labels)
    vector = direction(products.n_parameters)[:, None]
    kept = products.kept_samples / n_samples

    def mean_products(when_kept: int, recomputed: int) -> float:
        return kept * when_kept + (1 - kept) * recomputed

    hessian = Operation(
        f"Hessian product, {n_samples:,} images, P=4 d={depth}",
        lambda: products.product("hessian", vector),
        mean_products(product_counts.HESSIAN_PRODUCTS, product_counts.HESSIAN_PRODUCTS_RECOMPUTED),
        n_samples,
        "at most",
        2,
    )
    gauss_newton = Operation(
        f"Gauss-Newton product, {n_samples:,} images, P=4 d={depth}",
        lambda: products.product("gauss_newton", vector),
        mean_products(
            product_counts.GAUSS_NEWTON_PRODUCTS, product_counts.GAUSS_NEWTON_PRODUCTS_RECOMPUTED
        ),
        n_samples,
    )
    compare_with_floor(record, scale, engine, [hessian, gauss_newton], repeats=2)
    record.notes.append(
        f"States of {products.kept_samples:,} of {n_samples:,} samples were kept (budget "
        f"{DEFAULT_MEMORY_BUDGET / 1e9:g} GB). A sample whose states are not kept costs 16 "
        "and 10 products, and is counted so in the floor."
    )
