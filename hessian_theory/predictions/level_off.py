"""The two-term law with the pixel bias: lambda_max falls like 1/P, then levels off.

With the bias the Gauss-Newton term's non-zero spectrum is that of s^2 (sum_p M_p + M_b). On a
fixed image the bias of a pixel is shared by m ~ P patches; where the patches' contributions add
up coherently M_b grows as P^2, while sum_p M_p grows as P where the patches are aligned. With
s = c P^(-alpha) the two parts are a P^(1 - 2 alpha) and b P^(2 - 2 alpha); for alpha = 1 their
sum is a / P + b.

As laws for ratios they speak of G over all parameters, and they are fed with the first model's two
parts: what they say of the second is a prediction from its number of patches and, for
``level_off_loss``, from its loss.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from patchlaw.hessian_theory.input_checks import (
    aggregation_exponent,
    bounded_integer,
    finite_number,
    is_finite,
)
from patchlaw.hessian_theory.predictions.angle_laws import LOSS
from patchlaw.hessian_theory.predictions.evidence import Interval, Number
from patchlaw.hessian_theory.predictions.laws import (
    OVER_ALL,
    Input,
    Law,
    RatioInputs,
    RatioPrediction,
    predict_ratios,
    register,
)
from patchlaw.hessian_theory.predictions.powers import power, quotient

ASSUMPTION = (
    "the angles' patches are aligned and the bias derivatives of the patches add up coherently, "
    "with mean_p lambda_max(M_p) and M_b / P^2 the same at every P; image and patch held"
)


@dataclass(frozen=True)
class LevelOffLaw:
    """lambda(P) = a P^(1 - 2 alpha) + b P^(2 - 2 alpha), an upper end; see ``interval_at``.

    The sum is what lambda_max is when both parts' top directions coincide. By Weyl's inequality
    for two positive semi-definite matrices lambda_max lies between the larger part and the sum.

    Attributes:
        angle_coefficient: a >= 0; the angles' part at P = 1.
        bias_coefficient: b >= 0; the bias's part at P = 1.
        aggregation_exponent: alpha of s = c P^(-alpha).

    Raises:
        TypeError: a coefficient is not a real number.
        ValueError: a coefficient is negative or not finite, or both are zero.
    """

    angle_coefficient: Number
    bias_coefficient: Number
    aggregation_exponent: Number = Fraction(1)

    def __post_init__(self) -> None:
        """Check the coefficients and alpha."""
        put = object.__setattr__
        for name in ("angle_coefficient", "bias_coefficient"):
            what = "a part of lambda_max(G)"
            put(self, name, finite_number(name, getattr(self, name), what=what, minimum=0))
        put(self, "aggregation_exponent", aggregation_exponent(self.aggregation_exponent))
        if self.angle_coefficient == 0 and self.bias_coefficient == 0:
            raise ValueError(
                "angle_coefficient, bias_coefficient: expected one above zero, got 0 and 0; "
                "a law without either part predicts nothing"
            )

    @classmethod
    def from_parts(
        cls,
        n_patches: int,
        angle_part: Number,
        bias_part: Number,
        aggregation_exponent: Number = Fraction(1),
    ) -> "LevelOffLaw":
        """The law through two parts measured at one P.

        Args:
            n_patches: P of the measurement.
            angle_part: lambda_max(s^2 sum_p M_p), that is lambda_max of G over the angles.
            bias_part: lambda_max(s^2 M_b), that is lambda_max of G over the bias.
            aggregation_exponent: alpha of s = c P^(-alpha).

        Raises:
            TypeError: a value is not a number of the right kind.
            ValueError: a value is out of range, or both parts are zero.
        """
        unit = cls(
            finite_number("angle_part", angle_part, what="lambda_max(G), angles only", minimum=0),
            finite_number("bias_part", bias_part, what="lambda_max(G), bias only", minimum=0),
            aggregation_exponent,
        )
        angle_growth, bias_growth = unit._growth(n_patches)
        return cls(
            quotient(unit.angle_coefficient, angle_growth),
            quotient(unit.bias_coefficient, bias_growth),
            unit.aggregation_exponent,
        )

    def angle_part(self, n_patches: int) -> Number:
        """The angles' part at P: a P^(1 - 2 alpha)."""
        return self.angle_coefficient * self._growth(n_patches)[0]

    def bias_part(self, n_patches: int) -> Number:
        """The bias's part at P: b P^(2 - 2 alpha)."""
        return self.bias_coefficient * self._growth(n_patches)[1]

    def value_at(self, n_patches: int) -> Number:
        """lambda(P), the sum of the two parts."""
        return self.angle_part(n_patches) + self.bias_part(n_patches)

    def interval_at(self, n_patches: int) -> Interval:
        """[max of the parts, sum of the parts], given that each part follows its power of P."""
        angle, bias = self.angle_part(n_patches), self.bias_part(n_patches)
        return Interval(max(angle, bias), angle + bias, ASSUMPTION)

    def ratio(self, n_patches_1: int, n_patches_2: int) -> Number:
        """lambda(P2) / lambda(P1)."""
        return quotient(self.value_at(n_patches_2), self.value_at(n_patches_1))

    def ratio_interval(self, n_patches_1: int, n_patches_2: int) -> Interval:
        """[max_2 / sum_1, sum_2 / max_1] of the parts, given the law's assumption."""
        first, second = self.interval_at(n_patches_1), self.interval_at(n_patches_2)
        return Interval(
            quotient(second.low, first.high), quotient(second.high, first.low), ASSUMPTION
        )

    @property
    def crossover(self) -> Number | None:
        """P at which the bias's part equals the angles', a / b; None without a bias part."""
        if self.bias_coefficient == 0:
            return None
        return quotient(self.angle_coefficient, self.bias_coefficient)

    def _growth(self, n_patches: int) -> tuple[Number, Number]:
        """(P^(1 - 2 alpha), P^(2 - 2 alpha))."""
        base = Fraction(bounded_integer("n_patches", n_patches))
        return (
            power(base, 1 - 2 * self.aggregation_exponent),
            power(base, 2 - 2 * self.aggregation_exponent),
        )


ANGLE_PART = Input("angle_part", "angles", "lambda_max(G) over the angles", first_only=True)
BIAS_PART = Input("bias_part", "bias", "lambda_max(G) over the pixel bias", first_only=True)


def _levelling(inputs: RatioInputs) -> tuple[Number, Interval]:
    """The ratio and [max_2 / sum_1, sum_2 / max_1] of the parts, those at P1 as measured."""
    first, second, alpha = inputs.first, inputs.second, inputs.aggregation_exponent
    assert first.angle_part is not None
    assert first.bias_part is not None
    law = LevelOffLaw.from_parts(first.n_patches, first.angle_part, first.bias_part, alpha)
    counts = first.n_patches, second.n_patches
    return law.ratio(*counts), law.ratio_interval(*counts)


def _with_loss(inputs: RatioInputs) -> tuple[Number, Interval | None]:
    """The same times L2/L1."""
    (ratio, interval), factor = _levelling(inputs), LOSS.ratio(inputs)
    if not is_finite(interval.high * factor):
        return ratio * factor, None
    return ratio * factor, Interval(interval.low * factor, interval.high * factor, _WITH_LOSS)


_law = partial(Law, matrix=OVER_ALL, status="assumed", listed="fed")
_FORMULA = "(a P2^(1 - 2 alpha) + b P2^(2 - 2 alpha)) / (the same at P1)"
_LATEX = r"\frac{aP_2^{1-2\alpha}+bP_2^{2-2\alpha}}{aP_1^{1-2\alpha}+bP_1^{2-2\alpha}}"
_WITH_LOSS = f"as level_off, but with both parts proportional to the loss: {ASSUMPTION}"

register(
    _law(
        "level_off",
        formula=_FORMULA,
        latex=_LATEX,
        assumption=ASSUMPTION,
        inputs=(ANGLE_PART, BIAS_PART),
        compute=_levelling,
        label=r"levelling off, $a/P + b$",
        colour="#cc6600",
        marker="P",
    ),
    _law(
        "level_off_loss",
        formula=f"{_FORMULA}, times L2/L1",
        latex=rf"{_LATEX}\,\frac{{L_2}}{{L_1}}",
        assumption=_WITH_LOSS,
        inputs=(ANGLE_PART, BIAS_PART, LOSS),
        compute=_with_loss,
        label=r"levelling off $\times$ loss",
        heading="levelling off \N{MULTIPLICATION SIGN} loss",
        colour="#66ccee",
        marker="X",
    ),
)


def predict_level_off_ratios(
    inputs: RatioInputs, parts: tuple[Number, Number]
) -> tuple[RatioPrediction, ...]:
    """What every law for lambda_max(G) over all parameters predicts from two parts.

    Args:
        inputs: the two models and alpha; ``level_off_loss`` takes their losses.
        parts: lambda_max of G over the angles and over the bias, both of the first model.

    Raises:
        TypeError: a part is not a real number.
        ValueError: a part is negative or not finite, or both are zero.
    """
    first = replace(inputs.first, angle_part=parts[0], bias_part=parts[1])
    return predict_ratios(replace(inputs, first=first), OVER_ALL)
