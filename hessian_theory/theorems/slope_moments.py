"""Slopes of expectation values: their averages over 2-designs, written with entries.

Conventions: dimension d = 2^n; the circuit is W = U_after R_A(t) U_before, A and O Pauli
operators other than 1, psi = R_A(t) U_before |0>, rho = |psi><psi|, O~ = U_after^dagger O U_after,
so that df/dt = tr(rho X) with X = (i/2) [A, O~] (theorem first-harmonic). Averages are written
with entries: Q[i, j, k, l] = E rho_ij rho_kl, E[i, j, k, l] = E O~_ij O~_kl.
"""

from __future__ import annotations

import random
from functools import cache

from sympy import Expr, I, IndexedBase, Integer, KroneckerDelta, Rational, symbols

from patchlaw.hessian_theory.proof.derivation import Premise
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula, InRange
from patchlaw.hessian_theory.proof.points import IndexedRule, Point
from patchlaw.hessian_theory.theorems.second_moments import (
    DIMENSION_PREMISE,
    FOUR,
    design,
    design_rule,
    i,
    j,
    k,
    l,
    over_rows,
    second_moment,
)

A, O = symbols("A O", commutative=False)  # noqa: E741  # the observable
X = I / 2 * (A * O - O * A)
VARIANCE_VALUE = d**2 / (2 * (d + 1) * (d**2 - 1))

m, h = symbols("m h", integer=True, positive=True)
a, E, Q, T = (IndexedBase(name, complex=True) for name in "aEQT")
frame = symbols("a_1 a_2", real=True)
state = symbols("b_1 b_2", real=True)


def involution(matrix: IndexedBase, name: str) -> Premise:
    """A^2 = 1, written with the entries of A."""
    square = over_rows(matrix[i, m] * matrix[m, j], m)
    origin = f"{name} is a Pauli operator"
    formula = Formula(square, "=", KroneckerDelta(i, j))
    return Premise(f"{name}^2", formula, origin, (i, j), (InRange(i, d), InRange(j, d)))


def _slope_terms(generator: IndexedRule, moment: IndexedRule, *at: Expr) -> Expr:
    """The summand of `two_slopes`; `at` is i, j, k, l and the bound m, h."""
    first, second, third, fourth, mid, mid2 = at
    left = ((generator(first, mid), mid, second, 1), (generator(mid, second), first, mid, -1))
    right = ((generator(third, mid2), mid2, fourth, 1), (generator(mid2, fourth), third, mid2, -1))
    return -sum(
        s * t * x * y * moment(row, column, row2, column2)
        for x, row, column, s in left
        for y, row2, column2, t in right
    ) / Integer(4)


def two_slopes(moment: IndexedBase, first: Expr, second: Expr, third: Expr, fourth: Expr) -> Expr:
    """E[X_ij X'_kl] for X = (i/2)(A O~ - O~ A), X' likewise, from the E[O~_ij O~'_kl]."""
    at = (first, second, third, fourth, m, h)
    return over_rows(_slope_terms(lambda *x: a[x], lambda *x: moment[x], *at), m, h)


STATE = design(Q, state, Integer(1), Integer(1), "state ")
FRAME = design(E, frame, Integer(0), d, "frame ")
TRACELESS = Premise("tr A", Formula(over_rows(a[i, i], i), "=", Integer(0)), "A is not 1")
_SLOPES = Premise(
    "T",
    Formula(T[FOUR], "=", two_slopes(E, *FOUR)),
    "definition of T = E[X_ij X_kl], X = (i/2)(A O~ - O~ A)",
    FOUR,
)
VARIANCE_PREMISES = (DIMENSION_PREMISE, *STATE, *FRAME, TRACELESS, involution(a, "A"), _SLOPES)
CITED_STATE = second_moment("state", Q, state, (1, 1))
CITED_FRAME = second_moment("frame", E, frame, (0, d))
MEAN_SQUARE_SLOPE = over_rows(Q[FOUR] * T[j, i, l, k], *FOUR)


def pauli_z(row: Expr, column: Expr) -> Expr:
    """The entries of Z at integer indices, for witnesses; 0 beyond d = 2."""
    return Integer({(1, 1): 1, (2, 2): -1}.get((int(row), int(column)), 0))


def slope_rule(moment: IndexedRule, generator: IndexedRule = pauli_z) -> IndexedRule:
    """The entries of T at d = 2 by those of E and A at integer indices, for witnesses."""
    two = (Integer(1), Integer(2))

    @cache
    def slopes(*at: Expr) -> Expr:
        terms = (_slope_terms(generator, moment, *at, x, y) for x in two for y in two)
        return sum(terms, Integer(0))

    return slopes


def variance_point(rng: random.Random) -> Point:
    """One qubit, A = Z, random state and frame."""
    coefficients = (Rational(-1, 3), Rational(2, 3), Rational(1, 6), Rational(1, 6))
    moment = design_rule(*coefficients[:2])
    return Point(
        rng,
        {d: Integer(2), **dict(zip((*frame, *state), coefficients, strict=True))},
        {"E": moment, "Q": design_rule(*coefficients[2:]), "a": pauli_z, "T": slope_rule(moment)},
    )
