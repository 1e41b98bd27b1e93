"""The tangent kernel's prediction of a spectrum against the measurement that it replaces."""

import numpy as np

from benchmarks.floor import measure_floor
from benchmarks.record import Figure, Measurement, Record
from benchmarks.timing import time_calls
from benchmarks.workload import TRAINING_SET, Scale, model, samples
from patchlaw.simulators import DistributedQNN
from patchlaw.verification.kernels.of_model import softmax_outputs, tangent_kernel_of
from patchlaw.verification.operators import CurvatureProblem, RestrictedOperator
from patchlaw.verification.solvers import top_eigenpairs

CLAIM = (
    "Largest eigenvalues of G over the angles (P=4 d=50): seconds of Lanczos on exact products "
    "over seconds of the tangent kernel's prediction, softmax outputs included."
)
_TOP, _TOL = 12, 1e-3


def run(scale: Scale, record: Record) -> None:
    """Predict and measure once each in one run, the prediction several times."""
    n_samples, depth = scale.pick(1000, 40), scale.pick(50, 2)
    everything = scale.pick(TRAINING_SET, 80)
    network = model(4, depth)
    found: dict[str, np.ndarray] = {}

    def predict() -> None:
        images, _ = samples(n_samples)
        kernel = tangent_kernel_of(network, images)
        pi = softmax_outputs(network, images).numpy()
        found["predicted"] = kernel.spectrum(pi, _TOP)

    def measure(n: int, top: int) -> np.ndarray:
        problem = CurvatureProblem(network, *samples(n))
        over_angles = RestrictedOperator(problem.gauss_newton, "patches")
        return top_eigenpairs(over_angles, top, tol=_TOL, seed=0).values

    measure(scale.pick(64, 40), 1)  # compiles the engine's kernels
    floor = measure_floor(scale.pick(9, 1))
    prediction = time_calls(predict, repeats=scale.pick(5, 1))
    same = time_calls(lambda: found.update(measured=measure(n_samples, _TOP)), repeats=1, warmups=0)
    whole = time_calls(lambda: found.update(whole=measure(everything, 1)), repeats=1, warmups=0)
    floor = floor.faster(measure_floor(scale.pick(9, 1)))
    at_floor = 2e-9 * _multiplications(network, n_samples) / floor.gflops
    off = found["predicted"] / found["measured"] - 1
    what = f"{_TOP} eigenvalues, {n_samples:,} images, P=4 d={depth}"
    all_images = f"lambda_1, {everything:,} images, P=4 d={depth}"
    record.figures.extend([
        Figure(f"measured over predicted, {what}", same.minimum / prediction.minimum, "times",
               "at least", 1000),
        Figure(f"measured over predicted from {n_samples:,} images, {all_images}",
               whole.minimum / prediction.minimum, "times"),
        Figure(f"prediction, {what}", prediction.minimum / at_floor, "times its floor"),
    ])  # fmt: skip
    record.measurements.extend([
        Measurement.of(f"prediction, {what}", prediction, samples=n_samples,
                       floor_seconds=at_floor, floor_gflops=round(floor.gflops, 1)),
        Measurement.of(f"measurement, {what}", same, samples=n_samples,
                       largest_error=float(np.abs(off).max()),
                       median_error=float(np.median(np.abs(off)))),
        Measurement.of(f"measurement, {all_images}", whole, samples=everything,
                       error_of_the_prediction=float(
                           found["predicted"][0] / found["whole"][0] - 1)),
    ])  # fmt: skip
    record.notes.append(
        "At the author's initial angles. The floor of a prediction counts the multiplications "
        "of its Gram matrices: for every patch, encoding, qubit and unordered pair of samples "
        "4 for the quaternions and 10 an angle for their slopes. The error over all images "
        "holds what a part of the images changes."
    )


def _multiplications(network: DistributedQNN, n_samples: int) -> float:
    kernel = tangent_kernel_of(network, samples(2)[0])
    pairs = n_samples * (n_samples + 1) / 2
    a_pair = sum(kernel.n_qubits * 4 + 10 * encoding.n_angles for encoding in kernel.encodings)
    return kernel.n_patches * a_pair * pairs
