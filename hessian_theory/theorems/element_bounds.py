"""Bounds on the elements of G and R, their exponents in P, and the aggregation table."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Derivative, Expr, IndexedBase, Integer, Rational, Symbol, symbols

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.derivation import Assumption, Citation, Claim, Derivation, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.theorems.gram_exponents import EXPONENT
from patchlaw.hessian_theory.theorems.notation import (
    NORMALISED,
    PATCHES,
    PI,
    bounded_point,
    k,
    l,
    not_delta,
    on_model,
    over_classes,
    softmax_point,
    unit_interval,
)
from patchlaw.hessian_theory.theorems.split import GAUSS_NEWTON_OWN, RESIDUAL_OWN

_a, _b, _h = (IndexedBase(x, real=True) for x in "abh")
_plus, _minus = (IndexedBase(x, nonnegative=True) for x in ("gplus", "gminus"))
_one = Integer(1)


_mean_a, _mean_b = over_classes(PI[k] * _a[k]), over_classes(PI[k] * _b[k])
COVARIANCE = over_classes(PI[k] * _a[k] * _b[k]) - _mean_a * _mean_b


def _variance(x: Expr) -> Expr:
    """1/2 sum_kl pi_k pi_l (x_k - x_l)^2."""
    return over_classes(PI[k] * PI[l] * (x - x.xreplace({k: l})) ** 2, k, l) / 2


def _spread_certificate(sign: int) -> Expr:
    """4 - sign (a_k - a_l)(b_k - b_l) over pairs k != l, as squares and products of gaps."""
    x, y = _a[k] - _a[l], _b[k] - _b[l]
    inside = (x - sign * y) ** 2 / 2
    for gap in (x, y):
        inside += (2 - gap) * (2 + gap) / 2
    return over_classes(not_delta(k, l) * PI[k] * PI[l] * inside, k, l) / 2


def _differences() -> tuple[Step, ...]:
    """-2 <= a_k - a_l <= 2 and the same for b, from the bounds at k and at l."""
    steps = []
    for base in (_a, _b):
        gap = base[k] - base[l]
        above, below = f"{base} <= 1", f"{base} >= -1"
        upper = (Use(above), Use(below, at={k: l}))
        lower = (Use(below), Use(above, at={k: l}))
        why = "both entries lie in [-1, 1]"
        steps += [
            Step(f"{base} gap <= 2", Formula(gap, "<=", Integer(2)), why, Combination(*upper)),
            Step(f"{base} gap >= -2", Formula(gap, ">=", Integer(-2)), why, Combination(*lower)),
        ]
    return tuple(steps)


def _unit_certificate(sign: int) -> Expr:
    """1 - sign Cov(a, b) = 1/2 Var(a - sign b) + ... with |a|, |b| <= 1."""
    squares = over_classes(PI[k] * (1 - _a[k]) * (1 + _a[k])) + over_classes(
        PI[k] * (1 - _b[k]) * (1 + _b[k])
    )
    return _variance(_a[k] - sign * _b[k]) / 2 + squares / 2 + _mean_a**2 / 2 + _mean_b**2 / 2


def _normalisation(sign: int) -> Expr:
    """Multiplier of sum_k pi_k = 1 in the unit bound."""
    return Integer(1) + over_classes(PI[k] * (_a[k] - sign * _b[k]) ** 2) / 2


_CURVATURE_TRACE = 1 - over_classes(PI[k] ** 2)

GAUSS_NEWTON_BOUND = Derivation(
    name="gauss-newton-element-bound",
    title="|a^T S b| <= min(1, 2 tr S) for |a|, |b| <= 1",
    summary="a^T S b is the covariance of a and b under pi. With entries in [-1, 1] it is at most "
    "1, and at most twice tr S, because only pairs of different classes contribute. So for angles "
    "of independent QNNs |G_ij| <= s^2 min(1, 2 <tr S>), and the bound goes to zero with the loss.",
    source="ours",
    assumptions=(
        Assumption("derivatives lie in [-1, 1] (theorem derivative-bounds)"),
        Assumption("pi_k > 0 for all k (declared on the symbol)"),
    ),
    premises=(NORMALISED, *unit_interval("a", _a[k], k), *unit_interval("b", _b[k], k)),
    witness=bounded_point("a", "b", also=softmax_point),
    steps=(
        Claim(
            "upper",
            Formula(COVARIANCE, "<=", _one),
            "difference = 1/2 Var(a - b) + 1/2 sum pi (1 - a^2) + 1/2 sum pi (1 - b^2) "
            "+ 1/2 (sum pi a)^2 + 1/2 (sum pi b)^2",
            Combination(Use("normalised", _normalisation(1)), remainder=_unit_certificate(1)),
        ),
        Claim(
            "lower",
            Formula(COVARIANCE, ">=", -_one),
            "the same with -b",
            Combination(Use("normalised", _normalisation(-1)), remainder=_unit_certificate(-1)),
        ),
        *_differences(),
        Step(
            "pairs",
            Formula(
                COVARIANCE,
                "=",
                over_classes(PI[k] * PI[l] * (_a[k] - _a[l]) * (_b[k] - _b[l]), k, l) / 2,
            ),
            "covariance as a mean over pairs",
            Combination(Use("normalised", -over_classes(PI[k] * _a[k] * _b[k]))),
        ),
        Claim(
            "upper, tr S",
            Formula(COVARIANCE, "<=", 2 * _CURVATURE_TRACE),
            "each pair k != l contributes at most 4/2 pi_k pi_l: 4 - x y = "
            "1/2 (x - y)^2 + 1/2 (4 - x^2) + 1/2 (4 - y^2) for x = a_k - a_l, y = b_k - b_l",
            Combination(
                Use("pairs", 1),
                Use("normalised", 2 * (1 + over_classes(PI[k]))),
                remainder=_spread_certificate(1),
            ),
        ),
        Claim(
            "lower, tr S",
            Formula(COVARIANCE, ">=", -2 * _CURVATURE_TRACE),
            "the same with -b",
            Combination(
                Use("pairs", -1),
                Use("normalised", 2 * (1 + over_classes(PI[k]))),
                remainder=_spread_certificate(-1),
            ),
        ),
    ),
    consequence="With tr S <= 2 l: |G_ij| <= 4 s^2 L. The first term does not stay when L -> 0.",
    numerical_test=on_model("elements_respect_their_bounds"),
)

_l1 = over_classes(_plus[k] + _minus[k])
_slope = over_classes((_plus[k] - _minus[k]) * _h[k])

RESIDUAL_BOUND = Derivation(
    name="residual-element-bound",
    title="|sum_k g_k h_k| <= |g|_1 for |h| <= 1",
    summary="Splitting g into positive and negative parts, |g|_1 minus the sum is a sum of "
    "products of non-negative factors. So |R_ij| <= s <|g|_1> <= 2 s L for angles of independent "
    "QNNs.",
    source="ours",
    assumptions=(
        Assumption("g_k = gplus_k - gminus_k, |g_k| = gplus_k + gminus_k, both parts >= 0"),
        Assumption("second derivatives lie in [-1, 1] (theorem derivative-bounds)"),
    ),
    premises=unit_interval("h", _h[k], k),
    witness=bounded_point("h"),
    steps=(
        Claim(
            "upper",
            Formula(_slope, "<=", _l1),
            "difference = sum_k gplus_k (1 - h_k) + gminus_k (1 + h_k)",
            Combination(remainder=over_classes(_plus[k] * (1 - _h[k]) + _minus[k] * (1 + _h[k]))),
        ),
        Claim(
            "lower",
            Formula(_slope, ">=", -_l1),
            "difference = sum_k gplus_k (1 + h_k) + gminus_k (1 - h_k)",
            Combination(remainder=over_classes(_plus[k] * (1 + _h[k]) + _minus[k] * (1 - _h[k]))),
        ),
    ),
    consequence="Together with |g|_1 = 2 (1 - pi_y) <= 2 l: |R_ij| <= 2 s L.",
    numerical_test=on_model("elements_respect_their_bounds"),
)

_alpha, _x = sym.ALPHA, PATCHES
_s = sym.prefactor(_x)
_rho_i, _rho_j, _rho_ij = symbols("rho_i rho_j rho_ij", positive=True)
_gamma = Symbol("gamma", positive=True)  # <|g|_1>
# by kind of element: the element (f, g, S held fixed) or the bound, and its exponent in P
_KINDS: dict[str, tuple[Expr, Expr, str]] = {
    "angle-angle, G": (GAUSS_NEWTON_OWN, -2 * _alpha, "the Gauss-Newton element of Eq. (6)"),
    "angle-angle, R": (RESIDUAL_OWN, -_alpha, "the residual element of Eq. (6)"),
    "angle-bias, G": (_s**2 * (_rho_j * _x), 1 - 2 * _alpha, "bound s^2 m_j"),
    "angle-bias, R": (
        _s * _gamma,
        -_alpha,
        "bound s <|g|_1>: only the angle's own patch contributes",
    ),
    "bias-bias, G": (_s**2 * (_rho_i * _x) * (_rho_j * _x), 2 - 2 * _alpha, "bound s^2 m_i m_j"),
    "bias-bias, R": (
        _s * _gamma * (_rho_ij * _x),
        1 - _alpha,
        "bound s <|g|_1> m_ij, m_ij patches contain both pixels",
    ),
}


def _exponent_step(label: str) -> Step:
    element, exponent, rule = _KINDS[label]
    element = element.xreplace({sym.P: _x})
    return Claim(label, Formula(_x * Derivative(element, _x), "=", exponent * element), rule)


EXPONENTS = Derivation(
    name="element-exponents",
    title="Exponents of P in the elements of G and R, and in the bounds of bias rows",
    summary="x dE/dx = e E says that E is a multiple of P^e; the real variable x stands for P. "
    "Angle-angle elements are those of Eq. (6), f, g and S held fixed. Bias rows: the bounds "
    "s^2 m_i m_j and s <|g|_1> m_ij, with coverage m = rho P as on a fixed image. Only angle-angle "
    "elements follow the paper's 1/P^2 and 1/P.",
    source="Eq. (6); bias rows ours",
    assumptions=(
        Assumption("per-patch functions f, slopes g and curvature S held fixed as P varies"),
        Assumption("bias rows: fixed image and patch, so m_j = rho_j P"),
    ),
    steps=tuple(_exponent_step(label) for label in _KINDS),
    consequence="At alpha = 1 the bound on bias-bias elements does not fall with P at all, and "
    "bias-not-suppressed attains it. Mind also that g and S move with P, since z does.",
    numerical_test=on_model("element_exponents_with_f_g_s_fixed"),
)

_HALF = Rational(1, 2)
_TABLE: tuple[tuple[str, Derivation, str, tuple[Expr | int, ...]], ...] = (
    ("angle-angle G", EXPONENTS, "angle-angle, G", (0, -1, -2)),
    ("angle-angle R", EXPONENTS, "angle-angle, R", (0, -_HALF, -1)),
    ("eigenvalue G, orthogonal patches", EXPONENT, "orthogonal", (0, -1, -2)),
    ("eigenvalue G, aligned patches", EXPONENT, "aligned", (1, 0, -1)),
    ("bias-bias G, fixed image", EXPONENTS, "bias-bias, G", (2, 1, 0)),
    ("bias-bias R, fixed image", EXPONENTS, "bias-bias, R", (1, _HALF, 0)),
)


def _table_rows() -> Iterator[tuple[Citation, Step]]:
    for name, theorem, label, values in _TABLE:
        for alpha, value in zip((Integer(0), _HALF, _one), values, strict=True):
            cited = Citation(f"{name} at {alpha}", theorem, label, {_alpha: alpha})
            left = theorem.step(label).formula.left.xreplace({_alpha: alpha})
            element = left.args[-1].expr if theorem is EXPONENTS else _one
            step = Claim(
                f"{name}, alpha = {alpha}",
                Formula(left, "=", value * element),
                f"{theorem.name} at alpha = {alpha}",
                Combination(Use(cited.label)),
            )
            yield cited, step


_ROWS = tuple(_table_rows())

AGGREGATION = Derivation(
    name="aggregation-table",
    title="Exponents of P for sums (alpha = 0), 1/sqrt(P) and means (alpha = 1)",
    summary="The paper suggests alpha = 1/2. Then residual elements fall as P^(-1/2), "
    "Gauss-Newton elements as 1/P, and the largest eigenvalue of G between P^(-1) (orthogonal "
    "patches) and P^0 (aligned patches): with aligned patches it does not fall at all.",
    source="Sec. 4 (future work), exponents from element-exponents and gram-exponent",
    assumptions=(Assumption("f, g and S held fixed as P varies"),),
    premises=tuple(cited for cited, _ in _ROWS),
    steps=tuple(step for _, step in _ROWS),
    consequence="With alpha = 1/2 the top eigenvalue of aligned patches would stay constant and "
    "bias-bias elements grow with P; with alpha = 1 the former falls as 1/P and the latter stay.",
    numerical_test=(
        "tests/verification/test_operator_properties.py::"
        "test_elements_carry_the_powers_of_the_aggregation"
    ),
)

THEOREMS = (GAUSS_NEWTON_BOUND, RESIDUAL_BOUND, EXPONENTS, AGGREGATION)
