"""Time and peak memory against depth, patches, samples and qubits, one at a time."""

from dataclasses import replace

from benchmarks.curvature_process import Workload, measure_in_fresh_process
from benchmarks.record import Figure, Measurement, Record
from benchmarks.workload import TRAINING_SET, Scale

CLAIM = (
    "Time and peak memory against d, P, N and n, one varied at a time around P=4 d=50 N=10,000 "
    "n=8, each point in a process of its own."
)
HESSIAN = "Hessian product"


def workloads(scale: Scale) -> dict[str, list[Workload]]:
    """The points of each sweep, by the name of what varies; the first is the smallest."""
    base = Workload(4, scale.pick(50, 2), scale.pick(10_000, 64), repeats=scale.pick(3, 1))
    depths = [2, 4] if scale.tiny else [50, 100, 150, 200]
    patches = [4] if scale.tiny else [4, 9, 16]
    sizes = [64] if scale.tiny else [1000, 10_000, TRAINING_SET]
    qubits = [8] if scale.tiny else [6, 8, 10]
    return {
        "d": [replace(base, depth=depth) for depth in depths],
        "P": [replace(base, patches=count) for count in patches],
        "N": [replace(base, samples=size) for size in sizes],
        "n": [replace(base, qubits=n) for n in qubits],
    }


def run(scale: Scale, record: Record) -> None:
    """Measure every point once."""
    sweeps = workloads(scale)
    points = dict.fromkeys(workload for sweep in sweeps.values() for workload in sweep)
    found = {workload: measure_in_fresh_process(workload) for workload in points}
    for workload, result in found.items():
        for operation, seconds in result["seconds"].items():
            details = {
                "patches": workload.patches,
                "depth": workload.depth,
                "samples": workload.samples,
                "qubits": workload.qubits,
                "gflops": round(result["gflops"], 1),
                "peak_memory_gb": result["peak_memory_bytes"] / 1e9,
                "kept_samples": result["kept_samples"],
            }
            label = f"{operation}, P={workload.patches} d={workload.depth} N={workload.samples:,}"
            label += "" if workload.qubits == 8 else f" n={workload.qubits}"
            record.measurements.append(
                Measurement(label, seconds, seconds, workload.repeats, 0, details)
            )
    for name, sweep in sweeps.items():
        first, last = sweep[0], sweep[-1]
        span = f"{name} from {_value(name, first):,} to {_value(name, last):,}"
        time_ratio = found[last]["seconds"][HESSIAN] / found[first]["seconds"][HESSIAN]
        memory_ratio = found[last]["peak_memory_bytes"] / found[first]["peak_memory_bytes"]
        record.figures.append(Figure(f"Hessian product, {span}", time_ratio, "times the time"))
        record.figures.append(Figure(f"peak memory, {span}", memory_ratio, "times the memory"))
    record.notes.append(
        "Times are the fastest repeat; the pass that keeps the states runs once. GFLOP/s are "
        "those of the engine's dense products at that n, in the same process."
    )


def _value(name: str, workload: Workload) -> int:
    found = {"d": workload.depth, "P": workload.patches, "N": workload.samples}
    return (found | {"n": workload.qubits})[name]
