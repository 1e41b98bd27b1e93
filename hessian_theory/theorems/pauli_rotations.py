"""Pauli rotations: first harmonics, parameter-shift rules and bounds on the derivatives."""

from __future__ import annotations

import random

from sympy import Derivative, Expr, Function, I, Integer, Rational, cos, pi, sin, symbols

from patchlaw.hessian_theory.proof.derivation import (
    Assumption,
    Citation,
    Claim,
    Derivation,
    Premise,
    Step,
)
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula, Tr
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.notation import on_model, unit_interval

_t, _u = symbols("t u", real=True)
_A, _B, _O, _V, _W, _rho = symbols("A B O V W rho", commutative=False)

INVOLUTION_A = Premise("A^2 = 1", Formula(_A**2, "=", Integer(1)), "A is a Pauli operator")
_BY_A = Combination(Use("A^2 = 1", 0))


def _rotation(axis: Expr, angle: Expr) -> Expr:
    return cos(angle / 2) - I * sin(angle / 2) * axis


def _turned(inner: Expr, axis: Expr, angle: Expr) -> Expr:
    """R^dagger inner R."""
    return _rotation(axis, -angle) * inner * _rotation(axis, angle)


def _harmonics(inner: Expr, axis: Expr) -> tuple[Expr, Expr, Expr]:
    """The coefficients of 1, cos t and sin t in R^dagger inner R."""
    both = axis * inner * axis
    return (inner + both) / 2, (inner - both) / 2, I / 2 * (axis * inner - inner * axis)


def _basis(angle: Expr) -> tuple[Expr, Expr, Expr]:
    return Integer(1), cos(angle), sin(angle)


def _expectation_in_two_angles() -> Expr:
    total = Integer(0)
    for late, second in zip(_harmonics(_O, _B), _basis(_u), strict=True):
        for both, first in zip(_harmonics(_W * late * _V, _A), _basis(_t), strict=True):
            total += first * second * Tr(_rho * both)
    return total


HARMONIC = Derivation(
    name="first-harmonic",
    title="An expectation value is a + b cos t + c sin t in each angle",
    summary="R_A(t) = exp(-i t A / 2) = cos(t/2) - i sin(t/2) A with A^2 = 1. Conjugating any "
    "operator with it leaves only a constant and the first harmonic; expectation values inherit "
    "that, whatever surrounds the gate and however the other parameters are set.",
    source="ours (standard)",
    assumptions=(
        Assumption("A^2 = 1 (a Pauli operator; B likewise); O, V, W, rho are any operators"),
        Assumption("each of the angles t, u enters the circuit through one gate"),
    ),
    premises=(INVOLUTION_A,),
    steps=(
        Step(
            "rotation",
            Formula(Derivative(_rotation(_A, _t), _t), "=", -I / 2 * _A * _rotation(_A, _t)),
            "R solves the rotation's differential equation; R = 1 at t = 0",
            _BY_A,
        ),
        Step(
            "unitary",
            Formula(_rotation(_A, -_t) * _rotation(_A, _t), "=", Integer(1)),
            "A^2 = 1",
            _BY_A,
        ),
        Claim(
            "harmonic",
            Formula(
                _turned(_O, _A, _t),
                "=",
                (_O + _A * _O * _A) / 2
                + cos(_t) / 2 * (_O - _A * _O * _A)
                + I * sin(_t) / 2 * (_A * _O - _O * _A),
            ),
            "multiply out, half-angle formulas",
        ),
        Claim(
            "derivative",
            Formula(
                Derivative(_turned(_O, _A, _t), _t),
                "=",
                I / 2 * _rotation(_A, -_t) * (_A * _O - _O * _A) * _rotation(_A, _t),
            ),
            "differentiate; the derivative is the expectation of (i/2) [A, O]",
            _BY_A,
        ),
        Claim(
            "two angles",
            Formula(
                Tr(_rho * _turned(_W * _turned(_O, _B, _u) * _V, _A, _t)),
                "=",
                _expectation_in_two_angles(),
            ),
            "W = V^dagger: the expectation value of O after the gates R_A(t), V and R_B(u) is a "
            "first harmonic in both angles",
        ),
    ),
    numerical_test="tests/theory/test_theorems_at_their_ends.py::test_first_harmonic",
)

_F = Function("F")
_quarter = pi / 2
_coefficients = symbols("c0:9")
_nine = [a * b for a in _basis(_t) for b in _basis(_u)]

FIRST_HARMONIC = Premise(
    "harmonic",
    Formula(_F(_t, _u), "=", sum((c * b for c, b in zip(_coefficients, _nine, strict=True)), 0)),
    "assumption: F is a first harmonic in t and in u (as step two angles of first-harmonic says "
    "of expectation values)",
    forall=(_t, _u),
)


def _value(first: Expr | int = 0, second: Expr | int = 0, times: Expr | int = 1) -> Use:
    """F's form at the angles t + first, u + second; takes `times` F there out of the gap."""
    return Use("harmonic", -times, at={_t: _t + first, _u: _u + second})


SHIFT = Derivation(
    name="parameter-shift",
    title="Parameter-shift rules for first and second derivatives",
    summary="For a first harmonic the derivative is half the difference of two shifted values; "
    "second derivatives follow by shifting twice. Shown for all coefficients, hence for every "
    "circuit that theorem first-harmonic covers.",
    source="ours (standard: Mitarai 2018, Schuld 2019, Mari 2021)",
    assumptions=(Assumption("F is a first harmonic in t and in u (theorem first-harmonic)"),),
    premises=(FIRST_HARMONIC,),
    steps=(
        Claim(
            "first",
            Formula(
                Derivative(_F(_t, _u), _t), "=", (_F(_t + _quarter, _u) - _F(_t - _quarter, _u)) / 2
            ),
            "shift by pi/2",
            Combination(
                Use("harmonic", by=(_t,)),
                _value(_quarter, times=Rational(1, 2)),
                _value(-_quarter, times=-Rational(1, 2)),
            ),
        ),
        Claim(
            "second",
            Formula(Derivative(_F(_t, _u), (_t, 2)), "=", (_F(_t + pi, _u) - _F(_t, _u)) / 2),
            "shift by pi",
            Combination(
                Use("harmonic", by=(_t, _t)),
                _value(pi, times=Rational(1, 2)),
                _value(times=-Rational(1, 2)),
            ),
        ),
        Claim(
            "mixed",
            Formula(
                Derivative(_F(_t, _u), _t, _u),
                "=",
                (
                    _F(_t + _quarter, _u + _quarter)
                    - _F(_t + _quarter, _u - _quarter)
                    - _F(_t - _quarter, _u + _quarter)
                    + _F(_t - _quarter, _u - _quarter)
                )
                / 4,
            ),
            "shift both by pi/2",
            Combination(
                Use("harmonic", by=(_t, _u)),
                *(
                    _value(a * _quarter, b * _quarter, a * b * Rational(1, 4))
                    for a in (1, -1)
                    for b in (1, -1)
                ),
            ),
        ),
    ),
    numerical_test=on_model("parameter_shift_rules"),
)


def _bounded(name: str, left: Expr, shifts: tuple[tuple[int, Expr, Expr], ...]) -> tuple[Step, ...]:
    """|left| <= 1 where left = sum of sign * F(t + first, u + second) / number of shifts."""
    share = Rational(1, len(shifts))

    def at(which: str, first: Expr, second: Expr) -> Use:
        return Use(which, share, at={_t: _t + first, _u: _u + second})

    upper = (at("F <= 1" if s > 0 else "F >= -1", a, b) for s, a, b in shifts)
    lower = (at("F >= -1" if s > 0 else "F <= 1", a, b) for s, a, b in shifts)
    rule = f"parameter-shift, step {name}: a mean of {len(shifts)} values between -1 and 1"
    return (
        Claim(
            f"{name}, upper", Formula(left, "<=", Integer(1)), rule, Combination(Use(name), *upper)
        ),
        Claim(
            f"{name}, lower",
            Formula(left, ">=", Integer(-1)),
            rule,
            Combination(Use(name, -1), *lower),
        ),
    )


_zero = Integer(0)


def _bounded_point(rng: random.Random) -> Point:
    """A point at which F is cos t cos u."""
    product = cos(_t) * cos(_u)
    coefficients = {c: Integer(b == product) for c, b in zip(_coefficients, _nine, strict=True)}
    return Point(rng, coefficients, functions={"F": lambda t, u: cos(t) * cos(u)})


DERIVATIVES = Derivation(
    name="derivative-bounds",
    title="|d_i f| <= 1 and |d_i d_j f| <= 1",
    summary="Expectation values of an observable with |O| <= 1 lie in [-1, 1]. Derivatives are "
    "halves or quarters of sums of such values (parameter shift), so they lie in [-1, 1] too.",
    source="ours (standard)",
    assumptions=(Assumption("|O| <= 1, each angle enters through one Pauli rotation"),),
    premises=(
        FIRST_HARMONIC,
        *unit_interval("F", _F(_t, _u), _t, _u, origin="|O| <= 1"),
        *(Citation(step.label, SHIFT, step.label) for step in SHIFT.steps),
    ),
    witness=_bounded_point,
    steps=(
        *_bounded(
            "first", Derivative(_F(_t, _u), _t), ((1, _quarter, _zero), (-1, -_quarter, _zero))
        ),
        *_bounded("second", Derivative(_F(_t, _u), (_t, 2)), ((1, pi, _zero), (-1, _zero, _zero))),
        *_bounded(
            "mixed",
            Derivative(_F(_t, _u), _t, _u),
            tuple((a * b, a * _quarter, b * _quarter) for a in (1, -1) for b in (1, -1)),
        ),
    ),
    numerical_test=(
        "tests/theory/test_theorems_at_their_ends.py::test_second_derivatives_are_bounded"
    ),
)

THEOREMS = (HARMONIC, SHIFT, DERIVATIVES)
