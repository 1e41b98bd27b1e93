"""One tangent kernel for every group whose conjugation is irreducible on the operators it can make.

Coordinates are taken in Pauli operators P_a / d^(1/2), a = 1..w, that span the traceless Hermitian
operators (unitary group, w = d^2 - 1) or those of odd weight (orthogonal and symplectic group, the
Lie algebra, w = d (d - eps)/2): s_a of a state, o_a of an output, a real orthogonal matrix for
every block and encoding, an antisymmetric L for the commutator with an angle's generator, so that
f = o . C V_2 B V_1 A s. F_e[a, b] and G_e[a, b] are the means of s_a(x) s_b(x') behind block e and
of o_a(x) o'_b(x') in front of it.
"""

from __future__ import annotations

import random

from sympy import Expr, IndexedBase, Integer, KroneckerDelta, Rational, Sum, Symbol, symbols

from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula, InRange
from patchlaw.hessian_theory.proof.points import IndexedRule, Point
from patchlaw.hessian_theory.theorems.three_blocks import BLOCKS, FACTORS, ONE_OUTPUT

i, j, k, l = symbols("a b c e", integer=True, positive=True)  # noqa: E741  # Pauli operators
WIDTH = Symbol("w", integer=True, positive=True)
SIGMA, TAU, SQUARE = symbols("sigma tau N", real=True)  # of state, outputs, L
SLOPES = symbols("h_1 h_2", real=True)
FORWARD, BACKWARD = symbols("phi_A:C", real=True), symbols("gamma_A:C", real=True)
_F, _G, _V, _U, IN_ENCODING, IN_ENCODING_2 = (
    [IndexedBase(f"{x}_{e}", real=True) for e in names]
    for x, names in (
        ("F", BLOCKS),
        ("G", BLOCKS),
        ("V", "12"),
        ("V'", "12"),
        ("D", "12"),
        ("D'", "12"),
    )
)
GENERATOR, _O, _R = (IndexedBase(x, real=True) for x in ("L", "o", "o'"))
Q1, Q2 = FACTORS


def total(expr: Expr, *indices: Symbol) -> Expr:
    """Sum over Pauli operators."""
    return Sum(expr, *((x, 1, WIDTH) for x in indices))


def over(*indices: Symbol) -> dict[Symbol, Expr]:
    """The same as the range of a `Use`."""
    return dict.fromkeys(indices, WIDTH)


def inner(first: IndexedBase, second: IndexedBase) -> Expr:
    """tr V^T V'."""
    return total(first[i, j] * second[i, j], i, j)


def schur(label: str, moment: IndexedBase, factor: Expr) -> Premise:
    """What makes `moment` that of a vector that an irreducible group moves."""
    return Premise(
        label,
        Formula(moment[i, j], "=", factor * KroneckerDelta(i, j)),
        "Schur: only multiples of 1 commute with an irreducible group of real type",
        (i, j),
        (InRange(i, WIDTH), InRange(j, WIDTH)),
    )


def _kept(label: str, moment: IndexedBase, value: Expr) -> Premise:
    return Premise(
        label,
        Formula(total(moment[i, i], i), "=", value),
        "a block is orthogonal and leaves inner products as they are",
    )


def define(label: str, value: Expr, formula: Expr, words: str) -> Premise:
    """value = formula."""
    return Premise(label, Formula(value, "=", formula), words)


PREMISES: tuple[Premise, ...] = (
    *(schur(f"states {x}", _F[e], FORWARD[e]) for e, x in enumerate(BLOCKS)),
    *(schur(f"outputs {x}", _G[e], BACKWARD[e]) for e, x in enumerate(BLOCKS)),
    _kept("into A", _F[0], SIGMA),
    *(
        _kept(f"into {BLOCKS[e]}", _F[e],
              total(_V[e - 1][i, j] * _U[e - 1][i, k] * _F[e - 1][j, k], i, j, k))
        for e in (1, 2)
    ),
    _kept("back into C", _G[2], TAU),
    *(
        _kept(f"back into {BLOCKS[e]}", _G[e],
              total(_V[e][j, i] * _U[e][k, i] * _G[e + 1][j, k], i, j, k))
        for e in (1, 0)
    ),
    *(define(f"q_{e + 1}", FACTORS[e], inner(_V[e], _U[e]) / WIDTH, f"definition of q_{e + 1}")
      for e in (0, 1)),
    *(define(f"h_{e + 1}", SLOPES[e], inner(IN_ENCODING[e], IN_ENCODING_2[e]) / WIDTH,
              f"definition of h_{e + 1} = d_i d_i' q_{e + 1}: q is linear in V(x) and in V(x')")
      for e in (0, 1)),
    define("N", SQUARE, inner(GENERATOR, GENERATOR), "definition of N = tr L L^T"),
)  # fmt: skip


def point(width: int, dimension: int, square: int) -> Point:
    """V = V' = 1, D = D' = L: the first two coordinates turned, if there are as many."""

    def one(row: Expr, column: Expr) -> Expr:
        return Integer(row == column)

    def turn(row: Expr, column: Expr) -> Expr:
        known = {(1, 2): -1, (2, 1): 1} if square else {}
        return Integer(known.get((int(row), int(column)), 0))

    values: dict[Symbol, Expr] = {WIDTH: Integer(width), d: Integer(dimension)}
    values |= {SIGMA: Rational(1, 2), TAU: Integer(2), SQUARE: Integer(square)}
    values |= dict.fromkeys(FACTORS, Integer(1)) | dict.fromkeys(SLOPES, Rational(square, width))
    values |= dict.fromkeys(FORWARD, Rational(1, 2 * width))
    values |= dict.fromkeys(BACKWARD, Rational(2, width))
    values |= {symbol: Integer(1) for symbol in ONE_OUTPUT.free_symbols}
    indexed: dict[str, IndexedRule] = {}
    for bases, factor in ((_F, Rational(1, 2 * width)), (_G, Rational(2, width))):
        for base in bases:
            indexed[str(base)] = lambda *at, factor=factor: factor * one(*at)
    indexed |= {str(base): one for base in (*_V, *_U)}
    indexed |= {str(base): turn for base in (*IN_ENCODING, *IN_ENCODING_2, GENERATOR)}
    indexed |= {"o": lambda a: Integer(a == 1), "o'": lambda a: 2 * Integer(a == 1)}
    return Point(random.Random(0), values, indexed)


def _witness(rng: random.Random) -> Point:
    return point(3, 2, 2)


def _solved(label: str, unknown: Expr, value: Expr, schur: str, kept: str, *more: Use) -> Step:
    """phi or gamma of one block."""
    return Step(
        label,
        Formula(unknown, "=", value),
        "trace of both sides, divided by w",
        Combination(Use(schur, -1 / WIDTH, at={j: i}, over=over(i)), Use(kept, 1 / WIDTH), *more),
    )


def _through(e: int, schur: str, factor: Expr, *, back: bool) -> tuple[Use, ...]:
    """An encoding between the blocks: w q times what came before."""
    turned = _V[e][i, k] * _U[e][j, k] if back else _V[e][k, i] * _U[e][k, j]
    return (Use(schur, turned / WIDTH, over=over(i, j, k)), Use(f"q_{e + 1}", -factor))


_moved = (SIGMA / WIDTH, SIGMA * Q1 / WIDTH, SIGMA * Q1 * Q2 / WIDTH)
_seen = (TAU * Q1 * Q2 / WIDTH, TAU * Q2 / WIDTH, TAU / WIDTH)


def slope_product(e: int, matrix: tuple[IndexedBase, IndexedBase], behind: int) -> Expr:
    """E d_i f d_i f' of an angle whose slope is made by `matrix` between F_e and G_behind."""
    return total(_F[e][i, j] * matrix[0][k, i] * matrix[1][l, j] * _G[behind][k, l], i, j, k, l)


def _slope(e: int, matrix: tuple[IndexedBase, IndexedBase], behind: int) -> tuple[Use, ...]:
    rest = total(matrix[0][k, i] * matrix[1][k, i], i, k)
    return (
        Use(f"states {BLOCKS[e]}", matrix[0][k, i] * matrix[1][l, j] * _G[behind][k, l],
            over=over(i, j, k, l)),
        Use(f"outputs {BLOCKS[behind]}", FORWARD[e] * matrix[0][k, i] * matrix[1][l, i],
            at={i: k, j: l}, over=over(i, k, l)),
        Use(f"phi_{BLOCKS[e]}", BACKWARD[behind] * rest),
        Use(f"gamma_{BLOCKS[behind]}", _moved[e] * rest),
    )  # fmt: skip


KERNEL_PREMISES = (*PREMISES, define("tau", TAU, total(_O[i] * _R[i], i), "definition of tau"))
COVARIANCE = total(_F[2][i, j] * _O[i] * _R[j], i, j)

KERNEL = Derivation(
    name="adjoint-tangent-kernel",
    title="Irreducible blocks: E d_i f d_i f' = (sigma tau N / w^2) q_1 q_2",
    summary="Blocks of any group enter by the dimension w of the operators that they conjugate "
    "among themselves: E of a pair in front or behind is a multiple of 1 there. An encoding "
    "between two blocks costs q_e = tr V_e(x)^T V_e(x') / w, the character of its conjugation. An "
    "angle of an encoding has the mixed derivative of its own q in that place, and the outputs' "
    "covariance is sigma tau q_1 q_2 / w.",
    source="ours (standard: Schur's lemma)",
    assumptions=(
        Assumption("A, B and C, and the parts of one before and after an angle in it, are "
                   "independent 2-designs of a group that acts irreducibly, of real type, on the "
                   "w operators; the same for both samples"),
        Assumption("sigma = s . s of the start state, tau = o . o' of the outputs; L is the "
                   "generator's commutator, D_e and D'_e the derivatives of V_e in an angle of "
                   "encoding e at x and x'"),
    ),
    premises=KERNEL_PREMISES,
    witness=_witness,
    steps=(
        _solved("phi_A", FORWARD[0], _moved[0], "states A", "into A"),
        _solved("phi_B", FORWARD[1], _moved[1], "states B", "into B",
                *_through(0, "states A", FORWARD[0], back=False), Use("phi_A", Q1)),
        _solved("phi_C", FORWARD[2], _moved[2], "states C", "into C",
                *_through(1, "states B", FORWARD[1], back=False), Use("phi_B", Q2)),
        _solved("gamma_C", BACKWARD[2], _seen[2], "outputs C", "back into C"),
        _solved("gamma_B", BACKWARD[1], _seen[1], "outputs B", "back into B",
                *_through(1, "outputs C", BACKWARD[2], back=True), Use("gamma_C", Q2)),
        _solved("gamma_A", BACKWARD[0], _seen[0], "outputs A", "back into A",
                *_through(0, "outputs B", BACKWARD[1], back=True), Use("gamma_B", Q1)),
        *(
            Claim(
                f"angle in {x}",
                Formula(
                    slope_product(e, (GENERATOR, GENERATOR), e),
                    "=",
                    SIGMA * TAU * SQUARE / WIDTH**2 * Q1 * Q2,
                ),
                "insert both moments; tr L L^T = N",
                Combination(*_slope(e, (GENERATOR, GENERATOR), e), Use("N", -_moved[e] * _seen[e])),
            )
            for e, x in enumerate(BLOCKS)
        ),
        *(
            Claim(
                f"angle in V_{e + 1}",
                Formula(
                    slope_product(e, (IN_ENCODING[e], IN_ENCODING_2[e]), e + 1),
                    "=",
                    SIGMA * TAU / WIDTH * FACTORS[1 - e] * SLOPES[e],
                ),
                "insert both moments; tr D^T D' = w h",
                Combination(
                    *_slope(e, (IN_ENCODING[e], IN_ENCODING_2[e]), e + 1),
                    Use(f"h_{e + 1}", -WIDTH * _moved[e] * _seen[e + 1]),
                ),
            )
            for e in (0, 1)
        ),
        Claim(
            "covariance",
            Formula(COVARIANCE, "=", SIGMA * TAU / WIDTH * Q1 * Q2),
            "E f f' = o . F o'",
            Combination(
                Use("states C", _O[i] * _R[j], over=over(i, j)),
                Use("phi_C", total(_O[i] * _R[i], i)),
                Use("tau", -_moved[2]),
            ),
        ),
    ),
    numerical_test="tests/theory/test_adjoint_blocks.py::test_three_blocks_of_a_group",
)  # fmt: skip


def _apart(sign: int) -> Expr:
    return total((_V[0][i, j] - sign * _U[0][i, j]) ** 2, i, j)


OVERLAP = Derivation(
    name="overlap-of-encodings",
    title="-1 <= q_e <= 1, and 1 only for equal encodings: sum (V - V')^2 = 2 w (1 - q_e)",
    summary="V and V' are orthogonal matrices, and w q is their inner product. So q = 1 exactly "
    "where they agree, which is where the two encodings conjugate every operator alike: up to a "
    "phase (unitary group), up to a sign (orthogonal and symplectic). At x = x' it is 1, which "
    "gives the trace law's v.",
    source="ours (standard: Cauchy-Schwarz)",
    assumptions=(Assumption("V and V' are the matrices of one encoding at x and x', orthogonal"),),
    premises=(
        *(p for p in PREMISES if p.label == "q_1"),
        *(
            Premise(
                label, Formula(inner(base, base), "=", WIDTH), "tr V^T V of an orthogonal matrix"
            )
            for label, base in (("V", _V[0]), ("V'", _U[0]))
        ),
    ),
    witness=_witness,
    steps=(
        *(
            Claim(
                label,
                Formula(_apart(sign), "=", 2 * WIDTH * (1 - sign * Q1)),
                "multiply out",
                Combination(Use("V"), Use("V'"), Use("q_1", 2 * sign * WIDTH)),
            )
            for label, sign in (("distance", 1), ("distance from -V'", -1))
        ),
        Claim(
            "q <= 1",
            Formula(Q1, "<=", Integer(1)),
            "a sum of squares is not negative",
            Combination(Use("distance", 1 / (2 * WIDTH)), remainder=_apart(1) / (2 * WIDTH)),
        ),
        Claim(
            "q >= -1",
            Formula(Q1, ">=", Integer(-1)),
            "likewise",
            Combination(
                Use("distance from -V'", 1 / (2 * WIDTH)), remainder=_apart(-1) / (2 * WIDTH)
            ),
        ),
        Claim(
            "x = x'",
            Formula(inner(_V[0], _V[0]) / WIDTH, "=", Integer(1)),
            "q of equal encodings",
            Combination(Use("V", 1 / WIDTH)),
        ),
    ),
    numerical_test="tests/theory/test_adjoint_blocks.py::test_overlap_is_one_for_equal_encodings_only",
)

THEOREMS = (KERNEL, OVERLAP)
