"""Pauli rotations: first harmonics, parameter-shift rules and bounds on the derivatives."""

from __future__ import annotations

from sympy import (
    Derivative,
    Expr,
    Function,
    I,
    Integer,
    Matrix,
    MatrixBase,
    Rational,
    Symbol,
    cos,
    diag,
    exp,
    expand,
    eye,
    kronecker_product,
    pi,
    sin,
    symbols,
)

from hessian_theory.proof.derivation import Derivation, Step
from hessian_theory.proof.evidence import Combination, Inserted, Use
from hessian_theory.proof.formula import Assumption, Formula, Premise
from hessian_theory.proof.operators import OperatorIdentity
from hessian_theory.theorems.notation import on_model

_t, _u = symbols("t u", real=True)
_A = Symbol("A", commutative=False)
_O = Symbol("O", commutative=False)

_R = cos(_t / 2) - I * sin(_t / 2) * _A
_R_DAGGER = cos(_t / 2) + I * sin(_t / 2) * _A
_INVOLUTION = OperatorIdentity(squares_to_one=(_A,))

HARMONIC = Derivation(
    name="first-harmonic",
    title="An expectation value is a + b cos t + c sin t in each angle",
    summary="R_A(t) = exp(-i t A / 2) with A^2 = 1. Conjugating any operator with it leaves only "
    "a constant and the first harmonic; expectation values inherit that, whatever surrounds the "
    "gate and however the other parameters are set.",
    source="ours (standard)",
    assumptions=(
        Assumption("A^2 = 1 (a Pauli operator); O is any operator"),
        Assumption("the angle t enters the circuit through this one gate"),
    ),
    steps=(
        Step(
            "rotation",
            Derivative(_R, _t),
            "=",
            -I / 2 * _A * _R,
            "R solves the rotation's differential equation; R = 1 at t = 0",
            _INVOLUTION,
        ),
        Step(
            "unitary",
            _R_DAGGER * _R,
            "=",
            Integer(1),
            "A^2 = 1",
            _INVOLUTION,
        ),
        Step(
            "harmonic",
            _R_DAGGER * _O * _R,
            "=",
            (_O + _A * _O * _A) / 2
            + cos(_t) / 2 * (_O - _A * _O * _A)
            + I * sin(_t) / 2 * (_A * _O - _O * _A),
            "multiply out, half-angle formulas",
            _INVOLUTION,
            claim=True,
        ),
        Step(
            "derivative",
            Derivative(_R_DAGGER * _O * _R, _t),
            "=",
            I / 2 * _R_DAGGER * (_A * _O - _O * _A) * _R,
            "differentiate; the derivative is the expectation of (i/2) [A, O]",
            _INVOLUTION,
            claim=True,
        ),
    ),
    numerical_test="tests/theory/test_theorems_at_their_ends.py::test_first_harmonic",
)  # fmt: skip

_coefficients = symbols("c0:9", real=True)
_basis = (Integer(1), cos, sin)


def _two_angle() -> Expr:
    """General function that is a first harmonic in t and in u (nine free coefficients)."""
    total = Integer(0)
    for i, coefficient in enumerate(_coefficients):
        first, second = _basis[i // 3], _basis[i % 3]
        total += (
            coefficient
            * (first(_t) if callable(first) else first)
            * (second(_u) if callable(second) else second)
        )
    return total


def _rotation(axis: str, angle: Expr) -> Matrix:
    """exp(-i angle axis / 2), written with exponentials so that products expand cheaply."""
    generator = {"X": Matrix([[0, 1], [1, 0]]), "Y": Matrix([[0, -I], [I, 0]])}[axis]
    plus, minus = exp(I * angle / 2), exp(-I * angle / 2)
    return (plus + minus) / 2 * eye(2) - (plus - minus) / 2 * generator


# rotations by a data angle x with cos(x/2) = 4/5, sin(x/2) = 3/5: exact rationals
_DATA_X = Rational(4, 5) * eye(2) - I * Rational(3, 5) * Matrix([[0, 1], [1, 0]])
_DATA_Y = Rational(4, 5) * eye(2) - I * Rational(3, 5) * Matrix([[0, -I], [I, 0]])


def _expectation(unitary: MatrixBase, observable: MatrixBase) -> Expr:
    state = unitary[:, 0]
    return expand((state.H * observable * state)[0])


def circuits() -> dict[str, Expr]:
    """<O> as a function of (t, u) for explicit one- and two-qubit circuits, data angles fixed."""
    x_gate, z_gate = Matrix([[0, 1], [1, 0]]), diag(1, -1)
    one = _rotation("Y", _u) * _DATA_X * _rotation("Y", _t) * _DATA_X
    cz = diag(1, 1, 1, -1)
    same = kronecker_product(_rotation("Y", _u), _DATA_X) * cz
    same = same * kronecker_product(_rotation("Y", _t), _DATA_X)
    other = kronecker_product(_DATA_X, _rotation("Y", _u)) * cz
    other = other * kronecker_product(_rotation("Y", _t), _DATA_Y)
    return {
        "one qubit, <X>": _expectation(one, x_gate),
        "one qubit, <Z>": _expectation(one, z_gate),
        "two qubits, both angles on one, <X_0>": _expectation(
            same, kronecker_product(x_gate, eye(2))
        ),
        "two qubits, an angle on each, <Z_1>": _expectation(
            other, kronecker_product(eye(2), z_gate)
        ),
    }


_shape = Function("F", real=True)
_general = _shape(_t, _u)
_quarter, _half = pi / 2, pi

_IN_GENERAL = Inserted(
    _shape, (_t, _u), lambda: (_two_angle(),), "nine free coefficients of 1, cos, sin in t and u"
)
_ON_CIRCUITS = Inserted(
    _shape, (_t, _u), lambda: circuits().values(), "four one- and two-qubit circuits"
)


def _shift_rule(name: str, left: Expr, right: Expr, rule: str) -> tuple[Step, Step]:
    """A rule for general first harmonics, and the same on explicit circuits."""
    return (
        Step(name, left, "=", right, rule, _IN_GENERAL, claim=True),
        Step(f"{name}, circuits", left, "=", right, "the same on explicit circuits", _ON_CIRCUITS),
    )


SHIFT = Derivation(
    name="parameter-shift",
    title="Parameter-shift rules for first and second derivatives",
    summary="For a first harmonic the derivative is half the difference of two shifted values; "
    "second derivatives follow by shifting twice. Shown for general coefficients and again on "
    "explicit one- and two-qubit circuits.",
    source="ours (standard: Mitarai 2018, Schuld 2019, Mari 2021)",
    assumptions=(Assumption("F is a first harmonic in t and in u (theorem first-harmonic)"),),
    steps=(
        *_shift_rule(
            "first",
            Derivative(_general, _t),
            (_shape(_t + _quarter, _u) - _shape(_t - _quarter, _u)) / 2,
            "shift by pi/2",
        ),
        *_shift_rule(
            "second",
            Derivative(_general, (_t, 2)),
            (_shape(_t + _half, _u) - _shape(_t, _u)) / 2,
            "shift by pi",
        ),
        *_shift_rule(
            "mixed",
            Derivative(_general, _t, _u),
            (
                _shape(_t + _quarter, _u + _quarter)
                - _shape(_t + _quarter, _u - _quarter)
                - _shape(_t - _quarter, _u + _quarter)
                + _shape(_t - _quarter, _u - _quarter)
            )
            / 4,
            "shift both by pi/2",
        ),
    ),
    numerical_test=on_model("parameter_shift_rules"),
)

_f1, _f2, _f3, _f4 = symbols("f_1 f_2 f_3 f_4", real=True)


def _bounds(*values: Symbol) -> tuple[Premise, ...]:
    return tuple(
        premise
        for v in values
        for premise in (
            Premise(f"{v} <= 1", Formula(v, "<=", Integer(1))),
            Premise(f"{v} >= -1", Formula(v, ">=", Integer(-1))),
        )
    )


DERIVATIVES = Derivation(
    name="derivative-bounds",
    title="|d_i f| <= 1 and |d_i d_j f| <= 1",
    summary="Expectation values of an observable with |O| <= 1 lie in [-1, 1]. Derivatives are "
    "halves or quarters of sums of such values (parameter shift), so they lie in [-1, 1] too.",
    source="ours (standard)",
    assumptions=(Assumption("|O| <= 1, each angle enters through one Pauli rotation"),),
    premises=_bounds(_f1, _f2, _f3, _f4),
    steps=(
        Step(
            "upper, two values",
            (_f1 - _f2) / 2,
            "<=",
            Integer(1),
            "first derivative: shifts by pi/2; pure second derivative: shift by pi and none",
            Combination((Use("f_1 <= 1", Rational(1, 2)), Use("f_2 >= -1", Rational(1, 2)))),
            claim=True,
        ),
        Step(
            "lower, two values",
            (_f1 - _f2) / 2,
            ">=",
            Integer(-1),
            "the same from below",
            Combination((Use("f_1 >= -1", Rational(1, 2)), Use("f_2 <= 1", Rational(1, 2)))),
            claim=True,
        ),
        Step(
            "upper, four values",
            (_f1 - _f2 - _f3 + _f4) / 4,
            "<=",
            Integer(1),
            "mixed second derivative",
            Combination(
                tuple(
                    Use(label, Rational(1, 4))
                    for label in ("f_1 <= 1", "f_2 >= -1", "f_3 >= -1", "f_4 <= 1")
                )
            ),
            claim=True,
        ),
        Step(
            "lower, four values",
            (_f1 - _f2 - _f3 + _f4) / 4,
            ">=",
            Integer(-1),
            "the same from below",
            Combination(
                tuple(
                    Use(label, Rational(1, 4))
                    for label in ("f_1 >= -1", "f_2 <= 1", "f_3 <= 1", "f_4 >= -1")
                )
            ),
            claim=True,
        ),
    ),
    numerical_test=(
        "tests/theory/test_theorems_at_their_ends.py::test_second_derivatives_are_bounded"
    ),
)

THEOREMS = (HARMONIC, SHIFT, DERIVATIVES)
