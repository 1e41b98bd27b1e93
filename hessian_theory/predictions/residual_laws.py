"""Laws for the residual term: lambda_max(R) at P2 patches over that at P1 patches.

Over the angles R is block-diagonal, R_pp = s <sum_k g_k Hess f_pk> with s = c P^(-alpha), so
lambda_max(R) = max_p lambda_max(R_pp): nothing adds up over patches and no alignment enters.
"""

from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias, get_args

from patchlaw.hessian_theory.input_checks import is_finite
from patchlaw.hessian_theory.predictions.evidence import Interval, Number, Status
from patchlaw.hessian_theory.predictions.laws import RatioInputs, RatioPrediction
from patchlaw.hessian_theory.predictions.powers import quotient

ResidualLaw: TypeAlias = Literal["residual_elementwise", "residual_loss", "residual_blocks"]
RESIDUAL_LAWS: tuple[ResidualLaw, ...] = get_args(ResidualLaw)


class _LawText(NamedTuple):
    formula: str
    status: Status
    assumption: str


_TEXT: dict[ResidualLaw, _LawText] = {
    "residual_elementwise": _LawText(
        "(P1/P2)^alpha",
        "assumed",
        "the largest lambda_max of <sum_k g_k Hess f_pk> is the same at both P; the paper's law",
    ),
    "residual_loss": _LawText(
        "(P1/P2)^alpha L2/L1",
        "assumed",
        "the largest lambda_max of <sum_k g_k Hess f_pk> follows the loss, as its bound "
        "<|g|_1> <= 2 (1 - exp(-L)) does for a small one",
    ),
    "residual_blocks": _LawText(
        "max_p lambda_max(R_pp) at P2 / the same at P1, over the angles", "proven", ""
    ),
}


def predict_residual_ratios(inputs: RatioInputs) -> tuple[RatioPrediction, ...]:
    """Every residual law's prediction, in the order of ``RESIDUAL_LAWS``."""
    return tuple(predict_residual_ratio(inputs, law) for law in RESIDUAL_LAWS)


def predict_residual_ratio(
    inputs: RatioInputs, law: ResidualLaw = "residual_elementwise"
) -> RatioPrediction:
    """The ratio of lambda_max(R) over the angles under one law.

    ``residual_blocks`` is exact, and its interval is that single value; without the blocks there
    is no interval, as R_pp may be anything below its bound.

    Args:
        inputs: the two models and alpha.
        law: one of ``RESIDUAL_LAWS``.

    Raises:
        ValueError: the law is unknown.
    """
    if law not in RESIDUAL_LAWS:
        raise ValueError(f"law: expected one of {', '.join(RESIDUAL_LAWS)}, got {law!r}")
    text = _TEXT[law]
    ratio, used, reason = _evaluate(inputs, law)
    if ratio is not None and not is_finite(ratio):
        ratio, used, reason = None, (), "the ratio is too large for a float; check the inputs"
    exact = ratio is not None and law == "residual_blocks"
    return RatioPrediction(
        law=law,
        formula=text.formula,
        ratio=ratio,
        used=used,
        status=text.status,
        assumption=text.assumption,
        interval=Interval(ratio, ratio) if exact and ratio is not None else None,
        reason=reason,
    )


def _evaluate(
    inputs: RatioInputs, law: ResidualLaw
) -> tuple[Number | None, tuple[str, ...], str | None]:
    """The ratio, the inputs it used, and why it is missing."""
    first, second = inputs.first, inputs.second
    power = inputs.patch_power(inputs.aggregation_exponent)
    used: tuple[str, ...] = ("P1", "P2", "alpha")
    if law == "residual_elementwise":
        return power, used, None
    if law == "residual_loss":
        name, top, bottom = "loss", second.loss, first.loss
    else:
        power, used = Fraction(1), ()
        name = "residual_blocks"
        top, bottom = _largest(second.residual_blocks), _largest(first.residual_blocks)
    if bottom is None or top is None:
        missing = [f"{name}{i}" for i, value in ((1, bottom), (2, top)) if value is None]
        return None, (), f"needs {' and '.join(missing)}"
    if bottom <= 0:
        return None, (), f"{name}1 gives {float(bottom):g}, so the ratio is undefined"
    return power * quotient(top, bottom), (*used, f"{name}1", f"{name}2"), None


def _largest(blocks: tuple[Number, ...] | None) -> Number | None:
    return None if blocks is None else max(blocks)
