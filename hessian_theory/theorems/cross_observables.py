"""Derivatives of different Pauli observables: uncorrelated over 2-designs, not in general."""

from __future__ import annotations

import random

from sympy import Expr, I, IndexedBase, Integer, KroneckerDelta, Rational, Symbol, sqrt

from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula, Tr
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.notation import total
from patchlaw.hessian_theory.theorems.pauli_rotations import INVOLUTION_A
from patchlaw.hessian_theory.theorems.second_moments import (
    DIMENSION_PREMISE,
    FOUR,
    design,
    i,
    j,
    k,
    l,
    over_rows,
    rows,
    second_moment,
)
from patchlaw.hessian_theory.theorems.slope_moments import (
    STATE,
    A,
    E,
    O,
    Q,
    T,
    X,
    a,
    frame,
    h,
    m,
    slopes_premise,
    state,
    variance_point,
)

_O2 = Symbol("O'", commutative=False)
_X2 = I / 2 * (A * _O2 - _O2 * A)


def _different_point(rng: random.Random) -> Point:
    """d = 4: the mixed moment of two different Pauli operators is zero."""
    zero = {"E": lambda *_: Integer(0)}
    return Point(rng, {d: Integer(4), **dict.fromkeys(frame, Integer(0))}, zero)


CROSS = Derivation(
    name="cross-observables",
    title="Derivatives of different Pauli observables are uncorrelated: E = v delta_kl",
    summary="For Pauli operators O and O' with tr O = tr O' = tr O O' = 0 the mixed moment "
    "E[O~ x O~'] = a_1 1 + a_2 SWAP vanishes, so the covariance of d_i <O> and d_i <O'> is "
    "exactly 0 whenever the side after the rotation is a 2-design.",
    source="ours",
    assumptions=(
        Assumption("U_after is a 2-design; O, O' different Pauli operators; d >= 2"),
        Assumption(
            "E[i, j, k, l] = E O~_ij O~'_kl; Q[j, i, l, k] = rho_ji rho_lk for a fixed "
            "state, or its mean over states independent of U_after"
        ),
    ),
    premises=(
        DIMENSION_PREMISE,
        *design(E, frame, Integer(0), Integer(0), "frame "),
        slopes_premise(T, E, "E[X_ij X'_kl], X' = (i/2)(A O~' - O~' A)"),
        INVOLUTION_A,
        second_moment("coefficient of 1", E, frame, (0, 0), step="a_1"),
        second_moment("coefficient of SWAP", E, frame, (0, 0), step="a_2"),
        second_moment("mixed moment", E, frame, (0, 0)),
    ),
    witness=_different_point,
    steps=(
        Claim(
            "a_1",
            Formula(frame[0], "=", Integer(0)),
            "theorem second-moment with tr O tr O' = tr O O' = 0 for t_1^2 and t_2",
            Combination(Use("coefficient of 1")),
        ),
        Claim(
            "a_2",
            Formula(frame[1], "=", Integer(0)),
            "likewise",
            Combination(Use("coefficient of SWAP")),
        ),
        Step(
            "slopes",
            Formula(T[FOUR], "=", Integer(0)),
            "every entry of E[O~ x O~'] vanishes",
            Combination(
                Use("T"),
                *(
                    Use("mixed moment", -sign * factor / 4, at=at, over=rows(m, h))
                    for sign, factor, at in (
                        (1, a[i, m] * a[k, h], {i: m, k: h}),
                        (-1, a[i, m] * a[h, l], {i: m, l: h}),
                        (-1, a[m, j] * a[k, h], {j: m, k: h}),
                        (1, a[m, j] * a[h, l], {j: m, l: h}),
                    )
                ),
            ),
        ),
        Claim(
            "covariance",
            Formula(over_rows(Q[j, i, l, k] * T[FOUR], *FOUR), "=", Integer(0)),
            "E[d_i <O> d_i <O'>], whatever the state",
            Combination(Use("slopes", Q[j, i, l, k], over=rows(*FOUR))),
        ),
        Step(
            "trace of X X'",
            Formula(Tr(X * _X2), "=", (Tr(O * _O2) - Tr(A * O * A * _O2)) / 2),
            "multiply out; with a random state E<X><X'> = tr X X' / (d (d + 1))",
            Combination(Use("A^2 = 1", 0)),
        ),
    ),
    consequence="The paper's outputs X_0.., Z_0.. are different Pauli operators, so only the "
    "diagonal of S enters tr G: hence <tr S>.",
    numerical_test="tests/theory/test_haar_moments.py::test_covariance_of_two_observables",
)


def _z(row: Expr, column: Expr) -> Expr:
    return (3 - 2 * row) * KroneckerDelta(row, column)


def _tilted(row: Expr, column: Expr, sign: int) -> Expr:
    return (1 - KroneckerDelta(row, column) + sign * _z(row, column)) / sqrt(2)


def _tilted_slope(row: Expr, column: Expr, sign: int) -> Expr:
    return (
        I
        / 2
        * total(_z(row, m) * _tilted(m, column, sign) - _tilted(row, m, sign) * _z(m, column), 2, m)
    )


def _for_one_qubit(premise: Premise) -> Premise:
    left, right = (
        e.xreplace({d: Integer(2)}) for e in (premise.formula.left, premise.formula.right)
    )
    formula = Formula(left, premise.formula.relation, right)
    return Premise(premise.label, formula, premise.origin, premise.forall)


def _slope(row: Expr, column: Expr) -> Expr:
    """-Y / sqrt 2, what both commutators come to."""
    return -I * (row - column) / sqrt(2)


_slopes_of_two = _slope(j, i) * _slope(l, k)
_any = IndexedBase("B", complex=True)

CROSS_FAILS = Derivation(
    name="cross-observables-one-sided",
    title="Refuted with a fixed frame: different observables have uncorrelated derivatives",
    summary="One qubit, A = Z, and a fixed U_after that turns X and Z into (X + Z)/sqrt 2 and "
    "(X - Z)/sqrt 2: with random states only, the covariance is 1/6.",
    source="ours",
    kind="counterexample",
    assumptions=(Assumption("Z_ij = (3 - 2 i) delta_ij and X_ij = 1 - delta_ij for i, j = 1, 2"),),
    premises=(
        *map(_for_one_qubit, (DIMENSION_PREMISE, *STATE)),
        second_moment("state", Q, state, (1, 1), size=2),
    ),
    witness=variance_point,
    steps=(
        Step(
            "orthogonal",
            Formula(total(_tilted(i, j, 1) * _tilted(j, i, -1), 2, i, j), "=", Integer(0)),
            "tr O~ O~': the turned observables stay orthogonal",
        ),
        *(
            Step(
                f"X of (X {sign} Z)/sqrt 2",
                Formula(
                    total(_any[i, j] * _tilted_slope(j, i, int(f"{sign}1")), 2, i, j),
                    "=",
                    total(_any[i, j] * _slope(j, i), 2, i, j),
                ),
                "(i/2) [A, O~] = -Y / sqrt 2, against any operator B",
            )
            for sign in "+-"
        ),
        Claim(
            "covariance",
            Formula(total(Q[FOUR] * _slopes_of_two, 2, *FOUR), "=", Rational(1, 6)),
            "E[d_i <O> d_i <O'>] over random states: (tr X tr X' + tr X X') / (d (d + 1)), d = 2",
            Combination(Use("state", _slopes_of_two, over=dict.fromkeys(FOUR, Integer(2)))),
        ),
    ),
    consequence="Angles in the last layers need not obey E = v delta_kl.",
    numerical_test="tests/theory/test_haar_moments.py::test_covariance_of_two_observables",
)


THEOREMS = (CROSS, CROSS_FAILS)
