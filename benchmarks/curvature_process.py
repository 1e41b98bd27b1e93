"""One model's forward pass, training step and curvature products in a process of its own.

``python -m benchmarks.curvature_process '{"patches": 4, "depth": 50, "samples": 1000}'`` prints
JSON; a fresh process is what makes its peak memory the measurement's own.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.process_memory import peak_memory_bytes

ROOT = Path(__file__).parents[1]
RATE_SECONDS = 0.3  # of the dense products, measured at the end


@dataclass(frozen=True)
class Workload:
    """Sizes of one measurement; ``all_operations`` False leaves the Hessian product alone."""

    patches: int
    depth: int
    samples: int
    repeats: int = 1
    all_operations: bool = True
    qubits: int = 8


def measure(workload: Workload) -> dict[str, Any]:
    """Run a workload here: seconds by operation, kept samples, peak memory in bytes, GFLOP/s."""
    from benchmarks.timing import time_calls
    from benchmarks.workload import direction, model, samples
    from patchlaw.simulators.fast_engine import FastEngine
    from patchlaw.simulators.fast_engine.product_rate import dense_product_rate

    network = model(workload.patches, workload.depth, n_qubits=workload.qubits)
    images, labels = samples(workload.samples)
    vector = direction(network.n_parameters)[:, None]
    engine = FastEngine(network)
    before = peak_memory_bytes()
    warm = engine.curvature(images[:64], labels[:64])
    warm.product("hessian", vector)  # compiles the kernels
    warm.product("gauss_newton", vector)
    seconds = {}
    if workload.all_operations:
        batch, targets = images[:1000], labels[:1000]
        for name, call in (
            ("training step, 1,000 samples", lambda: engine.loss_and_gradient(batch, targets)),
            ("forward", lambda: engine.logits(images)),
        ):
            seconds[name] = time_calls(call, repeats=workload.repeats).minimum
    built = []
    seconds["loss, gradient, states kept"] = time_calls(
        lambda: built.append(engine.curvature(images, labels)), repeats=1, warmups=0
    ).minimum
    products = built[0]
    seconds["Hessian product"] = time_calls(
        lambda: products.product("hessian", vector), repeats=workload.repeats, warmups=0
    ).minimum
    if workload.all_operations:
        seconds["Gauss-Newton product"] = time_calls(
            lambda: products.product("gauss_newton", vector), repeats=workload.repeats, warmups=0
        ).minimum
    peak = peak_memory_bytes()
    return {
        "seconds": seconds,
        "parameters": network.n_parameters,
        "kept_samples": products.kept_samples,
        "gflops": dense_product_rate(workload.qubits, engine.n_threads, RATE_SECONDS),
        "peak_memory_bytes": peak,
        "memory_before_bytes": before,
    }


def measure_in_fresh_process(workload: Workload) -> dict[str, Any]:
    """The same in a new process.

    Raises:
        RuntimeError: the process failed; the message ends with its last words.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.curvature_process", json.dumps(asdict(workload))],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{workload}: the process failed: {done.stderr.strip()[-500:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    print(json.dumps(measure(Workload(**json.loads(sys.argv[1])))))
