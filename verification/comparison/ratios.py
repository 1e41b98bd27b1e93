"""Measured eigenvalue ratios beside every prediction law, for our models and the author's."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from patchlaw.hessian_theory.predictions import (
    RatioInputs,
    RatioPrediction,
    predict_level_off_ratios,
    predict_ratios,
    predict_residual_ratios,
)
from patchlaw.verification.analysis.record import AnalysisRecord
from patchlaw.verification.comparison.compared_model import (
    ComparedModel,
    SolvedEigenvalue,
    alike_but_for_patches,
)
from patchlaw.verification.measurement import MinimumMeasurement
from patchlaw.verification.records import author_results


@dataclass(frozen=True)
class LawComparison:
    """One law's ratio beside one measured ratio lambda_max(P2) / lambda_max(P1).

    Attributes:
        matrix: "H", "G", "R" or "G over the angles".
        depth: d.
        n_patches: (P1, P2).
        measured: the measured ratio; NaN where an eigenvalue did not converge or the first is 0.
        measured_interval: from the eigenvalues' intervals; None for recorded eigenvalues, which
            have none.
        law: the law's name.
        formula: the law.
        status: "proven", "assumed" or "empirical".
        predicted: the law's ratio; None where it cannot be computed.
        relative_error: predicted / measured - 1; None where either is missing.
        reason: why the measured ratio or the prediction is missing.
        seed: seed of both runs, where it tells runs apart.
        protocol: data and training of both runs, where they differ between runs.
        runs: names of both.
        inputs: what the prediction was computed from, by name: "loss1" is L at P1, "curvature"
            <tr S>, "blocks" sum_p lambda_max(G_pp), "residual_blocks" max_p lambda_max(R_pp),
            "alignment" A, "angle_part" and "bias_part" lambda_max of G over the angles and over
            the bias.
    """

    matrix: str
    depth: int
    n_patches: tuple[int, int]
    measured: float
    measured_interval: tuple[float, float] | None
    law: str
    formula: str
    status: str
    predicted: float | None
    relative_error: float | None
    reason: str | None
    seed: int | None = None
    protocol: str = ""
    runs: tuple[str, str] | None = None
    inputs: Mapping[str, float] = field(default_factory=dict)


def compare_measured(models: Sequence[MinimumMeasurement]) -> list[LawComparison]:
    """Every pair of P at equal depth, every matrix, every law that speaks of it.

    The laws of lambda_max(G) stand beside H, G and G over the angles (they are derived for the
    last), those that level off beside H and G, the residual laws beside R. Laws from blocks need
    every block's eigenvalue converged, those that level off both parts at P1.
    """
    return compare_models([ComparedModel.of_measurement(model) for model in models])


def compare_records(records: Sequence[AnalysisRecord]) -> list[LawComparison]:
    """The same for analysed runs: every pair of P at equal depth, seed, images and epochs.

    Raises:
        ValueError: a record whose numbers contradict each other.
    """
    return compare_models([ComparedModel.of_record(record) for record in records])


def compare_author(*, every_pair: bool = False) -> list[LawComparison]:
    """The author's Table 3, P = 4 to 9 and 9 to 16 at each depth, beside the laws it can feed.

    The recorded eigenvalues carry no error bound; the laws use the recorded training losses.

    Args:
        every_pair: 4 to 16 as well.
    """
    rows: list[LawComparison] = []
    for group in alike_but_for_patches([ComparedModel.of_author(r) for r in author_results()]):
        for first, second in combinations(group, 2) if every_pair else pairwise(group):
            rows += _rows(first, second)
    return [row for row in rows if row.predicted is not None]


def compare_models(models: Sequence[ComparedModel]) -> list[LawComparison]:
    """Every pair of P among models that are alike otherwise, every matrix that both have."""
    return [
        row
        for group in alike_but_for_patches(models)
        for first, second in combinations(group, 2)
        for row in _rows(first, second)
    ]


def ratio_interval(first: SolvedEigenvalue, second: SolvedEigenvalue) -> tuple[float, float] | None:
    """Interval of second / first from both intervals; None where first may be <= 0."""
    if first.interval is None or second.interval is None:
        return None
    (low_1, high_1), (low_2, high_2) = first.interval, second.interval
    if low_1 <= 0:
        return None
    return min(low_2 / high_1, low_2 / low_1), max(high_2 / low_1, high_2 / high_1)


def _rows(first: ComparedModel, second: ComparedModel) -> Iterable[LawComparison]:
    inputs = RatioInputs(first.theory, second.theory)
    for matrix in first.top:
        if matrix not in second.top:
            continue
        measured, interval, missing = _measured_ratio(first, second, matrix)
        for prediction in _predictions(inputs, matrix, first.parts):
            predicted = None if prediction.ratio is None else float(prediction.ratio)
            usable = predicted is not None and missing is None and measured != 0
            yield LawComparison(
                matrix=matrix,
                depth=first.depth,
                n_patches=(first.n_patches, second.n_patches),
                measured=measured,
                measured_interval=interval,
                law=prediction.law,
                formula=prediction.formula,
                status=prediction.status,
                predicted=predicted,
                relative_error=(predicted or 0.0) / measured - 1 if usable else None,
                reason="; ".join(filter(None, (missing, prediction.reason))) or None,
                seed=first.seed,
                protocol=first.protocol,
                runs=(first.label, second.label),
                inputs=_input_values(prediction.used, first, second),
            )


def _measured_ratio(
    first: ComparedModel, second: ComparedModel, matrix: str
) -> tuple[float, tuple[float, float] | None, str | None]:
    """The ratio, its interval, and why there is none."""
    one, two = first.top[matrix], second.top[matrix]
    loose = [str(m.n_patches) for m in (first, second) if not m.top[matrix].converged]
    if loose:
        reason = f"lambda_max({matrix}) at P = {' and '.join(loose)} did not converge"
        return math.nan, None, reason
    if one.value == 0:
        return math.nan, None, f"lambda_max({matrix}) at P = {first.n_patches} is zero"
    return two.value / one.value, ratio_interval(one, two), None


def _predictions(
    inputs: RatioInputs, matrix: str, parts: tuple[float, float] | None
) -> Iterable[RatioPrediction]:
    """The laws that speak of a matrix; over the angles alone nothing levels off."""
    if matrix in ("H", "G") and parts is not None:
        return predict_ratios(inputs) + predict_level_off_ratios(inputs, parts)
    if matrix != "R":
        return predict_ratios(inputs)
    unmeasured = inputs.first.residual_blocks is None and inputs.second.residual_blocks is None
    return [
        prediction
        for prediction in predict_residual_ratios(inputs)
        if not (unmeasured and prediction.law == "residual_blocks")
    ]


def _input_values(
    used: Sequence[str], first: ComparedModel, second: ComparedModel
) -> dict[str, float]:
    """Values of the inputs that a law names, in its order."""
    values: dict[str, float] = {"alpha": 1.0}  # RatioInputs' default
    for index, compared in ((1, first), (2, second)):
        model, parts = compared.theory, compared.parts or (None, None)
        values[f"P{index}"] = float(model.n_patches)
        for name, value in (
            ("loss", model.loss),
            ("curvature", model.curvature),
            ("alignment", model.alignment),
            ("angle_part", parts[0]),
            ("bias_part", parts[1]),
            ("blocks", None if model.blocks is None else sum(model.blocks)),
            (
                "residual_blocks",
                None if model.residual_blocks is None else max(model.residual_blocks),
            ),
        ):
            if value is not None:
                values[f"{name}{index}"] = float(value)
    return {name: values[name] for name in used}
