"""A training step against the simulators made for GPUs, at the same batch."""

from collections.abc import Callable

import torch

from benchmarks.claims.training_step_peers import compare
from benchmarks.cuda_floor import measure_cuda_floor, time_on_device
from benchmarks.floor import Floor, measure_floor
from benchmarks.peers.client import PeerUnavailableError, ask
from benchmarks.peers.exchange import Request
from benchmarks.product_counts import GRADIENT_PRODUCTS
from benchmarks.record import Figure, Measurement, Record
from benchmarks.timing import Timing
from benchmarks.workload import Scale, model, problem, samples
from patchlaw.simulators.fast_engine import FastEngine
from patchlaw.simulators.torch_engine.engine import TorchEngine

CLAIM = (
    "Training step (loss and gradient) of patchlaw against fastQML, torchqml and lightning.gpu, "
    "beside TorchQuantum and lightning.qubit, on the same circuit and the same batch (P=4, B=32)."
)
BATCH = 32  # of fastQML's own page
REPEATS = 2
PEERS = (
    "torchquantum",
    "fastqml composed",
    "fastqml",
    "torchqml",
    "lightning.gpu",
    "lightning.qubit",
)
_DEEP_PEERS = PEERS[:2]  # at the paper's depth the others take minutes a step


def run(scale: Scale, record: Record) -> None:
    """Time patchlaw before each peer and after, on the GPU or, where there is none, on the CPU."""
    device = scale.device if torch.cuda.is_available() else "cpu"
    batch = scale.pick(BATCH, 2)
    images, labels = (part.to(device) for part in samples(batch))
    floor = _floor(scale, device)
    ours: dict[str, Timing] = {}
    for depth, peers in ((1, PEERS), (scale.pick(10, 2), PEERS), (scale.pick(50, 3), _DEEP_PEERS)):
        network = model(4, depth)
        on_device = model(4, depth).to(device)
        engine = FastEngine(on_device) if device == "cpu" else TorchEngine(on_device)
        size = f"P=4 d={depth} B={batch}, {device}"
        name = f"patchlaw, {size}"

        def time_ours(call: Callable[[], object]) -> None:
            timing = time_on_device(call, repeats=scale.pick(10, 1))
            before = ours[name].seconds if name in ours else ()  # noqa: B023  used at once
            ours[name] = Timing(before + timing.seconds, timing.warmups)  # noqa: B023

        def step() -> object:
            return engine.loss_and_gradient(images, labels)  # noqa: B023  used at once

        time_ours(step)
        for peer in peers:
            if peer in record.unavailable:
                continue
            label = f"{peer}, {size}"
            slow = peer.startswith("lightning")
            request = Request(
                "training_step",
                peer,
                repeats=scale.pick(REPEATS, 1),
                warmup_samples=1 if slow else scale.pick(8, 1),
                threads=1 if slow or scale.tiny else 0,
                chunk=batch,
                device=device,
            )
            try:
                answer = ask(request, problem(network, batch), timeout=200)
            except PeerUnavailableError as error:
                record.unavailable[peer] = f"{error} ({size})"
                continue
            agreement = compare(network, answer, batch, label)
            time_ours(step)
            record.agreements.append(agreement)
            record.figures.append(
                Figure(
                    f"training step against {label}",
                    answer.seconds / ours[name].median,
                    "times faster",
                    agrees=agreement.holds,
                )
            )
            record.measurements.append(answer.measurement(label, peer, samples=batch))
        floor = floor.faster(_floor(scale, device))
        at_floor = floor.seconds(GRADIENT_PRODUCTS, 4, batch)
        record.figures.append(
            Figure(f"training step, {name}", ours[name].minimum / at_floor, "times its floor")
        )
        record.measurements.append(
            Measurement.of(name, ours[name], samples=batch, floor_seconds=at_floor)
        )
    record.notes.extend(_NOTES)


def _floor(scale: Scale, device: str) -> Floor:
    if device == "cpu":
        return measure_floor(scale.pick(5, 1))
    return measure_cuda_floor(scale.pick(10, 1), scale.pick(15_000, 100), device)


_NOTES = (
    "fastQML is run in two ways: layer by layer, a layer's gates as one matrix on the batch; and "
    "composed, all layers between two encodings multiplied into one matrix first, as its page "
    "advises for matrices that serve many states. Both run eagerly, without torch.compile and CUDA "
    "graphs, which by its page make three layers 5 and 11 times faster. torchqml and lightning.gpu "
    "compute on a CUDA device alone.",
    "Each peer repeats its step twice after untimed calls on eight samples, which choose torch's "
    "threads; lightning takes a sample at a time, on one thread, and is warmed up on one. Only "
    "the ratios are meant where the machine is shared. At 32 samples patchlaw is far above its "
    "floor, as its layers without data cost the same for any batch. At d=50 only the peers that "
    "need seconds a step are asked.",
)
