"""The largest Hessian eigenvalue of a small batch: patchlaw, PyHessian and curvlinops."""

import time

from benchmarks.peers.client import PeerUnavailableError, ask
from benchmarks.peers.exchange import Request
from benchmarks.record import Agreement, Figure, Measurement, Record
from benchmarks.timing import Timing
from benchmarks.workload import Scale, model, problem, samples
from patchlaw.verification.operators import HessianOperator
from patchlaw.verification.solvers import top_eigenpairs

CLAIM = (
    "Largest Hessian eigenvalue of one batch at P=4 d=50, each library by its own method from "
    "parameters to number: patchlaw and curvlinops by Lanczos (tolerance 1e-4), PyHessian by power "
    "iteration (1e-3 between steps)."
)
# The peers stop on their own criteria: PyHessian's says little about the error when the next
# eigenvalue is near, so this limit is wide and the difference itself is what to read.
LIMITS = {"eigenvalue, relative": 0.05}
PAIRS = (
    ("pyhessian", "torchquantum"),
    ("pyhessian", "patchlaw"),
    ("curvlinops", "patchlaw"),
)


def run(scale: Scale, record: Record) -> None:
    """Each once, on the same batch."""
    depth, batch = scale.pick(50, 2), scale.pick(10, 4)
    network = model(4, depth)
    images, labels = samples(batch)
    top_eigenpairs(HessianOperator(network, images, labels), 1)  # compiles the kernels
    begin = time.perf_counter()
    top = top_eigenpairs(HessianOperator(network, images, labels), 1)
    ours = Timing((time.perf_counter() - begin,), 1)
    value = float(top.values[0])
    for library, circuit in PAIRS:
        label = f"{library} on {circuit}'s model, P=4 d={depth} B={batch}"
        request = Request("top_eigenvalue", library, circuit, warmup_samples=2)
        try:
            answer = ask(request, problem(network, batch))
        except PeerUnavailableError as error:
            record.unavailable[label] = str(error)
            continue
        theirs = float(answer.arrays["value"][0])
        agreement = Agreement(
            label, {"eigenvalue, relative": abs(theirs - value) / abs(value)}, LIMITS
        )
        record.agreements.append(agreement)
        record.figures.append(
            Figure(
                f"top eigenvalue against {label}",
                answer.seconds / ours.minimum,
                "times faster",
                agrees=agreement.holds,
            )
        )
        record.measurements.append(
            answer.measurement(label, library, eigenvalue=theirs, samples=batch)
        )
    record.measurements.append(
        Measurement.of(
            f"patchlaw, P=4 d={depth} B={batch}",
            ours,
            eigenvalue=value,
            samples=batch,
            products=top.matvecs,
            residual=float(top.residual_norms[0]),
            converged=bool(top.converged[0]),
        )
    )
    record.notes.append(
        "A batch this small suits the peers: patchlaw's cost hardly grows up to some hundred "
        "samples, theirs is proportional to them."
    )
