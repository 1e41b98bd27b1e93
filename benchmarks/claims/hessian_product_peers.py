"""A Hessian product against PyHessian and curvlinops, on TorchQuantum's model and on patchlaw's."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.client import PeerUnavailableError, ask
from benchmarks.peers.exchange import Request
from benchmarks.phases import profile
from benchmarks.record import Agreement, Figure, Measurement, Record
from benchmarks.timing import Timing, time_calls
from benchmarks.workload import TRAINING_SET, Scale, direction, model, problem, samples
from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.fast_engine import FastEngine

CLAIM = (
    "Hessian product at P=4 d=50, time a sample: patchlaw over 60,000 images against PyHessian and "
    "curvlinops, each on TorchQuantum's model and on patchlaw's plain torch model."
)
LIMITS = {"product, relative": 1e-4}  # float32 second derivatives through 3,800 gates
PAIRS = (
    ("pyhessian", "torchquantum"),
    ("pyhessian", "patchlaw"),
    ("curvlinops", "patchlaw"),
    ("curvlinops", "torchquantum"),
)


def _product(
    network: DistributedQNN, n_samples: int, vector: NDArray[np.float64]
) -> NDArray[np.float64]:
    images, labels = samples(n_samples)
    found = FastEngine(network).curvature(images, labels)
    return found.product("hessian", vector[:, None])[:, 0]


def run(scale: Scale, record: Record) -> None:
    """Time patchlaw before and after the peers."""
    depth, batch, whole = scale.pick(50, 2), scale.pick(50, 4), scale.pick(TRAINING_SET, 64)
    network = model(4, depth)
    vector = direction(network.n_parameters)
    images, labels = samples(whole)
    engine, built = FastEngine(network), []
    first_pass = time_calls(
        lambda: built.append(engine.curvature(images, labels)), repeats=1, warmups=0
    )
    products = built[0]
    ours = time_calls(
        lambda: products.product("hessian", vector[:, None]), repeats=scale.pick(2, 1)
    )
    answers = {}
    for library, circuit in PAIRS:
        # forward-mode derivatives of thousands of gates one by one: minutes, so fewer samples
        slow = (library, circuit) == ("curvlinops", "torchquantum")
        size = scale.pick(10, 2) if slow else batch
        label = f"{library} on {circuit}'s model, P=4 d={depth} B={size}"
        request = Request(
            "hessian_product",
            library,
            circuit,
            repeats=1 if circuit == "torchquantum" else scale.pick(3, 1),
            warmup_samples=0 if slow else scale.pick(4, 2),
            threads=1 if slow else 0,
        )
        try:
            answers[library, circuit, label] = ask(request, problem(network, size))
        except PeerUnavailableError as error:
            record.unavailable[label] = str(error)
            if (library, circuit) == PAIRS[0]:
                what = f"Hessian product a sample, against {label}"
                record.figures.append(Figure(what, None, "times faster", "at least", 1500))
    again = time_calls(lambda: products.product("hessian", vector[:, None]), repeats=1, warmups=0)
    ours = Timing(ours.seconds + again.seconds, ours.warmups)
    a_sample = ours.median / whole
    for (library, circuit, label), answer in answers.items():
        size = answer.facts["samples"]
        expected = _product(network, size, vector)
        difference = np.linalg.norm(answer.arrays["product"] - expected)
        relative = float(difference / np.linalg.norm(expected))
        agreement = Agreement(label, {"product, relative": relative}, LIMITS)
        record.agreements.append(agreement)
        required = (library, circuit) == PAIRS[0]
        record.figures.append(
            Figure(
                f"Hessian product a sample, against {label}",
                answer.seconds / size / a_sample,
                "times faster",
                "at least" if required else None,
                1500 if required else None,
                agreement.holds,
            )
        )
        measured = answer.measurement(label, library, samples=size)
        record.measurements.append(measured)
        if "second_pass" in answer.facts:
            second = Timing(tuple(answer.facts["second_pass"]), 0)
            second_name = f"{label}, second backward pass alone"
            record.measurements.append(Measurement.of(second_name, second, **measured.details))
            record.figures.append(
                Figure(
                    f"the same, {label}, its graph kept",
                    second.median / size / a_sample,
                    "times faster",
                    agrees=agreement.holds,
                )
            )
    name = f"patchlaw, P=4 d={depth}, {whole:,} images"
    record.measurements.extend(
        (
            Measurement.of(name, ours, samples=whole, kept_samples=products.kept_samples),
            Measurement.of(
                "patchlaw, the pass before the first product", first_pass, samples=whole
            ),
        )
    )
    record.profile[name] = profile(engine, lambda: products.product("hessian", vector[:, None]))
    record.notes.extend(
        (
            "A peer's product is what it repeats for every batch of a data set: forward, "
            "backward with its graph, second pass (PyHessian's loop over a data loader). With one "
            "batch PyHessian can keep the graph between products; that time is given too.",
            "patchlaw keeps the samples' states within its memory budget between products; the "
            "pass that makes them is listed apart, as it is made once for all products.",
        )
    )
