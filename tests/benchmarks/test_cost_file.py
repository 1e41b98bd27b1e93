"""The cost model: its file, the benchmarks it was fitted to and those it was not, the records."""

import json
import math

import pytest

from benchmarks.cost_file import analysis_ratios, cost_data, cpu, memory, training_ratios
from benchmarks.record import Figure, Measurement, Record, read_records
from patchlaw.paper_figures.records import Records
from patchlaw.verification.runs import RunConfig
from patchlaw.verification.runs.cost import COST_FILE, Held, RunCost, cost_model
from patchlaw.verification.store.json_files import plain

MODEL = cost_model()
CPU, H200 = MODEL.machines


@pytest.fixture(scope="module")
def timings() -> dict[str, Record]:
    return read_records()


@pytest.fixture(scope="module")
def records() -> Records:
    return Records.read()


def seconds(kind: str, patches: int, depth: int, images: int) -> float:
    config = RunConfig.paper(patches, depth)
    return RunCost(config, images, 10_000, CPU, MODEL.memory).seconds(kind, images)


def test_the_file_is_in_step_with_the_records() -> None:
    """A coefficient typed in, or records that changed since: `python -m benchmarks.cost_file`."""
    assert json.loads(COST_FILE.read_text(encoding="utf-8")) == plain(cost_data())


def test_the_benchmarks_that_were_fitted_are_met(timings: dict[str, Record]) -> None:
    """Within 12 %, at every P, d and N: sees a term that does not grow as the engine does."""
    kinds = {"training step": "step", "forward": "forward", "Hessian": "H", "Gauss-Newton": "G"}
    seen = 0
    for m in timings["growth"].measurements:
        for label, kind in kinds.items():
            if m.label.startswith(label):
                patches, depth, n = (m.details[key] for key in ("patches", "depth", "samples"))
                found = seconds(kind, patches, depth, 1000 if kind == "step" else n)
                assert found == pytest.approx(m.seconds_min, rel=0.12), m.label
                seen += 1
    assert seen == 4 * 8


def test_benchmarks_that_were_not_fitted_are_met(timings: dict[str, Record]) -> None:
    """Other scripts, on other days: a fit that only repeats its own points fails here."""
    rows = [
        ("peak_memory", -1, "H", 16, 200, 60_000),  # states of 23,805 images kept
        ("hessian_depth", 1, "H", 4, 200, 60_000),
        ("curvature_products", 1, "G", 4, 50, 60_000),
        ("full_data_forward", 0, "forward", 4, 50, 60_000),
        ("training_step", 0, "step", 4, 50, 1000),
    ]
    for name, which, kind, patches, depth, images in rows:
        recorded = timings[name].measurements[which].seconds_min
        assert seconds(kind, patches, depth, images) == pytest.approx(recorded, rel=0.15), name


def test_recorded_durations_lie_within_the_factors_that_are_printed(records: Records) -> None:
    """Counted here: what the command prints as its error is the error, whatever it is."""
    ratios = {
        "training": list(training_ratios(records.runs.values(), CPU, MODEL.memory)),
        "analysis": list(analysis_ratios(records, CPU, MODEL.memory)),
        f"training, {H200.name}": list(training_ratios(records.runs.values(), H200, MODEL.memory)),
    }
    assert set(ratios) == set(MODEL.held)
    for what, found in ratios.items():
        held: Held = MODEL.held[what]
        assert held.n == len(found)
        inside = [r for r in found if 1 / held.factor * 0.999 <= r <= held.factor * 1.001]
        assert 0.8 * len(found) <= len(inside)
        assert max(max(r, 1 / r) for r in found) == pytest.approx(held.largest, rel=1e-3)
        half = sum(r > held.median * 1.001 for r in found)
        assert half <= len(found) / 2


def test_a_run_of_the_scaling_study_by_hand(records: Records) -> None:
    """Fifteen epochs of 20 steps of 100 images, 2,000 and 10,000 evaluated; P = 49, d = 10."""
    step, forward = CPU.passes["step"], CPU.passes["forward"]
    entry = 20 * (8 * 6 * 100 * step.times_floor + 80 * step.layer + step.fixed)
    for images in (2000, 10_000):
        entry += 8 * 2 * images * forward.times_floor + 80 * forward.layer + forward.fixed
    by_hand = 15 * 49 * 256**2 * entry / CPU.gflops / 1e9
    run = records.runs["P49_d10_s1001_91457611"]
    cost = RunCost(run.config, 2000, 10_000, CPU, MODEL.memory)
    assert cost.training() == pytest.approx(by_hand, rel=1e-12)
    recorded = sum(entry.seconds for entry in run.history)
    assert math.log(recorded / by_hand) == pytest.approx(0, abs=math.log(1.5))


def test_memory_is_that_of_the_peaks(timings: dict[str, Record]) -> None:
    """Beside the largest process that was measured: P = 16, d = 200, N = 60,000."""
    found = RunCost(RunConfig.paper(16, 200), 60_000, 10_000, CPU, memory(timings)).peak_bytes
    assert found == pytest.approx(timings["peak_memory"].figures[0].value * 1e9, rel=0.1)


def test_the_fit_finds_the_coefficients_that_made_the_times() -> None:
    """At several n, each with a rate of its own: a wrong power of P, d, N or n fits nothing."""
    coefficients = {"forward": (2, 40, 8e3), "training step": (6, 70, 2e4)}
    coefficients |= {"Hessian product": (12, 300, 9e3), "Gauss-Newton product": (8, 170, 7e3)}
    points = [(4, 50, 10_000, 8), (4, 200, 10_000, 8), (16, 50, 10_000, 8), (4, 50, 60_000, 8)]
    points += [(4, 50, 10_000, 6), (4, 50, 10_000, 10), (9, 2, 500, 10)]
    measurements = []
    for label, (products, layer, fixed) in coefficients.items():
        for patches, depth, samples, qubits in points:
            rate, images = 20.0 * qubits, 1000 if label == "training step" else samples
            entry = 8 * 1.25 * products * images + layer * qubits * depth + fixed
            taken = patches * 4**qubits * entry / rate / 1e9
            details = {"patches": patches, "depth": depth, "samples": samples}
            details |= {"qubits": qubits, "gflops": rate}
            measurements.append(Measurement(label, taken, taken, 1, 0, details))
    environment = {"cpu": "made up", "cores": 2}
    made = {
        "growth": Record("growth", "", "full", [], measurements, environment=environment),
        "gemm_floor": Record("gemm_floor", "", "full", [Figure("the floor", 160, "")], []),
    }
    found = cpu(made)
    for label, name in zip(coefficients, ("forward", "step", "H", "G"), strict=True):
        fitted = found.passes[name]
        expected = (1.25, *coefficients[label][1:])
        assert (fitted.times_floor, fitted.layer, fitted.fixed) == pytest.approx(expected, rel=1e-3)
