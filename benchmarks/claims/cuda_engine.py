"""The torch engine on a GPU against the floor of its dense products there."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch

from benchmarks.cuda_floor import CudaFloor, device_phases, measure_cuda_floor, time_on_device
from benchmarks.product_counts import (
    FORWARD_PRODUCTS,
    GAUSS_NEWTON_PRODUCTS,
    GRADIENT_PRODUCTS,
    HESSIAN_PRODUCTS,
)
from benchmarks.record import Agreement, Figure, Measurement, Record
from benchmarks.timing import Timing
from benchmarks.workload import TRAINING_SET, Scale, direction, model, samples
from patchlaw.simulators.torch_engine.engine import TorchEngine

CLAIM = (
    "On one GPU: training step (B=1000) and products over 60,000 images in float32, as multiples "
    "of the floor of their dense products on that GPU."
)
_AGREEMENT_SAMPLES = 500
_Timed: TypeAlias = tuple[str, int, int, int, Timing, int]
_BUDGET = 30e9  # bytes; the states of 60,000 images and 16 patches take 10


def run(scale: Scale) -> Record:
    """Time the engine at the smallest and the largest of the paper's models."""
    record = Record(benchmark="cuda_engine", claim=CLAIM, scale=scale.name, figures=[],
                    measurements=[])  # fmt: skip
    if not torch.cuda.is_available():
        record.unavailable["CUDA"] = "no such device on this machine"
        return record
    before = measure_cuda_floor(scale.pick(10, 1), scale.pick(15_000, 100))
    timed = [
        entry
        for n_patches, depth in ((4, scale.pick(50, 2)), (16, scale.pick(200, 3)))
        for entry in _operations(n_patches, depth, scale, record)
    ]
    after = measure_cuda_floor(scale.pick(10, 1), scale.pick(15_000, 100))
    floor = max(before, after, key=lambda each: each.gflops)
    for what, products, n_patches, n_samples, timing, kernels in timed:
        at_floor = floor.seconds(products, n_patches, n_samples)
        record.figures.append(Figure(what, timing.minimum / at_floor, "times its floor"))
        record.measurements.append(
            Measurement.of(
                what,
                timing,
                samples=n_samples,
                products=products,
                floor_seconds=at_floor,
                kernels=kernels,
            )
        )
    record.notes.append(_note(floor))
    return record


def _operations(n_patches: int, depth: int, scale: Scale, record: Record) -> list[_Timed]:
    """Times of one model's operations; profiles and agreements go into the record."""
    network = model(n_patches, depth).to("cuda")
    n_samples, batch = scale.pick(TRAINING_SET, 64), scale.pick(1000, 32)
    images, labels = (part.to("cuda") for part in samples(n_samples))
    engine = TorchEngine(network)
    products = engine.curvature(images, labels, memory_budget=_BUDGET)
    vector = direction(products.n_parameters)[:, None]
    size = f"P={n_patches} d={depth}"
    calls: list[tuple[str, Callable[[], object], int, int]] = [
        (
            f"training step, {size} B={batch}",
            lambda: engine.loss_and_gradient(images[:batch], labels[:batch]),
            GRADIENT_PRODUCTS,
            batch,
        ),
        (f"logits, {size}", lambda: engine.logits(images), FORWARD_PRODUCTS, n_samples),
        (
            f"Hessian product, {size}",
            lambda: products.product("hessian", vector),
            HESSIAN_PRODUCTS,
            n_samples,
        ),
        (
            f"Gauss-Newton product, {size}",
            lambda: products.product("gauss_newton", vector),
            GAUSS_NEWTON_PRODUCTS,
            n_samples,
        ),
    ]
    timed = []
    for what, call, count, n in calls:
        timing = time_on_device(call, repeats=scale.pick(20 if n == batch else 5, 1))
        record.profile[what], kernels = device_phases(call)
        timed.append((what, count, n_patches, n, timing, kernels))
    record.agreements.append(_agreement(n_patches, depth, size))
    return timed


def _agreement(n_patches: int, depth: int, size: str) -> Agreement:
    """The GPU in float32 beside the same engine on the CPU in double precision."""
    images, labels = samples(_AGREEMENT_SAMPLES)
    found = []
    for dtype, device in ((torch.float64, "cpu"), (torch.float32, "cuda")):
        engine = TorchEngine(model(n_patches, depth, dtype).to(device))
        products = engine.curvature(images, labels)
        vector = direction(products.n_parameters)[:, None]
        found.append(
            (products.gradient, products.product("hessian", vector), engine.logits(images))
        )
    differences = {
        name: float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        for name, theirs, ours in zip(
            ("gradient", "Hessian product", "logits"), *found, strict=True
        )
    }
    return Agreement(
        f"{size} with the CPU in float64", differences, dict.fromkeys(differences, 1e-4)
    )


def _note(floor: CudaFloor) -> str:
    rates = ", ".join(f"{name} {rate / 1e3:.1f} TFLOP/s" for name, rate in floor.rates.items())
    return (
        f"{torch.cuda.get_device_name()}, driver's CUDA {torch.version.cuda}; floor: {rates}, 8 "
        "operations a complex multiply-add, without TF32. Times end when the device is done. A "
        "profile is of one more call; what the profiler adds to it counts as idle."
    )
