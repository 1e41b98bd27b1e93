"""The Triton kernels and the product modes on a GPU: right first, then how fast."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.cuda_floor import time_on_device
from benchmarks.floor import DIMENSION
from benchmarks.product_counts import GRADIENT_PRODUCTS, HESSIAN_PRODUCTS
from benchmarks.record import Agreement, Figure, Measurement, Record
from benchmarks.workload import TRAINING_SET, Scale, direction, model, samples
from patchlaw.simulators.circuit_plan import StaticRun
from patchlaw.simulators.torch_engine.engine import TorchEngine
from patchlaw.simulators.torch_engine.precision import ProductMode, full_precision
from patchlaw.simulators.torch_engine.products import complex_product
from patchlaw.simulators.torch_engine.static_runs import static_run
from patchlaw.simulators.torch_engine.triton_kernels import kernels_run_on
from patchlaw.verification.training.device_steps import DeviceSteps

CLAIM = (
    "On one GPU: Triton kernels against their plain twins, and the modes of the dense products "
    "with their errors against float64, each as a multiple of its own floor."
)
MODES: tuple[ProductMode, ...] = get_args(ProductMode)
_PATCHES, _QUBITS = 4, 8
_BUDGET = 30e9  # bytes; the states of 60,000 images
_LIMITS = {"float64": 1e-11, "float32": 1e-4}  # of the largest entry


def run(scale: Scale, record: Record) -> None:
    """Check, then time."""
    device = torch.device(scale.device)
    if kernels_run_on(device):
        record.agreements.extend(static_agreement(device, dtype) for dtype in _LIMITS)
    else:
        record.unavailable["Triton"] = "not installed, or PATCHLAW_KERNELS=plain"
    record.agreements.extend(mode_agreements(device, scale.pick(50, 2), scale.pick(500, 8)))
    ways = ("triton", "plain") if kernels_run_on(device) else ("plain",)
    floors = {mode: _floor(device, mode, scale, record) for mode in MODES}
    for mode in MODES:
        for kernels in ways if mode == "exact" else ways[:1]:
            with _environment(PATCHLAW_KERNELS=kernels, PATCHLAW_PRODUCTS=mode):
                _time_engine(device, f"{kernels} kernels, {mode}", floors[mode], scale, record)
    name = torch.cuda.get_device_name() if device.type == "cuda" else scale.device
    record.notes.append(
        f"{name}. A floor is the rate of the same mode's product, 8 "
        "operations a complex multiply-add. Times end when the device is done."
    )


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


def static_agreement(device: torch.device, name: str, n_qubits: int = _QUBITS) -> Agreement:
    """All passes of a static run by kernels, beside the plain ones in float64."""
    generator = torch.Generator().manual_seed(0)
    run, patches = StaticRun((True, False, True)), 2
    angles = torch.randn(patches, 6 * n_qubits, generator=generator, dtype=torch.float64).to(device)
    rates = torch.randn(patches, 6 * n_qubits, generator=generator, dtype=torch.float64).to(device)
    shape = (2, patches, 1 << n_qubits, 1 << n_qubits)
    lam, lam_dot = torch.randn(shape, generator=generator, dtype=torch.complex128).to(device)

    def passes(dtype: torch.dtype) -> list[torch.Tensor]:
        fused = static_run(run, angles, n_qubits, dtype, vector_only=False)
        tangent = fused.tangent(rates)
        along = fused.gradient_tangent(rates, tangent, lam, lam_dot)
        return [fused.columns, tangent, fused.gradient(lam), along]

    ours = passes(torch.float64 if name == "float64" else torch.float32)
    with _environment(PATCHLAW_KERNELS="plain"):
        theirs = passes(torch.float64)
    names = ("columns", "tangent", "gradient", "its tangent")
    differences = {
        what: float((a - b).abs().max() / b.abs().max())
        for what, a, b in zip(names, ours, theirs, strict=True)
    }
    return Agreement(
        f"kernels of a static run in {name} with the plain ones in float64",
        differences,
        dict.fromkeys(differences, _LIMITS[name]),
    )


def mode_agreements(device: torch.device, depth: int, n_samples: int) -> list[Agreement]:
    """Logits, gradient and Hessian product of every mode beside the CPU's in float64."""
    images, labels = samples(n_samples)

    def computed(
        dtype: torch.dtype, where: torch.device, mode: ProductMode
    ) -> dict[str, NDArray[np.float64]]:
        engine = TorchEngine(model(_PATCHES, depth, dtype).to(where), products=mode)
        products = engine.curvature(images.to(where), labels.to(where))
        vector = direction(products.n_parameters)[:, None]
        return {
            "logits": engine.logits(images.to(where)),
            "gradient": products.gradient,
            "Hessian product": products.product("hessian", vector),
        }

    exact = computed(torch.float64, torch.device("cpu"), "exact")
    found = []
    for mode in MODES:
        ours = computed(torch.float32, device, mode)
        differences = {
            what: float(np.abs(ours[what] - exact[what]).max() / np.abs(exact[what]).max())
            for what in exact
        }
        limits = dict.fromkeys(differences, _LIMITS["float32"])
        found.append(Agreement(f"{mode} products with the CPU in float64", differences, limits))
    return found


def _floor(device: torch.device, mode: ProductMode, scale: Scale, record: Record) -> float:
    """GFLOP/s of the mode's product."""
    columns = scale.pick(15_000, 100)
    generator = torch.Generator(device).manual_seed(0)
    states = torch.randn(_PATCHES, columns, DIMENSION, generator=generator, device=device,
                         dtype=torch.complex64)  # fmt: skip
    matrix = torch.randn(_PATCHES, DIMENSION, DIMENSION, generator=generator, device=device,
                         dtype=torch.complex64)  # fmt: skip
    with torch.no_grad(), full_precision():
        timing = time_on_device(
            lambda: complex_product(states, matrix, mode), repeats=scale.pick(10, 1)
        )
    rate = 8e-9 * _PATCHES * columns * DIMENSION**2 / timing.minimum
    record.figures.append(Figure(f"dense product, {mode}", rate / 1e3, "TFLOP/s"))
    return rate


def _time_engine(
    device: torch.device, way: str, floor: float, scale: Scale, record: Record
) -> None:
    """Training steps and a Hessian product, kernels and products by the environment."""
    n_samples, batch = scale.pick(TRAINING_SET, 64), scale.pick(1000, 32)
    images, labels = (part.to(device) for part in samples(n_samples))
    n_steps = scale.pick(20, 2)
    index = np.random.default_rng(0).integers(0, n_samples, (n_steps, 1, batch))

    def add(what: str, call: Callable[[], object], work: int, calls: int) -> None:
        timing = time_on_device(call, repeats=scale.pick(3, 1), calls=calls)
        at_floor = 8e-9 * work * DIMENSION**2 / floor
        label = f"{what}, {way}"
        record.figures.append(Figure(label, timing.minimum / at_floor, "times its floor"))
        record.measurements.append(Measurement.of(label, timing, floor_seconds=at_floor))

    for n_patches, depth in ((4, scale.pick(50, 2)), (16, scale.pick(200, 3))):
        network = model(n_patches, depth).to(device)
        adam = torch.optim.Adam(network.parameters(), lr=1e-3)
        steps = DeviceSteps([network], [adam], images, labels)
        size = f"P={n_patches} d={depth}"
        work = GRADIENT_PRODUCTS * n_patches * batch
        add(f"training step B={batch}, {size}", partial(steps.start, list(index)), work, n_steps)
    network = model(_PATCHES, scale.pick(50, 2)).to(device)
    products = TorchEngine(network).curvature(images, labels, memory_budget=_BUDGET)
    vector = direction(products.n_parameters)[:, None]
    work = HESSIAN_PRODUCTS * _PATCHES * n_samples
    add("Hessian product, P=4", partial(products.product, "hessian", vector), work, 1)
