"""Exponents of P for the aggregation s = c P^(-alpha): what each block of G and R scales like."""

from dataclasses import dataclass
from fractions import Fraction

from patchlaw.hessian_theory.coverage import CoverageLimit
from patchlaw.hessian_theory.input_checks import aggregation_exponent
from patchlaw.hessian_theory.predictions.evidence import Number


@dataclass(frozen=True)
class AggregationExponents:
    """Exponents e of P^e at one alpha, per-patch functions and per-sample g and S held.

    Angle elements scale exactly so. Bias elements are bounded so, by s^2 m_b m_b' in G and s m
    in R for counts m ~ P^growth; whether they reach the bound is a matter of coherence.

    Attributes:
        alpha: the aggregation exponent.
        gauss_newton_angle: G, angle-angle: -2 alpha.
        gauss_newton_mixed: G, angle-bias: growth - 2 alpha.
        gauss_newton_bias: G, bias-bias: 2 growth - 2 alpha.
        residual_angle: R, angle-angle within a patch: -alpha.
        residual_mixed: R, angle-bias: -alpha, as an angle meets the bias in its own patch only.
        residual_bias: R, bias-bias: growth - alpha.
        top_gauss_newton: (orthogonal, aligned) exponents of lambda_max(G) over the angles:
            -2 alpha and 1 - 2 alpha.
        top_residual: exponent of lambda_max(R) over the angles: -alpha.
    """

    alpha: Number
    gauss_newton_angle: Number
    gauss_newton_mixed: Number
    gauss_newton_bias: Number
    residual_angle: Number
    residual_mixed: Number
    residual_bias: Number
    top_gauss_newton: tuple[Number, Number]
    top_residual: Number


def aggregation_exponents(alpha: Number, limit: CoverageLimit) -> AggregationExponents:
    """Exponents of every block of G and R in P, for one regime of the coverage.

    Args:
        alpha: exponent of s = c P^(-alpha); 0 is the sum, 1 the paper's mean.
        limit: how the counts m grow: ``fixed_image_limit`` or ``growing_image_limit``.

    Raises:
        TypeError: alpha is not a real number.
        ValueError: alpha is NaN, infinite or beyond +-2.
    """
    a, growth = aggregation_exponent(alpha), limit.growth
    return AggregationExponents(
        alpha=a,
        gauss_newton_angle=-2 * a,
        gauss_newton_mixed=growth - 2 * a,
        gauss_newton_bias=2 * growth - 2 * a,
        residual_angle=-a,
        residual_mixed=-a,
        residual_bias=growth - a,
        top_gauss_newton=(-2 * a, 1 - 2 * a),
        top_residual=-a,
    )


def aggregation_table(limit: CoverageLimit) -> tuple[AggregationExponents, ...]:
    """The exponents at alpha = 0, 1/2 and 1."""
    return tuple(
        aggregation_exponents(alpha, limit) for alpha in (Fraction(0), Fraction(1, 2), Fraction(1))
    )
