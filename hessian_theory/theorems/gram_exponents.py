"""The exponent of lambda_max(G) in P: both ends, who attains them, and the floor of alignment."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sympy import (
    Derivative,
    Expr,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Matrix,
    Rational,
    Subs,
    Sum,
    Symbol,
    diag,
    kronecker_product,
    log,
    ones,
    symbols,
)

from hessian_theory import symbols as sym
from hessian_theory.proof.derivation import Derivation, Step
from hessian_theory.proof.evidence import Combination, Enumeration, Use
from hessian_theory.proof.formula import Assumption, Formula, Premise
from hessian_theory.proof.points import Point
from hessian_theory.theorems.notation import (
    NORMALISED,
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
)

_lam = IndexedBase("lambda", nonnegative=True)
_Lambda = Symbol("Lambda", nonnegative=True)
_T = Symbol("T", positive=True)
_j = Symbol("j", integer=True, positive=True)
_trM = IndexedBase("trM", nonnegative=True)
_eig = IndexedBase("mu", nonnegative=True)
_rank = sym.N * (C - 1)


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
        Assumption(
            "lambda_p <= tr M_p and mu_j <= Lambda (all M_p are positive "
            "semi-definite, mu_j the non-zero eigenvalues of sum_p M_p)"
        ),
    ),
    premises=(
        NORMALISED,
        Premise("block trace", Formula(_lam[p], "<=", _trM[p])),
        Premise("trace", Formula(over_patches(_trM[p]), "=", Sum(_eig[_j], (_j, 1, _rank)))),
        Premise("top", Formula(_eig[_j], "<=", _Lambda)),
    ),
    witness=_floor_point,
    steps=(
        Step(
            "kernel",
            over_classes(PI[r] * KroneckerDelta(l, r) - PI[r] * PI[l], l),
            "=",
            Integer(0),
            "row r of S times the all-ones vector; uses sum_k pi_k = 1",
            Combination((Use("normalised", -PI[r]),)),
            claim=True,
        ),
        Step(
            "floor",
            over_patches(_lam[p]),
            "<=",
            _rank * _Lambda,
            "sum_p lambda_p <= sum_p tr M_p = sum_j mu_j <= N(C-1) Lambda",
            Combination(
                (
                    Use("block trace", over=((p, 1, P),)),
                    Use("trace"),
                    Use("top", over=((_j, 1, _rank),)),
                )
            ),
            claim=True,
        ),
        Step(
            "exponent",
            P * Derivative(log(sym.prefactor() ** 2 * P * _T / _rank), P),
            "=",
            1 - 2 * sym.ALPHA,
            "lambda_max(G) >= s^2 P mean(a_p) / (N(C-1)): with mean(a_p) = T held fixed the lower "
            "bound has this exponent",
            claim=True,
        ),
    ),
    consequence="A law lambda_max ~ P^(-2 alpha) can at best be a regime of few patches. On the "
    "full MNIST set N(C-1) = 540,000, so it is the effective dimension that decides.",
    numerical_test=on_model("gram_picture_and_block_bounds"),
)


_a1, _a2, _p1, _p2 = symbols("a_1 a_2 P_1 P_2", positive=True)
_al1, _al2, _a = symbols("A_1 A_2 a", positive=True)


def _law(patches: Symbol, alignment: Expr, mean: Expr) -> Expr:
    """lambda_max(G) = s^2 P A mean_p(a_p)."""
    return sym.prefactor(patches) ** 2 * patches * alignment * mean


EXPONENT = Derivation(
    name="gram-exponent",
    title="lambda_max(G) = s^2 P A mean(a_p): exponent between -2 alpha and 1 - 2 alpha",
    summary="a_p = lambda_max(M_p) without the prefactor. If the top directions are orthogonal "
    "(A = 1/P) the exponent is -2 alpha, as the paper says; if they stay aligned (A constant) it "
    "is 1 - 2 alpha.",
    source="ours, on the paper's Sec. 3.2.3",
    assumptions=(Assumption("mean(a_p) does not change with P (f and S held fixed)"),),
    steps=(
        Step(
            "orthogonal",
            P * Derivative(log(_law(P, 1 / P, _a)), P),
            "=",
            -2 * sym.ALPHA,
            "A = 1/P",
            claim=True,
        ),
        Step(
            "aligned",
            P * Derivative(log(_law(P, _al1, _a)), P),
            "=",
            1 - 2 * sym.ALPHA,
            "A independent of P",
            claim=True,
        ),
        Step(
            "ratio",
            _law(_p2, _al2, _a2) / _law(_p1, _al1, _a1),
            "=",
            (_p1 / _p2) ** (2 * sym.ALPHA - 1) * (_al2 / _al1) * (_a2 / _a1),
            "exact ratio: the aligned law times the change of alignment and of curvature",
            claim=True,
        ),
    ),
    consequence="At alpha = 1 the paper's (P1/P2)^2 is the extreme A = 1/P; aligned patches give "
    "P1/P2.",
    numerical_test=on_model("replicated_patches_scale_as_one_over_p"),
)  # fmt: skip

_BLOCK = Matrix([[2, 1], [1, 2]])


def _replicated(formula: Formula) -> Iterator[tuple[Expr, Expr]]:
    """Largest eigenvalue of G for P identical patches with block [[2, 1], [1, 2]], exactly."""
    for count in range(1, 5):
        matrix = kronecker_product(ones(count, count), _BLOCK) / Integer(count) ** 2
        yield max(matrix.eigenvals()), formula.right.subs({P: count, _a: 3, sym.SCALE: 1})


def _orthogonal(formula: Formula) -> Iterator[tuple[Expr, Expr]]:
    """Largest eigenvalue for P patches whose derivatives live in different output directions."""
    for count in range(1, 5):
        matrix = diag(*[_BLOCK] * count) / Integer(count) ** 2
        yield max(matrix.eigenvals()), formula.right.subs({P: count, _a: 3, sym.SCALE: 1})


_c = sym.SCALE
_LARGEST = Symbol(r"\lambda_{max}(G)", nonnegative=True)

REPLICATED = Derivation(
    name="replicated-patches",
    title="Refuted as a general law: lambda_max falls as 1/P^2",
    summary="P copies of one patch (same circuit, same pixels): M_p = M, so s^2 sum_p M_p = "
    "s^2 P M. At alpha = 1 the largest eigenvalue is c^2 a / P; from 4 to 9 patches it falls to "
    "4/9, not (4/9)^2.",
    source="ours, against Sec. 3.2.3",
    kind="counterexample",
    steps=(
        Step(
            "sum",
            over_patches(_a),
            "=",
            P * _a,
            "sum_p M_p u = P M u = P a u: u is a top eigenvector of the sum too",
        ),
        Step(
            "law",
            (_c / P) ** 2 * over_patches(_a),
            "=",
            _c**2 * _a / P,
            "alpha = 1: s = c/P",
            claim=True,
        ),
        Step(
            "instances",
            _LARGEST,
            "=",
            _c**2 * _a / P,
            "G = (c/P)^2 ones(P, P) x [[2, 1], [1, 2]], a = 3",
            Enumeration(_replicated, "P = 1..4, exact eigenvalues"),
        ),
        Step(
            "4 to 9",
            Subs(_c**2 * _a / P, P, 9) / Subs(_c**2 * _a / P, P, 4),
            "=",
            Rational(4, 9),
            "the ratio, against 16/81 for the elementwise law",
            claim=True,
        ),
    ),
    consequence="'The first term dominates, so lambda_max falls like (P1/P2)^2' does not follow "
    "from the elements: the number of elements grows as well.",
    numerical_test=on_model("replicated_patches_scale_as_one_over_p"),
)

ORTHOGONAL = Derivation(
    name="orthogonal-patches",
    title="Orthogonal patches attain the other end: lambda_max falls as 1/P^2",
    summary="If every patch moves the outputs in a direction of its own, sum_p M_p is "
    "block-diagonal and its top eigenvalue is that of one block: the paper's law holds.",
    source="ours",
    assumptions=(Assumption("the ranges of the M_p are mutually orthogonal"),),
    steps=(
        Step(
            "instances",
            _LARGEST,
            "=",
            _c**2 * _a / P**2,
            "G = (c/P)^2 diag of P blocks [[2, 1], [1, 2]], a = 3",
            Enumeration(_orthogonal, "P = 1..4, exact eigenvalues"),
            claim=True,
        ),
        Step(
            "4 to 9",
            Subs(_c**2 * _a / P**2, P, 9) / Subs(_c**2 * _a / P**2, P, 4),
            "=",
            Rational(16, 81),
            "the ratio of the elementwise law",
            claim=True,
        ),
    ),
    consequence="Both ends of gram-exponent are attained; which is nearer is for measurement.",
    numerical_test=(
        "tests/verification/test_operator_properties.py::"
        "test_orthogonal_patches_give_the_elementwise_exponent"
    ),
)

THEOREMS = (DIMENSION, EXPONENT, REPLICATED, ORTHOGONAL)
