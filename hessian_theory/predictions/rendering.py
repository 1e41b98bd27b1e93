"""A prediction report as tables' contents for people and as plain data for programs."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from patchlaw.hessian_theory.predictions.answer import Answer
from patchlaw.hessian_theory.predictions.architecture import Architecture
from patchlaw.hessian_theory.predictions.bounds import CurvatureBounds
from patchlaw.hessian_theory.predictions.evidence import Interval, Number
from patchlaw.hessian_theory.predictions.laws import (
    OVER_ALL,
    OVER_ANGLES,
    RESIDUAL,
    RatioPrediction,
)
from patchlaw.hessian_theory.predictions.report import PredictionReport
from patchlaw.hessian_theory.predictions.sizes import SizeEstimate


class TableContent(NamedTuple):
    """What a table says; whoever prints it chooses how."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def _answer_data(answer: Answer) -> dict[str, Any]:
    record = answer.calibration
    return {
        "matrix": answer.matrix,
        "value": _number_data(answer.value),
        "interval": _plain(answer.interval),
        "law": answer.law,
        "formula": answer.prediction.formula,
        "aimed_coverage": answer.aimed,
        "coverage": record.coverage,
        "choice_coverage": answer.choice_coverage,
        "factor": record.factor,
        "regime": record.regime,
        "depths": list(record.depths),
        "held_out": {source: list(counts) for source, counts in record.held_out.items()},
        "paper": _plain(answer.paper),
        "paper_factor": answer.paper_calibration.factor,
        "improvements": _plain(answer.improvements),
        "outside": list(answer.outside),
    }


def report_tables(report: PredictionReport) -> list[TableContent]:
    """One table of ratios for G, one for R, then bounds and sizes of each model."""
    first, second = report.inputs.first.n_patches, report.inputs.second.n_patches
    step = f"P = {first} -> {second}, alpha = {report.inputs.aggregation_exponent}"
    of_g = report.ratios[OVER_ANGLES] + report.ratios[OVER_ALL]
    tables = [
        _ratio_table(f"Ratio of lambda_max(G), {step}", of_g),
        _ratio_table(f"Ratio of lambda_max(R) over the angles, {step}", report.ratios[RESIDUAL]),
    ]
    for n_patches, interval in zip((first, second), report.block_bounds, strict=True):
        if interval is not None:
            title = f"lambda_max(G) over the angles from the blocks, P = {n_patches}"
            row = (_show(interval.low), _show(interval.high), "proven")
            tables.append(TableContent(title, ("at least", "at most", "status"), (row,)))
    for architecture, bounds, sizes in report.models:
        tables += [_bound_table(architecture, bounds), _size_table(architecture, sizes)]
    return tables


def report_data(report: PredictionReport) -> dict[str, Any]:
    """The report as JSON-ready data; exact values appear as a fraction beside the float."""
    inputs = report.inputs
    return {
        "answer": _answer_data(report.answer),
        "inputs": {
            "n_patches": [inputs.first.n_patches, inputs.second.n_patches],
            "aggregation_exponent": _number_data(inputs.aggregation_exponent),
        },
        "ratios": _plain(report.ratios[OVER_ANGLES]),
        "level_off_ratios": _plain(report.ratios[OVER_ALL]),
        "residual_ratios": _plain(report.ratios[RESIDUAL]),
        "block_bounds": _plain(report.block_bounds),
        "models": [_model_data(*model) for model in report.models],
    }


def _ratio_table(title: str, predictions: tuple[RatioPrediction, ...]) -> TableContent:
    premises: list[str] = []
    rows = []
    for item in predictions:
        mark = ""
        if item.interval is not None and item.interval.premise:
            if item.interval.premise not in premises:
                premises.append(item.interval.premise)
            mark = f" ({premises.index(item.interval.premise) + 1})"
        rows.append(
            (
                item.law,
                "-" if item.ratio is None else _show(item.ratio),
                _show_interval(item.interval) + mark,
                item.status + (", contradicted" if item.outside_interval else ""),
                ", ".join(item.used) if item.reason is None else item.reason,
            )
        )
    notes = [f"({index}) given that {text}" for index, text in enumerate(premises, start=1)]
    header = ("law", "ratio", "interval", "status", "inputs used")
    return TableContent(title, header, tuple(rows), "\n".join(notes))


def _bound_table(model: Architecture, found: Sequence[CurvatureBounds]) -> TableContent:
    rows = [
        (
            bound.quantity,
            "angles and bias" if bounds.includes_bias else "angles",
            _show(bound.value),
            bound.formula,
            bound.status,
            ", ".join(bound.used) or "architecture",
        )
        for bounds in found
        # the element bounds are between angles, so they do not change with the bias
        for bound in (bounds.all()[:3] if bounds.includes_bias else bounds.all())
    ]
    title = f"Rigorous upper bounds, P = {model.n_patches}"
    header = ("quantity", "parameters", "at most", "formula", "status", "inputs used")
    return TableContent(title, header, tuple(rows))


def _size_table(model: Architecture, sizes: Sequence[SizeEstimate]) -> TableContent:
    rows = [
        (
            item.quantity,
            "-" if item.value is None else _show(item.value),
            _show_interval(item.interval),
            item.formula,
            item.status,
            ", ".join(item.used) if item.reason is None else item.reason,
        )
        for item in sizes
    ]
    title = f"Size estimates, P = {model.n_patches}"
    header = ("quantity", "estimate", "range", "formula", "status", "inputs used")
    return TableContent(title, header, tuple(rows))


def _show(value: Number) -> str:
    """Four digits, with the fraction in front where it is short and exact."""
    if isinstance(value, Fraction):
        if value.denominator == 1 and abs(value) < 10**6:
            return str(value)
        if len(str(value)) <= 9:
            return f"{value} = {float(value):.4g}"
    return f"{float(value):.4g}"


def _show_interval(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    return f"{float(interval.low):.4g} .. {float(interval.high):.4g}"


def _number_data(value: Number) -> dict[str, Any]:
    exact = str(value) if isinstance(value, Fraction) else None
    return {"value": float(value), "exact": exact}


def _plain(value: Any) -> Any:
    """Predictions, bounds, sizes and intervals as JSON has them; empty texts become null."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Interval):
        ends = {"low": float(value.low), "high": float(value.high)}
        return {**ends, "premise": value.premise or None}
    if not is_dataclass(value):
        return value
    found = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if "assumption" in found:
        found["assumption"] = found["assumption"] or None
    if isinstance(value, RatioPrediction):
        found["ratio"] = None if value.ratio is None else _number_data(value.ratio)
        found |= {"used": list(value.used), "outside_interval": value.outside_interval}
    return found


def _model_data(
    model: Architecture, found: Sequence[CurvatureBounds], sizes: tuple[SizeEstimate, ...]
) -> dict[str, Any]:
    kept = ("n_patches", "depth", "n_qubits", "image_side", "n_classes")
    return {
        **{name: getattr(model, name) for name in kept},
        "scale": _number_data(model.scale),
        "angles_per_patch": model.angles_per_patch,
        "bounds": [
            {"includes_bias": bounds.includes_bias, "upper": _plain(bounds.all())}
            for bounds in found
        ],
        "sizes": _plain(sizes),
    }
