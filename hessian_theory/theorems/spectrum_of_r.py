"""R's spectrum: the union of its blocks' for the angles, and what bias rows do to it."""

from __future__ import annotations

import random

from sympy import IndexedBase, Integer, KroneckerDelta, Rational, Sum, Symbol, symbols

from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula, InRange
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.notation import P, on_model, over_patches, p, q, r, spelled

_R, _v = IndexedBase("R", real=True), IndexedBase("v", real=True)
_i, _j, _size = symbols("i j n_p", integer=True, positive=True)
_lam, _largest, _top = symbols("lambda mu Lambda_R", real=True)
_x, _f = IndexedBase("x", real=True), IndexedBase("f", real=True)
_n, _tops = IndexedBase("n", nonnegative=True), IndexedBase("lambda", real=True)


def _identity_point(rng: random.Random) -> Point:
    """R_rr = lambda times the identity, so that every v is an eigenvector."""
    point = Point(rng, {_size: Integer(2)})
    value, n_patches = point._symbol(_lam), point._symbol(P)
    point.symbols |= {_largest: value, _top: value}
    point.indexed = {
        "R": lambda _r, i, j: value if i == j else Integer(0),
        "v": lambda i: Integer(int(i) <= 2),
        "x": lambda p, i: Integer(int(p) <= int(n_patches) and int(i) <= 2),
        "n": lambda _p: 1 / n_patches,
        "f": lambda _p: value / n_patches,
        "lambda": lambda _p: value,
    }
    return point


BLOCKS = Derivation(
    name="residual-spectrum",
    title="R's spectrum over the angles is the union of its blocks'; its top is the largest top",
    summary="Because R does not couple patches, an eigenvector of one block, padded with zeros, "
    "is an eigenvector of R, and an eigenvector of R, cut to a patch, is one of its block. So the "
    "largest eigenvalue of R is exactly the largest among the blocks and carries s = c P^(-alpha) "
    "once: patches do not add.",
    source="ours, from Eq. (6)",
    assumptions=(
        Assumption("angles of independent QNNs (theorem hessian-eq6)"),
        Assumption("r is a patch index, 1 <= r <= P", InRange(r, P)),
    ),
    premises=(
        Premise(
            "eigenvector",
            Formula(Sum(_R[r, _i, _j] * _v[_j], (_j, 1, _size)), "=", _lam * _v[_i]),
            "v is an eigenvector of block r",
            (_i,),
        ),
        Premise(
            "eigenvector of R",
            Formula(
                Sum(KroneckerDelta(p, q) * _R[p, _i, _j] * _x[q, _j], (_j, 1, _size), (q, 1, P)),
                "=",
                _lam * _x[p, _i],
            ),
            "x is an eigenvector of R, block-diagonal by Eq. (6)",
            (p, _i),
        ),
        Premise("form", Formula(_top, "=", over_patches(_f[p])), "no form between patches"),
        Premise("block form", Formula(_f[p], "<=", _tops[p] * _n[p]), forall=(p,)),
        Premise("largest", Formula(_tops[p], "<=", _largest), "mu is the largest", (p,)),
        Premise("unit", Formula(over_patches(_n[p]), "=", Integer(1)), "a unit vector"),
    ),
    witness=_identity_point,
    steps=(
        Claim(
            "padded",
            Formula(
                Sum(
                    KroneckerDelta(p, q) * _R[p, _i, _j] * KroneckerDelta(q, r) * _v[_j],
                    (_j, 1, _size),
                    (q, 1, P),
                ),
                "=",
                _lam * KroneckerDelta(p, r) * _v[_i],
            ),
            "component (p, i) of R applied to v placed in patch r: delta_{pq} from Eq. (6)",
            Combination(Use("eigenvector", KroneckerDelta(p, r))),
        ),
        Claim(
            "restricted",
            Formula(Sum(_R[r, _i, _j] * _x[r, _j], (_j, 1, _size)), "=", _lam * _x[r, _i]),
            "conversely, an eigenvector of R, cut to patch r, is one of its block (or 0)",
            Combination(Use("eigenvector of R", at={p: r})),
        ),
        Claim(
            "top",
            Formula(_top, "<=", _largest),
            "the form of a unit top eigenvector is a sum over blocks, with weights n_p",
            Combination(
                Use("form"),
                Use("block form", over={p: P}),
                Use("largest", _n[p], over={p: P}),
                Use("unit", _largest),
            ),
        ),
    ),
    consequence="R's eigenvalues fall as P^(-alpha); G's as P^(1 - 2 alpha) when aligned: at "
    "alpha = 1 both as 1/P.",
    numerical_test=on_model("residual_spectrum_is_the_union_of_its_blocks"),
)


_u, _w = symbols("u w", nonnegative=True)
_fa, _fb, _cross = symbols("f_a f_b f_ab", real=True)
_la, _lb, _mu = symbols("lambda_a lambda_b mu", real=True)
_beta = Symbol("beta", nonnegative=True)


def _border_point(rng: random.Random) -> Point:
    u, w = (Rational(3, 5), Rational(4, 5)) if rng.random() < 0.5 else (Integer(1), Integer(0))
    la, lb = Rational(rng.randint(-9, 9), 7), Rational(rng.randint(-9, 9), 7)
    beta = Rational(rng.randint(0, 9), 7)
    values = {_u: u, _w: w, _la: la, _lb: lb, _beta: beta, _mu: max(la, lb)}
    forms = {_fa: la * u**2, _fb: lb * w**2, _cross: beta * u * w}
    return Point(rng, values | forms)


BORDER = Derivation(
    name="residual-with-bias",
    title="With bias rows: lambda_max(R) <= max(lambda_max(R_aa), lambda_max(R_bb)) + |R_ab|",
    summary="Bias rows border the block-diagonal angle part. For a unit vector split into an angle "
    "part (norm u) and a bias part (norm w), the quadratic form is f_a + 2 f_ab + f_b. From "
    "below, lambda_max(R) >= lambda_max(R_aa) (take w = 0).",
    source="ours",
    assumptions=(Assumption("beta = |R_ab| (spectral norm), mu = max of the two top eigenvalues"),),
    premises=(
        Premise("unit", Formula(_u**2 + _w**2, "=", Integer(1))),
        Premise(
            "angles",
            Formula(_fa, "<=", _la * _u**2),
            "lambda_a is the largest form over unit vectors",
        ),
        Premise("bias", Formula(_fb, "<=", _lb * _w**2), "so is lambda_b"),
        Premise("cross", Formula(_cross, "<=", _beta * _u * _w), "definition of the norm"),
        Premise("mu >= lambda_a", Formula(_la, "<=", _mu)),
        Premise("mu >= lambda_b", Formula(_lb, "<=", _mu)),
    ),
    witness=_border_point,
    steps=(
        Claim(
            "border",
            Formula(_fa + 2 * _cross + _fb, "<=", _mu + _beta),
            "insert the three bounds; beta (u^2 + w^2) - 2 beta u w = beta (u - w)^2",
            Combination(
                Use("angles"),
                Use("bias"),
                Use("cross", 2),
                Use("mu >= lambda_a", _u**2),
                Use("mu >= lambda_b", _w**2),
                Use("unit", _mu + _beta),
                remainder=_beta * (_u - _w) ** 2,
            ),
        ),
    ),
    numerical_test=on_model("residual_spectrum_is_the_union_of_its_blocks"),
)

BIAS_RAISES = Derivation(
    name="bias-breaks-the-blocks",
    title="Refuted with bias rows: lambda_max(R) is the largest of the patches' blocks",
    summary="Two patches with one angle each (blocks 1 and 1) and one shared bias (block 0, "
    "couplings 1): the largest eigenvalue is 2, above every block's.",
    source="ours, on Sec. 2.2 (block-diagonal residual term)",
    kind="counterexample",
    steps=(
        *(
            Claim(
                f"top, row {row}",
                Formula(
                    spelled(f"{entries[0]}*1 + {entries[1]}*1 + {entries[2]}*1"),
                    "=",
                    spelled("2*1"),
                ),
                f"row {entries} of R times (1, 1, 1): 2 is an eigenvalue, the blocks' are 1, 1, 0",
            )
            for row, entries in enumerate(((1, 0, 1), (0, 1, 1), (1, 1, 0)), 1)
        ),
    ),
    consequence="Block-diagonality of R holds for the angles; the bias couples the blocks.",
    numerical_test=(
        "tests/theory/test_theorems_at_their_ends.py::"
        "test_bias_rows_lift_the_top_of_r_above_its_blocks"
    ),
)

THEOREMS = (BLOCKS, BORDER, BIAS_RAISES)
