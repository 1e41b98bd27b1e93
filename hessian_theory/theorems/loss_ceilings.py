"""What the mean loss says about the factors in the bounds: the ceilings of the library."""

from __future__ import annotations

import random

from sympy import IndexedBase, Integer, Rational, Sum, Symbol, exp, symbols

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Convex, Use
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.notation import (
    LABEL,
    LABEL_INDEX,
    NORMALISED,
    PI,
    C,
    k,
    l,
    mean,
    not_delta,
    on_model,
    over_classes,
    softmax_point,
    unit_interval,
)

_n, _N = sym.n, sym.N
_loss = IndexedBase("ell", real=True)
_mean, _x = symbols("L x", real=True)
_tangent = exp(-_mean) * (1 - (_x - _mean))


def _loss_point(rng: random.Random) -> Point:
    point = Point(rng)
    losses = [Rational(rng.randint(0, 30), 10) for _ in range(int(point._symbol(_N)))]
    point.symbols[_mean] = sum(losses, Integer(0)) / len(losses)
    point.indexed = {"ell": lambda i: losses[int(i) - 1]}
    return point


ERRORS = Derivation(
    name="mean-error-ceiling",
    title="<1 - pi_y> <= 1 - exp(-L) <= L, hence <|g|_1> <= 2 (1 - exp(-L)) <= 2 L",
    summary="pi_y = exp(-l), and exp(-x) lies above its tangent at the mean loss L. Averaging "
    "the tangent over the samples leaves exp(-L): Jensen's inequality.",
    source="ours (standard)",
    assumptions=(Assumption("L is the mean of the per-sample losses ell_n"),),
    premises=(Premise("mean", Formula(Sum(_loss[_n], (_n, 1, _N)), "=", _N * _mean)),),
    witness=_loss_point,
    steps=(
        Step(
            "tangent",
            Formula(_tangent, "<=", exp(-_x)),
            "tangent at x = L of a convex function",
            Convex(_x, _mean),
        ),
        Claim(
            "probability",
            Formula(mean(exp(-_loss[_n])), ">=", exp(-_mean)),
            "tangent at x = ell_n, averaged over the samples",
            Combination(
                Use("tangent", 1 / _N, at={_x: _loss[_n]}, over={_n: _N}),
                Use("mean", exp(-_mean) / _N),
            ),
        ),
        Claim(
            "|g|_1",
            Formula(mean(2 * (1 - exp(-_loss[_n]))), "<=", 2 * (1 - exp(-_mean))),
            "|g|_1 = 2 (1 - pi_y) (theorem curvature-and-loss)",
            Combination(Use("probability", 2)),
        ),
        Claim(
            "2 L",
            Formula(2 * (1 - exp(-_x)), "<=", 2 * _x),
            "tangent of exp(-x) at x = 0",
            Convex(_x, 0),
        ),
    ),
    numerical_test=on_model("ceilings_from_the_loss"),
)

_y = LABEL
_share = C / (C - 1)
_q, _qbar, _Q = symbols("q qbar Q", real=True)
_kappa = Symbol("kappa", positive=True)
_trace = 1 - over_classes(PI[k] ** 2)
_miss = 1 - PI[_y]


def _share_point(rng: random.Random) -> Point:
    kappa = Rational(rng.randint(10, 20), 10)
    top = Rational(rng.randint(1, 9), 10) / kappa
    point = softmax_point(rng)
    values = {_kappa: kappa, _Q: top, _qbar: top * Rational(rng.randint(0, 9), 9)}
    point.symbols |= values
    return point


CURVATURE = Derivation(
    name="curvature-ceiling",
    title="tr S <= 2 q - q^2 C/(C - 1) with q = 1 - pi_y, and its mean at q = 1 - exp(-L)",
    summary="The wrong classes share q among C - 1 classes, so their squares sum to at least "
    "q^2/(C - 1). The ceiling is concave in q, so its mean is at most its value at the mean "
    "qbar, and it rises up to q = (C - 1)/C, so qbar may be replaced by Q = 1 - exp(-L) below "
    "that. kappa = C/(C - 1).",
    source="ours",
    assumptions=(LABEL_INDEX, Assumption("qbar <= Q <= 1/kappa (theorem mean-error-ceiling)")),
    premises=(
        NORMALISED,
        Premise("C >= 2", Formula(C, ">", Integer(1))),
        Premise("qbar <= Q", Formula(_qbar, "<=", _Q)),
        Premise("Q small", Formula(_kappa * _Q, "<=", Integer(1))),
    ),
    witness=_share_point,
    steps=(
        Claim(
            "sample",
            Formula(_trace, "<=", 2 * _miss - _share * _miss**2),
            "difference = 1/(2 (C - 1)) sum_{k, l != y} (pi_k - pi_l)^2 (Cauchy-Schwarz)",
            Combination(
                Use("normalised", -(over_classes(PI[k]) + 1 - 2 * PI[_y]) / (C - 1)),
                remainder=over_classes(
                    not_delta(k, _y) * not_delta(l, _y) * (PI[k] - PI[l]) ** 2, k, l
                )
                / (2 * (C - 1)),
            ),
        ),
        Claim(
            "concave",
            Formula(
                2 * _q - _kappa * _q**2,
                "<=",
                2 * _qbar - _kappa * _qbar**2 + (2 - 2 * _kappa * _qbar) * (_q - _qbar),
            ),
            "difference = kappa (q - qbar)^2; the last term has mean zero over the samples",
            Combination(remainder=_kappa * (_q - _qbar) ** 2),
        ),
        Claim(
            "rising",
            Formula(2 * _qbar - _kappa * _qbar**2, "<=", 2 * _Q - _kappa * _Q**2),
            "difference = (Q - qbar) (2 (1 - kappa Q) + kappa (Q - qbar))",
            Combination(Use("Q small", 2 * (_Q - _qbar)), remainder=_kappa * (_Q - _qbar) ** 2),
        ),
    ),
    consequence="Sharper than tr S <= 2 l; for C = 2 it is attained.",
    numerical_test=on_model("ceilings_from_the_loss"),
)

_d, _m, _B = symbols("d_y m B", real=True)


def _variance_point(rng: random.Random) -> Point:
    q = Rational(rng.randint(1, 5), 10)
    m = Rational(rng.randint(-9, 9), 10)
    return Point(rng, {_q: q, _m: m, _d: Rational(rng.randint(-9, 9), 10), _B: q * m**2})


VARIANCE = Derivation(
    name="variance-ceiling",
    title="Var_pi(d) <= 4 q (1 - q) for |d_k| <= 1 and q = 1 - pi_y <= 1/2",
    summary="Split the variance into the right class (weight 1 - q, value d_y) and the others "
    "(weight q, mean m, second moment B = sum_{k != y} pi_k d_k^2 <= q). The difference to "
    "4 q (1 - q) is a sum of non-negative products; d_y = 1 and all others -1 attain it.",
    source="ours",
    assumptions=(Assumption("q <= 1/2; beyond, Var <= 1 (theorem gauss-newton-element-bound)"),),
    premises=(
        Premise("q >= 0", Formula(_q, ">=", Integer(0))),
        Premise("q <= 1/2", Formula(_q, "<=", Rational(1, 2))),
        *unit_interval("d_y", _d),
        *unit_interval("m", _m),
        Premise("B", Formula(_B, "<=", _q)),
    ),
    witness=_variance_point,
    steps=(
        Step(
            "d_y - m <= 2",
            Formula(_d - _m, "<=", Integer(2)),
            "both lie in [-1, 1]",
            Combination(Use("d_y <= 1"), Use("m >= -1")),
        ),
        Step(
            "d_y - m >= -2",
            Formula(_d - _m, ">=", Integer(-2)),
            "both lie in [-1, 1]",
            Combination(Use("d_y >= -1"), Use("m <= 1")),
        ),
        Claim(
            "variance",
            Formula(
                (1 - _q) * _d**2 + _B - ((1 - _q) * _d + _q * _m) ** 2, "<=", 4 * _q * (1 - _q)
            ),
            "difference = (q - B) + q [(1/2 - q)(4 - (d_y - m)^2) + (1 - d_y^2) + (d_y + m)^2/2]",
            Combination(
                Use("B"),
                remainder=_q
                * (
                    (Rational(1, 2) - _q) * (2 - (_d - _m)) * (2 + (_d - _m))
                    + (1 - _d) * (1 + _d)
                    + (_d + _m) ** 2 / 2
                ),
            ),
        ),
        Claim(
            "concave",
            Formula(4 * _x * (1 - _x), "<=", 4 * _q * (1 - _q) + (4 - 8 * _q) * (_x - _q)),
            "difference = 4 (x - q)^2: the mean over samples is at most the value at the mean",
            Combination(remainder=4 * (_x - _q) ** 2),
        ),
        Claim(
            "4 q",
            Formula(4 * exp(-_x) * (1 - exp(-_x)), "<=", 4 * (1 - exp(-_x))),
            "q = 1 - exp(-l): difference = 4 q^2; and 1 - exp(-l) <= l (mean-error-ceiling)",
            Combination(remainder=4 * (1 - exp(-_x)) ** 2),
        ),
    ),
    consequence="The library's ceiling phi(L) on <d^T S d>: G's diagonal is at most s^2 m^2 phi.",
    numerical_test=on_model("ceilings_from_the_loss"),
)

THEOREMS = (ERRORS, CURVATURE, VARIANCE)
