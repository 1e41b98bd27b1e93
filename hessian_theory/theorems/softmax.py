"""Softmax cross-entropy: its gradient g, its curvature S, and how both vanish with the loss."""

from __future__ import annotations

from sympy import Derivative, Expr, IndexedBase, Integer, KroneckerDelta, Rational, Symbol, exp, log

from patchlaw.hessian_theory.proof.derivation import Assumption, Citation, Claim, Derivation, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Convex, Exact, Use
from patchlaw.hessian_theory.proof.language import Formula, InRange
from patchlaw.hessian_theory.theorems.notation import LABEL as y
from patchlaw.hessian_theory.theorems.notation import (
    LABEL_INDEX,
    NORMALISED,
    PI,
    C,
    k,
    l,
    not_delta,
    on_model,
    over_classes,
    softmax_point,
    spelled,
)

_a = IndexedBase("a", real=True)
_z = IndexedBase("z", real=True)
_first = Symbol("k0", integer=True, positive=True)
_second = Symbol("l0", integer=True, positive=True)
_loss = log(over_classes(exp(_z[k]))) - _z[y]


def _probability(index: Symbol) -> Expr:
    return exp(_z[index]) / over_classes(exp(_z[k]))


GRADIENT = Derivation(
    name="softmax-derivatives",
    title="Gradient and curvature of the cross-entropy with respect to the logits",
    summary="The loss of one sample is l(z) = log sum_k exp(z_k) - z_y. Its first derivatives are "
    "pi_k - [k = y], its second derivatives S_kl = pi_k [k = l] - pi_k pi_l: S does not know the "
    "label.",
    source="ours (standard)",
    assumptions=(
        LABEL_INDEX,
        Assumption("k0 is a class, 1 <= k0 <= C", InRange(_first, C)),
        Assumption("l0 is a class, 1 <= l0 <= C", InRange(_second, C)),
    ),
    steps=(
        Claim(
            "g",
            Formula(
                Derivative(_loss, _z[_first]), "=", _probability(_first) - KroneckerDelta(_first, y)
            ),
            "differentiation for a symbolic number of classes",
        ),
        Claim(
            "S",
            Formula(
                Derivative(_loss, _z[_first], _z[_second]),
                "=",
                _probability(_first) * KroneckerDelta(_first, _second)
                - _probability(_first) * _probability(_second),
            ),
            "differentiation once more",
        ),
    ),
    numerical_test=on_model("softmax_gradient_and_curvature"),
)

_variance = over_classes(PI[k] * _a[k] ** 2) - over_classes(PI[k] * _a[k]) ** 2
_quadratic = over_classes((PI[k] * KroneckerDelta(k, l) - PI[k] * PI[l]) * _a[k] * _a[l], k, l)
_square = over_classes(_a[k] ** 2)


CURVATURE = Derivation(
    name="softmax-curvature-bounds",
    title="0 <= S <= I/2, and a^T S a is a variance",
    summary="S = diag(pi) - pi pi^T is the covariance matrix of a one-hot draw from pi, so its "
    "quadratic form is the variance of a under pi. It is never negative and never exceeds "
    "|a|^2 / 2; both follow from writing the difference as a sum of squares.",
    source="ours",
    assumptions=(Assumption("pi_k > 0 for all k (declared on the symbol)"),),
    premises=(NORMALISED,),
    witness=softmax_point,
    steps=(
        Claim("variance", Formula(_quadratic, "=", _variance), "definition of S, sums opened"),
        Step(
            "pairs",
            Formula(_quadratic, "=", over_classes(PI[k] * PI[l] * (_a[k] - _a[l]) ** 2, k, l) / 2),
            "variance as a mean over pairs; uses sum_k pi_k = 1",
            Combination(Use("normalised", -over_classes(PI[k] * _a[k] ** 2))),
        ),
        Claim(
            "nonnegative",
            Formula(_quadratic, ">=", Integer(0)),
            "a sum of squares",
            Combination(
                Use("pairs", -1),
                remainder=over_classes(PI[k] * PI[l] * (_a[k] - _a[l]) ** 2, k, l) / 2,
            ),
        ),
        Claim(
            "half",
            Formula(_quadratic, "<=", _square / 2),
            "the difference is a sum of squares: 1/2 sum_k (1 - 2 pi_k)^2 a_k^2 "
            "+ 1/2 sum_{k != l} pi_k pi_l (a_k + a_l)^2",
            Combination(
                Use("normalised", over_classes(PI[k] * _a[k] ** 2)),
                remainder=over_classes((1 - 2 * PI[k]) ** 2 * _a[k] ** 2) / 2
                + over_classes(not_delta(k, l) * PI[k] * PI[l] * (_a[k] + _a[l]) ** 2, k, l) / 2,
            ),
        ),
        Step(
            "sharp",
            Formula(
                spelled("(1/2)*1**2 + (1/2)*(-1)**2 - ((1/2)*1 + (1/2)*(-1))**2"),
                "=",
                spelled("(1**2 + (-1)**2)/2"),
            ),
            "pi = (1/2, 1/2), a = (1, -1): the variance equals |a|^2 / 2, the constant is sharp",
            Exact(),
        ),
    ),
    consequence="G is positive semi-definite for this loss, and <S> never exceeds 1/2.",
    numerical_test=on_model("softmax_gradient_and_curvature"),
)

_trace = 1 - over_classes(PI[k] ** 2)
_l1 = over_classes(not_delta(k, y) * PI[k] + KroneckerDelta(k, y) * (1 - PI[k]))
_t = Symbol("t", positive=True)

LOG_BOUND = Derivation(
    name="log-bound",
    title="1 - t <= -log t",
    summary="The elementary inequality that turns probabilities into losses: at t = pi_y it says "
    "1 - pi_y <= l, the sample's cross-entropy.",
    source="ours (standard)",
    steps=(
        Claim(
            "log",
            Formula(1 - _t, "<=", -log(_t)),
            "tangent at t = 1 of the convex function -log: the difference is zero there with "
            "zero slope, and its second derivative is 1/t^2",
            Convex(_t, 1),
        ),
    ),
    numerical_test=on_model("trace_of_s_and_g_are_bounded_by_the_loss"),
)

_log_of_label = Citation("log", LOG_BOUND, "log", {_t: PI[y]})
_tail_pairs = over_classes(
    not_delta(k, y) * not_delta(l, y) * not_delta(k, l) * PI[k] * PI[l], k, l
)

VANISH = Derivation(
    name="curvature-and-loss",
    title="tr S and |g|_1 both vanish linearly with the loss",
    summary="With pi_y the probability of the right class, |g|_1 = 2(1 - pi_y) exactly and tr S "
    "lies between pi_y |g|_1 and |g|_1. So the weight of the Gauss-Newton term (tr S) and that of "
    "the residual term (|g|_1) go to zero together, each at most 2 l.",
    source="ours, on the paper's Sec. 3.2.2 claim that only the second term vanishes",
    assumptions=(LABEL_INDEX, Assumption("pi_k > 0 for all k (declared on the symbol)")),
    premises=(NORMALISED, _log_of_label),
    witness=softmax_point,
    steps=(
        Claim(
            "tr S",
            Formula(over_classes(PI[k] - PI[k] ** 2), "=", _trace),
            "S_kk = pi_k - pi_k^2 and sum_k pi_k = 1",
            Combination(Use("normalised")),
        ),
        Step(
            "parts of g",
            Formula(
                PI[k] - KroneckerDelta(k, y),
                "=",
                not_delta(k, y) * PI[k] - KroneckerDelta(k, y) * (1 - PI[k]),
            ),
            "g_k = (part for k != y) - (part for k = y); never both, so |g_k| is their sum",
        ),
        Step(
            "part is positive",
            Formula(1 - PI[y], ">=", Integer(0)),
            "1 - pi_y = sum_{k != y} pi_k",
            Combination(Use("normalised"), remainder=over_classes(not_delta(k, y) * PI[k])),
        ),
        Claim(
            "|g|_1",
            Formula(_l1, "=", 2 * (1 - PI[y])),
            "|pi_k - [k = y]| is pi_k for k != y and 1 - pi_y for k = y",
            Combination(Use("normalised")),
        ),
        Claim(
            "upper",
            Formula(_trace, "<=", 2 * (1 - PI[y])),
            "difference = (1 - pi_y)^2 + sum_{k != y} pi_k^2",
            Combination(remainder=(1 - PI[y]) ** 2 + over_classes(not_delta(k, y) * PI[k] ** 2)),
        ),
        Claim(
            "lower",
            Formula(_trace, ">=", 2 * PI[y] * (1 - PI[y])),
            "difference = (1 - pi_y)^2 - sum_{k != y} pi_k^2 = sum_{k != l, neither y} pi_k pi_l",
            Combination(
                Use("normalised", over_classes(PI[k]) + 1 - 2 * PI[y]), remainder=_tail_pairs
            ),
        ),
        Claim(
            "loss",
            Formula(2 * (1 - PI[y]), "<=", -2 * log(PI[y])),
            "log-bound at t = pi_y; l = -log pi_y",
            Combination(Use("log", 2)),
        ),
        Claim(
            "tr S <= 2 l",
            Formula(_trace, "<=", -2 * log(PI[y])),
            "the two bounds together",
            Combination(Use("upper"), Use("loss")),
        ),
    ),
    consequence="The statement that the first term stays when the loss vanishes is false for "
    "softmax cross-entropy: tr S / |g|_1 lies in [pi_y, 1] and tends to 1, so the loss cannot "
    "set the ratio of the two terms.",
    numerical_test=on_model("trace_of_s_and_g_are_bounded_by_the_loss"),
)

FIRST_TERM_STAYS = Derivation(
    name="first-term-does-not-stay",
    title="Refuted: the Gauss-Newton term survives a vanishing loss",
    summary="Two classes, right class with probability 1 - e: tr S = 2 e (1 - e) and |g|_1 = 2 e. "
    "At e = 1/1000 the first is 0.001998 and the loss below 0.0011.",
    source="ours, against the paper's Sec. 3.2.2",
    kind="counterexample",
    steps=(
        Step(
            "tr S",
            Formula(spelled("1 - (999/1000)**2 - (1/1000)**2"), "=", Rational(999, 500000)),
            "pi = (999/1000, 1/1000)",
            Exact(),
        ),
        Claim(
            "small",
            Formula(
                spelled("1 - (999/1000)**2 - (1/1000)**2"), "<=", -2 * log(Rational(999, 1000))
            ),
            "tr S is already below 2 l",
            Exact(),
        ),
        Claim(
            "same order",
            Formula(
                spelled("(1 - (999/1000)**2 - (1/1000)**2)/(2*(1/1000))"), "=", Rational(999, 1000)
            ),
            "tr S / |g|_1 = pi_y: the two weights are the same to one part in a thousand",
            Exact(),
        ),
    ),
    consequence="R : G is not set by the loss; the factor s = c/P in front of G is what weighs.",
    numerical_test=on_model("trace_of_s_and_g_are_bounded_by_the_loss"),
)

THEOREMS = (GRADIENT, CURVATURE, LOG_BOUND, VANISH, FIRST_TERM_STAYS)
