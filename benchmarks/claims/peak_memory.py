"""Peak memory of the largest case: P=16 d=200, a Hessian product over the whole training set."""

from benchmarks.curvature_process import Workload, measure_in_fresh_process
from benchmarks.record import Figure, Measurement, Record
from benchmarks.workload import TRAINING_SET, Scale

CLAIM = (
    "Peak memory of a process that builds P=16 d=200 and computes a Hessian product over 60,000 "
    "images with the default budget for kept states."
)


def run(scale: Scale) -> Record:
    """Run it in a fresh process."""
    workload = Workload(
        patches=scale.pick(16, 4),
        depth=scale.pick(200, 2),
        samples=scale.pick(TRAINING_SET, 64),
        all_operations=False,
    )
    found = measure_in_fresh_process(workload)
    label = f"P={workload.patches} d={workload.depth}, {workload.samples:,} images"
    return Record(
        benchmark="peak_memory",
        claim=CLAIM,
        scale=scale.name,
        figures=[
            Figure(
                f"peak memory, Hessian product, {label}",
                found["peak_memory_bytes"] / 1e9,
                "GB",
                "under",
                6,
            )
        ],
        measurements=[
            Measurement(
                f"{operation}, {label}",
                seconds,
                seconds,
                1,
                0,
                {
                    "parameters": found["parameters"],
                    "kept_samples": found["kept_samples"],
                    "peak_memory_gb": found["peak_memory_bytes"] / 1e9,
                    "memory_before_gb": found["memory_before_bytes"] / 1e9,
                },
            )
            for operation, seconds in found["seconds"].items()
        ],
        notes=[
            "GB is 10^9 bytes; the peak is the process's largest resident size, data set, "
            "libraries and compiled kernels included."
        ],
    )
