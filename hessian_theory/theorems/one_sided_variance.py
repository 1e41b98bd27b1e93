"""Variance of a Pauli observable's derivative when one side of its gate is a 2-design."""

from __future__ import annotations

import random
from collections.abc import Callable

from sympy import Expr, I, IndexedBase, Integer, Rational, Symbol

from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula, Tr
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.second_moments import (
    DIMENSION_PREMISE,
    FOUR,
    i,
    j,
    k,
    l,
    over_rows,
    rows,
)
from patchlaw.hessian_theory.theorems.slope_moments import (
    CITED_FRAME,
    CITED_STATE,
    FRAME,
    STATE,
    TRACELESS,
    VARIANCE_VALUE,
    A,
    E,
    O,
    Q,
    X,
    a,
    involution,
    m,
    variance_point,
)

_rho = Symbol("rho", commutative=False)


def _pauli_x(row: Expr, column: Expr) -> Expr:
    return Integer({int(row), int(column)} == {1, 2})


_o, _x, _y, _b = (IndexedBase(name, complex=True) for name in "oxyb")
_psi, _phi = IndexedBase("psi", complex=True), IndexedBase("phi", complex=True)
_B = I / 2 * (_rho * A - A * _rho)


def _slope(row: Expr, column: Expr) -> Expr:
    return I / 2 * over_rows(a[row, m] * _o[m, column] - _o[row, m] * a[m, column], m)


def _anticommutator(row: Expr, column: Expr) -> Expr:
    return over_rows(a[row, m] * _o[m, column] + _o[row, m] * a[m, column], m)


def _turned_state(row: Expr, column: Expr) -> Expr:
    return (
        I
        / 2
        * over_rows(_psi[row] * _phi[m] * a[m, column] - a[row, m] * _psi[m] * _phi[column], m)
    )


def _squared(
    label: str, base: IndexedBase, entry: Callable[[Expr, Expr], Expr], *rest: Use
) -> Combination:
    """Both factors of sum_ij x_ij x_ji replaced by what the premise `label` says they are."""
    twice = (
        Use(label, base[j, i], over=rows(i, j)),
        Use(label, entry(l, k), at={i: k, j: l}, over=rows(k, l)),
    )
    return Combination(*twice, *rest)


def _of_involutions(share: Rational) -> tuple[Use, ...]:
    """share * (tr A O~ O~ A + tr O~ A A O~) = 2 share d."""
    return (
        Use("O^2", share * a[k, i] * a[j, k], over=rows(i, j, k)),
        Use("A^2", share, at={j: i}, over=rows(i)),
        Use("A^2", share * _o[k, i] * _o[j, k], over=rows(i, j, k)),
        Use("O^2", share, at={j: i}, over=rows(i)),
    )


def _one_sided_point(rng: random.Random) -> Point:
    """One qubit, A = Z, O~ = X, so X = -Y and A O~ + O~ A = 0; the fixed state is |0>."""
    point = variance_point(rng)
    point.indexed = {
        **point.indexed,
        "o": _pauli_x,
        "x": lambda row, column: I * (column - row) * _pauli_x(row, column),
        "y": lambda *_: Integer(0),
        "psi": lambda row: Integer(row == 1),
        "phi": lambda row: Integer(row == 1),
    }
    return point


_w0 = over_rows(a[i, j] * _o[j, k] * a[k, l] * _o[l, i], *FOUR)
_fixed_frame = over_rows(Q[FOUR] * _x[j, i] * _x[l, k], *FOUR)
_mean_a2 = over_rows(Q[FOUR] * a[j, i] * a[l, k], *FOUR)
_expectation = over_rows(_phi[i] * a[i, j] * _psi[j], i, j)
_norm = over_rows(_phi[i] * _psi[i], i)

ONE_SIDED = Derivation(
    name="one-sided-variance",
    title="Only one side a 2-design: the variance depends on the fixed side",
    summary="Random state, fixed O~: v = (d - w_0) / (2 d (d + 1)) with w_0 = tr A O~ A O~, "
    "between 0 (A and O~ commute) and 1/(d + 1) (they anticommute). Random frame, fixed state: "
    "v = d (1 - <A>^2) / (2 (d^2 - 1)). Angles near either end of a circuit follow these.",
    source="ours",
    assumptions=(
        Assumption("A, O Pauli operators other than 1; d = 2^n"),
        Assumption(
            "o_ij are the entries of a fixed O~; psi_i those of a fixed state, phi_i their "
            "conjugates"
        ),
    ),
    premises=(
        DIMENSION_PREMISE,
        *STATE,
        *FRAME,
        TRACELESS,
        involution(a, "A"),
        involution(_o, "O"),
        Premise("X", Formula(_x[i, j], "=", _slope(i, j)), "definition of X", (i, j)),
        Premise("Y", Formula(_y[i, j], "=", _anticommutator(i, j)), "Y = A O~ + O~ A", (i, j)),
        Premise(
            "X is Hermitian", Formula(_x[i, j] * _x[j, i], ">=", Integer(0)), "|x_ij|^2", (i, j)
        ),
        Premise(
            "Y is Hermitian", Formula(_y[i, j] * _y[j, i], ">=", Integer(0)), "|y_ij|^2", (i, j)
        ),
        Premise("unit", Formula(_norm, "=", Integer(1)), "psi is a unit vector"),
        Premise("B", Formula(_b[i, j], "=", _turned_state(i, j)), "B = (i/2) [rho, A]", (i, j)),
        CITED_STATE,
        CITED_FRAME,
    ),
    witness=_one_sided_point,
    steps=(
        Step(
            "tr X",
            Formula(over_rows(_x[i, i], i), "=", Integer(0)),
            "cyclicity",
            Combination(Use("X", at={j: i}, over=rows(i))),
        ),
        Step(
            "tr X^2",
            Formula(over_rows(_x[i, j] * _x[j, i], i, j), "=", (d - _w0) / 2),
            "multiply out, A^2 = O~^2 = 1",
            _squared("X", _x, _slope, *_of_involutions(Rational(1, 4))),
        ),
        Step(
            "tr Y^2",
            Formula(over_rows(_y[i, j] * _y[j, i], i, j), "=", 2 * (d + _w0)),
            "likewise",
            _squared("Y", _y, _anticommutator, *_of_involutions(Integer(1))),
        ),
        Step(
            "w_0 <= d",
            Formula(_w0, "<=", d),
            "tr X^2 is a sum of squared moduli",
            Combination(Use("tr X^2", 2), Use("X is Hermitian", 2, over=rows(i, j))),
        ),
        Step(
            "w_0 >= -d",
            Formula(_w0, ">=", -d),
            "tr Y^2 is a sum of squared moduli",
            Combination(
                Use("tr Y^2", Rational(1, 2)),
                Use("Y is Hermitian", Rational(1, 2), over=rows(i, j)),
            ),
        ),
        Claim(
            "before",
            Formula(_fixed_frame, "=", (d - _w0) / (2 * d * (d + 1))),
            "U_before random: v = tr X^2 / (d (d + 1)), theorem second-moment",
            Combination(
                Use("state", _x[j, i] * _x[l, k], over=rows(*FOUR)),
                Use("tr X", over_rows(_x[i, i], i) / (d * (d + 1))),
                Use("tr X^2", 1 / (d * (d + 1))),
            ),
        ),
        Claim(
            "before, largest",
            Formula(_fixed_frame, "<=", 1 / (d + 1)),
            "w_0 >= -d",
            Combination(Use("before"), Use("w_0 >= -d", 1 / (2 * d * (d + 1)))),
        ),
        Claim(
            "before, smallest",
            Formula(_fixed_frame, ">=", Integer(0)),
            "w_0 <= d: no gradient where O~ commutes with A",
            Combination(Use("before", -1), Use("w_0 <= d", 1 / (2 * d * (d + 1)))),
        ),
        Step(
            "as an operator on O~",
            Formula(Tr(_rho * X), "=", Tr(_B * O)),
            "U_after random: df/dt = tr(rho X) = tr(B O~), B = (i/2) [rho, A]",
        ),
        Step(
            "tr B",
            Formula(over_rows(_b[i, i], i), "=", Integer(0)),
            "cyclicity",
            Combination(Use("B", at={j: i}, over=rows(i))),
        ),
        Step(
            "tr B^2",
            Formula(over_rows(_b[i, j] * _b[j, i], i, j), "=", (1 - _expectation**2) / 2),
            "A^2 = 1; for a pure state tr rho^2 = 1 and tr rho A rho A = <A>^2",
            _squared(
                "B",
                _b,
                _turned_state,
                Use("A^2", _norm / 2 * _phi[i] * _psi[j], over=rows(i, j)),
                Use("unit", (1 + _norm) / 2),
            ),
        ),
        Claim(
            "after",
            Formula(
                over_rows(_b[j, i] * _b[l, k] * E[FOUR], *FOUR),
                "=",
                d * (1 - _expectation**2) / (2 * (d**2 - 1)),
            ),
            "E (tr B O~)^2 = a_1 (tr B)^2 + a_2 tr B^2, theorem second-moment",
            Combination(
                Use("frame", _b[j, i] * _b[l, k], over=rows(*FOUR)),
                Use("tr B", -over_rows(_b[i, i], i) / (d**2 - 1)),
                Use("tr B^2", d / (d**2 - 1)),
            ),
        ),
        Step(
            "mean of <A>^2",
            Formula(_mean_a2, "=", 1 / (d + 1)),
            "over random states, theorem second-moment",
            Combination(
                Use("state", a[j, i] * a[l, k], over=rows(*FOUR)),
                Use("A^2", 1 / (d * (d + 1)), at={j: i}, over=rows(i)),
                Use("tr A", over_rows(a[i, i], i) / (d * (d + 1))),
            ),
        ),
        Claim(
            "consistent",
            Formula(d / (2 * (d**2 - 1)) * (1 - _mean_a2), "=", VARIANCE_VALUE),
            "step after, averaged over random states: both sides random again",
            Combination(Use("mean of <A>^2", -d / (2 * (d**2 - 1)))),
        ),
        Step(
            "quick value",
            Formula(_fixed_frame + _w0 / (2 * d * (d + 1)), "=", 1 / (2 * (d + 1))),
            "theory.md's quick value is the one-sided case with w_0 = 0",
            Combination(Use("before")),
        ),
    ),
    numerical_test="tests/theory/test_haar_moments.py::test_one_sided_variances",
)
