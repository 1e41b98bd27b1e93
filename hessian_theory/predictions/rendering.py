"""A prediction report as rich tables for people and as plain data for programs."""

from fractions import Fraction
from typing import Any

from rich.table import Table

from patchlaw.hessian_theory.predictions.bounds import UpperBound
from patchlaw.hessian_theory.predictions.evidence import Interval, Number
from patchlaw.hessian_theory.predictions.laws import RatioPrediction
from patchlaw.hessian_theory.predictions.report import ModelPrediction, PredictionReport
from patchlaw.hessian_theory.predictions.sizes import SizeEstimate


def report_tables(report: PredictionReport) -> list[Table]:
    """One table of ratios for G, one for R, then bounds and sizes of each model."""
    first, second = report.inputs.first.n_patches, report.inputs.second.n_patches
    alpha = report.inputs.aggregation_exponent
    step = f"P = {first} -> {second}, alpha = {alpha}"
    ratios = report.ratios + report.level_off_ratios
    tables = [
        _ratio_table(f"Ratio of lambda_max(G), {step}", ratios),
        _ratio_table(f"Ratio of lambda_max(R) over the angles, {step}", report.residual_ratios),
    ]
    for n_patches, interval in zip((first, second), report.block_bounds, strict=True):
        if interval is not None:
            table = Table(title=f"lambda_max(G) over the angles from the blocks, P = {n_patches}")
            for heading in ("at least", "at most", "status"):
                table.add_column(heading)
            table.add_row(_show(interval.low), _show(interval.high), "proven")
            tables.append(table)
    for model in report.models:
        tables += [_bound_table(model), _size_table(model)]
    return tables


def report_data(report: PredictionReport) -> dict[str, Any]:
    """The report as JSON-ready data; exact values appear as a fraction beside the float."""
    inputs = report.inputs
    return {
        "inputs": {
            "n_patches": [inputs.first.n_patches, inputs.second.n_patches],
            "aggregation_exponent": _number_data(inputs.aggregation_exponent),
        },
        "ratios": [_ratio_data(item) for item in report.ratios],
        "level_off_ratios": [_ratio_data(item) for item in report.level_off_ratios],
        "residual_ratios": [_ratio_data(item) for item in report.residual_ratios],
        "block_bounds": [_interval_data(interval) for interval in report.block_bounds],
        "models": [_model_data(model) for model in report.models],
    }


def _ratio_table(title: str, predictions: tuple[RatioPrediction, ...]) -> Table:
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
    table = Table(title=title, caption="\n".join(notes) or None, caption_justify="left")
    for heading in ("law", "ratio", "interval", "status", "inputs used"):
        table.add_column(heading, no_wrap=heading in ("law", "interval"), overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _bound_table(model: ModelPrediction) -> Table:
    table = Table(title=f"Rigorous upper bounds, P = {model.architecture.n_patches}")
    for heading in ("quantity", "parameters", "at most", "formula", "status", "inputs used"):
        table.add_column(heading, overflow="fold")
    for bounds in model.bounds:
        scope = "angles and bias" if bounds.includes_bias else "angles"
        # the element bounds are between angles, so they do not change with the bias
        shown = bounds.all()[:3] if bounds.includes_bias else bounds.all()
        for bound in shown:
            used = ", ".join(bound.used) or "architecture"
            table.add_row(
                bound.quantity, scope, _show(bound.value), bound.formula, bound.status, used
            )
    return table


def _size_table(model: ModelPrediction) -> Table:
    table = Table(title=f"Size estimates, P = {model.architecture.n_patches}")
    for heading in ("quantity", "estimate", "range", "formula", "status", "inputs used"):
        table.add_column(heading, overflow="fold")
    for item in model.sizes:
        table.add_row(
            item.quantity,
            "-" if item.value is None else _show(item.value),
            _show_interval(item.interval),
            item.formula,
            item.status,
            ", ".join(item.used) if item.reason is None else item.reason,
        )
    return table


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


def _interval_data(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    return {
        "low": float(interval.low),
        "high": float(interval.high),
        "premise": interval.premise or None,
    }


def _ratio_data(item: RatioPrediction) -> dict[str, Any]:
    return {
        "law": item.law,
        "formula": item.formula,
        "ratio": None if item.ratio is None else _number_data(item.ratio),
        "used": list(item.used),
        "status": item.status,
        "assumption": item.assumption or None,
        "interval": _interval_data(item.interval),
        "outside_interval": item.outside_interval,
        "reason": item.reason,
    }


def _bound_data(bound: UpperBound) -> dict[str, Any]:
    return {
        "quantity": bound.quantity,
        "value": bound.value,
        "formula": bound.formula,
        "used": list(bound.used),
        "status": bound.status,
    }


def _size_data(item: SizeEstimate) -> dict[str, Any]:
    return {
        "quantity": item.quantity,
        "value": item.value,
        "formula": item.formula,
        "used": list(item.used),
        "status": item.status,
        "assumption": item.assumption,
        "interval": _interval_data(item.interval),
        "reason": item.reason,
    }


def _model_data(model: ModelPrediction) -> dict[str, Any]:
    architecture = model.architecture
    return {
        "n_patches": architecture.n_patches,
        "depth": architecture.depth,
        "n_qubits": architecture.n_qubits,
        "image_side": architecture.image_side,
        "n_classes": architecture.n_classes,
        "scale": _number_data(architecture.scale),
        "angles_per_patch": architecture.angles_per_patch,
        "bounds": [
            {
                "includes_bias": bounds.includes_bias,
                "upper": [_bound_data(bound) for bound in bounds.all()],
            }
            for bounds in model.bounds
        ],
        "sizes": [_size_data(item) for item in model.sizes],
    }
