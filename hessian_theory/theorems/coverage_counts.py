"""How many patches cover a pixel, and which limit of many patches is meant."""

from __future__ import annotations

import random

from sympy import Derivative, Expr, IndexedBase, Integer, Sum, Symbol, log, symbols

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Exact, Use
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.notation import PATCHES, P, p, spelled

_chi = IndexedBase("chi", nonnegative=True)
_x, _pixels = symbols("x X", integer=True, positive=True)
_side, _patch, _stride, _width = symbols("side n t w", integer=True, positive=True)
_u, _v, _rows, _columns = symbols("u v K_1 K_2", integer=True, positive=True)
_o, _row, _column, _first, _second = symbols("o row column o_1 o_2", integer=True, nonnegative=True)


def _grid_point(rng: random.Random) -> Point:
    """The 3 x 3 image with 2 x 2 patches: four patches of four pixels, the central one in all."""
    covered = [{0, 1, 3, 4}, {1, 2, 4, 5}, {3, 4, 6, 7}, {4, 5, 7, 8}]
    sizes = {P: Integer(4), _pixels: Integer(9), _patch: Integer(2), _side: Integer(3)}
    place = {_o: Integer(rng.randint(0, 1)), _row: Integer(1), _width: Integer(1)}

    def inside(patch: Expr, pixel: Expr) -> Expr:
        return Integer(int(pixel) - 1 in covered[(int(patch) - 1) % 4])

    return Point(rng, {**sizes, **place}, {"chi": inside})


_pairs = Sum(_chi[p, _x], (_x, 1, _pixels), (p, 1, P))

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
        Assumption("chi[p, x] = 1 if patch p contains pixel x, else 0; rows are counted from 0"),
        Assumption(
            "offsets o lie between 0 and side - n; w = 2n - side >= 1 (for 2n <= side no "
            "row lies in the first and the last patch)"
        ),
    ),
    premises=(
        Premise(
            "n^2 pixels",
            Formula(Sum(_chi[p, _x], (_x, 1, _pixels)), "=", _patch**2),
            "assumption",
            (p,),
        ),
        Premise("X", Formula(_pixels, "=", _side**2), "definition"),
        Premise("w", Formula(_width, "=", 2 * _patch - _side), "definition"),
        Premise("offset", Formula(_o, "<=", _side - _patch)),
        Premise("in the last", Formula(_side - _patch, "<=", _row)),
        Premise("in the first", Formula(_row, "<=", _patch - 1)),
    ),
    witness=_grid_point,
    steps=(
        Claim(
            "pairs",
            Formula(_pairs, "=", _patch**2 * P),
            "sum over pixels of m_x = sum over patches of n^2",
            Combination(Use("n^2 pixels", over={p: P})),
        ),
        Claim(
            "mean",
            Formula(_pairs / _pixels, "=", _patch**2 * P / _side**2),
            "divided by the number of pixels",
            Combination(
                Use("pairs", 1 / _pixels), Use("X", -(_patch**2) * P / (_pixels * _side**2))
            ),
        ),
        Claim(
            "above the offset",
            Formula(_o, "<=", _row),
            "a row in the first and last patch starts at or after every offset",
            Combination(Use("offset"), Use("in the last")),
        ),
        Claim(
            "below the end",
            Formula(_row, "<=", _o + _patch - 1),
            "and ends before every patch does: it lies in all of them",
            Combination(Use("in the first"), remainder=_o),
        ),
        Step(
            "rows in all patches",
            Formula(spelled("(n - 1) - (side - n) + 1", n=_patch, side=_side), "=", _width),
            "such rows run from side - n to n - 1: row = side - n + u - 1 with u = 1..w",
            Combination(Use("w", -1)),
        ),
        Claim(
            "in all patches",
            Formula(Sum(1, (_u, 1, _width), (_v, 1, _width)), "=", (2 * _patch - _side) ** 2),
            "columns likewise; one pixel for each pair (u, v)",
            Combination(Use("w", 2 * _patch - _side + _width)),
        ),
        Step(
            "MNIST", Formula(spelled("(2*8 - 14)**2"), "=", Integer(4)), "n = 8, side = 14", Exact()
        ),
        Step(
            "MNIST mean",
            Formula(spelled("8**2*P/14**2", P=P), "=", 16 * P / 49),
            "n = 8, side = 14: 1.31, 2.94, 5.22, 16 for P = 4, 9, 16, 49",
        ),
    ),
    consequence="'A limited, local number of patches' is a fixed share of all patches.",
    numerical_test="tests/theory/test_coverage.py::test_counts_are_those_of_masks",
)

_rho2, _tau, _gamma_pixels, _mbar = symbols("rho_2 tau kappa m_bar", positive=True)
_s = sym.prefactor(PATCHES)
_fixed = _s**2 * _tau * _rho2 * PATCHES**2
_growing = _s**2 * _tau * _gamma_pixels * PATCHES * _mbar**2
_most = (_patch + _stride - 1) / _stride


def _cover_point(rng: random.Random) -> Point:
    """Two patches a direction over one row."""
    sizes = {_patch: Integer(rng.randint(3, 5)), _stride: Integer(2)}
    place = {_first: Integer(4), _row: Integer(6), _second: Integer(2), _column: Integer(4)}
    return Point(rng, {**sizes, **place, _rows: Integer(2), _columns: Integer(2)})


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
        Assumption(
            "stride t: of the K_1 offsets whose patches contain the row, the first is o_1 "
            "and the last o_1 + (K_1 - 1) t; K_2 and o_2 for columns"
        ),
    ),
    premises=(
        Premise("in the first", Formula(_row, "<=", _first + _patch - 1)),
        Premise("in the last", Formula(_first + (_rows - 1) * _stride, "<=", _row)),
        Premise("column in the first", Formula(_column, "<=", _second + _patch - 1)),
        Premise("column in the last", Formula(_second + (_columns - 1) * _stride, "<=", _column)),
    ),
    witness=_cover_point,
    steps=(
        Claim(
            "fixed image",
            Formula(PATCHES * Derivative(_fixed, PATCHES), "=", (2 - 2 * sym.ALPHA) * _fixed),
            "bound s^2 tau rho_2 P^2, P as a real variable",
        ),
        Step(
            "rows",
            Formula(_rows, "<=", _most),
            "(K_1 - 1) t <= n - 1: with stride t at most (n - 1)/t + 1 offsets cover a row",
            Combination(Use("in the first", 1 / _stride), Use("in the last", 1 / _stride)),
        ),
        Step(
            "columns",
            Formula(_columns, "<=", _most),
            "likewise",
            Combination(
                Use("column in the first", 1 / _stride), Use("column in the last", 1 / _stride)
            ),
        ),
        Claim(
            "bounded coverage",
            Formula(_rows * _columns, "<=", _most**2),
            "so m <= ((n - 1)/t + 1)^2 for every pixel, whatever P; K_1 and K_2 are whole "
            "numbers, so m <= ceil(n/t)^2",
            Combination(
                Use("rows", _columns), Use("columns", _columns), remainder=(_most - _columns) ** 2
            ),
        ),
        Claim(
            "growing image",
            Formula(PATCHES * Derivative(_growing, PATCHES), "=", (1 - 2 * sym.ALPHA) * _growing),
            "bound s^2 tau (kappa P) m_bar^2, P as a real variable",
        ),
    ),
    consequence="The paper's remark holds if the image grows with the number of patches; in its "
    "experiments the image is fixed.",
    numerical_test="tests/theory/test_coverage.py::test_growing_image_bounds_the_counts_whatever_p",
)

_a, _b = symbols("a b", positive=True)
_top_angles, _top_bias, _Lam, _fa, _fb, _ga, _gb = symbols(
    "Lambda_angles Lambda_bias Lambda f_a f_b g_a g_b", nonnegative=True
)
_n_params = Symbol("n_p", positive=True)
_s2 = sym.prefactor() ** 2
_bound = P * _a + P**2 * _b


def _law(angles: Expr, bias: Expr) -> Expr:
    """s^2 (P angles + P^2 bias) at alpha = 1."""
    return _s2.subs(sym.ALPHA, 1) * (P * angles + P**2 * bias)


def _aligned_point(rng: random.Random) -> Point:
    """Parts with one top direction, that attain P a and P^2 b."""
    point = Point(rng)
    size, a, b, c, alpha = (point._symbol(x) for x in (P, _a, _b, sym.SCALE, sym.ALPHA))
    for name in (_fa, _ga, _top_angles):
        point.symbols[name] = size * a
    for name in (_fb, _gb, _top_bias):
        point.symbols[name] = size**2 * b
    point.symbols[_Lam] = sym.prefactor(size, alpha, c) ** 2 * (size * a + size**2 * b)
    return point


LEVEL_OFF = Derivation(
    name="level-off",
    title="With the bias, lambda_max(G) is at most a/P + b, and coherent patches attain it",
    summary="G's spectrum is that of s^2 (sum_p M_p + M_b). Its top eigenvalue is at most the sum "
    "of the two parts'. On a fixed image the angle part is at most P a and the bias part at most "
    "P^2 b, so at alpha = 1 the bound is c^2 (a/P + b): it levels off. A unit vector that nearly "
    "attains both parts' bounds nearly attains the sum's; patches that respond alike have one "
    "that attains both.",
    source="ours",
    assumptions=(
        Assumption("lambda_max(sum_p M_p) <= P a and lambda_max(M_b) <= P^2 b (fixed image)"),
        Assumption(
            "f_a, f_b: the two parts' quadratic forms at a unit top eigenvector of their "
            "sum; g_a, g_b: those at any other unit vector"
        ),
    ),
    premises=(
        Premise(
            "top", Formula(_Lam, "=", _s2 * (_fa + _fb)), "definition of a unit top eigenvector"
        ),
        Premise(
            "angles", Formula(_fa, "<=", _top_angles), "no form of a unit vector exceeds the top"
        ),
        Premise("bias", Formula(_fb, "<=", _top_bias), "no form of a unit vector exceeds the top"),
        Premise("angle part", Formula(_top_angles, "<=", P * _a)),
        Premise("bias part", Formula(_top_bias, "<=", P**2 * _b)),
        Premise(
            "any vector",
            Formula(_s2 * (_ga + _gb), "<=", _Lam),
            "no form of a unit vector exceeds the top",
        ),
    ),
    witness=_aligned_point,
    steps=(
        Claim(
            "sum",
            Formula(_Lam, "<=", _s2 * (_top_angles + _top_bias)),
            "quadratic form at the top eigenvector of the sum",
            Combination(Use("top"), Use("angles", _s2), Use("bias", _s2)),
        ),
        Claim(
            "general alpha",
            Formula(
                _Lam,
                "<=",
                sym.SCALE**2 * (_a * P ** (1 - 2 * sym.ALPHA) + _b * P ** (2 - 2 * sym.ALPHA)),
            ),
            "s^2 (P a + P^2 b), for any alpha",
            Combination(Use("sum"), Use("angle part", _s2), Use("bias part", _s2)),
        ),
        Claim(
            "law",
            Formula(_law(_a, _b), "=", sym.SCALE**2 * (_a / P + _b)),
            "the bound at alpha = 1",
        ),
        Claim(
            "attained",
            Formula(_Lam, ">=", _s2 * (_bound - (P * _a - _ga) - (P**2 * _b - _gb))),
            "what the vector misses of P a and of P^2 b is all that Lambda can miss: nothing if "
            "one vector attains both, as for patches that respond alike",
            Combination(Use("any vector")),
        ),
        Claim(
            "from the architecture",
            Formula(
                _law(_tau * _n_params, _tau * _rho2),
                "=",
                sym.SCALE**2 * (_tau * _n_params / P + _tau * _rho2),
            ),
            "s^2 tau sum_i m_i^2 (gauss-newton-eigenvalue-bound) with sum_i m_i^2 = P n_p "
            "+ rho_2 P^2, rho_2 = sum_j (m_j / P)^2: a = tau n_p and b = tau rho_2",
        ),
        Step(
            "depth",
            Formula(
                _n_params * Derivative(log((_tau * _rho2) / (_tau * _n_params)), _n_params),
                "=",
                Integer(-1),
            ),
            "b/a = rho_2 / n_p falls as 1/n_p: deeper circuits have more angles, the bias has not",
        ),
    ),
    consequence="Beyond P of about a/b more patches do not flatten the bias directions.",
    numerical_test="tests/theory/test_theorems_at_their_ends.py::test_coherent_patches_level_off",
)

THEOREMS = (COUNTS, LIMITS, LEVEL_OFF)
