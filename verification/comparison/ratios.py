"""Measured eigenvalue ratios beside every prediction law, for our models and the author's."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations, pairwise

from patchlaw.hessian_theory.predictions import BESIDE, LAWS, MeasuredModel, RatioInputs
from patchlaw.verification.records import (
    ANGLE_BLOCK,
    BIAS_BLOCK,
    TERMS,
    Eigenvalue,
    TrainedModel,
    alike_but_for,
    all_converged,
    author_models,
    ratio_interval,
)

_SHARED = "the patches share their angles, and the laws speak of patches with angles of their own"


def law_inputs(model: TrainedModel) -> MeasuredModel:
    """Its loss, <tr S>, blocks and parts of G as far as they converged; itself as "record".

    Blocks only if all of them converged, A if G over the angles did as well.

    Raises:
        ValueError: numbers that contradict each other, such as <tr S> above its ceiling at that
            loss.
    """
    blocks, residual_blocks = (
        tuple(block.value for block in found) if found and all_converged(found) else None
        for found in (model.blocks("G"), model.blocks("R"))
    )
    angles, bias = parts_of_g(model) or (None, None)
    try:
        return MeasuredModel(
            model.run.n_patches,
            loss=model.minimum.train.loss,
            curvature=model.minimum.train.mean_softmax_trace,
            blocks=blocks,
            residual_blocks=residual_blocks,
            alignment=_alignment(model) if blocks else None,
            angle_part=angles,
            bias_part=bias,
            more={"record": model},
        )
    except ValueError as error:
        raise ValueError(f"{model.path or model.label}: {error}") from error


def _alignment(model: TrainedModel) -> float | None:
    angles, found = model.top(ANGLE_BLOCK), model.alignment
    if angles is None or found is None or not angles.converged:
        return None
    # A = 1 but for the eigenvalues' error
    inside = angles.value - angles.radius <= sum(block.value for block in model.blocks("G"))
    return min(found.value, 1.0) if inside else found.value


def parts_of_g(model: TrainedModel) -> tuple[float, float] | None:
    """lambda_max of G over the angles and over the bias; None unless converged and one is positive.

    That over the bias is 0 in a model without one. A zero may come out negative by its rounding.
    """
    angles, bias = model.top(ANGLE_BLOCK), model.top(BIAS_BLOCK)
    if angles is None or (bias is None and model.run.pixel_bias):
        return None
    if not all_converged([angles] if bias is None else [angles, bias]):
        return None
    parts = max(0.0, angles.value), 0.0 if bias is None else max(0.0, bias.value)
    return parts if max(parts) > 0 else None


@dataclass(frozen=True)
class LawComparison:
    """One law's ratio beside one measured ratio lambda_max(P2) / lambda_max(P1).

    Attributes:
        matrix: "H", "G", "R" or "G over the angles".
        n_patches: (P1, P2).
        measured: the measured ratio; NaN where an eigenvalue did not converge or the first is 0.
        measured_interval: from the eigenvalues' intervals; None for recorded eigenvalues, which
            have none.
        status: "proven", "assumed" or "empirical".
        predicted: the law's ratio; None where it cannot be computed.
        relative_error: predicted / measured - 1; None where either is missing.
        reason: why the measured ratio or the prediction is missing.
        seed: seed of both runs, where it tells runs apart.
        protocol: data and training of both runs, where they differ between runs.
        inputs: what the prediction was computed from, by name: "loss1" is L at P1; see
            ``hessian_theory.predictions.Input``.
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


def compare_models(
    models: Iterable[TrainedModel], *, every_pair: bool = True
) -> list[LawComparison]:
    """Every pair of P at equal depth, seed and protocol, every matrix that both have, every law.

    Which law stands beside which matrix is its registration's (``BESIDE``). Laws from blocks need
    every block's eigenvalue converged, those that level off both parts at P1.

    Args:
        models: of any source.
        every_pair: without it neighbouring P only.

    Raises:
        ValueError: a model whose numbers contradict each other.
    """
    known = {model: law_inputs(model) for model in models}
    return [
        row
        for group in alike_but_for("n_patches", known)
        for first, second in (combinations(group, 2) if every_pair else pairwise(group))
        for alpha in [Fraction(str(first.run.aggregation_exponent))]
        for row in _rows(first, second, RatioInputs(known[first], known[second], alpha))
    ]


def compare_author(*, every_pair: bool = False) -> list[LawComparison]:
    """The author's Table 3, P = 4 to 9 and 9 to 16 at each depth, beside the laws it can feed.

    The recorded eigenvalues carry no error bound; the laws use the recorded training losses.

    Args:
        every_pair: 4 to 16 as well.
    """
    rows = compare_models(author_models(), every_pair=every_pair)
    return [row for row in rows if row.predicted is not None]


def _rows(
    first: TrainedModel, second: TrainedModel, inputs: RatioInputs
) -> Iterable[LawComparison]:
    run = first.run
    for matrix in TERMS:
        one, two = first.top(matrix), second.top(matrix)
        if one is None or two is None:
            continue
        measured, interval, missing = _measured_ratio(matrix, (first, second), (one, two))
        for law in LAWS.values():
            if matrix not in BESIDE[law.matrix]:
                continue
            if law.listed != "always" and not law.is_fed(inputs):
                continue
            prediction = law.predict(inputs)
            if run.shared_angles:
                prediction = replace(prediction, ratio=None, reason=_SHARED)
            predicted = None if prediction.ratio is None else float(prediction.ratio)
            usable = predicted is not None and missing is None and measured != 0
            yield LawComparison(
                matrix=matrix,
                depth=run.depth,
                n_patches=(run.n_patches, second.run.n_patches),
                measured=measured,
                measured_interval=interval,
                law=prediction.law,
                formula=prediction.formula,
                status=prediction.status,
                predicted=predicted,
                relative_error=(predicted or 0.0) / measured - 1 if usable else None,
                reason="; ".join(filter(None, (missing, prediction.reason))) or None,
                seed=run.seed,
                protocol=run.protocol,
                runs=(first.name, second.name),
                inputs={name: float(value) for name, value in prediction.used.items()},
            )


def _measured_ratio(
    matrix: str, models: tuple[TrainedModel, TrainedModel], tops: tuple[Eigenvalue, Eigenvalue]
) -> tuple[float, tuple[float, float] | None, str | None]:
    """The ratio, its interval, and why there is none."""
    one, two = tops
    loose = [str(m.run.n_patches) for m, top in zip(models, tops, strict=True) if not top.converged]
    if loose:
        reason = f"lambda_max({matrix}) at P = {' and '.join(loose)} did not converge"
        return math.nan, None, reason
    if one.value == 0:
        return math.nan, None, f"lambda_max({matrix}) at P = {models[0].run.n_patches} is zero"
    return two.value / one.value, ratio_interval(one, two), None
