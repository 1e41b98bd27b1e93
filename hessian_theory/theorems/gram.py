"""The Gram picture: what the largest eigenvalue of G is made of, and its exponent in P."""

from __future__ import annotations

import random

from sympy import Expr, IndexedBase, Integer, Rational, Sum, Symbol, symbols

from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula, InRange
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.notation import P, not_delta, on_model, over_patches, p, r

_A, _At, _u, _ut = symbols("A A^T u u^T", commutative=False)
_mu = Symbol("lambda", real=True)
_Lambda = Symbol("Lambda", nonnegative=True)
_lam = IndexedBase("lambda", nonnegative=True)
_q = IndexedBase("q", real=True)
BLOCK_TOP = _lam  # the largest eigenvalue of block p, for instances of gram-bounds
_w = IndexedBase("w", nonnegative=True)
_T = Symbol("T", positive=True)
_j = Symbol("j", integer=True, positive=True)
_eig_j = IndexedBase("mu", real=True)
_LAMBDA_TOP = Symbol("Lambda", real=True)


_x, _y = symbols("x y", integer=True, positive=True)
_i, _np = symbols("i n_p", integer=True, positive=True)
_entry, _M = IndexedBase("a", real=True), IndexedBase("M", real=True)


GRAM = Derivation(
    name="gram-picture",
    title="The non-zero spectrum of G is that of s^2 sum_p M_p",
    summary="Write G = A^T A with A = s N^(-1/2) S^(1/2) J, J = [J_1 .. J_P], rows over samples "
    "and classes. A^T A and A A^T share their non-zero eigenvalues, and A A^T is a sum over "
    "patches of small Gram matrices: patches meet in the NC-dimensional output space.",
    source="ours",
    assumptions=(Assumption("S is positive semi-definite (theorem softmax-curvature-bounds)"),),
    premises=(
        Premise("eigenvector", Formula(_A * _At * _u, "=", _mu * _u)),
        Premise(
            "M_p",
            Formula(_M[p, _x, _y], "=", Sum(_entry[_x, p, _i] * _entry[_y, p, _i], (_i, 1, _np))),
            "definition",
            (p, _x, _y),
        ),
    ),
    steps=(
        Claim(
            "carried over",
            Formula(_At * _A * (_At * _u), "=", _mu * (_At * _u)),
            "if A A^T u = lambda u, then A^T u is an eigenvector of A^T A with the same lambda",
            Combination(Use("eigenvector", _At)),
        ),
        Step(
            "not zero",
            Formula(_ut * _A * _At * _u, "=", _mu * _ut * _u),
            "|A^T u|^2 = lambda |u|^2: for lambda != 0 the carried vector is not zero; the other "
            "direction is the same with A and A^T exchanged",
            Combination(Use("eigenvector", _ut)),
        ),
        Claim(
            "sum over patches",
            Formula(
                Sum(_entry[_x, p, _i] * _entry[_y, p, _i], (_i, 1, _np), (p, 1, P)),
                "=",
                over_patches(_M[p, _x, _y]),
            ),
            "(A A^T)_xy: the columns of A are the angles, patch by patch; M_p collects patch p's",
            Combination(Use("M_p", -1, over={p: P})),
        ),
    ),
    numerical_test=on_model("gram_picture_and_block_bounds"),
)


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
    premises=(
        Premise("largest", Formula(_eig_j[_j], "<=", _LAMBDA_TOP), "Lambda is the largest", (_j,)),
    ),
    witness=_spectral_point,
    steps=(
        Claim(
            "rayleigh",
            Formula(
                Sum(_eig_j[_j] * _c_j[_j] ** 2, (_j, 1, _size)),
                "<=",
                _LAMBDA_TOP * Sum(_c_j[_j] ** 2, (_j, 1, _size)),
            ),
            "difference = sum_j (Lambda - mu_j) c_j^2",
            Combination(Use("largest", _c_j[_j] ** 2, over={_j: _size})),
        ),
    ),
    numerical_test=on_model("gram_picture_and_block_bounds"),
)


TOP = Premise("x is top", Formula(_Lambda, "=", over_patches(_q[p])), "definition of x and q")


def _gram_point(rng: random.Random) -> Point:
    """Diagonal M_p: then quadratic forms and eigenvalues are easy to write down exactly."""
    n_patches = rng.randint(2, 3)
    point = Point(rng, {P: Integer(n_patches)})
    values = [[Rational(rng.randint(0, 50), 10) for _ in range(2)] for _ in range(n_patches)]
    totals = [sum(column) for column in zip(*values, strict=True)]
    top = 0 if totals[0] >= totals[1] else 1
    point.symbols |= {_Lambda: max(totals), _T: sum(map(max, values)) or Integer(1)}

    def of(patch: Expr) -> list[Rational]:  # beyond P they repeat
        return values[(int(patch) - 1) % n_patches]

    point.indexed = {
        "lambda": lambda i: max(of(i)),
        "q": lambda i: of(i)[top],
        "w": lambda i, j: of(j)[0 if of(i)[0] >= of(i)[1] else 1],
    }
    return point


BOUNDS = Derivation(
    name="gram-bounds",
    title="max_p lambda_max(G_pp) <= lambda_max(G) <= sum_p lambda_max(G_pp); A in [1/P, 1]",
    summary="lambda_p is the largest eigenvalue of s^2 M_p (that of the diagonal block G_pp), "
    "Lambda that of s^2 sum_p M_p (that of G). x is a unit top eigenvector of the sum and "
    "q_p = x^T s^2 M_p x; w_rp is the same for a unit top eigenvector of block r. The largest "
    "eigenvalue is the largest form over unit vectors (theorem rayleigh-quotient). The alignment "
    "A = Lambda / sum_p lambda_p says how far the patches' top directions coincide.",
    source="ours",
    assumptions=(
        Assumption("G is positive semi-definite"),
        Assumption("r is a patch index, 1 <= r <= P", InRange(r, P)),
    ),
    premises=(
        TOP,
        Premise("q_p", Formula(_q[p], "<=", _lam[p]), "lambda_p is the largest form", (p,)),
        Premise(
            "any vector",
            Formula(over_patches(_w[r, p]), "<=", _Lambda),
            "Lambda is the largest form",
            (r,),
        ),
        Premise("w_r", Formula(_w[r, r], "=", _lam[r]), "definition of w", (r,)),
        Premise("T", Formula(_T, "=", over_patches(_lam[p])), "definition of T"),
    ),
    witness=_gram_point,
    steps=(
        Claim(
            "upper",
            Formula(_Lambda, "<=", over_patches(_lam[p])),
            "Lambda = sum_p q_p and q_p <= lambda_p",
            Combination(Use("x is top"), remainder=over_patches(_lam[p] - _q[p])),
        ),
        Claim(
            "lower",
            Formula(_Lambda, ">=", _lam[r]),
            "try the top eigenvector of block r; all w_rp >= 0 (M_p is positive semi-definite)",
            Combination(
                Use("any vector"),
                Use("w_r", -1),
                remainder=over_patches(not_delta(p, r) * _w[r, p]),
            ),
        ),
        Claim(
            "A <= 1",
            Formula(_Lambda / _T, "<=", Integer(1)),
            "upper bound divided by T = sum_p lambda_p",
            Combination(Use("upper", 1 / _T), Use("T", -1 / _T)),
        ),
        Claim(
            "A >= 1/P",
            Formula(_Lambda / _T, ">=", 1 / P),
            "lower bound summed over r = 1..P, divided by P T",
            Combination(Use("lower", 1 / (P * _T), over={r: P}), Use("T", 1 / (P * _T))),
        ),
    ),
    consequence="1/P^2 elements do not make 1/P^2 eigenvalues: Lambda = s^2 P A mean_p(a_p).",
    numerical_test=on_model("gram_picture_and_block_bounds"),
)

THEOREMS = (GRAM, RAYLEIGH, BOUNDS)
