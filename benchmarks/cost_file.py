"""The coefficients of ``verification.runs.cost``, fitted to the records: ``make docs`` runs it.

``python -m benchmarks.cost_file``

k and each pass' b and c from ``growth`` by least squares of relative errors, none negative, with
the rate of ``gemm_floor``; the GPU's k from ``cuda_engine``, where figures are multiples of its
floor.
"""

import hashlib
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from benchmarks import product_counts as counts
from benchmarks.record import RESULTS, Measurement, Record, read_records
from patchlaw.hessian_theory.predictions.calibration import log_error_quantile
from patchlaw.paper_figures.records import Records
from patchlaw.simulators.fast_engine.product_rate import OPERATIONS
from patchlaw.verification.analysis.options import AnalysisOptions
from patchlaw.verification.records import TrainedModel
from patchlaw.verification.runs import Run
from patchlaw.verification.runs.cost import (
    COST_FILE,
    CostModel,
    Held,
    Machine,
    Memory,
    Pass,
    RunCost,
)
from patchlaw.verification.store.atomic_write import write_atomically
from patchlaw.verification.store.json_files import plain

ENTRIES = 4**8  # of the matrices at the paper's n
STEP_IMAGES = 1000
DIGITS = 4
# the pass, its products a patch and image with the states kept and without, and its label's start
PASSES = (
    ("forward", counts.FORWARD_PRODUCTS, counts.FORWARD_PRODUCTS, ("forward", "logits")),
    ("step", counts.GRADIENT_PRODUCTS, counts.GRADIENT_PRODUCTS, ("training step",)),
    ("H", counts.HESSIAN_PRODUCTS, counts.HESSIAN_PRODUCTS_RECOMPUTED, ("Hessian",)),
    ("G", counts.GAUSS_NEWTON_PRODUCTS, counts.GAUSS_NEWTON_PRODUCTS_RECOMPUTED, ("Gauss",)),
)


def sizes(measurement: Measurement) -> tuple[int, int, int, int]:
    """P, d, N and n of a measurement."""
    found = {"qubits": 8} | measurement.details  # the first records do not say
    patches, depth, samples, qubits = (
        int(found[name]) for name in ("patches", "depth", "samples", "qubits")
    )
    return patches, depth, samples, qubits


def cpu(records: Mapping[str, Record]) -> Machine:
    """The CPU of ``growth``."""
    growth, (floor,) = records["growth"], records["gemm_floor"].figures
    rate, rows = float(floor.value or math.nan), []
    for position, (_, products, _, labels) in enumerate(PASSES):
        for m in growth.measurements:
            if m.label.startswith(labels):
                patches, depth, images, qubits = sizes(m)
                images = STEP_IMAGES if labels == ("training step",) else images
                row = np.zeros(1 + 2 * len(PASSES))
                row[0] = OPERATIONS * products * images
                row[1 + 2 * position : 3 + 2 * position] = qubits * depth, 1
                done = float(m.details.get("gflops", rate)) * 1e9 * m.seconds_min
                rows.append(row * patches * 4**qubits / done)
    found, _ = nnls(np.array(rows), np.ones(len(rows)))
    passes = {
        name: Pass(products, again, rounded(found[0]), *map(rounded, found[1 + 2 * i : 3 + 2 * i]))
        for i, (name, products, again, _) in enumerate(PASSES)
    }
    environment = growth.environment
    return Machine(environment["cpu"], rounded(rate), environment["cores"], passes)


def gpu(record: Record) -> Machine:
    """The GPU of ``cuda_engine``: k alone, the geometric mean of its two sizes."""
    passes = {}
    for name, products, again, labels in PASSES:
        ratios = [f.value for f in record.figures if f.what.startswith(labels) and f.value]
        passes[name] = Pass(products, again, rounded(statistics.geometric_mean(ratios)))
    step = record.measurements[0].details
    work = OPERATIONS * ENTRIES * int(step["products"]) * int(step["samples"]) * 4  # at P = 4
    rate = work / float(step["floor_seconds"]) / 1e9
    return Machine(record.notes[0].split(",")[0], rounded(rate), 0, passes)


def memory(records: Mapping[str, Record]) -> Memory:
    """From the peaks of ``growth`` and ``peak_memory``."""
    peaks = {sizes(m): float(m.details["peak_memory_gb"]) for m in records["growth"].measurements}
    rows = [[1, p * 4**qubits, p * 2**qubits * n] for p, _, n, qubits in peaks]
    last = records["peak_memory"].measurements[-1].details
    rows.append([1, 16 * ENTRIES, 16 * 2**8 * int(last["kept_samples"])])
    seen = np.array([*peaks.values(), float(last["peak_memory_gb"])]) * 1e9
    scale = np.array(rows, dtype=float) / seen[:, None]
    found, _ = nnls(scale, np.ones(len(seen)))
    return Memory(*map(rounded, found))


def products_of(model: TrainedModel) -> dict[tuple[str, int], float]:
    """Products behind an analysis on record, by the solve's name and number of images.

    Those of a patch's block count as 1/P each, since such a product is a P-th of the work.
    """
    found: dict[tuple[str, int], float] = defaultdict(float)
    subset = model.subset
    solves = [
        ("H outliers" if name == "H" and len(values) > 1 else name, values[0])
        for name, values in model.eigenvalues.items()
    ]
    if subset is not None:
        solves += [("H", values[0]) for values in (subset.top,) if values]
        solves += [("H bottom", values[0]) for values in (subset.bottom,) if values]
        solves += subset.others.items()
    once = {(name, each.n_samples): each.matvecs or 0 for name, each in solves}
    for (name, images), count in once.items():
        block = "_" in name
        found[f"{name[0]} blocks" if block else name, images] += (
            count / model.run.n_patches if block else count
        )
    for moment in model.along_training:
        for name, each in moment.top.items():
            found[f"{name} along training", each.n_samples] += each.matvecs or 0
    if model.density is not None and subset is not None:
        found["H density", subset.n_samples] = model.density.nodes.size
    if model.traces is not None:
        found["G traces", model.traces.n_samples] = model.traces.n_probes
    if model.bounds is not None:
        interval = model.bounds.interval
        found["G bounds", interval.n_samples or 0] = interval.matvecs
    return found


def typical_products(models: Iterable[TrainedModel]) -> dict[str, dict[str, float]]:
    """Products of an analysis over all of MNIST at default options: medians, summed by matrix."""
    each: dict[tuple[str, str], list[float]] = defaultdict(list)
    subset = AnalysisOptions().subset
    for model in models:
        of_the_paper = model.at_paper_scale and model.run.same_but_for()
        if of_the_paper and model.subset and model.subset.n_samples == subset:
            for (name, images), count in products_of(model).items():
                each[name, "subset" if images == subset else "whole"].append(count)
    total: dict[str, dict[str, float]] = {}
    for (name, level), found in each.items():
        of_matrix = total.setdefault(name[0], {"whole": 0.0, "subset": 0.0})
        of_matrix[level] = round(of_matrix[level] + statistics.median(found), 1)
    return total


def held(ratios: Iterable[float]) -> Held:
    """A summary of recorded over predicted seconds."""
    found = sorted(ratios)
    scores = [abs(math.log(ratio)) for ratio in found]
    return Held(
        len(found),
        rounded(statistics.median(found)),
        rounded(math.exp(log_error_quantile(scores))),
        rounded(math.exp(max(scores))),
    )


def cost_of(run: Run, machine: Machine, memory: Memory) -> RunCost:
    """A run on record: of its threads where it was on the CPU."""
    last, threads = run.history[-1], run.header.execution.threads
    rate = machine.gflops * (threads / machine.threads if machine.threads else 1)
    images, test_images = last.train.n_samples, last.test.n_samples
    return RunCost(run.config, images, test_images, machine, memory, rate)


def training_ratios(runs: Iterable[Run], machine: Machine, memory: Memory) -> Iterator[float]:
    """Recorded over predicted seconds of all epochs of the machine's runs."""
    for run in runs:
        on_gpu = run.header.execution.device != "cpu"
        if on_gpu is (machine.threads == 0) and run.finished:
            seconds = sum(entry.seconds for entry in run.history)
            yield seconds / cost_of(run, machine, memory).training()


def analysis_ratios(records: Records, machine: Machine, memory: Memory) -> Iterator[float]:
    """Recorded over predicted seconds of the stages of every analysis, by its own products."""
    for name, model in records.analyses.items():
        products: dict[str, dict[int, float]] = {"H": {}, "G": {}, "R": {}}
        for (solve, images), count in products_of(model).items():
            of_matrix = products[solve[0]]
            of_matrix[images] = of_matrix.get(images, 0.0) + count
        threads = max((e["threads"] for e in model.environments), default=machine.threads)
        cost = cost_of(records.runs[name], machine, memory)
        cost = replace(cost, gflops=machine.gflops * threads / machine.threads)
        yield sum(s["seconds"] for s in model.stages.values()) / cost.analysis(products)


def cost_data() -> CostModel:
    """All of it."""
    timings, records = read_records(), Records.read()
    machines, of_memory = (cpu(timings), gpu(timings["cuda_engine"])), memory(timings)
    qubits = sorted({sizes(m)[3] for m in timings["growth"].measurements})
    on_cpu, on_gpu = (held(training_ratios(records.runs.values(), m, of_memory)) for m in machines)
    files = [RESULTS / f"{n}.json" for n in ("growth", "gemm_floor", "peak_memory", "cuda_engine")]
    return CostModel(
        "python -m benchmarks.cost_file",
        machines,
        tuple(qubits),
        of_memory,
        typical_products(records.analyses.values()),
        AnalysisOptions().subset,
        {
            "training": on_cpu,
            "analysis": held(analysis_ratios(records, machines[0], of_memory)),
            f"training, {machines[1].name}": on_gpu,
        },
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    )


def rounded(value: float) -> float:
    """To the digits that a fit or a clock has."""
    return float(f"{value:.{DIGITS}g}")


def write(path: Path = COST_FILE) -> None:
    """Write the file."""
    write_atomically(path, json.dumps(plain(cost_data()), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write()
    print(f"wrote {COST_FILE}")
