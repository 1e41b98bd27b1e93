"""Bounds on lambda_max(G) from class directions, a subspace and a sketch of what it leaves."""

from __future__ import annotations

import random

from sympy import Expr, IndexedBase, Integer, Rational, Symbol, symbols

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.norm_bounds import over, tested
from patchlaw.hessian_theory.theorems.notation import C, mean, over_classes

_r, _j, _a, _b, _i, _k, _l = symbols("r j a b i k l", integer=True, positive=True)
_size = Symbol("D", integer=True, positive=True)
_n, _N = sym.n, sym.N
_mu = IndexedBase("mu", nonnegative=True)
_g = Symbol("gamma", positive=True)
_Lambda = Symbol("Lambda", nonnegative=True)
_J, _root = IndexedBase("J", real=True), IndexedBase("Q", real=True)
_S, _G, _Smean = (
    IndexedBase("S", real=True),
    IndexedBase("gamma", real=True),
    IndexedBase("sigma", real=True),
)
_coefficient, _component = IndexedBase("y", real=True), IndexedBase("c", real=True)
_top = Symbol("Lambda", real=True)


def _class_point(rng: random.Random) -> Point:
    """Two classes, two directions of the output space, exact products."""
    point = Point(rng, {C: Integer(2), _size: Integer(2), _top: Rational(rng.randint(6, 9))})
    values = [Rational(rng.randint(0, 5)) for _ in range(2)]
    root = [[Rational(rng.randint(-3, 3)) for _ in range(2)] for _ in range(2)]

    def q(n: Expr, k: Expr, l: Expr) -> Expr:  # noqa: E741  # the paper's index
        return root[int(k) % 2][int(l) % 2] + n

    point.indexed = {
        "mu": lambda j: values[int(j) % 2],
        "Q": q,
        "S": lambda n, k, a: sum(q(n, k, l) * q(n, l, a) for l in map(Integer, (1, 2))),  # noqa: E741
    }
    return point


CLASS_DIRECTIONS = Derivation(
    name="class-directions",
    title="y^T (g_a . g_b) y <= lambda_max(G) y^T <S> y, g_a = <J^T S e_a>",
    summary="In the output space let w_a = N^(-1/2) (S_n^(1/2) e_a)_n. Then A^T w_a = g_a, one "
    "vector-Jacobian product, w_a . w_b = <S>_ab and g_a . g_b = w_a^T K w_b: the top of the C x C "
    "pencil (g_a . g_b, <S>) is a Ritz value of K, so at most lambda_max (Courant-Fischer). The "
    "Ritz value of G on the g_a is a half power step further and at least as large. As S 1 = 0, "
    "sum_a g_a = 0: C - 1 of them do.",
    source="ours",
    assumptions=(
        Assumption("S_n = Q_n^2 with a symmetric root Q_n (S is positive semi-definite)"),
        Assumption("mu_j are the eigenvalues of K, c_aj the components of w_a along them"),
    ),
    premises=(
        Premise(
            "root",
            Formula(over_classes(_root[_n, _k, _l] * _root[_n, _l, _a], _l), "=", _S[_n, _k, _a]),
            forall=(_n, _k, _a),
        ),
        Premise(
            "images",
            Formula(_G[_a, _b], "=", over(_mu[_j] * _component[_a, _j] * _component[_b, _j], _j)),
            "g_a . g_b = w_a^T K w_b",
            (_a, _b),
        ),
        Premise(
            "overlaps",
            Formula(_Smean[_a, _b], "=", over(_component[_a, _j] * _component[_b, _j], _j)),
            "<S>_ab = w_a . w_b",
            (_a, _b),
        ),
        Premise("largest", Formula(_mu[_j], "<=", _top), "Lambda is the largest", (_j,)),
    ),
    witness=_class_point,
    steps=(
        Claim(
            "one product",
            Formula(
                mean(over_classes(_J[_n, _k, _i] * _root[_n, _k, _l] * _root[_n, _l, _a], _k, _l)),
                "=",
                mean(over_classes(_J[_n, _k, _i] * _S[_n, _k, _a], _k)),
            ),
            "(A^T w_a)_i = (g_a)_i, as A = N^(-1/2) S^(1/2) J",
            Combination(Use("root", _J[_n, _k, _i] / _N, over={_k: C, _n: _N})),
        ),
        Claim(
            "pencil",
            Formula(
                over_classes(_coefficient[_a] * _coefficient[_b] * _G[_a, _b], _a, _b),
                "<=",
                _top * over_classes(_coefficient[_a] * _coefficient[_b] * _Smean[_a, _b], _a, _b),
            ),
            "difference = sum_j (Lambda - mu_j) (sum_a y_a c_aj)^2",
            Combination(
                Use("images", _coefficient[_a] * _coefficient[_b], over={_a: C, _b: C}),
                Use("overlaps", -_top * _coefficient[_a] * _coefficient[_b], over={_a: C, _b: C}),
                Use(
                    "largest",
                    over_classes(_coefficient[_a] * _component[_a, _j], _a) ** 2,
                    over={_j: _size},
                ),
            ),
        ),
    ),
    numerical_test=tested("class_directions"),
)

_head, _tail, _coupling, _q = symbols("a e b q", nonnegative=True)
_Y, _Z = symbols("Y Z", nonnegative=True)
_d = Symbol("d", positive=True)


def _two_block_point(rng: random.Random) -> Point:
    d, top = Rational(rng.randint(1, 9), 7), Rational(rng.randint(5, 9))
    return Point(rng, {_d: d, _head: top, _tail: top, _coupling: d, _Y: 1, _Z: 1, _q: 2 * top})


TWO_BLOCKS = Derivation(
    name="two-block-bound",
    title="lambda_max(G) <= a + d where b^2 <= d (a + d - e): the top of [[a, b], [b, e]]",
    summary="Split the space into a subspace and its complement: a is the largest Ritz value, b "
    "the norm of the coupling, e a bound on the largest eigenvalue in the complement. Of all "
    "upper bounds here it is the one that closes as the subspace becomes invariant (b = 0, e < a).",
    source="ours (standard)",
    assumptions=(Assumption("Y, Z are the lengths of a vector's two parts, q its form"),),
    premises=(
        Premise(
            "form",
            Formula(_q, "<=", _head * _Y**2 + 2 * _coupling * _Y * _Z + _tail * _Z**2),
            "each block by its norm",
        ),
        Premise("root", Formula(_coupling**2, "<=", _d * (_head + _d - _tail)), "choice of d"),
    ),
    witness=_two_block_point,
    steps=(
        Claim(
            "two blocks",
            Formula(_q, "<=", (_head + _d) * (_Y**2 + _Z**2)),
            "difference = (d Y - b Z)^2 / d + (a + d - e - b^2 / d) Z^2",
            Combination(
                Use("form"), Use("root", _Z**2 / _d), remainder=(_d * _Y - _coupling * _Z) ** 2 / _d
            ),
        ),
    ),
    numerical_test=tested("certified_interval"),
)

_y, _e1 = IndexedBase("y", real=True), IndexedBase("u", real=True)
_sigma = Symbol("sigma", nonnegative=True)
_quantile = Symbol("q", nonnegative=True)
_s1, _s2 = symbols("x_1 x_2", nonnegative=True)


def _sketch_point(rng: random.Random) -> Point:
    """One dimension: E = Lambda, and a probe of length gamma^(1/2) = 1."""
    top = Rational(rng.randint(0, 9), 7)
    values = {
        _size: Integer(1),
        _Lambda: top,
        _sigma: top,
        _g: Integer(1),
        _quantile: Rational(1, 2),
    }
    return Point(rng, values, {"u": lambda r: Integer(1), "y": lambda r: top})


SKETCH = Derivation(
    name="sketch-bound",
    title="lambda_max(E)^2 q <= |E Z|^2 where q <= |u^T Z|^2, u the top eigenvector",
    summary="For m Gaussian probes Z the vector u^T Z has m independent standard normal entries "
    "whatever u is, so with confidence 1 - delta its squared length gamma is at least q, the "
    "delta quantile of chi^2 with m degrees of freedom. That is the only statistical statement; "
    "it needs no bound on samples and holds for every E.",
    source="ours (after Dixon, 1983)",
    assumptions=(
        Assumption("y = E Z (u^T Z)^T, so u . y = lambda_max gamma; |y|^2 <= sigma^2 gamma"),
        Assumption("with confidence 1 - delta: q <= gamma"),
    ),
    premises=(
        Premise("unit", Formula(over(_e1[_r] ** 2, _r), "=", Integer(1))),
        Premise("seen", Formula(over(_e1[_r] * _y[_r], _r), "=", _Lambda * _g), "E u = Lambda u"),
        Premise(
            "norm", Formula(over(_y[_r] ** 2, _r), "<=", _sigma**2 * _g), "sigma is E Z's norm"
        ),
        Premise("quantile", Formula(_quantile, "<=", _g), "with confidence 1 - delta"),
    ),
    witness=_sketch_point,
    steps=(
        Step(
            "along u",
            Formula(_Lambda**2 * _g**2, "<=", over(_y[_r] ** 2, _r)),
            "difference = |y - Lambda gamma u|^2",
            Combination(
                Use("seen", -2 * _Lambda * _g),
                Use("unit", _Lambda**2 * _g**2),
                remainder=over((_y[_r] - _Lambda * _g * _e1[_r]) ** 2, _r),
            ),
        ),
        Claim(
            "sketch",
            Formula(_Lambda**2 * _quantile, "<=", _sigma**2),
            "divided by gamma, which is at least q",
            Combination(Use("along u", 1 / _g), Use("norm", 1 / _g), Use("quantile", _Lambda**2)),
        ),
        Claim(
            "factors",
            Formula(1 + _s1 + _s2, "<=", (1 + _s1) * (1 + _s2)),
            "so prod_j (1 + 2 t b_j) >= 1 + 2 t sum_j b_j, and the mean of m Gaussian forms z^T B "
            "z, B >= 0, is below u tr B with probability (u e^(1-u))^(m/2) at most (Chernoff)",
            Combination(remainder=_s1 * _s2),
        ),
    ),
    numerical_test=tested("certified_interval"),
)

THEOREMS = (CLASS_DIRECTIONS, TWO_BLOCKS, SKETCH)
