"""How many patches cover a pixel, and which limit of many patches is meant."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sympy import (
    Derivative,
    Expr,
    IndexedBase,
    Integer,
    Rational,
    Subs,
    Sum,
    Symbol,
    ceiling,
    log,
    symbols,
)

from hessian_theory import symbols as sym
from hessian_theory.proof.derivation import Derivation, Step
from hessian_theory.proof.evidence import Combination, Derived, Enumeration, Use
from hessian_theory.proof.formula import Assumption, Formula, Premise
from hessian_theory.proof.points import Point
from hessian_theory.theorems.element_bounds import exponent
from hessian_theory.theorems.notation import P, p, spelled

_chi = IndexedBase("chi", nonnegative=True)
_x, _pixels = symbols("x X", integer=True, positive=True)
_side, _patch, _stride, _per_side = symbols("side n t k", integer=True, positive=True)
_o, _row = symbols("o row", integer=True, nonnegative=True)
_ALL = Symbol("m_all", integer=True, nonnegative=True)
_MEAN = Symbol("m_mean", positive=True)
_MAX = Symbol("m_max", positive=True)


def coverage(side: int, patch: int, per_side: int) -> list[int]:
    """How many of per_side^2 evenly spaced patches contain each pixel, row-major."""
    stride = (side - patch) // (per_side - 1)
    line = [sum(i * stride <= x < i * stride + patch for i in range(per_side)) for x in range(side)]
    return [a * b for a in line for b in line]


def _grids(largest: int = 14) -> Iterator[tuple[int, int, int]]:
    """Every (side, patch, patches a side) with integer stride, two or more patches a side."""
    for side in range(2, largest + 1):
        for patch in range(1, side):
            for per_side in range(2, side - patch + 2):
                if (side - patch) % (per_side - 1) == 0:
                    yield side, patch, per_side


def _mean_counts(formula: Formula) -> Iterator[tuple[Expr, Expr]]:
    for side, patch, per_side in _grids():
        counts = coverage(side, patch, per_side)
        sizes = {_patch: patch, _side: side, P: per_side**2}
        yield Rational(sum(counts), side**2), formula.right.subs(sizes)


def _full_counts(formula: Formula) -> Iterator[tuple[Expr, Expr]]:
    for side, patch, per_side in _grids():
        if 2 * patch >= side:
            full = coverage(side, patch, per_side).count(per_side**2)
            yield Integer(full), formula.right.subs({_patch: patch, _side: side})


def _growing_counts(formula: Formula) -> Iterator[tuple[Expr, Expr]]:
    for patch in range(1, 6):
        for stride in range(1, patch + 1):
            for per_side in range(2, 9):
                side = patch + (per_side - 1) * stride
                most = max(coverage(side, patch, per_side))
                yield Integer(most), formula.right.subs({_patch: patch, _stride: stride})


def _grid_point(rng: random.Random) -> Point:
    """The 3 x 3 image with 2 x 2 patches: four patches of four pixels, the central one in all."""
    covered = [{0, 1, 3, 4}, {1, 2, 4, 5}, {3, 4, 6, 7}, {4, 5, 7, 8}]
    sizes = {P: Integer(4), _pixels: Integer(9), _patch: Integer(2), _side: Integer(3)}
    rows = {_o: Integer(rng.randint(0, 1)), _row: Integer(1)}

    def inside(patch: Expr, pixel: Expr) -> Expr:
        return Integer(int(pixel) - 1 in covered[int(patch) - 1])

    return Point(rng, {**sizes, **rows}, {"chi": inside})


COUNTS = Derivation(
    name="coverage",
    title="Mean coverage is n^2 P / side^2; (2n - side)^2 pixels lie in every patch",
    summary="Counting (patch, pixel) pairs in two ways gives the mean number of patches over a "
    "pixel: proportional to P on a fixed image. A pixel that lies in the first and the last patch "
    "of its row and column lies in all patches, whatever P; on the 14 x 14 image with 8 x 8 "
    "patches these are 4 pixels, and the mean is 16 P / 49.",
    source="ours, for the paper's Sec. 2.2 on the bias",
    assumptions=(
        Assumption("each patch has n^2 pixels; first offset 0, last side - n; side^2 pixels"),
        Assumption("offsets o lie between 0 and side - n", _o <= _side - _patch),
    ),
    premises=(
        Premise(
            "n^2 pixels",
            Formula(Sum(_chi[p, _x], (_x, 1, _pixels)), "=", _patch**2),
        ),
        Premise("X", Formula(_pixels, "=", _side**2)),
        Premise("offset", Formula(_o, "<=", _side - _patch)),
        Premise("in the last", Formula(_side - _patch, "<=", _row)),
        Premise("in the first", Formula(_row, "<=", _patch - 1)),
    ),
    witness=_grid_point,
    steps=(
        Step(
            "pairs",
            Sum(_chi[p, _x], (_x, 1, _pixels), (p, 1, P)),
            "=",
            _patch**2 * P,
            "sum over pixels of m_x = sum over patches of n^2",
            Combination((Use("n^2 pixels", over=((p, 1, P),)),)),
            claim=True,
        ),
        Step(
            "mean",
            Sum(_chi[p, _x], (_x, 1, _pixels), (p, 1, P)) / _pixels,
            "=",
            _patch**2 * P / _side**2,
            "divided by the number of pixels",
            Combination(
                (Use("pairs", 1 / _pixels), Use("X", -(_patch**2) * P / (_pixels * _side**2)))
            ),
            claim=True,
        ),
        Step(
            "mean, all grids",
            _MEAN,
            "=",
            _patch**2 * P / _side**2,
            "counted pixel by pixel",
            Enumeration(_mean_counts, "grids with side <= 14 and integer stride"),
        ),
        Step(
            "above the offset",
            _o,
            "<=",
            _row,
            "a row in the first and last patch starts at or after every offset",
            Combination((Use("offset"), Use("in the last"))),
        ),
        Step(
            "below the end",
            _row,
            "<=",
            _o + _patch - 1,
            "and ends before every patch does: it lies in all of them",
            Combination((Use("in the first"),), _o),
        ),
        Step(
            "in all patches",
            spelled("(n - 1) - (side - n) + 1", n=_patch, side=_side),
            "=",
            2 * _patch - _side,
            "such rows run from side - n to n - 1 (none if 2n < side); columns likewise",
            claim=True,
        ),
        Step(
            "in all patches, all grids",
            _ALL,
            "=",
            (2 * _patch - _side) ** 2,
            "counted pixel by pixel",
            Enumeration(_full_counts, "grids with side <= 14, integer stride, 2n >= side"),
            claim=True,
        ),
        Step(
            "MNIST",
            Subs((2 * _patch - _side) ** 2, (_patch, _side), (8, 14)),
            "=",
            Integer(4),
            "n = 8, side = 14",
        ),
        Step(
            "MNIST mean",
            Subs(_patch**2 * P / _side**2, (_patch, _side), (8, 14)),
            "=",
            16 * P / 49,
            "n = 8, side = 14: 1.31, 2.94, 5.22, 16 for P = 4, 9, 16, 49",
        ),
    ),
    consequence="'A limited, local number of patches' is a fixed share of all patches.",
    numerical_test="tests/theory/test_coverage.py",
)

_rho2, _tau, _gamma_pixels, _mbar = symbols("rho_2 tau kappa m_bar", positive=True)

LIMITS = Derivation(
    name="two-limits",
    title="P to infinity: on a fixed image the bias block stays, on a growing image it falls",
    summary="Fixed image and patch: m_j = rho_j P, so the bound s^2 tau sum_j m_j^2 on the bias "
    "block's trace carries P^(2 - 2 alpha). Fixed patch and stride, image growing with P: m_j is "
    "bounded and the number of pixels grows like P, so it carries P^(1 - 2 alpha), as the angles.",
    source="ours",
    assumptions=(
        Assumption("fixed image: sum_j m_j^2 = rho_2 P^2 with rho_2 independent of P"),
        Assumption("growing image: at most kappa P pixels, each in at most m_bar patches"),
    ),
    steps=(
        Step(
            "fixed image",
            Symbol(r"\deg_P fixed", real=True),
            "=",
            2 - 2 * sym.ALPHA,
            "bound s^2 tau rho_2 P^2",
            Derived(
                lambda: exponent(sym.prefactor() ** 2 * _tau * _rho2 * P**2),
                "logarithmic derivative with respect to P",
            ),
            claim=True,
        ),
        Step(
            "bounded coverage",
            _MAX,
            "<=",
            ceiling(_patch / _stride) ** 2,
            "with stride t at most ceil(n / t) offsets a direction cover a pixel",
            Enumeration(_growing_counts, "n <= 5, 1 <= t <= n, 2..8 patches a side"),
            claim=True,
        ),
        Step(
            "growing image",
            Symbol(r"\deg_P growing", real=True),
            "=",
            1 - 2 * sym.ALPHA,
            "bound s^2 tau (kappa P) m_bar^2",
            Derived(
                lambda: exponent(sym.prefactor() ** 2 * _tau * _gamma_pixels * P * _mbar**2),
                "logarithmic derivative with respect to P",
            ),
            claim=True,
        ),
    ),
    consequence="The paper's remark holds if the image grows with the number of patches; in its "
    "experiments the image is fixed.",
    numerical_test="tests/theory/test_coverage.py::test_growing_image_bounds_the_counts_whatever_p",
)

_a, _b = symbols("a b", positive=True)
_top_angles, _top_bias, _Lam, _fa, _fb = symbols(
    "Lambda_angles Lambda_bias Lambda f_a f_b", nonnegative=True
)
_n_params = Symbol("n_p", positive=True)
_s1 = sym.prefactor().subs(sym.ALPHA, 1)


def _aligned_point(rng: random.Random) -> Point:
    fa, fb = Rational(rng.randint(0, 9), 7), Rational(rng.randint(0, 9), 7)
    return Point(rng, {_fa: fa, _fb: fb, _top_angles: fa, _top_bias: fb, _Lam: fa + fb})


LEVEL_OFF = Derivation(
    name="level-off",
    title="With the bias, lambda_max(G) is at most a/P + b, and coherent patches attain it",
    summary="G's spectrum is that of s^2 (sum_p M_p + M_b). Its top eigenvalue lies between the "
    "larger of the two parts' and their sum. On a fixed image the angle part is at most P a and "
    "the bias part at most P^2 b, so at alpha = 1 the bound is c^2 (a/P + b): it levels off. "
    "Patches that respond alike attain both with a common top direction.",
    source="ours",
    assumptions=(
        Assumption("lambda_max(sum_p M_p) <= P a and lambda_max(M_b) <= P^2 b (fixed image)"),
    ),
    premises=(
        Premise("top", Formula(_Lam, "=", _fa + _fb), "definition of a unit top eigenvector"),
        Premise("angles", Formula(_fa, "<=", _top_angles), "theorem rayleigh-quotient"),
        Premise("bias", Formula(_fb, "<=", _top_bias), "theorem rayleigh-quotient"),
    ),
    witness=_aligned_point,
    steps=(
        Step(
            "sum",
            _Lam,
            "<=",
            _top_angles + _top_bias,
            "quadratic form at the top eigenvector of the sum",
            Combination((Use("top"), Use("angles"), Use("bias"))),
            claim=True,
        ),
        Step(
            "law",
            _s1**2 * (P * _a + P**2 * _b),
            "=",
            sym.SCALE**2 * (_a / P + _b),
            "alpha = 1; with equality for patches that respond alike (one top direction)",
            claim=True,
        ),
        Step(
            "general alpha",
            sym.prefactor() ** 2 * (P * _a + P**2 * _b),
            "=",
            sym.SCALE**2 * (_a * P ** (1 - 2 * sym.ALPHA) + _b * P ** (2 - 2 * sym.ALPHA)),
            "the same for any alpha",
            claim=True,
        ),
        Step(
            "from the architecture",
            _s1**2 * _tau * (P * _n_params + _rho2 * P**2),
            "=",
            sym.SCALE**2 * (_tau * _n_params / P + _tau * _rho2),
            "the bound of gauss-newton-eigenvalue-bound: sum_i m_i^2 = P n_p + rho_2 P^2, so "
            "a = tau n_p and b = tau rho_2, rho_2 = sum_j (m_j / P)^2",
            claim=True,
        ),
        Step(
            "depth",
            _n_params * Derivative(log((_tau * _rho2) / (_tau * _n_params)), _n_params),
            "=",
            Integer(-1),
            "b/a = rho_2 / n_p falls as 1/n_p: deeper circuits have more angles, the bias has not",
        ),
    ),
    consequence="Beyond P of about a/b more patches do not flatten the bias directions.",
    numerical_test="tests/theory/test_theorems_at_their_ends.py::test_coherent_patches_level_off",
)

THEOREMS = (COUNTS, LIMITS, LEVEL_OFF)
