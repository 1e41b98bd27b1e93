"""Laws for lambda_max(G) over the angles.

Over the angles of independent QNNs the Gauss-Newton term's non-zero spectrum is that of
s^2 sum_p M_p, M_p = <S^(1/2) J_p J_p^T S^(1/2)>, so that with s = c P^(-alpha)

    lambda_max(G) = A sum_p lambda_max(G_pp) = c^2 P^(1 - 2 alpha) A mean_p lambda_max(M_p),

A in [1/P, 1]. Each law is this identity with something assumed about the last two factors. The
laws are about G; they speak of the Hessian as far as G carries its top eigenvalue.

Every interval comes from the blocks where both models give them, and then needs no premise:
[low_2 / high_1, high_2 / low_1] with [low, high] of ``MeasuredModel.top_eigenvalue_range``.
Otherwise it holds the law's scale of mean_p lambda_max(M_p) fixed and lets A range over [1/P, 1],
or sets A to its value where that is known.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from math import prod

from patchlaw.hessian_theory.input_checks import is_finite
from patchlaw.hessian_theory.predictions.evidence import Interval, Number
from patchlaw.hessian_theory.predictions.laws import OVER_ANGLES, Input, Law, RatioInputs, register
from patchlaw.hessian_theory.predictions.measured_model import MeasuredModel
from patchlaw.hessian_theory.predictions.powers import quotient

LOSS = Input("loss", "L", "mean training loss in nats")
CURVATURE = Input("curvature", "<tr S>", "mean softmax curvature")


def _total(model: MeasuredModel) -> Number | None:
    return None if model.blocks is None else sum(model.blocks, start=Fraction(0))


BLOCKS = Input("blocks", "sum of G_pp", "sum_p lambda_max(G_pp)", _total, each="lambda_max(G_pp)")
ALIGNMENT = Input("alignment", "A", "lambda_max(G over the angles) / sum of G_pp")


def block_interval(inputs: RatioInputs) -> Interval | None:
    """The interval that the blocks alone imply."""
    first = inputs.first.top_eigenvalue_range()
    second = inputs.second.top_eigenvalue_range()
    if first is None or second is None or first[0] == 0:
        return None
    return _finite_interval(quotient(second[0], first[1]), quotient(second[1], first[0]), "")


def interval_of_angles(scale: str, *inputs: Input) -> Callable[[RatioInputs], Interval | None]:
    """``block_interval`` or, without blocks, what follows from the range of A and a premise.

    Args:
        scale: what the premise says of mean_p lambda_max(M_p).
        *inputs: what the premise makes it proportional to.
    """

    def interval(given: RatioInputs) -> Interval | None:
        found = block_interval(given)
        if found is not None or any(each.lacks(given) for each in inputs):
            return found
        factor = given.patch_power(2 * given.aggregation_exponent - 1)
        factor = prod((each.ratio(given) for each in inputs), start=factor)
        if not is_finite(factor):  # a fraction that large times a float would be an OverflowError
            return None
        (low_1, high_1), (low_2, high_2) = (
            model.alignment_range() for model in (given.first, given.second)
        )
        low, high = factor * quotient(low_2, high_1), factor * quotient(high_2, low_1)
        return _finite_interval(low, high, f"mean_p lambda_max(M_p) is {scale}")

    return interval


def _finite_interval(low: Number, high: Number, premise: str) -> Interval | None:
    return Interval(low, high, premise) if is_finite(low) and is_finite(high) else None


_law = partial(Law, matrix=OVER_ANGLES)
_unscaled = interval_of_angles("the same at both P")

register(
    _law(
        "elementwise",
        formula="(P1/P2)^(2 alpha)",
        latex=r"(P_1/P_2)^{2\alpha}",
        status="assumed",
        assumption="the patches' top directions are orthogonal (A = 1/P) and "
        "mean_p lambda_max(M_p) is the same at both P; the paper's law",
        power=lambda alpha: 2 * alpha,
        interval=_unscaled,
        label=r"elementwise (paper), $(P_1/P_2)^2$",
        heading="elementwise, (P₁/P₂)² (the paper)",
        colour="#ee6677",
        marker="o",
    ),
    _law(
        "aligned",
        formula="(P1/P2)^(2 alpha - 1)",
        latex=r"(P_1/P_2)^{2\alpha-1}",
        status="assumed",
        assumption="A and mean_p lambda_max(M_p) are the same at both P",
        power=lambda alpha: 2 * alpha - 1,
        interval=_unscaled,
        label=r"aligned, $P_1/P_2$",
        heading="aligned, P₁/P₂",
        colour="#4477aa",
        marker="s",
    ),
    _law(
        "aligned_loss",
        formula="(P1/P2)^(2 alpha - 1) L2/L1",
        latex=r"(P_1/P_2)^{2\alpha-1}\,L_2/L_1",
        status="empirical",
        assumption="A is the same at both P and mean_p lambda_max(M_p) follows the loss; suggested "
        "by the paper's Table 3, where it is within 17.4 % of all eight ratios",
        inputs=(LOSS,),
        power=lambda alpha: 2 * alpha - 1,
        interval=interval_of_angles("proportional to the loss", LOSS),
        label=r"aligned $\times$ loss",
        heading="aligned \N{MULTIPLICATION SIGN} loss",
        colour="#228833",
        marker="D",
    ),
    _law(
        "aligned_curvature",
        formula="(P1/P2)^(2 alpha - 1) <tr S>2/<tr S>1",
        latex=r"(P_1/P_2)^{2\alpha-1}\,\langle\mathrm{tr}\,S\rangle_2/\langle\mathrm{tr}\,S\rangle_1",
        status="assumed",
        assumption="A is the same at both P and mean_p lambda_max(M_p) follows <tr S>",
        inputs=(CURVATURE,),
        power=lambda alpha: 2 * alpha - 1,
        interval=interval_of_angles("proportional to <tr S>", CURVATURE),
        label=r"aligned $\times$ curvature",
        colour="#ccbb44",
        marker="^",
    ),
    _law(
        "blocks",
        formula="B2/B1, B = sum_p lambda_max(G_pp)",
        latex=r"B_2/B_1,\ B=\sum_p\lambda_{\max}(G_{pp})",
        status="assumed",
        assumption="A is the same at both P",
        inputs=(BLOCKS,),
        interval=block_interval,
        label="sum of blocks",
        heading="sum of blocks",
        colour="#aa3377",
        marker="v",
    ),
    _law(
        "exact",
        formula="A2 B2 / (A1 B1), B = sum_p lambda_max(G_pp)",
        latex=r"A_2B_2/(A_1B_1),\ B=\sum_p\lambda_{\max}(G_{pp})",
        status="proven",
        inputs=(BLOCKS, ALIGNMENT),
        interval=block_interval,
        label=r"identity of $G$ over the angles",
        colour="#1a1a1a",
        marker="h",
    ),
)
