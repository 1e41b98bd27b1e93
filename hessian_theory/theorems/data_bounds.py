"""Bounds on lambda_max(G) from norms of its Gram matrix, from traces and from trial vectors."""

from __future__ import annotations

import random

from sympy import Expr, IndexedBase, Integer, Rational, Sum, Symbol, symbols

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.derivation import Assumption, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.proof.points import IndexedRule, Point
from patchlaw.hessian_theory.theorems.notation import C

_r, _u, _j, _a, _b, _i, _k, _l = symbols("r u j a b i k l", integer=True, positive=True)
_size, _m = symbols("D m", integer=True, positive=True)
_n, _N = sym.n, sym.N
_K, _v, _c = IndexedBase("K", real=True), IndexedBase("v", real=True), IndexedBase("c", real=True)
_A, _x = IndexedBase("A", nonnegative=True), IndexedBase("x", nonnegative=True)
_w = IndexedBase("w", positive=True)
_mu, _theta = IndexedBase("mu", nonnegative=True), IndexedBase("theta", nonnegative=True)
_F, _g = symbols("F gamma", positive=True)
_t, _Lambda, _rho, _F2 = symbols("t Lambda rho F_2", nonnegative=True)


def _tested(name: str) -> str:
    return f"tests/theory/test_data_bounds_on_circuits.py::test_{name}"


def _over(expr: Expr, *indices: Symbol, upper: Expr = _size) -> Expr:
    return Sum(expr, *((x, 1, upper) for x in indices))


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
        Premise("norm", Formula(_over(_K[_r, _u] ** 2, _r, _u), "=", _F**2), "definition"),
        Premise("unit", Formula(_over(_v[_r] ** 2, _r), "=", Integer(1))),
        Premise(
            "minors",
            Formula(_K[_r, _u] ** 2, "<=", _K[_r, _r] * _K[_u, _u]),
            forall=(_r, _u),
        ),
        Premise("trace", Formula(_over(_K[_r, _r], _r), "=", _t), "definition"),
    ),
    witness=_ones_point,
    steps=(
        Step(
            "Frobenius",
            _over(_K[_r, _u] * _v[_r] * _v[_u], _r, _u),
            "<=",
            _F,
            "difference = F/2 sum_ru (K_ru / F - v_r v_u)^2 (Cauchy-Schwarz)",
            Combination(
                (
                    Use("norm", 1 / (2 * _F)),
                    Use("unit", _F / 2 * (1 + _over(_v[_r] ** 2, _r))),
                ),
                _F / 2 * _over((_K[_r, _u] / _F - _v[_r] * _v[_u]) ** 2, _r, _u),
            ),
            claim=True,
        ),
        Step(
            "below the trace",
            _F**2,
            "<=",
            _t**2,
            "K_ru^2 <= K_rr K_uu, summed",
            Combination(
                (
                    Use("minors", over=((_r, 1, _size), (_u, 1, _size))),
                    Use("norm", -1),
                    Use("trace", _t + _over(_K[_r, _r], _r)),
                )
            ),
            claim=True,
        ),
    ),
    numerical_test=_tested("norms_of_the_gram_matrix"),
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
            "row sums", Formula(_over(_A[_r, _u] * _w[_u], _u), "<=", _rho * _w[_r]), forall=(_r,)
        ),
    ),
    witness=_flat_point,
    steps=(
        Step(
            "magnitudes",
            _over(_K[_r, _u] * _x[_r] * _x[_u], _r, _u),
            "<=",
            _over(_A[_r, _u] * _x[_r] * _x[_u], _r, _u),
            "v^T K v, entry by entry",
            Combination((Use("entries", _x[_r] * _x[_u], over=((_r, 1, _size), (_u, 1, _size))),)),
        ),
        Step(
            "halves",
            2 * _over(_A[_r, _u] * _x[_r] * _x[_u], _r, _u),
            "<=",
            _over(_A[_r, _u] * _w[_u] / _w[_r] * _x[_r] ** 2, _r, _u)
            + _over(_A[_r, _u] * _w[_r] / _w[_u] * _x[_u] ** 2, _r, _u),
            "difference = sum A_ru (w_u x_r - w_r x_u)^2 / (w_r w_u)",
            Combination(
                (),
                _over(
                    _A[_r, _u] * (_w[_u] * _x[_r] - _w[_r] * _x[_u]) ** 2 / (_w[_r] * _w[_u]),
                    _r,
                    _u,
                ),
            ),
        ),
        Step(
            "alike",
            _over(_A[_r, _u] * _w[_r] / _w[_u] * _x[_u] ** 2, _r, _u),
            "=",
            _over(_A[_r, _u] * _w[_u] / _w[_r] * _x[_r] ** 2, _r, _u),
            "r and u exchanged",
            Combination(
                (
                    Use(
                        "symmetric",
                        _w[_r] / _w[_u] * _x[_u] ** 2,
                        over=((_r, 1, _size), (_u, 1, _size)),
                    ),
                )
            ),
        ),
        Step(
            "row sums of K",
            _over(_K[_r, _u] * _x[_r] * _x[_u], _r, _u),
            "<=",
            _rho * _over(_x[_r] ** 2, _r),
            "the four together: v^T K v <= rho |v|^2",
            Combination(
                (
                    Use("magnitudes"),
                    Use("halves", Rational(1, 2)),
                    Use("alike", Rational(1, 2)),
                    Use("row sums", _x[_r] ** 2 / _w[_r], over=((_r, 1, _size),)),
                )
            ),
            claim=True,
        ),
    ),
    numerical_test=_tested("norms_of_the_gram_matrix"),
)


def _others(expr: Expr, *indices: Symbol) -> Expr:
    """Over the m eigenvalues that are not the largest."""
    return _over(expr, *(indices or (_j,)), upper=_m)


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
            _others(_mu[_j]) ** 2,
            "<=",
            _m * _others(_mu[_j] ** 2),
            "difference = 1/2 sum_jk (mu_j - mu_k)^2",
            Combination((), _others((_mu[_j] - _mu[_k]) ** 2, _j, _k) / 2),
        ),
        Step(
            "others",
            (_t - _Lambda) ** 2,
            "<=",
            _m * (_F2 - _Lambda**2),
            "sum and squares' sum put in",
            Combination(
                (
                    Use("spread"),
                    Use("trace", _t - _Lambda + _others(_mu[_j])),
                    Use("squares", -_m),
                )
            ),
        ),
        Step(
            "largest",
            ((_m + 1) * _Lambda - _t) ** 2,
            "<=",
            _m * ((_m + 1) * _F2 - _t**2),
            "r times the step before; divided by r^2 the statement",
            Combination((Use("others", _m + 1),)),
            claim=True,
        ),
    ),
    numerical_test=_tested("bounds_from_trace_and_norm"),
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
        Step(
            "squared norm",
            _Lambda**2,
            "<=",
            _F2 - _others(_theta[_j] ** 2),
            "mu_j^2 - theta_j^2 = (mu_j - theta_j)(mu_j + theta_j)",
            Combination(
                (
                    Use("squares", -1),
                    Use("interlacing", _mu[_j] + _theta[_j], over=((_j, 1, _m),)),
                )
            ),
            claim=True,
        ),
        Step(
            "rest of the trace",
            _Lambda,
            "<=",
            _t - _others(_theta[_j]),
            "the same of the sum",
            Combination((Use("trace", -1), Use("interlacing", over=((_j, 1, _m),)))),
            claim=True,
        ),
    ),
    numerical_test=_tested("bounds_from_trace_and_norm"),
)

_J, _root = IndexedBase("J", real=True), IndexedBase("Q", real=True)
_S, _G, _Smean = (
    IndexedBase("S", real=True),
    IndexedBase("gamma", real=True),
    IndexedBase("sigma", real=True),
)
_coefficient, _component = IndexedBase("y", real=True), IndexedBase("c", real=True)
_top = Symbol("Lambda", real=True)


def _classes(expr: Expr, *indices: Symbol) -> Expr:
    return _over(expr, *indices, upper=C)


def _class_point(rng: random.Random) -> Point:
    """Two classes, two directions of the output space, exact products."""
    point = Point(rng, {C: Integer(2), _size: Integer(2), _top: Rational(rng.randint(6, 9))})
    values = [Rational(rng.randint(0, 5)) for _ in range(2)]
    parts = [[Rational(rng.randint(-3, 3)) for _ in range(2)] for _ in range(2)]
    root = [[Rational(rng.randint(-3, 3)) for _ in range(2)] for _ in range(2)]

    def mu(j: Expr) -> Expr:
        return values[int(j) % 2]

    def c(a: Expr, j: Expr) -> Expr:
        return parts[int(a) % 2][int(j) % 2]

    def q(n: Expr, k: Expr, l: Expr) -> Expr:  # noqa: E741  # the paper's index
        return root[int(k) % 2][int(l) % 2] + n

    point.indexed = {
        "mu": mu,
        "c": c,
        "gamma": lambda a, b: sum(mu(j) * c(a, j) * c(b, j) for j in map(Integer, (1, 2))),
        "sigma": lambda a, b: sum(c(a, j) * c(b, j) for j in map(Integer, (1, 2))),
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
            Formula(_classes(_root[_n, _k, _l] * _root[_n, _l, _a], _l), "=", _S[_n, _k, _a]),
            forall=(_n, _k, _a),
        ),
        Premise(
            "images",
            Formula(_G[_a, _b], "=", _over(_mu[_j] * _component[_a, _j] * _component[_b, _j], _j)),
            "g_a . g_b = w_a^T K w_b",
            (_a, _b),
        ),
        Premise(
            "overlaps",
            Formula(_Smean[_a, _b], "=", _over(_component[_a, _j] * _component[_b, _j], _j)),
            "<S>_ab = w_a . w_b",
            (_a, _b),
        ),
        Premise("largest", Formula(_mu[_j], "<=", _top), "Lambda is the largest", (_j,)),
    ),
    witness=_class_point,
    steps=(
        Step(
            "one product",
            Sum(
                _classes(_J[_n, _k, _i] * _root[_n, _k, _l] * _root[_n, _l, _a], _k, _l),
                (_n, 1, _N),
            )
            / _N,
            "=",
            Sum(_classes(_J[_n, _k, _i] * _S[_n, _k, _a], _k), (_n, 1, _N)) / _N,
            "(A^T w_a)_i = (g_a)_i, as A = N^(-1/2) S^(1/2) J",
            Combination((Use("root", _J[_n, _k, _i] / _N, over=((_k, 1, C), (_n, 1, _N))),)),
            claim=True,
        ),
        Step(
            "pencil",
            _classes(_coefficient[_a] * _coefficient[_b] * _G[_a, _b], _a, _b),
            "<=",
            _top * _classes(_coefficient[_a] * _coefficient[_b] * _Smean[_a, _b], _a, _b),
            "difference = sum_j (Lambda - mu_j) (sum_a y_a c_aj)^2",
            Combination(
                (
                    Use(
                        "images",
                        _coefficient[_a] * _coefficient[_b],
                        over=((_a, 1, C), (_b, 1, C)),
                    ),
                    Use(
                        "overlaps",
                        -_top * _coefficient[_a] * _coefficient[_b],
                        over=((_a, 1, C), (_b, 1, C)),
                    ),
                    Use(
                        "largest",
                        _classes(_coefficient[_a] * _component[_a, _j], _a) ** 2,
                        over=((_j, 1, _size),),
                    ),
                )
            ),
            claim=True,
        ),
    ),
    numerical_test=_tested("class_directions"),
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
        Step(
            "two blocks",
            _q,
            "<=",
            (_head + _d) * (_Y**2 + _Z**2),
            "difference = (d Y - b Z)^2 / d + (a + d - e - b^2 / d) Z^2",
            Combination(
                (Use("form"), Use("root", _Z**2 / _d)), (_d * _Y - _coupling * _Z) ** 2 / _d
            ),
            claim=True,
        ),
    ),
    numerical_test=_tested("certified_interval"),
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
        Premise("unit", Formula(_over(_e1[_r] ** 2, _r), "=", Integer(1))),
        Premise("seen", Formula(_over(_e1[_r] * _y[_r], _r), "=", _Lambda * _g), "E u = Lambda u"),
        Premise(
            "norm", Formula(_over(_y[_r] ** 2, _r), "<=", _sigma**2 * _g), "sigma is E Z's norm"
        ),
        Premise("quantile", Formula(_quantile, "<=", _g), "with confidence 1 - delta"),
    ),
    witness=_sketch_point,
    steps=(
        Step(
            "along u",
            _Lambda**2 * _g**2,
            "<=",
            _over(_y[_r] ** 2, _r),
            "difference = |y - Lambda gamma u|^2",
            Combination(
                (
                    Use("seen", -2 * _Lambda * _g),
                    Use("unit", _Lambda**2 * _g**2),
                ),
                _over((_y[_r] - _Lambda * _g * _e1[_r]) ** 2, _r),
            ),
        ),
        Step(
            "sketch",
            _Lambda**2 * _quantile,
            "<=",
            _sigma**2,
            "divided by gamma, which is at least q",
            Combination((Use("along u", 1 / _g), Use("norm", 1 / _g), Use("quantile", _Lambda**2))),
            claim=True,
        ),
        Step(
            "factors",
            1 + _s1 + _s2,
            "<=",
            (1 + _s1) * (1 + _s2),
            "so prod_j (1 + 2 t b_j) >= 1 + 2 t sum_j b_j, and the mean of m Gaussian forms z^T B "
            "z, B >= 0, is below u tr B with probability (u e^(1-u))^(m/2) at most (Chernoff)",
            Combination((), _s1 * _s2),
            claim=True,
        ),
    ),
    numerical_test=_tested("certified_interval"),
)

THEOREMS = (
    FROBENIUS,
    ROW_SUMS,
    TRACE_FROBENIUS,
    DEFLATED,
    CLASS_DIRECTIONS,
    TWO_BLOCKS,
    SKETCH,
)
