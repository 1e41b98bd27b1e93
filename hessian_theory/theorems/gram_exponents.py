"""The exponent of lambda_max(G) in P: both ends, who attains them, and the floor of alignment."""

from __future__ import annotations

import random
from collections.abc import Callable

from sympy import (
    Derivative,
    Expr,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Lambda,
    Rational,
    Sum,
    Symbol,
    log,
    symbols,
)

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.derivation import (
    Assumption,
    Citation,
    Claim,
    Derivation,
    Premise,
)
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula, InRange
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems import gram
from patchlaw.hessian_theory.theorems.notation import (
    NORMALISED,
    PATCHES,
    PI,
    C,
    P,
    l,
    on_model,
    over_classes,
    over_patches,
    p,
    r,
    softmax_point,
    spelled,
)

_lam = IndexedBase("lambda", nonnegative=True)
_Lambda = Symbol("Lambda", nonnegative=True)
_T = Symbol("T", positive=True)
_j = Symbol("j", integer=True, positive=True)
_trM = IndexedBase("trM", nonnegative=True)
_eig = IndexedBase("mu", nonnegative=True)
_rank = sym.N * (C - 1)
_dim = Symbol("K", positive=True)


def _floor_point(rng: random.Random) -> Point:
    """As many equal eigenvalues as the space has dimensions, spread over the patches."""
    point = softmax_point(rng)
    samples, n_patches = rng.randint(1, 2), rng.randint(2, 3)
    size = samples * (int(point.symbols[C]) - 1)
    value = Rational(rng.randint(1, 50), 10)
    point.symbols |= {sym.N: Integer(samples), P: Integer(n_patches), _Lambda: value}
    point.indexed = {
        **point.indexed,
        "mu": lambda _i: value,
        "trM": lambda _i: value * size / n_patches,
        "lambda": lambda _i: value * size / n_patches / 2,
    }
    return point


DIMENSION = Derivation(
    name="alignment-has-a-floor",
    title="A >= 1/(N(C-1)): on fixed data the exponent cannot stay at -2 alpha",
    summary="S has the all-ones vector in its kernel, so all patches share a space of dimension "
    "N(C - 1). With more patches than that their top directions cannot all be orthogonal: "
    "sum_p lambda_p <= sum_p tr M_p = sum of at most N(C-1) eigenvalues, each at most Lambda.",
    source="ours",
    assumptions=(
        Assumption("r is a class, 1 <= r <= C", InRange(r, C)),
        Assumption(
            "lambda_p <= tr M_p and mu_j <= Lambda (all M_p are positive "
            "semi-definite, mu_j the non-zero eigenvalues of sum_p M_p)"
        ),
    ),
    premises=(
        NORMALISED,
        Premise("block trace", Formula(_lam[p], "<=", _trM[p]), forall=(p,)),
        Premise("trace", Formula(over_patches(_trM[p]), "=", Sum(_eig[_j], (_j, 1, _rank)))),
        Premise("top", Formula(_eig[_j], "<=", _Lambda), forall=(_j,)),
    ),
    witness=_floor_point,
    steps=(
        Claim(
            "kernel",
            Formula(over_classes(PI[r] * KroneckerDelta(l, r) - PI[r] * PI[l], l), "=", Integer(0)),
            "row r of S times the all-ones vector; uses sum_k pi_k = 1",
            Combination(Use("normalised", -PI[r])),
        ),
        Claim(
            "floor",
            Formula(over_patches(_lam[p]), "<=", _rank * _Lambda),
            "sum_p lambda_p <= sum_p tr M_p = sum_j mu_j <= N(C-1) Lambda",
            Combination(
                Use("block trace", over={p: P}), Use("trace"), Use("top", over={_j: _rank})
            ),
        ),
        Claim(
            "exponent",
            Formula(
                PATCHES
                * Derivative(log(sym.prefactor(PATCHES) ** 2 * PATCHES * _T / _dim), PATCHES),
                "=",
                1 - 2 * sym.ALPHA,
            ),
            "lambda_max(G) >= s^2 P mean(a_p) / K, K = N(C-1): with mean(a_p) = T held fixed the "
            "lower bound has this exponent, the real variable x standing for P",
        ),
    ),
    consequence="A law lambda_max ~ P^(-2 alpha) can at best be a regime of few patches. On the "
    "full MNIST set N(C-1) = 540,000, so it is the effective dimension that decides.",
    numerical_test=on_model("gram_picture_and_block_bounds"),
)


_a1, _a2, _p1, _p2 = symbols("a_1 a_2 P_1 P_2", positive=True)
_al1, _al2, _a, _abar = symbols("A_1 A_2 a a_bar", positive=True)


def _law(patches: Symbol, alignment: Expr, mean: Expr) -> Expr:
    """lambda_max(G) = s^2 P A mean_p(a_p)."""
    return sym.prefactor(patches) ** 2 * patches * alignment * mean


EXPONENT = Derivation(
    name="gram-exponent",
    title="lambda_max(G) = s^2 P A mean(a_p): exponent between -2 alpha and 1 - 2 alpha",
    summary="a_p = lambda_max(M_p) without the prefactor. If the top directions are orthogonal "
    "(A = 1/P) the exponent is -2 alpha, as the paper says; if they stay aligned (A constant) it "
    "is 1 - 2 alpha. the real variable x stands for P.",
    source="ours, on the paper's Sec. 3.2.3",
    assumptions=(Assumption("mean(a_p) does not change with P (f and S held fixed)"),),
    steps=(
        Claim(
            "orthogonal",
            Formula(
                PATCHES * Derivative(log(_law(PATCHES, 1 / PATCHES, _abar)), PATCHES),
                "=",
                -2 * sym.ALPHA,
            ),
            "A = 1/P",
        ),
        Claim(
            "aligned",
            Formula(
                PATCHES * Derivative(log(_law(PATCHES, _al1, _abar)), PATCHES),
                "=",
                1 - 2 * sym.ALPHA,
            ),
            "A independent of P",
        ),
        Claim(
            "ratio",
            Formula(
                _law(_p2, _al2, _a2) / _law(_p1, _al1, _a1),
                "=",
                (_p1 / _p2) ** (2 * sym.ALPHA - 1) * (_al2 / _al1) * (_a2 / _a1),
            ),
            "exact ratio: the aligned law times the change of alignment and of curvature",
        ),
    ),
    consequence="At alpha = 1 the paper's (P1/P2)^2 is the extreme A = 1/P; aligned patches give "
    "P1/P2.",
    numerical_test=on_model("replicated_patches_scale_as_one_over_p"),
)

_c = sym.SCALE
_i, _size = symbols("i n_p", integer=True, positive=True)
_B, _u = IndexedBase("B", real=True), IndexedBase("u", real=True)
_q = IndexedBase("q", real=True)
_w = IndexedBase("w", nonnegative=True)
_n = IndexedBase("n", nonnegative=True)
_block = (_c / P) ** 2 * _a


def _block_point(shared: bool) -> Callable[[random.Random], Point]:
    """B = diag(a, 0), u its top vector; q is shared evenly, or all of it is the first patch's."""

    def draw(rng: random.Random) -> Point:
        n_patches = rng.randint(2, 3)
        point = Point(rng, {P: Integer(n_patches), _size: Integer(2), r: Integer(1)})
        block = _block.subs({x: point._symbol(x) for x in (_c, P, _a)})
        point.symbols[_Lambda] = block * (n_patches if shared else 1)
        a = point.symbols[_a]
        point.indexed = {
            "B": lambda i, j: a if i == j == 1 else Integer(0),
            "u": lambda j: Integer(int(j) == 1),
            "q": lambda p: block if shared or p == 1 else Integer(0),
            "n": lambda p: Integer(shared or p == 1),
            "w": lambda i, j: block if i == j else Integer(0),
        }
        return point

    return draw


REPLICATED = Derivation(
    name="replicated-patches",
    title="Refuted as a general law: lambda_max falls as 1/P^2",
    summary="P copies of one patch (same circuit, same pixels): every block of G, on or off the "
    "diagonal, is (c/P)^2 B. A top eigenvector u of B (B u = a u), repeated P times, is an "
    "eigenvector of G with eigenvalue c^2 a / P at alpha = 1, and the sum of the blocks' tops says "
    "that none is larger: from 4 to 9 patches it falls to 4/9, not (4/9)^2.",
    source="ours, against Sec. 3.2.3",
    kind="counterexample",
    premises=(
        Premise(
            "B u = a u",
            Formula(Sum(_B[_i, _j] * _u[_j], (_j, 1, _size)), "=", _a * _u[_i]),
            forall=(_i,),
        ),
        gram.TOP,
        Premise("q_p", Formula(_q[p], "<=", _block), "no form exceeds a block's top", (p,)),
        Citation("sum of blocks", gram.BOUNDS, "upper", {gram.BLOCK_TOP: Lambda((p,), _block)}),
    ),
    witness=_block_point(shared=True),
    steps=(
        Claim(
            "eigenvector",
            Formula(
                Sum((_c / P) ** 2 * _B[_i, _j] * _u[_j], (_j, 1, _size), (p, 1, P)),
                "=",
                _c**2 * _a / P * _u[_i],
            ),
            "component i of any patch: the P blocks of its row act on P copies of u",
            Combination(Use("B u = a u", _c**2 / P)),
        ),
        Claim(
            "law",
            Formula(_Lambda, "<=", _c**2 * _a / P),
            "gram-bounds with lambda_p = (c/P)^2 a for every p: no eigenvalue is larger",
            Combination(Use("sum of blocks")),
        ),
        Claim(
            "4 to 9",
            Formula(spelled("(c**2*a/9)/(c**2*a/4)", c=_c, a=_a), "=", Rational(4, 9)),
            "the ratio, against 16/81 for the elementwise law",
        ),
    ),
    consequence="'The first term dominates, so lambda_max falls like (P1/P2)^2' does not follow "
    "from the elements: the number of elements grows as well.",
    numerical_test=on_model("replicated_patches_scale_as_one_over_p"),
)

ORTHOGONAL = Derivation(
    name="orthogonal-patches",
    title="Orthogonal patches attain the other end: lambda_max falls as 1/P^2",
    summary="If every patch moves the outputs in a direction of its own, a unit vector x splits "
    "into parts of squared lengths n_p, and patch p's form q_p sees its own part only: "
    "q_p <= (c/P)^2 a n_p. So the top eigenvalue is that of one block: the paper's law holds.",
    source="ours",
    assumptions=(
        Assumption("the ranges of the M_p are mutually orthogonal; alpha = 1, equal blocks"),
        Assumption("r is a patch index, 1 <= r <= P", InRange(r, P)),
    ),
    premises=(
        gram.TOP,
        Premise("own part", Formula(_q[p], "<=", _block * _n[p]), forall=(p,)),
        Premise("unit", Formula(over_patches(_n[p]), "<=", Integer(1)), "x is a unit vector"),
        Premise(
            "any vector",
            Formula(over_patches(_w[r, p]), "<=", _Lambda),
            "no form exceeds the top; w_rp is that of block r's top vector",
            (r,),
        ),
        Premise("w_r", Formula(_w[r, r], "=", _block), "definition of w", (r,)),
        Citation("one block", gram.BOUNDS, "lower", {gram.BLOCK_TOP: Lambda((p,), _block)}),
    ),
    witness=_block_point(shared=False),
    steps=(
        Claim(
            "upper",
            Formula(_Lambda, "<=", _c**2 * _a / P**2),
            "sum_p q_p <= (c/P)^2 a sum_p n_p",
            Combination(Use("x is top"), Use("own part", over={p: P}), Use("unit", _block)),
        ),
        Claim(
            "attained",
            Formula(_Lambda, ">=", _c**2 * _a / P**2),
            "gram-bounds: at least any block's top",
            Combination(Use("one block")),
        ),
        Claim(
            "4 to 9",
            Formula(spelled("(c**2*a/81)/(c**2*a/16)", c=_c, a=_a), "=", Rational(16, 81)),
            "the ratio of the elementwise law",
        ),
    ),
    consequence="Both ends of gram-exponent are attained; which is nearer is for measurement.",
    numerical_test=(
        "tests/verification/test_operator_properties.py::"
        "test_orthogonal_patches_give_the_elementwise_exponent"
    ),
)

THEOREMS = (DIMENSION, EXPONENT, REPLICATED, ORTHOGONAL)
