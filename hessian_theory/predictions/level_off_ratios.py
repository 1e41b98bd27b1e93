"""The two-term law with the pixel bias as laws for lambda_max at P2 over lambda_max at P1.

Unlike the laws over the angles alone (``laws``) these speak of G over all parameters, and they are
fed with the first model's two parts: what they say of the second is a prediction from its number
of patches and, for ``level_off_loss``, from its loss.
"""

from typing import Literal, TypeAlias, get_args

from patchlaw.hessian_theory.input_checks import is_finite
from patchlaw.hessian_theory.predictions.evidence import Interval, Number
from patchlaw.hessian_theory.predictions.laws import RatioInputs, RatioPrediction, quantity_pair
from patchlaw.hessian_theory.predictions.level_off import ASSUMPTION, LevelOffLaw

LevelOffRatioLaw: TypeAlias = Literal["level_off", "level_off_loss"]
LEVEL_OFF_RATIO_LAWS: tuple[LevelOffRatioLaw, ...] = get_args(LevelOffRatioLaw)

_FORMULA = "(a P2^(1 - 2 alpha) + b P2^(2 - 2 alpha)) / (the same at P1)"
_USED = ("P1", "P2", "alpha", "angle_part1", "bias_part1")
_LOSS_ASSUMPTION = f"as level_off, but with both parts proportional to the loss: {ASSUMPTION}"


def predict_level_off_ratios(
    inputs: RatioInputs, parts: tuple[Number, Number]
) -> tuple[RatioPrediction, ...]:
    """Both laws, in the order of ``LEVEL_OFF_RATIO_LAWS``.

    Formulas, with a and b through the parts at P1 (``LevelOffLaw``)::

        level_off       lambda(P2) / lambda(P1),  lambda(P) = a P^(1 - 2 alpha) + b P^(2 - 2 alpha)
        level_off_loss  the same times L2 / L1

    Each interval is [max_2 / sum_1, sum_2 / max_1] of the parts, times L2 / L1 in the second law.

    Args:
        inputs: the two models and alpha; ``level_off_loss`` takes their losses.
        parts: lambda_max of G over the angles and over the bias, both of the first model.

    Raises:
        TypeError: a part is not a real number.
        ValueError: a part is negative or not finite, or both are zero.
    """
    first, second = inputs.first.n_patches, inputs.second.n_patches
    law = LevelOffLaw.from_parts(first, *parts, inputs.aggregation_exponent)
    ratio, interval = law.ratio(first, second), law.ratio_interval(first, second)
    plain = RatioPrediction(
        law="level_off",
        formula=_FORMULA,
        ratio=ratio,
        used=_USED,
        status="assumed",
        assumption=ASSUMPTION,
        interval=interval,
    )
    return plain, _with_loss(inputs, ratio, interval)


def _with_loss(inputs: RatioInputs, ratio: Number, interval: Interval) -> RatioPrediction:
    """The two-term law times the ratio of losses, or why there is no such ratio."""
    names, factor, reason = quantity_pair("loss", inputs.first.loss, inputs.second.loss)
    if factor is not None and not is_finite(interval.high * factor):
        factor, reason = None, "the ratio is too large for a float; check the inputs"
    return RatioPrediction(
        law="level_off_loss",
        formula=f"{_FORMULA}, times L2/L1",
        ratio=None if factor is None else ratio * factor,
        used=() if factor is None else (*_USED, *names),
        status="assumed",
        assumption=_LOSS_ASSUMPTION,
        interval=(
            None
            if factor is None
            else Interval(interval.low * factor, interval.high * factor, _LOSS_ASSUMPTION)
        ),
        reason=reason,
    )
