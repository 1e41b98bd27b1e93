"""Laws for lambda_max at P2 patches over lambda_max at P1 patches, depth and task unchanged.

Over the angles of independent QNNs the Gauss-Newton term's non-zero spectrum is that of
s^2 sum_p M_p, M_p = <S^(1/2) J_p J_p^T S^(1/2)>, so that with s = c P^(-alpha)

    lambda_max(G) = A sum_p lambda_max(G_pp) = c^2 P^(1 - 2 alpha) A mean_p lambda_max(M_p),

A in [1/P, 1]. Each law is this identity with something assumed about the last two factors. The
laws are about G; they speak of the Hessian as far as G carries its top eigenvalue.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias, TypeVar, get_args

from patchlaw.hessian_theory.input_checks import aggregation_exponent, is_finite
from patchlaw.hessian_theory.predictions.evidence import Interval, Number, Status
from patchlaw.hessian_theory.predictions.measured_model import MeasuredModel
from patchlaw.hessian_theory.predictions.powers import power, quotient

_T = TypeVar("_T")

RatioLaw: TypeAlias = Literal[
    "elementwise", "aligned", "aligned_loss", "aligned_curvature", "blocks", "exact"
]
RATIO_LAWS: tuple[RatioLaw, ...] = get_args(RatioLaw)


class _LawText(NamedTuple):
    formula: str
    status: Status
    assumption: str
    premise: str


_TEXT: dict[RatioLaw, _LawText] = {
    "elementwise": _LawText(
        "(P1/P2)^(2 alpha)",
        "assumed",
        "the patches' top directions are orthogonal (A = 1/P) and mean_p lambda_max(M_p) is the "
        "same at both P; the paper's law",
        "mean_p lambda_max(M_p) is the same at both P",
    ),
    "aligned": _LawText(
        "(P1/P2)^(2 alpha - 1)",
        "assumed",
        "A and mean_p lambda_max(M_p) are the same at both P",
        "mean_p lambda_max(M_p) is the same at both P",
    ),
    "aligned_loss": _LawText(
        "(P1/P2)^(2 alpha - 1) L2/L1",
        "empirical",
        "A is the same at both P and mean_p lambda_max(M_p) follows the loss; suggested by the "
        "paper's Table 3, where it is within 17.4 % of all eight ratios",
        "mean_p lambda_max(M_p) is proportional to the loss",
    ),
    "aligned_curvature": _LawText(
        "(P1/P2)^(2 alpha - 1) <tr S>2/<tr S>1",
        "assumed",
        "A is the same at both P and mean_p lambda_max(M_p) follows <tr S>",
        "mean_p lambda_max(M_p) is proportional to <tr S>",
    ),
    "blocks": _LawText(
        "B2/B1, B = sum_p lambda_max(G_pp)", "assumed", "A is the same at both P", ""
    ),
    "exact": _LawText("A2 B2 / (A1 B1), B = sum_p lambda_max(G_pp)", "proven", "", ""),
}


@dataclass(frozen=True)
class RatioInputs:
    """The two models between which a ratio is predicted.

    Attributes:
        first: the model in the denominator, P1.
        second: the model in the numerator, P2.
        aggregation_exponent: alpha of s = c P^(-alpha), the same in both; c cancels.

    Raises:
        TypeError: alpha is not a real number.
        ValueError: alpha is NaN, infinite or beyond +-2.
    """

    first: MeasuredModel
    second: MeasuredModel
    aggregation_exponent: Number = Fraction(1)

    def __post_init__(self) -> None:
        """Check alpha; the models have checked themselves."""
        alpha = aggregation_exponent(self.aggregation_exponent)
        object.__setattr__(self, "aggregation_exponent", alpha)

    def patch_power(self, exponent: Number) -> Number:
        """(P1 / P2)^exponent, exact where rational."""
        return power(Fraction(self.first.n_patches, self.second.n_patches), exponent)


@dataclass(frozen=True)
class RatioPrediction:
    """The ratio one law predicts.

    Attributes:
        law: the law's name.
        formula: the law.
        ratio: lambda_max at P2 over lambda_max at P1; None where it cannot be computed.
        used: the inputs the ratio was computed from.
        status: whether the ratio is proven, assumed or empirical.
        assumption: what it takes for the ratio to be right; empty for a proven one.
        interval: contains the true ratio under its premise; None where there is no such bound.
        reason: why there is no ratio; None where there is one.
    """

    law: str
    formula: str
    ratio: Number | None
    used: tuple[str, ...]
    status: Status
    assumption: str
    interval: Interval | None
    reason: str | None = None

    @property
    def outside_interval(self) -> bool:
        """Whether the ratio lies outside the interval: the inputs contradict the law.

        Roundings of a relative 1e-9 are let pass.
        """
        if self.ratio is None or self.interval is None:
            return False
        return not self.interval.contains(self.ratio, relative_tolerance=1e-9)


def predict_eigenvalue_ratio(
    n_patches_1: int,
    n_patches_2: int,
    law: RatioLaw = "elementwise",
    *,
    aggregation_exponent: Number = Fraction(1),
    loss: tuple[Number, Number] | None = None,
    curvature: tuple[Number, Number] | None = None,
    blocks: tuple[tuple[Number, ...], tuple[Number, ...]] | None = None,
    alignment: tuple[Number, Number] | None = None,
) -> Number:
    """Predicted lambda_max(G) at P2 over that at P1, under one law.

    ``predict_ratio`` returns the same number with its interval, assumption and status.

    Args:
        n_patches_1: P1.
        n_patches_2: P2.
        law: one of ``RATIO_LAWS``.
        aggregation_exponent: alpha of s = c P^(-alpha); the paper has 1.
        loss: (L1, L2), mean cross-entropies, for ``aligned_loss``.
        curvature: (<tr S>_1, <tr S>_2), for ``aligned_curvature``.
        blocks: lambda_max(G_pp) of every patch at P1 and at P2, for ``blocks`` and ``exact``.
        alignment: (A1, A2), for ``exact``.

    Returns:
        A Fraction where the law and its inputs make the ratio rational, otherwise a float.

    Raises:
        TypeError: an input is not a number of the right kind.
        ValueError: an input is out of range, contradicts another, or is missing for this law.

    Example:
        >>> predict_eigenvalue_ratio(4, 9, law="elementwise")
        Fraction(16, 81)
    """
    first, second = (
        MeasuredModel(
            n_patches,
            loss=_of_model(loss, "loss", index),
            curvature=_of_model(curvature, "curvature", index),
            blocks=_of_model(blocks, "blocks", index),
            alignment=_of_model(alignment, "alignment", index),
        )
        for index, n_patches in enumerate((n_patches_1, n_patches_2))
    )
    prediction = predict_ratio(RatioInputs(first, second, aggregation_exponent), law)
    if prediction.ratio is None:
        raise ValueError(f"law {law!r}: {prediction.reason}")
    return prediction.ratio


def predict_ratios(inputs: RatioInputs) -> tuple[RatioPrediction, ...]:
    """Every law's prediction, in the order of ``RATIO_LAWS``."""
    return tuple(predict_ratio(inputs, law) for law in RATIO_LAWS)


def predict_ratio(inputs: RatioInputs, law: RatioLaw) -> RatioPrediction:
    """The ratio under one law, with the interval that contains the true one.

    The interval comes from the blocks where both models give them, and then needs no premise:
    [low_2 / high_1, high_2 / low_1] with [low, high] of ``MeasuredModel.top_eigenvalue_range``.
    Otherwise it holds the law's scale of mean_p lambda_max(M_p) fixed and lets A range over
    [1/P, 1], or sets A to its value where that is known.

    Args:
        inputs: the two models and alpha.
        law: one of ``RATIO_LAWS``.

    Raises:
        ValueError: the law is unknown.
    """
    if law not in RATIO_LAWS:
        raise ValueError(f"law: expected one of {', '.join(RATIO_LAWS)}, got {law!r}")
    text = _TEXT[law]
    ratio, used, reason = _evaluate(inputs, law)
    return RatioPrediction(
        law=law,
        formula=text.formula,
        ratio=ratio,
        used=used,
        status=text.status,
        assumption=text.assumption,
        interval=_block_interval(inputs) or _alignment_interval(inputs, law),
        reason=reason,
    )


def _evaluate(
    inputs: RatioInputs, law: RatioLaw
) -> tuple[Number | None, tuple[str, ...], str | None]:
    """The ratio, the inputs it used, and why it is missing."""
    first, second, alpha = inputs.first, inputs.second, inputs.aggregation_exponent
    if law == "elementwise":
        return inputs.patch_power(2 * alpha), ("P1", "P2", "alpha"), None
    if law in ("blocks", "exact"):
        pairs = [quantity_pair("blocks", _total(first), _total(second))]
        if law == "exact":
            pairs.append(quantity_pair("alignment", first.alignment, second.alignment))
        factor: Number = Fraction(1)
        used: tuple[str, ...] = ()
    else:
        factor, used = inputs.patch_power(2 * alpha - 1), ("P1", "P2", "alpha")
        pairs = _scale(inputs, law)
    for pair in pairs:
        if pair.reason is not None:
            return None, (), pair.reason
        assert pair.ratio is not None
        factor, used = factor * pair.ratio, used + pair.names
    if not is_finite(factor):
        return None, (), "the ratio is too large for a float; check the inputs' magnitudes"
    return factor, used, None


class QuantityPair(NamedTuple):
    """A quantity of the second model over that of the first, or why there is no such ratio."""

    names: tuple[str, ...]
    ratio: Number | None
    reason: str | None


def quantity_pair(name: str, first: Number | None, second: Number | None) -> QuantityPair:
    """Both values of a quantity as their ratio, second over first, or what is missing."""
    names = (f"{name}1", f"{name}2")
    missing = [label for label, value in zip(names, (first, second), strict=True) if value is None]
    if first is None or second is None:
        return QuantityPair(names, None, f"needs {' and '.join(missing)}")
    if first == 0:
        return QuantityPair(names, None, f"{name}1 is zero, so the ratio is undefined")
    return QuantityPair(names, quotient(second, first), None)


def _scale(inputs: RatioInputs, law: RatioLaw) -> list[QuantityPair]:
    """What the law lets mean_p lambda_max(M_p) be proportional to."""
    first, second = inputs.first, inputs.second
    if law == "aligned_loss":
        return [quantity_pair("loss", first.loss, second.loss)]
    if law == "aligned_curvature":
        return [quantity_pair("curvature", first.curvature, second.curvature)]
    return []


def _total(model: MeasuredModel) -> Number | None:
    return None if model.blocks is None else sum(model.blocks, start=Fraction(0))


def _block_interval(inputs: RatioInputs) -> Interval | None:
    """The interval that the blocks alone imply."""
    first = inputs.first.top_eigenvalue_range()
    second = inputs.second.top_eigenvalue_range()
    if first is None or second is None or first[0] == 0:
        return None
    return _finite_interval(quotient(second[0], first[1]), quotient(second[1], first[0]), "")


def _alignment_interval(inputs: RatioInputs, law: RatioLaw) -> Interval | None:
    """The interval that follows from the range of A and the law's premise."""
    if law in ("blocks", "exact"):
        return None
    factor = inputs.patch_power(2 * inputs.aggregation_exponent - 1)
    for pair in _scale(inputs, law):
        if pair.ratio is None:
            return None
        factor = factor * pair.ratio
    if not is_finite(factor):  # a fraction that large times a float would be an OverflowError
        return None
    (low_1, high_1), (low_2, high_2) = (
        inputs.first.alignment_range(),
        inputs.second.alignment_range(),
    )
    premise = _TEXT[law].premise
    low, high = factor * quotient(low_2, high_1), factor * quotient(high_2, low_1)
    return _finite_interval(low, high, premise)


def _finite_interval(low: Number, high: Number, premise: str) -> Interval | None:
    return Interval(low, high, premise) if is_finite(low) and is_finite(high) else None


def _of_model(pair: tuple[_T, _T] | None, name: str, index: int) -> _T | None:
    """The value of model ``index`` (0 or 1) from a pair of values."""
    if pair is None:
        return None
    if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
        raise ValueError(
            f"{name}: expected a pair, one value for each model, got {pair!r}; "
            f"pass {name}=(first, second)"
        )
    return pair[index]
