"""Second moments of conjugated operators over unitary 2-designs (Weingarten, two copies)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import permutations, product

from sympy import (
    Expr,
    I,
    Integer,
    Matrix,
    MatrixBase,
    Rational,
    Symbol,
    eye,
    kronecker_product,
    symbols,
    zeros,
)

from hessian_theory.proof.derivation import Derivation, Step
from hessian_theory.proof.evidence import Combination, Enumeration, Use
from hessian_theory.proof.formula import Assumption, Formula, Premise
from hessian_theory.proof.operators import DIMENSION as d
from hessian_theory.proof.points import Point

_t1, _t2, _al, _be = symbols("t_1 t_2 a_1 a_2", real=True)
_det = d * (d**2 - 1)
ALPHA_COEFFICIENT = (d * _t1**2 - _t2) / _det
BETA_COEFFICIENT = (d * _t2 - _t1**2) / _det

PAULIS = (
    Matrix([[0, 1], [1, 0]]),
    Matrix([[0, -I], [I, 0]]),
    Matrix([[1, 0], [0, -1]]),
)
_SWAP = Matrix([[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


def clifford_rotations() -> list[Matrix]:
    """The 24 rotations of the Bloch sphere that the one-qubit Clifford group consists of.

    The group is a unitary 2-design (in fact a 3-design), so averages over it are exact Haar
    averages of second moments, in rational arithmetic.
    """
    found = []
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            matrix = zeros(3, 3)
            for row, (column, sign) in enumerate(zip(order, signs, strict=True)):
                matrix[row, column] = sign
            if matrix.det() == 1:
                found.append(matrix)
    return found


def _on_bloch(vector: MatrixBase) -> Matrix:
    total = zeros(2, 2)
    for pauli, weight in zip(PAULIS, vector, strict=True):
        total += pauli * weight
    return total


def _moment_instances(formula: Formula) -> Iterator[tuple[Expr, Expr]]:
    """tr[(B x B) E(O~ x O~)] over the Clifford group against the two-coefficient formula."""
    rotations = clifford_rotations()
    for shift, axis in ((Integer(0), (0, 0, 1)), (Rational(1, 2), (Rational(1, 3), 0, 1))):
        average = zeros(4, 4)
        for rotation in rotations:
            turned = shift * eye(2) + _on_bloch(rotation * Matrix(axis))
            average += kronecker_product(turned, turned) / len(rotations)
        average = average.expand()
        operator = shift * eye(2) + _on_bloch(Matrix(axis))
        values = {d: 2, _t1: operator.trace(), _t2: (operator**2).trace()}
        coefficient = formula.right.subs(values)
        # a_1 1 + a_2 SWAP has a_1 and a_2 side by side in the row of |01>
        measured = {_al: average[1, 1], _be: average[1, 2]}
        rest = average - average[1, 1] * eye(4) - average[1, 2] * _SWAP
        yield sum((abs(x) for x in rest), Integer(0)), Integer(0)
        yield formula.left.subs(measured), coefficient


def _swap_instances(formula: Formula) -> Iterator[tuple[Expr, Expr]]:
    """tr[(B x C) SWAP] and tr(B C) for symbolic 2 x 2 matrices."""
    b = Matrix(2, 2, symbols("b0:4"))
    c = Matrix(2, 2, symbols("c0:4"))
    values = {
        _swap_left: (kronecker_product(b, c) * _SWAP).trace(),
        _swap_right: (b * c).trace(),
    }
    yield (formula.left.subs(values) - formula.right.subs(values)).expand(), Integer(0)


_swap_left = Symbol(r"\operatorname{tr}[(B\otimes C)\,SWAP]")
_swap_right = Symbol(r"\operatorname{tr}(BC)")


def _qubit_point(rng: random.Random) -> Point:
    """d = 2, O = Z: tr O = 0, tr O^2 = 2."""
    values = {d: Integer(2), _t1: Integer(0), _t2: Integer(2)}
    coefficients = {_al: Rational(-1, 3), _be: Rational(2, 3)}
    return Point(rng, {**values, **coefficients})


MOMENT = Derivation(
    name="second-moment",
    title="Second moment of a conjugated operator over a unitary 2-design",
    summary="E[V^+ O V x V^+ O V] commutes with all U x U and is therefore a_1 1 + a_2 SWAP "
    "(Schur-Weyl duality). Taking the trace, and the trace against SWAP, fixes both "
    "coefficients: the Weingarten formula for two copies.",
    source="ours (standard: Weingarten calculus)",
    assumptions=(
        Assumption("V is drawn from a unitary 2-design in dimension d >= 2", d >= 2),
        Assumption("t_1 = tr O, t_2 = tr O^2"),
    ),
    premises=(
        Premise("trace", Formula(_t1**2, "=", _al * d**2 + _be * d), "tr 1 = d^2, tr SWAP = d"),
        Premise("swap", Formula(_t2, "=", _al * d + _be * d**2), "trace against SWAP"),
    ),
    witness=_qubit_point,
    steps=(
        Step(
            "a_1",
            _al,
            "=",
            ALPHA_COEFFICIENT,
            "solve the two equations",
            Combination((Use("trace", -d / _det), Use("swap", 1 / _det))),
            claim=True,
        ),
        Step(
            "a_2",
            _be,
            "=",
            BETA_COEFFICIENT,
            "solve the two equations",
            Combination((Use("trace", 1 / _det), Use("swap", -d / _det))),
            claim=True,
        ),
        Step(
            "a_1, qubit",
            _al,
            "=",
            ALPHA_COEFFICIENT,
            "exact average over the 24 one-qubit Clifford rotations, two operators O",
            Enumeration(_moment_instances, "one-qubit Clifford group, rational arithmetic"),
        ),
        Step(
            "a_2, qubit",
            _be,
            "=",
            BETA_COEFFICIENT,
            "the same average",
            Enumeration(_moment_instances, "one-qubit Clifford group, rational arithmetic"),
        ),
        Step(
            "swap trick",
            _swap_left,
            "=",
            _swap_right,
            "turns the moment into traces of products",
            Enumeration(_swap_instances, "symbolic 2 x 2 matrices"),
        ),
    ),
    numerical_test="tests/theory/test_haar_moments.py::test_variance_of_the_derivative",
)

THEOREMS = (MOMENT,)
