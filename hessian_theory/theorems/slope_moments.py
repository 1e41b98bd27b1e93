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

from patchlaw.hessian_theory.proof.derivation import Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula, InRange
from patchlaw.hessian_theory.proof.points import IndexedRule, Point
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
    with_design,
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


def slopes_premise(
    slopes: IndexedBase, moment: IndexedBase, mean: str = "E[X_ij X'_kl], X = (i/2)(A O~ - O~ A)"
) -> Premise:
    """T by the entries of E, with what T is in words."""
    formula = Formula(slopes[FOUR], "=", two_slopes(moment, *FOUR))
    return Premise(str(slopes), formula, f"definition of {slopes} = {mean}", FOUR)


def mean_product(states: IndexedBase, slopes: IndexedBase) -> Expr:
    """E[d_i f_mu(x) d_i f_nu(x')] = sum E[rho_ij rho'_kl X_ji X'_lk] by the entries of Q and T."""
    return over_rows(states[FOUR] * slopes[j, i, l, k], *FOUR)


STATE = design(Q, state, Integer(1), Integer(1), "state ")
FRAME = design(E, frame, Integer(0), d, "frame ")
TRACELESS = Premise("tr A", Formula(over_rows(a[i, i], i), "=", Integer(0)), "A is not 1")
VARIANCE_PREMISES = (
    DIMENSION_PREMISE,
    *STATE,
    *FRAME,
    TRACELESS,
    involution(a, "A"),
    slopes_premise(T, E, "E[X_ij X_kl], X = (i/2)(A O~ - O~ A)"),
)
CITED_STATE = second_moment("state", Q, state, (1, 1))
CITED_FRAME = second_moment("frame", E, frame, (0, d))
MEAN_SQUARE_SLOPE = mean_product(Q, T)


def slope_steps(
    square: Expr, of_traces: tuple[str, str], of_frame: tuple[str, str], of_product: tuple[str, str]
) -> tuple[Step, Step, Step]:
    """E tr X tr X', E tr A O~ A O~' and E tr X X' from E tr O~ O~' = `square`.

    Needs the design of E with that square and its moment as "frame", T, A^2 = 1 and tr A = 0.
    The rest is the label and the rule of each step.
    """
    twist = over_rows(a[i, j] * a[k, l] * E[j, k, l, i], *FOUR)
    return (
        Step(
            of_traces[0],
            Formula(over_rows(T[i, i, j, j], i, j), "=", Integer(0)),
            of_traces[1],
            Combination(Use("T", at={j: i, k: j, l: j}, over=rows(i, j))),
        ),
        Step(
            of_frame[0],
            Formula(twist, "=", -square / (d**2 - 1)),
            of_frame[1],
            Combination(
                Use("frame", a[l, i] * a[j, k], over=rows(*FOUR)),
                Use("A^2", -square / (d * (d**2 - 1)), at={j: i}, over=rows(i)),
                Use("tr A", square / (d**2 - 1) * over_rows(a[i, i], i)),
            ),
        ),
        Step(
            of_product[0],
            Formula(over_rows(T[i, j, j, i], i, j), "=", (square - twist) / 2),
            of_product[1],
            Combination(
                Use("T", at={l: i, k: j}, over=rows(i, j)),
                Use("A^2", E[j, k, k, i] / 4, over=rows(i, j, k)),
                Use("A^2", E[k, i, j, k] / 4, over=rows(i, j, k)),
                Use("frame swap", Rational(1, 2)),
            ),
        ),
    )


def pauli_z(row: Expr, column: Expr) -> Expr:
    """The entries of Z at integer indices, for witnesses; 0 beyond d = 2."""
    return Integer({(1, 1): 1, (2, 2): -1}.get((int(row), int(column)), 0))


def _slope_rule(moment: IndexedRule) -> IndexedRule:
    """The entries of T at d = 2 by those of E at integer indices, A = Z, for witnesses."""
    two = (Integer(1), Integer(2))

    @cache
    def slopes(*at: Expr) -> Expr:
        terms = (_slope_terms(pauli_z, moment, *at, x, y) for x in two for y in two)
        return sum(terms, Integer(0))

    return slopes


def angle_point(rng: random.Random, overlap: Expr, square: Expr) -> Point:
    """One qubit, A = Z, E tr rho rho' and E tr O~ O~' as given."""
    point = with_design(Point(rng, {}, {"a": pauli_z}), Q, state, Integer(1), overlap)
    point = with_design(point, E, frame, Integer(0), square)
    point.indexed = {**point.indexed, "T": _slope_rule(point.indexed["E"])}
    return point


def variance_point(rng: random.Random) -> Point:
    """One qubit, A = Z, random state and frame."""
    return angle_point(rng, Integer(1), Integer(2))
