"""The trace law: tr G over the angles from the architecture and the softmax curvature."""

from __future__ import annotations

import random

from sympy import Derivative, Expr, IndexedBase, Integer, KroneckerDelta, Rational, Sum, symbols

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.derivation import (
    Assumption,
    Citation,
    Claim,
    Derivation,
    Premise,
    Step,
)
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.derivative_variance import VARIANCE
from patchlaw.hessian_theory.theorems.notation import (
    PATCHES,
    P,
    k,
    l,
    mean,
    on_model,
    over_classes,
    p,
)
from patchlaw.hessian_theory.theorems.slope_moments import (
    MEAN_SQUARE_SLOPE,
    VARIANCE_PREMISES,
    VARIANCE_VALUE,
    variance_point,
)

_v = symbols("v", real=True)
_E, _D = IndexedBase("M", real=True), IndexedBase("D", real=True)
_h, _np = symbols("h n_p", integer=True, positive=True)
_n, _N = sym.n, sym.N
_s = sym.prefactor()
_S = sym.LossCurvature


def _design_point(rng: random.Random) -> Point:
    """One qubit at random angles: v = 2/9."""
    point = variance_point(rng)
    variance = point.symbols[_v] = Rational(2, 9)

    def moment(_patch: Expr, _angle: Expr, first: Expr, second: Expr) -> Expr:
        return variance * Integer(first == second)

    point.indexed = {**point.indexed, "M": moment}
    return point


def _over_everything(expr: Expr) -> Expr:
    """Sum over samples, patches and angles."""
    return Sum(expr, (_h, 1, _np), (p, 1, P), (_n, 1, _N))


_trace = _s**2 * _over_everything(over_classes(_D[_n, p, _h, k, l], k, l)) / _N
_mean_trace = mean(over_classes(_S(_n, k, k)))
_law = sym.prefactor(PATCHES) ** 2 * PATCHES * _np * _v * _mean_trace

TRACE = Derivation(
    name="trace-law",
    title="tr G over the angles = s^2 P n_p v <tr S>",
    summary="The trace is s^2 times a sum over all P n_p angles of <sum_kl S_kl d_i f_k d_i f_l>."
    " If the derivatives have second moment v delta_kl and are uncorrelated with S, each angle "
    "contributes v <tr S>: nothing is fitted. With kappa = lambda_max / tr G, lambda_max = kappa "
    "s^2 P n_p v <tr S>.",
    source="ours",
    assumptions=(
        Assumption(
            "E[d_h f_pk d_h f_pl] = v delta_kl for every angle h of every patch p: what "
            "derivative-variance and cross-observables say of 2-designs is assumed of the "
            "circuit at every angle"
        ),
        Assumption("derivatives and softmax curvature S are uncorrelated; S stands for its mean"),
    ),
    premises=(
        Premise(
            "uncorrelated",
            Formula(_D[_n, p, _h, k, l], "=", _S(_n, k, l) * _E[p, _h, k, l]),
            "assumption on D = E[S_kl(x_n) d_h f_pk d_h f_pl], M = E[d_h f_pk d_h f_pl]",
            (_n, p, _h, k, l),
        ),
        Premise(
            "moment",
            Formula(_E[p, _h, k, l], "=", _v * KroneckerDelta(k, l)),
            "assumption",
            (p, _h, k, l),
        ),
        Premise("v", Formula(_v, "=", MEAN_SQUARE_SLOPE), "the mean square slope of two 2-designs"),
        *VARIANCE_PREMISES,
        Citation("variance", VARIANCE, "variance"),
    ),
    witness=_design_point,
    steps=(
        Step(
            "one angle",
            Formula(over_classes(_D[_n, p, _h, k, l], k, l), "=", _v * over_classes(_S(_n, k, k))),
            "insert the moment; delta_kl leaves the trace of S",
            Combination(
                Use("uncorrelated", over={k: sym.C, l: sym.C}),
                Use("moment", _S(_n, k, l), over={k: sym.C, l: sym.C}),
            ),
        ),
        Claim(
            "trace",
            Formula(_trace, "=", _s**2 * P * _np * _v * _mean_trace),
            "sum over angles, patches and samples",
            Combination(Use("one angle", _s**2 / _N, over={_h: _np, p: P, _n: _N})),
        ),
        Claim(
            "trace, 2-designs",
            Formula(_trace, "=", _s**2 * P * _np * VARIANCE_VALUE * _mean_trace),
            "theorem derivative-variance",
            Combination(
                Use("trace"),
                Use("v", _s**2 * P * _np * _mean_trace),
                Use("variance", _s**2 * P * _np * _mean_trace),
            ),
        ),
        Claim(
            "exponent",
            Formula(PATCHES * Derivative(_law, PATCHES), "=", (1 - 2 * sym.ALPHA) * _law),
            "P as a real variable, the rest held fixed: tr G falls as 1/P at alpha = 1, whatever "
            "the alignment",
        ),
    ),
    consequence="tr G follows the aligned exponent even when lambda_max does not; kappa carries "
    "the alignment. An assumption about circuits enters, so this is a prediction, not a bound: at "
    "uniformly random angles the mean square slope is within 10 % of v for 2 to 4 qubits, about "
    "0.86 v for 8 qubits at depth 4, 0.95 v at depth 12, but 1.9 v at depth 1.",
    numerical_test=on_model("trace_law_at_random_angles"),
)

THEOREMS = (TRACE,)
