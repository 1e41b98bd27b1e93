"""Upper bounds on the largest eigenvalues of G, R and H from the architecture and the loss."""

from __future__ import annotations

import random

from sympy import Expr, IndexedBase, Integer, KroneckerDelta, Rational, symbols

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.notation import on_model, over_patches, total

_i, _j, _D, _np = symbols("i j D n_p", integer=True, positive=True)
_G = IndexedBase("G_diag", nonnegative=True)
_mu = IndexedBase("mu", nonnegative=True)
_m = IndexedBase("m", nonnegative=True)
_w = IndexedBase("w", nonnegative=True)
_e = IndexedBase("e", real=True)
_s = sym.prefactor()
_tau, _rho, _loss = symbols("tau rho L", nonnegative=True)
_Lambda, _LR, _LH, _fG, _fR = symbols("Lambda Lambda_R Lambda_H f_G f_R", real=True)


def _flat_point(rng: random.Random) -> Point:
    """A G with equal diagonal elements, at its bound, and its trace shared by all eigenvalues."""
    point = Point(rng, {_D: Integer(rng.randint(1, 3)), sym.ALPHA: Integer(rng.randint(0, 2))})
    diagonal = (sym.SCALE * sym.P ** (-sym.ALPHA)).subs(
        {x: point._symbol(x) for x in (sym.SCALE, sym.P, sym.ALPHA)}
    ) ** 2 * point._symbol(_tau)
    point.symbols |= {_Lambda: diagonal, _loss: point._symbol(_tau) / 4}
    point.indexed = {
        "G_diag": lambda _x: diagonal,
        "mu": lambda _x: diagonal,
        "m": lambda _x: Integer(1),
    }
    return point


GAUSS_NEWTON = Derivation(
    name="gauss-newton-eigenvalue-bound",
    title="lambda_max(G) <= tr G <= s^2 tau sum_i m_i^2, tau = min(1, 2 <tr S>) <= 4 L",
    summary="The diagonal elements of G are at most s^2 tau m_i^2 with m_i = 1 for angles and the "
    "coverage for biases. G is positive semi-definite, so its largest eigenvalue is at most its "
    "trace. Over the P n_p angles alone: lambda_max(G) <= s^2 P n_p tau.",
    source="ours",
    assumptions=(
        Assumption("G_ii <= s^2 tau m_i^2 (theorems gauss-newton-element-bound, pixel-bias)"),
        Assumption("mu_i are the D eigenvalues of G, all >= 0, Lambda the largest"),
        Assumption("tau = min(1, 2 <tr S>) <= 4 L (theorem curvature-and-loss)"),
    ),
    premises=(
        Premise("diagonal", Formula(_G[_i], "<=", _s**2 * _tau * _m[_i] ** 2), forall=(_i,)),
        Premise("trace", Formula(total(_G[_i], _D, _i), "=", total(_mu[_i], _D, _i))),
        Premise("one of them", Formula(_Lambda, "<=", total(_mu[_i], _D, _i)), "all mu_i >= 0"),
        Premise("tau <= 4 L", Formula(_tau, "<=", 4 * _loss)),
    ),
    witness=_flat_point,
    steps=(
        Claim(
            "tr G",
            Formula(total(_G[_i], _D, _i), "<=", _s**2 * _tau * total(_m[_i] ** 2, _D, _i)),
            "sum of the diagonal bounds",
            Combination(Use("diagonal", over={_i: _D})),
        ),
        Claim(
            "largest",
            Formula(_Lambda, "<=", _s**2 * _tau * total(_m[_i] ** 2, _D, _i)),
            "largest eigenvalue <= trace",
            Combination(Use("one of them"), Use("trace", -1), Use("tr G")),
        ),
        Claim(
            "loss",
            Formula(_Lambda, "<=", 4 * _loss * _s**2 * total(_m[_i] ** 2, _D, _i)),
            "tau <= 4 L",
            Combination(Use("largest"), Use("tau <= 4 L", _s**2 * total(_m[_i] ** 2, _D, _i))),
        ),
    ),
    consequence="Both the paper's first term and its eigenvalues vanish with the loss.",
    numerical_test=on_model("eigenvalues_respect_their_bounds"),
)


def _small_point(rng: random.Random) -> Point:
    point = Point(rng, {_np: Integer(rng.randint(1, 3))})
    rho = point._symbol(_rho)
    point.indexed = {"e": lambda i, j: rho / (int(i) + int(j))}
    return point


RESIDUAL = Derivation(
    name="residual-eigenvalue-bound",
    title="lambda_max(R_pp) <= n_p s <|g|_1> <= 2 n_p s L",
    summary="If all elements of a block are at most rho in absolute value, its quadratic form is "
    "at most rho (sum |v_i|)^2 <= n_p rho |v|^2. Blocks of different patches do not add "
    "(theorem residual-spectrum), so this bounds lambda_max(R) over the angles.",
    source="ours",
    assumptions=(Assumption("w_i = |v_i|, e_ij = sign(v_i v_j) R_ij <= rho = s <|g|_1> <= 2 s L"),),
    premises=(Premise("elements", Formula(_e[_i, _j], "<=", _rho), forall=(_i, _j)),),
    witness=_small_point,
    steps=(
        Step(
            "quadratic",
            Formula(
                total(_e[_i, _j] * _w[_i] * _w[_j], _np, _i, _j),
                "<=",
                _rho * total(_w[_i], _np, _i) ** 2,
            ),
            "v^T R v = sum_ij e_ij w_i w_j",
            Combination(Use("elements", _w[_i] * _w[_j], over={_i: _np, _j: _np})),
        ),
        Step(
            "norms",
            Formula(total(_w[_i], _np, _i) ** 2, "<=", _np * total(_w[_i] ** 2, _np, _i)),
            "difference = 1/2 sum_ij (w_i - w_j)^2",
            Combination(remainder=total((_w[_i] - _w[_j]) ** 2, _np, _i, _j) / 2),
        ),
        Claim(
            "form",
            Formula(
                total(_e[_i, _j] * _w[_i] * _w[_j], _np, _i, _j),
                "<=",
                _rho * _np * total(_w[_i] ** 2, _np, _i),
            ),
            "the two together: v^T R v <= n_p rho |v|^2",
            Combination(Use("quadratic"), Use("norms", _rho)),
        ),
    ),
    numerical_test=on_model("eigenvalues_respect_their_bounds"),
)


_B = IndexedBase("B", nonnegative=True)
_o = IndexedBase("o", nonnegative=True)
_p, _q = sym.p, sym.q
_gamma, _top_overlap = symbols("gamma Lambda_B", nonnegative=True)


def _membership_point(rng: random.Random) -> Point:
    """Two angles, one in each of two patches, and a bias in both: B B^T = [[2, 1], [1, 2]]."""
    weights = [Rational(rng.randint(0, 9), 7) for _ in range(3)]
    gamma = Rational(rng.randint(1, 9), 7)
    sizes = {_D: Integer(3), sym.P: Integer(2), _np: Integer(1)}
    values = {_gamma: gamma, _top_overlap: Integer(3)}

    def member(patch: Expr, angle: Expr) -> Expr:  # beyond P the patches repeat
        return Integer(int(angle) in ((2, 3) if patch % 2 == 0 else (1, 3)))

    def elements(i: Expr, j: Expr) -> Expr:
        return gamma * sum(member(p, i) * member(p, j) for p in map(Integer, (1, 2))) / 2

    return Point(
        rng,
        {**sizes, **values},
        {
            "B": member,
            "e": elements,
            "w": lambda i: weights[int(i) - 1],
            "o": lambda p, q: Integer(2 if p != q and (p - q) % 2 == 0 else 1),
        },
    )


RESIDUAL_WITH_BIAS = Derivation(
    name="residual-norm-with-bias",
    title="With the bias: |R| <= s <|g|_1> (n_p + rho), rho the top of the patches' overlaps",
    summary="B_pi = 1 where parameter i enters patch p. Every element of R is at most gamma = "
    "s <|g|_1> times the number of patches that both parameters enter, (B^T B)_ij. The quadratic "
    "form is then at most gamma |B w|^2, and B B^T = n_p 1 + overlaps.",
    source="ours",
    assumptions=(
        Assumption("|R_ij| <= gamma (B^T B)_ij (theorems residual-element-bound, pixel-bias)"),
        Assumption("Lambda_B is the largest eigenvalue of B^T B, which is that of B B^T"),
        Assumption("o_pq is the number of pixels that patches p and q both read, n_p angles each"),
    ),
    premises=(
        Premise(
            "elements",
            Formula(_e[_i, _j], "<=", _gamma * over_patches(_B[_p, _i] * _B[_p, _j])),
            forall=(_i, _j),
        ),
        Premise(
            "Rayleigh",
            Formula(
                over_patches(total(_B[_p, _i] * _w[_i], _D, _i) ** 2),
                "<=",
                _top_overlap * total(_w[_i] ** 2, _D, _i),
            ),
            "Lambda_B is the largest form of B^T B over unit vectors",
        ),
        Premise(
            "overlaps",
            Formula(
                total(_B[_p, _i] * _B[_q, _i], _D, _i),
                "=",
                _np * KroneckerDelta(_p, _q) + _o[_p, _q],
            ),
            "angles lie in one patch, pixels in several",
            (_p, _q),
        ),
    ),
    witness=_membership_point,
    steps=(
        Step(
            "quadratic",
            Formula(
                total(_e[_i, _j] * _w[_i] * _w[_j], _D, _i, _j),
                "<=",
                _gamma * over_patches(total(_B[_p, _i] * _w[_i], _D, _i) ** 2),
            ),
            "sum_ij w_i w_j (B^T B)_ij = sum_p (sum_i B_pi w_i)^2",
            Combination(Use("elements", _w[_i] * _w[_j], over={_i: _D, _j: _D})),
        ),
        Claim(
            "norm",
            Formula(
                total(_e[_i, _j] * _w[_i] * _w[_j], _D, _i, _j),
                "<=",
                _gamma * _top_overlap * total(_w[_i] ** 2, _D, _i),
            ),
            "v^T R v <= gamma Lambda_B |v|^2",
            Combination(Use("quadratic"), Use("Rayleigh", _gamma)),
        ),
        Step(
            "Gram matrix",
            Formula(
                total(_B[_p, _i] * _B[_q, _i], _D, _i) - _np * KroneckerDelta(_p, _q),
                "=",
                _o[_p, _q],
            ),
            "so Lambda_B = n_p + rho",
            Combination(Use("overlaps")),
        ),
    ),
    numerical_test=on_model("eigenvalues_respect_their_bounds"),
)


def _sum_point(rng: random.Random) -> Point:
    g, r = Rational(rng.randint(0, 9), 7), Rational(rng.randint(-9, 9), 7)
    return Point(rng, {_fG: g, _fR: r, _Lambda: g, _LR: r, _LH: g + r})


TOTAL = Derivation(
    name="hessian-eigenvalue-bound",
    title="lambda_max(H) <= lambda_max(G) + lambda_max(R)",
    summary="At a unit top eigenvector of H = G + R the quadratic form is the sum of two, each "
    "bounded by its own largest eigenvalue (Weyl's inequality).",
    source="ours (standard)",
    assumptions=(Assumption("f_G, f_R: quadratic forms at a unit top eigenvector of H"),),
    premises=(
        Premise("top", Formula(_LH, "=", _fG + _fR), "definition"),
        Premise("G", Formula(_fG, "<=", _Lambda), "Lambda is the largest form of G"),
        Premise("R", Formula(_fR, "<=", _LR), "Lambda_R is the largest form of R"),
    ),
    witness=_sum_point,
    steps=(
        Claim(
            "Weyl",
            Formula(_LH, "<=", _Lambda + _LR),
            "sum of the two bounds",
            Combination(Use("top"), Use("G"), Use("R")),
        ),
    ),
    numerical_test=on_model("eigenvalues_respect_their_bounds"),
)

THEOREMS = (GAUSS_NEWTON, RESIDUAL, RESIDUAL_WITH_BIAS, TOTAL)
