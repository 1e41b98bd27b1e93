"""The torch engine on a GPU against the floor of its dense products there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.cuda_floor import device_phases, measure_cuda_floor, time_on_device
from benchmarks.floor import Floor
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
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.solvers import top_eigenpairs
from patchlaw.verification.training.device_steps import DeviceSteps

CLAIM = (
    "On one GPU: training step with Adam (B=1000), of one run and of five side by side, and "
    "products over 60,000 images in float32, as multiples of the floor of their dense products on "
    "that GPU; the largest eigenvalue of H to 1e-4."
)
REPLICAS = 5
_AGREEMENT_SAMPLES = 200
_BUDGET = 30e9  # bytes; the states of 60,000 images and 16 patches take 10
_STEP_TARGETS = {1: 8.0, REPLICAS: 4.0}
_PRODUCT_TARGET = 2.5


@dataclass(frozen=True)
class _Work:
    """Something to time: products a patch and sample, patches, samples, target, calls a call."""

    what: str
    call: Callable[[], object]
    products: int
    patches: int
    samples: int
    repeats: int
    target: float | None = None
    calls: int = 1


def run(scale: Scale, record: Record) -> None:
    """Time the engine at the smallest and the largest of the paper's models."""
    sizes = ((4, scale.pick(50, 2), 3.0), (scale.pick(16, 4), scale.pick(200, 3), 12.0))
    for n_patches, depth, _ in sizes:
        record.agreements.append(_agreement(n_patches, depth, scale))
    before = _floor(scale)
    timed: list[tuple[_Work, Timing, int]] = []
    for n_patches, depth, _ in sizes:
        for work in _works(n_patches, depth, scale):
            timing = time_on_device(work.call, repeats=work.repeats, calls=work.calls)
            kernels = 0
            if scale.device == "cuda":
                record.profile[work.what], kernels = device_phases(work.call)
            timed.append((work, timing, kernels // work.calls))
    floor = before.faster(_floor(scale))
    for work, timing, kernels in timed:
        at_floor = floor.seconds(work.products, work.patches, work.samples)
        record.figures.append(
            Figure(
                work.what,
                timing.minimum / at_floor,
                "times its floor",
                None if work.target is None else "under",
                work.target,
            )
        )
        record.measurements.append(
            Measurement.of(
                work.what,
                timing,
                samples=work.samples,
                products=work.products,
                floor_seconds=at_floor,
                kernels=kernels,
            )
        )
    for n_patches, depth, target in sizes:
        _top_eigenvalue(n_patches, depth, target, scale, record)
    record.notes.append(_note(floor, scale))


def _floor(scale: Scale) -> Floor:
    return measure_cuda_floor(scale.pick(10, 1), scale.pick(15_000, 100), scale.device)


def _works(n_patches: int, depth: int, scale: Scale) -> Iterator[_Work]:
    """One model's operations; what one needs goes before the next is made."""
    n_samples, batch = scale.pick(TRAINING_SET, 16), scale.pick(1000, 8)
    images, labels = (part.to(scale.device) for part in samples(n_samples))
    size = f"P={n_patches} d={depth}"
    n_steps = scale.pick(20, 2)
    for replicas, target in _STEP_TARGETS.items():
        models = [model(n_patches, depth, seed=seed).to(scale.device) for seed in range(replicas)]
        optimisers = [torch.optim.Adam(each.parameters(), lr=1e-3) for each in models]
        steps = DeviceSteps(models, optimisers, images, labels)
        index = np.random.default_rng(0).integers(0, n_samples, (n_steps, replicas, batch))
        name = "training step" if replicas == 1 else f"training step of {replicas} runs together"
        yield _Work(
            f"{name}, {size} B={batch}",
            lambda: steps.start(list(index)),  # noqa: B023
            GRADIENT_PRODUCTS,
            replicas * n_patches,
            batch,
            repeats=scale.pick(3, 1),
            target=target,
            calls=n_steps,
        )
    engine = TorchEngine(model(n_patches, depth).to(scale.device))
    repeats = scale.pick(5, 1)
    yield _Work(
        f"logits, {size}",
        lambda: engine.logits_tensor(images),
        FORWARD_PRODUCTS,
        n_patches,
        n_samples,
        repeats,
    )
    products = engine.curvature(images, labels, memory_budget=_BUDGET)
    vector = direction(products.n_parameters)[:, None]
    yield _Work(
        f"Hessian product, {size}",
        lambda: products.product("hessian", vector),
        HESSIAN_PRODUCTS,
        n_patches,
        n_samples,
        repeats,
        target=_PRODUCT_TARGET,
    )
    yield _Work(
        f"Gauss-Newton product, {size}",
        lambda: products.product("gauss_newton", vector),
        GAUSS_NEWTON_PRODUCTS,
        n_patches,
        n_samples,
        repeats,
    )


def _top_eigenvalue(
    n_patches: int, depth: int, target: float, scale: Scale, record: Record
) -> None:
    """Seconds of the largest eigenvalue of H at the start, the states' pass included."""
    images, labels = samples(scale.pick(TRAINING_SET, 16))
    found = []

    def call() -> None:
        problem = CurvatureProblem(
            model(n_patches, depth).to(scale.device), images, labels, memory_budget=_BUDGET
        )
        found.append(top_eigenpairs(problem.hessian, k=1, tol=1e-4, seed=0))

    timing = time_on_device(call, repeats=1, warmups=0)
    what = f"largest eigenvalue of H to 1e-4, P={n_patches} d={depth}"
    record.figures.append(Figure(what, timing.minimum, "s", "under", target))
    record.measurements.append(
        Measurement.of(what, timing, products=int(found[0].matvecs), samples=len(images))
    )


def _agreement(n_patches: int, depth: int, scale: Scale) -> Agreement:
    """The GPU in float32 beside the same engine on the CPU in double precision."""
    images, labels = samples(scale.pick(_AGREEMENT_SAMPLES, 16))
    found = []
    for dtype, device in ((torch.float64, "cpu"), (torch.float32, scale.device)):
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
    size = f"P={n_patches} d={depth}"
    return Agreement(
        f"{size} with the CPU in float64", differences, dict.fromkeys(differences, 1e-4)
    )


def _note(floor: Floor, scale: Scale) -> str:
    rates = ", ".join(f"{name} {rate / 1e3:.1f} TFLOP/s" for name, rate in floor.rates.items())
    name = torch.cuda.get_device_name() if scale.device == "cuda" else scale.device
    return (
        f"{name}, driver's CUDA {torch.version.cuda}; floor: {rates}, 8 operations a complex "
        "multiply-add, without TF32. Times end when the device is done; a training step is one of "
        "20 in a row. A profile is of one more call; what the profiler adds to it counts as idle."
    )
