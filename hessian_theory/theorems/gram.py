"""The Gram picture: what the largest eigenvalue of G is made of, and its exponent in P."""

from __future__ import annotations

import random
from typing import Any

import mpmath
from sympy import (
    Expr,
    IndexedBase,
    Integer,
    Rational,
    Sum,
    Symbol,
    symbols,
)

from hessian_theory.proof.derivation import Derivation, Step
from hessian_theory.proof.evidence import Combination, Lemma, Use
from hessian_theory.proof.formula import Assumption, Formula, Premise
from hessian_theory.proof.points import Point
from hessian_theory.theorems.notation import (
    P,
    not_delta,
    on_model,
    over_patches,
    p,
    r,
)

_A, _At, _u, _ut = symbols("A A^T u u^T", commutative=False)
_mu = Symbol("lambda", real=True)
_Lambda = Symbol("Lambda", nonnegative=True)
_lam = IndexedBase("lambda", nonnegative=True)
_q = IndexedBase("q", real=True)
_w = IndexedBase("w", nonnegative=True)
_T = Symbol("T", positive=True)
_j = Symbol("j", integer=True, positive=True)
_eig_j = IndexedBase("mu", real=True)
_LAMBDA_TOP = Symbol("Lambda", real=True)
_TOP_COLUMNS = Symbol(r"\lambda_{max}(A^T A)", nonnegative=True)
_TOP_ROWS = Symbol(r"\lambda_{max}(A A^T)", nonnegative=True)
_TOP_SUM = Symbol(r"\lambda_{max}(\sum_p M_p)", nonnegative=True)
_SUM_TOP = Symbol(r"\sum_p\lambda_{max}(M_p)", nonnegative=True)
_MAX_TOP = Symbol(r"\max_p\lambda_{max}(M_p)", nonnegative=True)
_FORM = Symbol(r"x^T M x", real=True)
_TOP_M = Symbol(r"\lambda_{max}(M)", real=True)
_NORM = Symbol(r"|x|", nonnegative=True)


def _psd(rng: random.Random, size: int, rank: int) -> Any:
    factor = mpmath.matrix(size, rank)
    for i in range(size):
        for j in range(rank):
            factor[i, j] = mpmath.mpf(rng.randint(-1000, 1000)) / 997
    return factor * factor.T


def _largest(matrix: Any) -> Any:
    return max(mpmath.eigsy(matrix, eigvals_only=True))


def _random_gram(rng: random.Random) -> list[Any]:
    size, count = rng.randint(2, 4), rng.randint(1, 3)
    return [_psd(rng, size, rng.randint(1, size)) for _ in range(count)]


def _transport(rng: random.Random) -> dict[Symbol, Any]:
    """Largest eigenvalue of A^T A against that of A A^T for a random rectangular A."""
    rows, columns = rng.randint(1, 3), rng.randint(1, 4)
    a = mpmath.matrix(rows, columns)
    for i in range(rows):
        for j in range(columns):
            a[i, j] = mpmath.mpf(rng.randint(-1000, 1000)) / 997
    return {_TOP_COLUMNS: _largest(a.T * a), _TOP_ROWS: _largest(a * a.T)}


_x, _y = symbols("x y", integer=True, positive=True)
_i, _np = symbols("i n_p", integer=True, positive=True)
_entry, _M = IndexedBase("A", real=True), IndexedBase("M", real=True)


def _factor_point(rng: random.Random) -> Point:
    """A factor A with rational entries and the M_p that belong to it."""
    point = Point(rng, {_np: Integer(rng.randint(1, 3))})

    def entry(x: Expr, patch: Expr, angle: Expr) -> Expr:
        return Rational(int(x) + 2 * int(patch) - int(angle), 3)

    def gram(patch: Expr, x: Expr, y: Expr) -> Expr:
        angles = range(1, int(point.symbols[_np]) + 1)
        return sum((entry(x, patch, a) * entry(y, patch, a) for a in angles), Integer(0))

    point.indexed = {"A": entry, "M": gram}
    return point


GRAM = Derivation(
    name="gram-picture",
    title="The non-zero spectrum of G is that of s^2 sum_p M_p",
    summary="Write G = A^T A with A = s N^(-1/2) S^(1/2) J, J = [J_1 .. J_P], rows over samples "
    "and classes. A^T A and A A^T share their non-zero eigenvalues, and A A^T is a sum over "
    "patches of small Gram matrices: patches meet in the NC-dimensional output space.",
    source="ours",
    assumptions=(
        Assumption("S is positive semi-definite (theorem softmax-curvature-bounds)"),
    ),
    premises=(
        Premise("eigenvector", Formula(_A * _At * _u, "=", _mu * _u)),
        Premise(
            "M_p",
            Formula(
                _M[p, _x, _y], "=", Sum(_entry[_x, p, _i] * _entry[_y, p, _i], (_i, 1, _np))
            ),
            "definition",
        ),
    ),
    witness=_factor_point,
    steps=(
        Step(
            "carried over",
            _At * _A * (_At * _u),
            "=",
            _mu * (_At * _u),
            "if A A^T u = lambda u, then A^T u is an eigenvector of A^T A with the same lambda",
            Combination((Use("eigenvector", _At),)),
            claim=True,
        ),
        Step(
            "not zero",
            _ut * _A * _At * _u,
            "=",
            _mu * _ut * _u,
            "|A^T u|^2 = lambda |u|^2: for lambda != 0 the carried vector is not zero; the other "
            "direction is the same with A and A^T exchanged",
            Combination((Use("eigenvector", _ut),)),
        ),
        Step(
            "sum over patches",
            Sum(_entry[_x, p, _i] * _entry[_y, p, _i], (_i, 1, _np), (p, 1, P)),
            "=",
            over_patches(_M[p, _x, _y]),
            "(A A^T)_xy: the columns of A are the angles, patch by patch; M_p collects patch p's",
            Combination((Use("M_p", -1, over=((p, 1, P),)),)),
            claim=True,
        ),
        Step(
            "instances",
            _TOP_COLUMNS,
            "=",
            _TOP_ROWS,
            "random rectangular A",
            Lemma("A^T A and A A^T share their non-zero eigenvalues", _transport),
        ),
    ),
    numerical_test=on_model("gram_picture_and_block_bounds"),
)  # fmt: skip


def _blocks(rng: random.Random) -> dict[Symbol, Any]:
    blocks = _random_gram(rng)
    tops = [_largest(block) for block in blocks]
    total = sum(blocks[1:], blocks[0])
    return {_TOP_SUM: _largest(total), _SUM_TOP: sum(tops), _MAX_TOP: max(tops)}


def _quotient(rng: random.Random) -> dict[Symbol, Any]:
    size = rng.randint(2, 4)
    matrix = _psd(rng, size, size) - _psd(rng, size, size)
    x = mpmath.matrix([mpmath.mpf(rng.randint(-1000, 1000)) / 997 for _ in range(size)])
    square = (x.T * x)[0]
    return {_FORM: (x.T * matrix * x)[0], _TOP_M: _largest(matrix), _NORM: mpmath.sqrt(square)}


_RAYLEIGH_ORIGIN = "theorem rayleigh-quotient"
_c_j = IndexedBase("c", real=True)
_size = Symbol("D", integer=True, positive=True)


def _spectral_point(rng: random.Random) -> Point:
    point = Point(rng, {_size: Integer(3), _LAMBDA_TOP: Rational(rng.randint(0, 9), 7)})
    top_value = point.symbols[_LAMBDA_TOP]
    point.indexed = {"mu": lambda i: top_value - (int(i) - 1)}
    return point


RAYLEIGH = Derivation(
    name="rayleigh-quotient",
    title="x^T M x <= lambda_max(M) |x|^2",
    summary="In an orthonormal eigenbasis of the symmetric matrix M, x has components c_j: the "
    "quadratic form is sum_j mu_j c_j^2 and no mu_j exceeds the largest, Lambda. Equality at a "
    "top eigenvector.",
    source="ours (standard)",
    assumptions=(Assumption("M is symmetric, so it has an orthonormal eigenbasis"),),
    premises=(Premise("largest", Formula(_eig_j[_j], "<=", _LAMBDA_TOP)),),
    witness=_spectral_point,
    steps=(
        Step(
            "rayleigh",
            Sum(_eig_j[_j] * _c_j[_j] ** 2, (_j, 1, _size)),
            "<=",
            _LAMBDA_TOP * Sum(_c_j[_j] ** 2, (_j, 1, _size)),
            "difference = sum_j (Lambda - mu_j) c_j^2",
            Combination((Use("largest", _c_j[_j] ** 2, over=((_j, 1, _size),)),)),
            claim=True,
        ),
        Step(
            "instances",
            _FORM,
            "<=",
            _TOP_M * _NORM**2,
            "random symmetric matrices and vectors",
            Lemma("Rayleigh quotient", _quotient),
        ),
    ),
    numerical_test=on_model("gram_picture_and_block_bounds"),
)


def _gram_point(rng: random.Random) -> Point:
    """Diagonal M_p: then quadratic forms and eigenvalues are easy to write down exactly."""
    n_patches = rng.randint(2, 3)
    point = Point(rng, {P: Integer(n_patches)})
    values = [[Rational(rng.randint(0, 50), 10) for _ in range(2)] for _ in range(n_patches)]
    totals = [sum(column) for column in zip(*values, strict=True)]
    top = 0 if totals[0] >= totals[1] else 1
    at = int(point._symbol(r)) - 1
    own = 0 if values[at][0] >= values[at][1] else 1
    largest = [max(v) for v in values]
    point.symbols |= {_Lambda: max(totals), _T: sum(largest) or Integer(1)}
    point.indexed = {
        "lambda": lambda i: largest[int(i) - 1],
        "q": lambda i: values[int(i) - 1][top],
        "w": lambda i: values[int(i) - 1][own],
    }
    return point


BOUNDS = Derivation(
    name="gram-bounds",
    title="max_p lambda_max(G_pp) <= lambda_max(G) <= sum_p lambda_max(G_pp); A in [1/P, 1]",
    summary="lambda_p is the largest eigenvalue of s^2 M_p (that of the diagonal block G_pp), "
    "Lambda that of s^2 sum_p M_p (that of G). x is a unit top eigenvector of the sum and "
    "q_p = x^T s^2 M_p x; w_p is the same for a unit top eigenvector of block r. The alignment "
    "A = Lambda / sum_p lambda_p says how far the patches' top directions coincide.",
    source="ours",
    assumptions=(Assumption("G is positive semi-definite"),),
    premises=(
        Premise("x is top", Formula(_Lambda, "=", over_patches(_q[p])), "definition of x and q"),
        Premise("q_p", Formula(_q[p], "<=", _lam[p]), _RAYLEIGH_ORIGIN),
        Premise("any vector", Formula(over_patches(_w[p]), "<=", _Lambda), _RAYLEIGH_ORIGIN),
        Premise("w_r", Formula(_w[r], "=", _lam[r]), "definition of w"),
        Premise("T", Formula(_T, "=", over_patches(_lam[p])), "definition of T"),
    ),
    witness=_gram_point,
    steps=(
        Step(
            "upper",
            _Lambda,
            "<=",
            over_patches(_lam[p]),
            "Lambda = sum_p q_p and q_p <= lambda_p",
            Combination((Use("x is top"),), over_patches(_lam[p] - _q[p])),
            claim=True,
        ),
        Step(
            "lower",
            _Lambda,
            ">=",
            _lam[r],
            "try the top eigenvector of block r; all w_p >= 0 (M_p is positive semi-definite)",
            Combination(
                (Use("any vector"), Use("w_r", -1)),
                over_patches(not_delta(p, r) * _w[p]),
            ),
            claim=True,
        ),
        Step(
            "A <= 1",
            _Lambda / _T,
            "<=",
            Integer(1),
            "upper bound divided by T = sum_p lambda_p",
            Combination((Use("upper", 1 / _T), Use("T", -1 / _T))),
            claim=True,
        ),
        Step(
            "A >= 1/P",
            _Lambda / _T,
            ">=",
            1 / P,
            "lower bound summed over r = 1..P, divided by P T",
            Combination((Use("lower", 1 / (P * _T), over=((r, 1, P),)), Use("T", 1 / (P * _T)))),
            claim=True,
        ),
        Step(
            "upper, instances",
            _TOP_SUM,
            "<=",
            _SUM_TOP,
            "random positive semi-definite matrices",
            Lemma("sum of largest eigenvalues", _blocks),
        ),
        Step(
            "lower, instances",
            _TOP_SUM,
            ">=",
            _MAX_TOP,
            "random positive semi-definite matrices",
            Lemma("largest of the blocks", _blocks),
        ),
    ),
    consequence="1/P^2 elements do not make 1/P^2 eigenvalues: Lambda = s^2 P A mean_p(a_p).",
    numerical_test=on_model("gram_picture_and_block_bounds"),
)

THEOREMS = (GRAM, RAYLEIGH, BOUNDS)
