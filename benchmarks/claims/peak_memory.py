"""Peak memory of the largest case: P=16 d=200, a Hessian product over the whole training set."""

from benchmarks.curvature_process import Workload, measure_in_fresh_process
from benchmarks.record import Figure, Measurement, Record
from benchmarks.workload import TRAINING_SET, Scale

CLAIM = (
    "Peak memory of a process that builds P=16 d=200 and computes a Hessian product over 60,000 "
    "images with the default budget for kept states."
)


def run(scale: Scale, record: Record) -> None:
    """Run it in a fresh process."""
    workload = Workload(
        patches=scale.pick(16, 4),
        depth=scale.pick(200, 2),
        samples=scale.pick(TRAINING_SET, 64),
        all_operations=False,
    )
    found = measure_in_fresh_process(workload)
    label = f"P={workload.patches} d={workload.depth}, {workload.samples:,} images"
    peak = found["peak_memory_bytes"] / 1e9
    what = f"peak memory, Hessian product, {label}"
    record.figures.append(Figure(what, peak, "GB", "under", 6))
    details = {
        "parameters": found["parameters"],
        "kept_samples": found["kept_samples"],
        "peak_memory_gb": peak,
        "memory_before_gb": found["memory_before_bytes"] / 1e9,
    }
    record.measurements.extend(
        Measurement(f"{operation}, {label}", seconds, seconds, 1, 0, details)
        for operation, seconds in found["seconds"].items()
    )
    record.notes.append(
        "GB is 10^9 bytes; the peak is the process's largest resident size, data set, "
        "libraries and compiled kernels included."
    )
