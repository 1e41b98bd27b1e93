"""Second moments of conjugated operators over unitary 2-designs (Weingarten, two copies).

Operators enter by their entries, so that an average over the design is an indexed quantity:
E[i, j, k, l] = E (V^+ O V)_ij (V^+ O V)_kl.
"""

from __future__ import annotations

import random

from sympy import Expr, IndexedBase, Integer, KroneckerDelta, Lambda, Symbol, symbols, sympify

from patchlaw.hessian_theory.proof.derivation import (
    Assumption,
    Citation,
    Claim,
    Derivation,
    Premise,
    Step,
)
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.notation import total

i, j, k, l = symbols("i j k l", integer=True, positive=True)  # noqa: E741  # rows and columns
FOUR = (i, j, k, l)
_t1, _t2, _al, _be = symbols("t_1 t_2 a_1 a_2", real=True)
_E = IndexedBase("E", complex=True)
_B, _C = IndexedBase("B", complex=True), IndexedBase("C", complex=True)
_identity = KroneckerDelta(i, j) * KroneckerDelta(k, l)
_swap = KroneckerDelta(i, l) * KroneckerDelta(j, k)
_det = d * (d**2 - 1)
ALPHA_COEFFICIENT = (d * _t1**2 - _t2) / _det
BETA_COEFFICIENT = (d * _t2 - _t1**2) / _det
DIMENSION_PREMISE = Premise("d >= 2", Formula(d, ">", Integer(1)), "d is a whole number above 1")


def over_rows(expr: Expr, *indices: Symbol) -> Expr:
    """Sum over rows or columns 1..d."""
    return total(expr, d, *indices)


def rows(*indices: Symbol) -> dict[Symbol, Expr]:
    """The same as the range of a `Use`."""
    return dict.fromkeys(indices, d)


def design(
    moment: IndexedBase,
    coefficients: tuple[Symbol, Symbol],
    trace: Expr,
    square: Expr,
    name: str = "",
) -> tuple[Premise, ...]:
    """What makes `moment` the second moment of a conjugated operator over a 2-design.

    Args:
        moment: the averages E[i, j, k, l].
        coefficients: those of 1 and SWAP.
        trace: E[tr O~ tr O~], the same for every draw.
        square: E[tr O~ O~], likewise.
        name: goes in front of the labels.
    """
    return (
        Premise(
            f"{name}commutant",
            Formula(moment[FOUR], "=", coefficients[0] * _identity + coefficients[1] * _swap),
            "Schur-Weyl duality: what commutes with all U x U is a_1 1 + a_2 SWAP",
            forall=FOUR,
        ),
        Premise(
            f"{name}trace",
            Formula(over_rows(moment[i, i, j, j], i, j), "=", trace),
            "conjugation leaves the trace as it is",
        ),
        Premise(
            f"{name}swap",
            Formula(over_rows(moment[i, j, j, i], i, j), "=", square),
            "conjugation leaves the trace of the product as it is",
        ),
    )


def with_design(
    point: Point, moment: IndexedBase, coefficients: tuple[Symbol, ...], trace: Expr, square: Expr
) -> Point:
    """A witness at d = 2 that is given what `design` with these arguments wants."""
    first, second = (2 * trace - square) / Integer(6), (2 * square - trace) / Integer(6)

    def value(a: Expr, b: Expr, c: Expr, e: Expr) -> Expr:
        return first * Integer(a == b and c == e) + second * Integer(a == e and b == c)

    point.symbols |= {d: Integer(2), coefficients[0]: first, coefficients[1]: second}
    point.indexed = {**point.indexed, str(moment): value}
    return point


def _qubit_point(rng: random.Random) -> Point:
    """d = 2, O = Z: tr O = 0, tr O^2 = 2."""
    point = Point(rng, {_t1: Integer(0), _t2: Integer(2)})
    return with_design(point, _E, (_al, _be), Integer(0), Integer(2))


MOMENT = Derivation(
    name="second-moment",
    title="Second moment of a conjugated operator over a unitary 2-design",
    summary="E[V^+ O V x V^+ O V] commutes with all U x U and is therefore a_1 1 + a_2 SWAP "
    "(Schur-Weyl duality). Taking the trace, and the trace against SWAP, fixes both "
    "coefficients: the Weingarten formula for two copies.",
    source="ours (standard: Weingarten calculus)",
    assumptions=(
        Assumption("V is drawn from a unitary 2-design in dimension d >= 2"),
        Assumption("t_1 = tr O, t_2 = tr O^2"),
    ),
    premises=(DIMENSION_PREMISE, *design(_E, (_al, _be), _t1**2, _t2)),
    witness=_qubit_point,
    steps=(
        Step(
            "traces",
            Formula(_t1**2, "=", _al * d**2 + _be * d),
            "tr 1 = d^2 and tr SWAP = d on two copies",
            Combination(Use("trace", -1), Use("commutant", at={j: i, k: j, l: j}, over=rows(i, j))),
        ),
        Step(
            "traces against SWAP",
            Formula(_t2, "=", _al * d + _be * d**2),
            "the other way round",
            Combination(Use("swap", -1), Use("commutant", at={l: i, k: j}, over=rows(i, j))),
        ),
        Claim(
            "a_1",
            Formula(_al, "=", ALPHA_COEFFICIENT),
            "solve the two equations",
            Combination(Use("traces", -d / _det), Use("traces against SWAP", 1 / _det)),
        ),
        Claim(
            "a_2",
            Formula(_be, "=", BETA_COEFFICIENT),
            "solve the two equations",
            Combination(Use("traces", 1 / _det), Use("traces against SWAP", -d / _det)),
        ),
        Claim(
            "moment",
            Formula(_E[FOUR], "=", ALPHA_COEFFICIENT * _identity + BETA_COEFFICIENT * _swap),
            "insert both",
            Combination(Use("commutant"), Use("a_1", _identity), Use("a_2", _swap)),
        ),
        Claim(
            "swap trick",
            Formula(
                over_rows(_B[j, i] * _C[l, k] * _E[FOUR], *FOUR),
                "=",
                ALPHA_COEFFICIENT * over_rows(_B[i, i], i) * over_rows(_C[i, i], i)
                + BETA_COEFFICIENT * over_rows(_B[i, j] * _C[j, i], i, j),
            ),
            "E tr(B O~) tr(C O~) = a_1 tr B tr C + a_2 tr(B C) for any operators B, C",
            Combination(Use("moment", _B[j, i] * _C[l, k], over=rows(*FOUR))),
        ),
    ),
    numerical_test="tests/theory/test_haar_moments.py::test_clifford_averages_are_exact",
)


def second_moment(
    label: str,
    moment: IndexedBase,
    coefficients: tuple[Symbol, Symbol],
    traces: tuple[Expr | int, Expr | int],
    *,
    step: str = "moment",
    size: Expr | int = d,
) -> Citation:
    """Theorem second-moment for other averages: t_1, t_2 = `traces`, a_1, a_2 = `coefficients`.

    What it needs of them is `design(moment, coefficients, t_1^2, t_2)`.
    """
    return Citation(
        label,
        MOMENT,
        step,
        {
            _t1: sympify(traces[0]),
            _t2: sympify(traces[1]),
            _E: Lambda(FOUR, moment[FOUR]),
            _al: coefficients[0],
            _be: coefficients[1],
            **({} if size == d else {d: sympify(size)}),
        },
    )


THEOREMS = (MOMENT,)
