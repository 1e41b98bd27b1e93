"""Upper bounds on lambda_max(G) from trace and norms of its Gram matrix."""

from __future__ import annotations

import random

from sympy import Expr, IndexedBase, Integer, Rational, Symbol, symbols

from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.proof.points import IndexedRule, Point
from patchlaw.hessian_theory.theorems.notation import total

_r, _u, _j, _k = symbols("r u j k", integer=True, positive=True)
_size, _m = symbols("D m", integer=True, positive=True)
_K, _v = IndexedBase("K", real=True), IndexedBase("v", real=True)
_A, _x = IndexedBase("A", nonnegative=True), IndexedBase("x", nonnegative=True)
_w = IndexedBase("w", positive=True)
_mu, _theta = IndexedBase("mu", nonnegative=True), IndexedBase("theta", nonnegative=True)
_F = Symbol("F", positive=True)
_t, _Lambda, _rho, _F2 = symbols("t Lambda rho F_2", nonnegative=True)


def tested(name: str) -> str:
    """Node id of the property that tests one of these theorems."""
    return f"tests/theory/test_data_bounds_on_circuits.py::test_{name}"


def over(expr: Expr, *indices: Symbol, upper: Expr = _size) -> Expr:
    """Sum over dimensions, D of them if left out."""
    return total(expr, upper, *indices)


def _ones_point(rng: random.Random) -> Point:
    """K = v v^T with v of equal entries: both norms are attained."""
    root = rng.choice((1, 2))
    entry = Rational(1, root)
    values = {_size: Integer(root**2), _F: Integer(1), _t: Integer(1)}
    return Point(rng, values, {"K": lambda r, u: entry**2, "v": lambda r: entry})


FROBENIUS = Derivation(
    name="frobenius-bound",
    title="lambda_max(G) <= |K|_F <= tr G, K the Gram matrix of G",
    summary="G = A^T A and K = A A^T have the same eigenvalues but for zeros (theorem "
    "gram-picture), hence one trace and one Frobenius norm: |G|_F^2 = |K|_F^2 = (1/N^2) sum_nm "
    "|S_n^(1/2) J_n J_m^T S_m^(1/2)|_F^2. The form v^T K v is the inner product of K and v v^T.",
    source="ours (standard)",
    assumptions=(
        Assumption("v is a unit vector; at a top eigenvector v^T K v = lambda_max"),
        Assumption("K is positive semi-definite, so its 2 x 2 minors are >= 0 (for the trace)"),
    ),
    premises=(
        Premise("norm", Formula(over(_K[_r, _u] ** 2, _r, _u), "=", _F**2), "definition"),
        Premise("unit", Formula(over(_v[_r] ** 2, _r), "=", Integer(1))),
        Premise("minors", Formula(_K[_r, _u] ** 2, "<=", _K[_r, _r] * _K[_u, _u]), forall=(_r, _u)),
        Premise("trace", Formula(over(_K[_r, _r], _r), "=", _t), "definition"),
    ),
    witness=_ones_point,
    steps=(
        Claim(
            "Frobenius",
            Formula(over(_K[_r, _u] * _v[_r] * _v[_u], _r, _u), "<=", _F),
            "difference = F/2 sum_ru (K_ru / F - v_r v_u)^2 (Cauchy-Schwarz)",
            Combination(
                Use("norm", 1 / (2 * _F)),
                Use("unit", _F / 2 * (1 + over(_v[_r] ** 2, _r))),
                remainder=_F / 2 * over((_K[_r, _u] / _F - _v[_r] * _v[_u]) ** 2, _r, _u),
            ),
        ),
        Claim(
            "below the trace",
            Formula(_F**2, "<=", _t**2),
            "K_ru^2 <= K_rr K_uu, summed",
            Combination(
                Use("minors", over={_r: _size, _u: _size}),
                Use("norm", -1),
                Use("trace", _t + over(_K[_r, _r], _r)),
            ),
        ),
    ),
    numerical_test=tested("norms_of_the_gram_matrix"),
)


def _flat_point(rng: random.Random) -> Point:
    """All entries one: every row sum is D."""
    size = Integer(rng.randint(1, 3))
    one: dict[str, IndexedRule] = {
        "A": lambda r, u: Integer(1),
        "K": lambda r, u: Integer(1),
        "w": lambda r: Integer(1),
    }
    return Point(rng, {_size: size, _rho: size}, one)


ROW_SUMS = Derivation(
    name="row-sum-bound",
    title="lambda_max(K) <= max_r sum_u |K_ru| w_u / w_r for any weights w > 0",
    summary="With w = 1 this is the infinity norm (Gershgorin's circles together). The smallest "
    "over w is the Perron root of |K_ru|, so no such bound is below that. It holds with blocks as "
    "well: A_nm any bound on the norm of block (n, m), x_n the length of v's part.",
    source="ours (standard: Schur test)",
    assumptions=(
        Assumption("x_r = |v_r|; K_ru stands for sign(v_r v_u) K_ru, at most A_ru"),
        Assumption("A is symmetric, as the norms of the blocks of a symmetric matrix are"),
    ),
    premises=(
        Premise("entries", Formula(_K[_r, _u], "<=", _A[_r, _u]), forall=(_r, _u)),
        Premise("symmetric", Formula(_A[_r, _u], "=", _A[_u, _r]), forall=(_r, _u)),
        Premise(
            "row sums", Formula(over(_A[_r, _u] * _w[_u], _u), "<=", _rho * _w[_r]), forall=(_r,)
        ),
    ),
    witness=_flat_point,
    steps=(
        Step(
            "magnitudes",
            Formula(
                over(_K[_r, _u] * _x[_r] * _x[_u], _r, _u),
                "<=",
                over(_A[_r, _u] * _x[_r] * _x[_u], _r, _u),
            ),
            "v^T K v, entry by entry",
            Combination(Use("entries", _x[_r] * _x[_u], over={_r: _size, _u: _size})),
        ),
        Step(
            "halves",
            Formula(
                2 * over(_A[_r, _u] * _x[_r] * _x[_u], _r, _u),
                "<=",
                over(_A[_r, _u] * _w[_u] / _w[_r] * _x[_r] ** 2, _r, _u)
                + over(_A[_r, _u] * _w[_r] / _w[_u] * _x[_u] ** 2, _r, _u),
            ),
            "difference = sum A_ru (w_u x_r - w_r x_u)^2 / (w_r w_u)",
            Combination(
                remainder=over(
                    _A[_r, _u] * (_w[_u] * _x[_r] - _w[_r] * _x[_u]) ** 2 / (_w[_r] * _w[_u]),
                    _r,
                    _u,
                )
            ),
        ),
        Step(
            "alike",
            Formula(
                over(_A[_r, _u] * _w[_r] / _w[_u] * _x[_u] ** 2, _r, _u),
                "=",
                over(_A[_r, _u] * _w[_u] / _w[_r] * _x[_r] ** 2, _r, _u),
            ),
            "r and u exchanged",
            Combination(
                Use("symmetric", _w[_r] / _w[_u] * _x[_u] ** 2, over={_r: _size, _u: _size})
            ),
        ),
        Claim(
            "row sums of K",
            Formula(over(_K[_r, _u] * _x[_r] * _x[_u], _r, _u), "<=", _rho * over(_x[_r] ** 2, _r)),
            "the four together: v^T K v <= rho |v|^2",
            Combination(
                Use("magnitudes"),
                Use("halves", Rational(1, 2)),
                Use("alike", Rational(1, 2)),
                Use("row sums", _x[_r] ** 2 / _w[_r], over={_r: _size}),
            ),
        ),
    ),
    numerical_test=tested("norms_of_the_gram_matrix"),
)


def _others(expr: Expr, *indices: Symbol) -> Expr:
    """Over the m eigenvalues that are not the largest."""
    return over(expr, *(indices or (_j,)), upper=_m)


def _spectrum_point(rng: random.Random) -> Point:
    """A largest eigenvalue beside m equal ones, which are also the Ritz values."""
    m, top, rest = rng.randint(1, 3), Rational(rng.randint(5, 9)), Rational(rng.randint(0, 4))
    values = {_m: Integer(m), _Lambda: top, _t: top + m * rest, _F2: top**2 + m * rest**2}
    return Point(rng, values, {"mu": lambda j: rest, "theta": lambda j: rest})


_TRACE = Premise("trace", Formula(_t, "=", _Lambda + _others(_mu[_j])), "sum of the eigenvalues")
_SQUARES = Premise(
    "squares", Formula(_F2, "=", _Lambda**2 + _others(_mu[_j] ** 2)), "sum of their squares"
)

TRACE_FROBENIUS = Derivation(
    name="trace-frobenius-bound",
    title="(lambda_max - t/r)^2 <= (r-1)/r (|G|_F^2 - t^2/r), t = tr G, r the rank",
    summary="The m = r - 1 other eigenvalues have sum t - Lambda and squares' sum F_2 - Lambda^2, "
    "and m times the latter is at least the square of the former. Equality if they are equal. "
    "It helps where t^2 / r is comparable to |G|_F^2; r <= min(N (C - 1), D).",
    source="Wolkowicz and Styan (1980)",
    assumptions=(Assumption("Lambda and mu_j, j = 1..m, hold all eigenvalues but zeros"),),
    premises=(_TRACE, _SQUARES),
    witness=_spectrum_point,
    steps=(
        Step(
            "spread",
            Formula(_others(_mu[_j]) ** 2, "<=", _m * _others(_mu[_j] ** 2)),
            "difference = 1/2 sum_jk (mu_j - mu_k)^2",
            Combination(remainder=_others((_mu[_j] - _mu[_k]) ** 2, _j, _k) / 2),
        ),
        Step(
            "others",
            Formula((_t - _Lambda) ** 2, "<=", _m * (_F2 - _Lambda**2)),
            "sum and squares' sum put in",
            Combination(
                Use("spread"), Use("trace", _t - _Lambda + _others(_mu[_j])), Use("squares", -_m)
            ),
        ),
        Claim(
            "largest",
            Formula(((_m + 1) * _Lambda - _t) ** 2, "<=", _m * ((_m + 1) * _F2 - _t**2)),
            "r times the step before; divided by r^2 the statement",
            Combination(Use("others", _m + 1)),
        ),
    ),
    numerical_test=tested("bounds_from_trace_and_norm"),
)

DEFLATED = Derivation(
    name="deflated-bounds",
    title="lambda_max^2 <= |G|_F^2 - sum_(j>1) theta_j^2, lambda_max <= tr G - sum_(j>1) theta_j",
    summary="Ritz values of any subspace, in order, are below the eigenvalues in order (Cauchy "
    "interlacing), so the others take at least sum theta_j^2 of the squared norm: a subspace that "
    "holds the outliers leaves little but lambda_max^2.",
    source="ours",
    assumptions=(
        Assumption("G is positive semi-definite"),
        Assumption("theta_j is the Ritz value of rank j + 1, zero where the subspace has ended"),
    ),
    premises=(
        _TRACE,
        _SQUARES,
        Premise("interlacing", Formula(_theta[_j], "<=", _mu[_j]), forall=(_j,)),
    ),
    witness=_spectrum_point,
    steps=(
        Claim(
            "squared norm",
            Formula(_Lambda**2, "<=", _F2 - _others(_theta[_j] ** 2)),
            "mu_j^2 - theta_j^2 = (mu_j - theta_j)(mu_j + theta_j)",
            Combination(
                Use("squares", -1), Use("interlacing", _mu[_j] + _theta[_j], over={_j: _m})
            ),
        ),
        Claim(
            "rest of the trace",
            Formula(_Lambda, "<=", _t - _others(_theta[_j])),
            "the same of the sum",
            Combination(Use("trace", -1), Use("interlacing", over={_j: _m})),
        ),
    ),
    numerical_test=tested("bounds_from_trace_and_norm"),
)

THEOREMS = (FROBENIUS, ROW_SUMS, TRACE_FROBENIUS, DEFLATED)
