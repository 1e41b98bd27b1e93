"""Blocks that commute with the spin flip: 2-designs of the orthogonal, not the unitary group.

Single-qubit rotations and the CZ ring on n >= 3 qubits commute with Y^n K up to a sign (K is the
complex conjugation). For even n that is a real structure: in a basis where it is K the circuit is
real orthogonal, Pauli operators of odd weight are antisymmetric, those of even weight symmetric,
and outputs of odd weight see only the antisymmetric part of a state (trace of its square 1/2 for
|0>).
"""

from __future__ import annotations

import random
from typing import Any

from sympy import Expr, I, IndexedBase, Integer, KroneckerDelta, Lambda, Rational, symbols

from patchlaw.hessian_theory.proof.derivation import Assumption, Citation, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula, InRange
from patchlaw.hessian_theory.proof.points import IndexedRule, Point
from patchlaw.hessian_theory.theorems.kernel_of_an_angle import slopes_premise
from patchlaw.hessian_theory.theorems.second_moments import (
    DIMENSION_PREMISE,
    i,
    j,
    k,
    l,
    over_rows,
    rows,
)
from patchlaw.hessian_theory.theorems.slope_moments import (
    MEAN_SQUARE_SLOPE,
    E,
    Q,
    T,
    a,
    h,
    involution,
    m,
    slope_rule,
)
from patchlaw.hessian_theory.theorems.twirled_pairs import trace

_FOUR = (i, j, k, l)
_t, _r, _s, _q = symbols("t r s q", real=True)
_a, _b = symbols("a_1:4", real=True), symbols("b_1:4", real=True)
_W = IndexedBase("W", real=True)
_BRAUER = (
    KroneckerDelta(i, j) * KroneckerDelta(k, l),
    KroneckerDelta(i, l) * KroneckerDelta(j, k),
    KroneckerDelta(i, k) * KroneckerDelta(j, l),
)
_ADJOINT = (_BRAUER[1] - _BRAUER[2]) / (d * (d - 1))
VALUE = (d - 2) / (2 * (d - 1) ** 2)


def character(matrix: IndexedBase) -> Expr:
    """((tr W)^2 - tr W^2) / (d (d - 1))."""
    twice = over_rows(matrix[i, j] * matrix[j, i], i, j)
    return (trace(matrix) ** 2 - twice) / (d * (d - 1))


ANTISYMMETRIC = Premise(
    "A^T",
    Formula(a[i, j], "=", -a[j, i]),
    "A has odd weight",
    (i, j),
    (InRange(i, d), InRange(j, d)),
)


def orthogonal_design(
    moment: IndexedBase, coefficients: tuple[Expr, ...], square: Expr, name: str = ""
) -> tuple[Premise, ...]:
    """What makes `moment` that of an antisymmetric pair over an orthogonal 2-design."""
    total = sum((c * x for c, x in zip(coefficients, _BRAUER, strict=True)), Integer(0))
    return (
        Premise(
            f"{name}commutant",
            Formula(moment[_FOUR], "=", total),
            "Brauer: what commutes with all U x U, U orthogonal, is a_1 1 + a_2 SWAP + a_3 "
            "(SWAP transposed on one side)",
            _FOUR,
        ),
        Premise(
            f"{name}trace",
            Formula(over_rows(moment[i, i, j, j], i, j), "=", Integer(0)),
            "antisymmetric operators have no trace",
        ),
        Premise(
            f"{name}swap",
            Formula(over_rows(moment[i, j, j, i], i, j), "=", square),
            "conjugation leaves the trace of the product as it is",
        ),
        Premise(
            f"{name}flip",
            Formula(over_rows(moment[i, j, i, j], i, j), "=", -square),
            "X^T = -X",
        ),
    )


def antisymmetric_rule(second: Expr) -> IndexedRule:
    """The entries a_2 (SWAP - its transpose) at integer indices, for witnesses."""

    def value(*at: Expr) -> Expr:
        one, two, three, four = at
        swap = Integer(one == four and two == three)
        return second * (swap - Integer(one == three and two == four))

    return value


def pauli_y(row: Expr, column: Expr) -> Expr:
    """Entries of Y at d = 2, 0 beyond, for witnesses."""
    return I * (row - column) * Integer({int(row), int(column)} == {1, 2})


def quarter(row: Expr, column: Expr) -> Expr:
    """A real turn with cosine 3/5 at d = 2, 0 beyond, for witnesses."""
    known = {(1, 1): 3, (1, 2): -4, (2, 1): 4, (2, 2): 3}
    return Rational(known.get((int(row), int(column)), 0), 5)


def _point(rng: random.Random) -> Point:
    """d = 2, X = Y = sigma_y: every turn leaves it, so q = 1."""
    values = {d: Integer(2), _t: Integer(2), _s: Integer(2), _q: Integer(1)}
    values |= dict(zip(_a, (Integer(0), Integer(1), Integer(-1)), strict=True))
    return Point(rng, values, {"E": antisymmetric_rule(Integer(1)), "W": quarter})


def _solved(moment: IndexedBase, c: tuple[Expr, ...], square: Expr, name: str) -> tuple[Step, ...]:
    """The pair's moment is the projection on antisymmetric operators."""
    at = {"trace": {j: i, k: j, l: j}, "swap": {l: i, k: j}, "flip": {k: i, l: j}}
    sums = (
        ("trace", c[0] * d**2 + c[1] * d + c[2] * d, Integer(0)),
        ("swap", c[0] * d + c[1] * d**2 + c[2] * d, square),
        ("flip", c[0] * d + c[1] * d + c[2] * d**2, -square),
    )
    counted = tuple(
        Step(
            f"{name}{label} counted",
            value,
            "=",
            left,
            "1, SWAP and its partial transpose have traces d^2, d, d and so on in turn",
            Combination(
                (
                    Use(f"{name}commutant", at=at[label], over=rows(i, j)),
                    Use(f"{name}{label}", -1),
                )
            ),
        )
        for label, left, value in sums
    )
    # the inverse of (d^2 - d) 1 + d J for the all-ones J
    inverse, ones = 1 / (d * (d - 1)), 1 / (d * (d - 1) * (d + 2))
    unknowns = tuple(
        Step(
            f"{name}a_{place + 1}",
            c[place],
            "=",
            right,
            "solve the three equations",
            Combination(
                tuple(
                    Use(f"{name}{label} counted", ones - inverse * int(place == row))
                    for row, (label, _, _) in enumerate(sums)
                )
            ),
        )
        for place, right in enumerate((Integer(0), square * inverse, -square * inverse))
    )
    return (
        *counted,
        *unknowns,
        Step(
            f"{name}moment",
            moment[_FOUR],
            "=",
            square * _ADJOINT,
            "insert the three: the projection on antisymmetric operators",
            Combination(
                (
                    Use(f"{name}commutant"),
                    *(Use(f"{name}a_{n + 1}", x) for n, x in enumerate(_BRAUER)),
                )
            ),
            claim=True,
        ),
    )


TWIRL = Derivation(
    name="orthogonal-twirl",
    title="Antisymmetric pairs under an orthogonal 2-design: q = ((tr W)^2 - tr W^2)/(d (d - 1))",
    summary="Blocks of single-qubit rotations and CZ rings are real orthogonal in a suitable basis "
    "(even n >= 4), so they never become unitary 2-designs. A pair of antisymmetric operators is "
    "projected on all antisymmetric ones, and an encoding W between two twirls costs the "
    "character of the adjoint representation over its dimension d (d - 1)/2.",
    source="ours (standard: Brauer algebra)",
    assumptions=(
        Assumption("U is drawn from an orthogonal 2-design in dimension d >= 2 (moments of O(d))"),
        Assumption("E[i, j, k, l] = E (U X U^T)_ij (U Y U^T)_kl with X^T = -X, Y^T = -Y; "
                   "t = tr X Y; W = V^T V' is real orthogonal"),
    ),
    premises=(
        DIMENSION_PREMISE,
        *orthogonal_design(E, _a, _t),
        Premise(
            "q",
            Formula(_q, "=", character(_W)),
            "definition of q",
        ),
    ),
    witness=_point,
    steps=(
        *_solved(E, _a, _t, ""),
        Step(
            "pair",
            over_rows(E[_FOUR] * _W[j, k] * _W[i, l], *_FOUR),
            "=",
            _t * _q,
            "E tr(X~ W Y~ W^T), W^T_li = W_il",
            Combination((
                Use("moment", _W[j, k] * _W[i, l], over=rows(*_FOUR)),
                Use("q", -_t),
            )),
            claim=True,
        ),
    ),
    numerical_test="tests/theory/test_haar_pairs.py::test_orthogonal_twirl",
)  # fmt: skip


def _at(moment: IndexedBase, coefficients: tuple[Expr, ...], square: Expr) -> dict[Any, Any]:
    """Theorem orthogonal-twirl for other averages."""
    return {
        _t: square,
        E: Lambda(_FOUR, moment[_FOUR]),
        **dict(zip(_a, coefficients, strict=True)),
    }


_twist = over_rows(a[i, j] * a[k, l] * E[j, k, l, i], *_FOUR)


def _angle_point(rng: random.Random) -> Point:
    """d = 2, A = Y, which commutes with all that is antisymmetric: slopes and kernel are 0."""
    values = {d: Integer(2), _t: Integer(2), _r: Integer(1)}
    values |= dict(zip(_a, (Integer(0), Integer(1), Integer(-1)), strict=True))
    values |= dict(zip(_b, (Integer(0), Rational(1, 2), Rational(-1, 2)), strict=True))
    states, observables = antisymmetric_rule(Rational(1, 2)), antisymmetric_rule(Integer(1))
    indexed = {"E": observables, "Q": states, "a": pauli_y, "T": slope_rule(observables, pauli_y)}
    return Point(rng, values, indexed)


ANGLE = Derivation(
    name="orthogonal-kernel-of-an-angle",
    title="At one angle between orthogonal 2-designs: (d - 2) / (2 (d - 1)^2) times 2 r t/d",
    summary="As kernel-of-an-angle with the orthogonal group's moments. At one sample r = 1/2 and "
    "t = d: the mean square slope is (d - 2) / (2 (d - 1)^2), 1.054 v for 4 qubits and 1.0039 v "
    "for 8; an encoding multiplies r or t by the q of orthogonal-twirl.",
    source="ours",
    assumptions=(
        Assumption("the parts of the circuit before and after the angle end, next to the angle, "
                   "in independent orthogonal 2-designs that are the same for both samples"),
        Assumption("A and the outputs are Pauli operators of odd weight; d = 2^n, n even"),
        Assumption("Q and E are the moments of the antisymmetric parts of rho(x), rho(x') and of "
                   "O~_mu(x), O~_nu(x'); the symmetric parts of states meet no slope, which is "
                   "antisymmetric; r is E tr rho rho' for those parts"),
    ),
    premises=(
        DIMENSION_PREMISE,
        *orthogonal_design(Q, _b, _r, "state "),
        *orthogonal_design(E, _a, _t, "frame "),
        ANTISYMMETRIC,
        involution(a, "A"),
        slopes_premise("T", T, E),
        *(
            Citation(f"{name}moment", TWIRL, "moment", _at(moment, coefficients, square))
            for name, moment, coefficients, square in (
                ("state ", Q, _b, _r),
                ("frame ", E, _a, _t),
            )
        ),
    ),
    witness=_angle_point,
    steps=(
        Step(
            "tr A",
            trace(a),
            "=",
            Integer(0),
            "A^T = -A",
            Combination((Use("A^T", Rational(1, 2), at={j: i}, over=rows(i)),)),
        ),
        Step(
            "twist",
            _twist,
            "=",
            _t / (d - 1),
            "E tr(A O~ A O~') with A^T = -A, A^2 = 1, (tr A)^2 = 0",
            Combination((
                Use("frame moment", a[l, i] * a[j, k], over=rows(*_FOUR)),
                Use("tr A", _t / (d * (d - 1)) * trace(a)),
                Use("A^T", -_t / (d * (d - 1)) * a[i, j], over=rows(i, j)),
                Use("A^2", _t / (d * (d - 1)), at={j: i}, over=rows(i)),
            )),
        ),
        Step(
            "tr X X'",
            over_rows(T[i, j, j, i], i, j),
            "=",
            (_t - _twist) / 2,
            "multiply out; A^2 = 1 and E tr O~ O~' = t",
            Combination((
                Use("T", at={l: i, k: j}, over=rows(i, j)),
                Use("A^2", E[j, k, k, i] / 4, over=rows(i, j, k)),
                Use("A^2", E[k, i, j, k] / 4, over=rows(i, j, k)),
                Use("frame swap", Rational(1, 2)),
            )),
        ),
        Step(
            "tr X X'^T",
            over_rows(T[i, j, i, j], i, j),
            "=",
            -_t * (d - 2) / (2 * (d - 1)),
            "the same with a sign: a commutator of antisymmetric operators is antisymmetric",
            Combination((
                Use("T", at={k: i, l: j}, over=rows(i, j)),
                *(
                    Use("frame moment", -sign * factor / 4, at=at, over=rows(i, j, m, h))
                    for sign, factor, at in (
                        (1, a[i, m] * a[i, h], {i: m, k: h, l: j}),
                        (-1, a[i, m] * a[h, j], {i: m, k: i, l: h}),
                        (-1, a[m, j] * a[i, h], {j: m, k: h, l: j}),
                        (1, a[m, j] * a[h, j], {j: m, k: i, l: h}),
                    )
                ),
                Use("A^T", _t / (2 * d) * a[i, j], over=rows(i, j)),
                Use("tr A", -_t / (2 * d * (d - 1)) * trace(a)),
                Use("A^2", -_t * (d - 2) / (2 * d * (d - 1)), at={j: i}, over=rows(i)),
            )),
        ),
        Step(
            "kernel",
            MEAN_SQUARE_SLOPE,
            "=",
            VALUE * 2 * _r * _t / d,
            "the states' moment takes tr X X' - tr X X'^T",
            Combination((
                Use("state moment", T[j, i, l, k], over=rows(*_FOUR)),
                Use("tr X X'", _r / (d * (d - 1))),
                Use("tr X X'^T", -_r / (d * (d - 1))),
                Use("twist", -_r / (2 * d * (d - 1))),
            )),
            claim=True,
        ),
    ),
    numerical_test="tests/theory/test_haar_pairs.py::test_orthogonal_kernel_of_an_angle",
)  # fmt: skip


def behind(
    label: str,
    moment: IndexedBase,
    coefficients: tuple[Expr, ...],
    square: Expr,
    matrix: IndexedBase,
    factor: Expr,
) -> Citation:
    """Theorem orthogonal-twirl, step pair, for other averages.

    What it needs of them: `orthogonal_design(moment, coefficients, square)` and factor =
    `character(matrix)`.
    """
    turned = {_W: Lambda((i, j), matrix[i, j]), _q: factor}
    return Citation(label, TWIRL, "pair", _at(moment, coefficients, square) | turned)


def at_angle(
    label: str,
    moments: tuple[IndexedBase, IndexedBase, IndexedBase],
    coefficients: tuple[Expr, ...],
    overlaps: tuple[Expr, Expr],
) -> Citation:
    """Theorem orthogonal-kernel-of-an-angle for other averages Q, E, T = `moments`.

    What it needs of them: the designs with b_1.., a_1.. = `coefficients` and r, t = `overlaps`,
    `slopes_premise` of T and what it says of A.
    """
    at: dict[Any, Any] = {
        old: Lambda(_FOUR, new[_FOUR]) for old, new in zip((Q, E, T), moments, strict=True)
    }
    at |= dict(zip((*_b, *_a), coefficients, strict=True)) | {_r: overlaps[0], _t: overlaps[1]}
    return Citation(label, ANGLE, "kernel", at)


THEOREMS = (TWIRL, ANGLE)
