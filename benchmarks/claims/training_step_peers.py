"""A training step against other simulators', same parameters and samples."""

import numpy as np

from benchmarks.peers.client import Answer, PeerUnavailableError, ask
from benchmarks.peers.exchange import Request
from benchmarks.phases import profile
from benchmarks.record import Agreement, Figure, Measurement, Record
from benchmarks.timing import Timing, time_calls
from benchmarks.workload import Scale, model, problem, samples
from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.fast_engine import FastEngine

CLAIM = (
    "Training step (loss and gradient) of patchlaw against TorchQuantum, PennyLane and Qulacs at "
    "P=4, d=50 and d=200: time a sample, with the agreement of logits, loss and gradient."
)
# float32 through thousands of gates; TorchQuantum's logits near 10 are known to lie 5e-5 away
LIMITS = {"logits": 1e-3, "loss": 1e-4, "gradient, relative": 1e-4}
TORCHQUANTUM_BATCH = 500

# (peer, batch at d=50, samples a graph): gate-by-gate peers are timed on few samples, since their
# time a sample does not fall with more of them; default.qubit's does, up to its memory.
_SMALL = (("lightning.qubit", 2, 1), ("default.qubit", 16, 16), ("qulacs", 8, 1))


def compare(network: DistributedQNN, answer: Answer, n_samples: int, label: str) -> Agreement:
    """Differences of a peer's numbers from the fast engine's."""
    images, labels = samples(n_samples)
    engine = FastEngine(network)
    logits, (loss, gradient) = engine.logits(images), engine.loss_and_gradient(images, labels)
    theirs = answer.arrays
    difference = {
        "logits": float(np.abs(theirs["logits"] - logits).max()),
        "loss": float(abs(theirs["loss"][0] - loss)),
        "gradient, relative": float(
            np.linalg.norm(theirs["gradient"] - gradient) / np.linalg.norm(gradient)
        ),
    }
    return Agreement(label, difference, LIMITS)


def _requests(scale: Scale, threads: int) -> list[tuple[Request, int]]:
    """What each peer is asked, with its batch; TorchQuantum on so many threads."""
    deep = threads > 0  # the slower second round: less of it, warmed up and chosen in the first
    torchquantum = Request(
        "training_step",
        "torchquantum",
        repeats=scale.pick(1 if deep else 2, 1),
        warmup_samples=scale.pick(2 if deep else 25, 2),
        threads=threads,
        chunk=scale.pick(40 if deep else 200, 4),
    )
    asked = [(torchquantum, scale.pick(TORCHQUANTUM_BATCH, 4))]
    for peer, batch, chunk in _SMALL:
        size = scale.pick(max(1, batch // 4) if deep else batch, 2)
        warmup = 0 if deep else 1
        asked.append(
            (Request("training_step", peer, warmup_samples=warmup, threads=1, chunk=chunk), size)
        )
    return asked


def run(scale: Scale, record: Record) -> None:
    """Time patchlaw before each peer's run and after; a peer that gives no answer is listed."""
    threads = 0
    for depth, target in ((scale.pick(50, 2), 150.0), (scale.pick(200, 4), 200.0)):
        network = model(4, depth)
        batch = scale.pick(TORCHQUANTUM_BATCH, 4)
        images, labels = samples(batch)
        engine = FastEngine(network)

        def time_ours() -> Timing:
            return time_calls(
                lambda: engine.loss_and_gradient(images, labels),  # noqa: B023  used at once
                repeats=scale.pick(10, 1),
            )

        ours = time_ours()
        for request, size in _requests(scale, threads):
            required = request.peer == "torchquantum"
            label = f"{request.peer}, P=4 d={depth} B={size}"
            what = f"training step against {label}"
            if size != batch:
                what += f" (a sample; patchlaw B={batch})"
            try:
                answer = ask(request, problem(network, size))
            except PeerUnavailableError as error:
                record.unavailable[label] = str(error)
                if required:
                    record.figures.append(Figure(what, None, "times faster", "at least", target))
                continue
            agreement = compare(network, answer, size, label)
            again = time_ours()
            ours = Timing(ours.seconds + again.seconds, ours.warmups)
            ratio = (answer.seconds / size) / (ours.median / batch)
            record.agreements.append(agreement)
            record.figures.append(
                Figure(
                    what,
                    ratio,
                    "times faster",
                    "at least" if required else None,
                    target if required else None,
                    agreement.holds,
                )
            )
            if required:
                threads = answer.facts["threads"]
            record.measurements.append(
                answer.measurement(label, request.peer, samples=size, samples_a_graph=request.chunk)
            )
        name = f"patchlaw, P=4 d={depth} B={batch}"
        record.measurements.append(Measurement.of(name, ours, samples=batch))
        record.profile[name] = profile(engine, lambda: engine.loss_and_gradient(images, labels))  # noqa: B023  used at once
    record.notes.extend(
        (
            "Each peer runs in its own process, its circuit built gate by gate from patchlaw's "
            "ansatz. TorchQuantum uses one thread or all, whichever was faster on 25 samples, "
            "and graphs of 200 samples (40 at d=200), which 24 GB allow, the gradient "
            "accumulated; PennyLane and Qulacs run on one thread.",
            "lightning.qubit (complex64, adjoint vector-Jacobian product on the device) and "
            "Qulacs (double precision, its reverse pass) take a sample at a time.",
        )
    )
