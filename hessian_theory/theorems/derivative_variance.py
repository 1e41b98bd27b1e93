"""Variance of a Pauli observable's derivative under 2-design assumptions on either side.

Conventions: dimension d = 2^n; the circuit is W = U_after R_A(t) U_before, A and O Pauli
operators other than 1, psi = R_A(t) U_before |0>, O~ = U_after^dagger O U_after, so that
df/dt = <psi| X |psi> with X = (i/2) [A, O~] (theorem first-harmonic).
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from sympy import (
    Expr,
    I,
    Integer,
    Matrix,
    Rational,
    Subs,
    Symbol,
    sqrt,
    symbols,
)

from hessian_theory.proof.derivation import Derivation, Step
from hessian_theory.proof.evidence import Combination, Derived, Enumeration, Exact, Use
from hessian_theory.proof.formula import Assumption, Formula, Premise
from hessian_theory.proof.operators import DIMENSION as d
from hessian_theory.proof.operators import OperatorIdentity, Tr
from hessian_theory.proof.points import Point
from hessian_theory.theorems.second_moments import (
    ALPHA_COEFFICIENT,
    BETA_COEFFICIENT,
    PAULIS,
    clifford_rotations,
)

_A, _O, _O2, _rho = symbols("A O O' rho", commutative=False)
_t1, _t2 = symbols("t_1 t_2", real=True)
_det = d * (d**2 - 1)
_X = I / 2 * (_A * _O - _O * _A)
_X2 = I / 2 * (_A * _O2 - _O2 * _A)
_PAULI = OperatorIdentity(squares_to_one=(_A, _O))
_v, _wA, _x2 = symbols("v w x_2", real=True)
VARIANCE_VALUE = d**2 / (2 * (d + 1) * (d**2 - 1))


def _variance_instances(formula: Formula) -> Iterator[tuple[Expr, Expr]]:
    """E(df/dt)^2 for one qubit, over pairs of Clifford rotations, for every axis A."""
    rotations = clifford_rotations()
    zero, observable = Matrix([0, 0, 1]), Matrix([0, 0, 1])
    for axis in (Matrix([1, 0, 0]), Matrix([0, 1, 0]), Matrix([0, 0, 1])):
        total = Integer(0)
        for before in rotations:
            state = before * zero
            for after in rotations:
                total += axis.cross(after * observable).dot(state) ** 2
        yield total / len(rotations) ** 2, formula.right.subs(d, 2)


def _solved_point(rng: random.Random) -> Point:
    """The values that the theorem derives, at d = 2, 4 or 8."""
    size = Integer(2 ** rng.randint(1, 3))
    twist = -size / (size**2 - 1)
    square = (size - twist) / 2
    values = {d: size, _wA: twist, _x2: square, _v: square / (size * (size + 1))}
    return Point(rng, values)


VARIANCE = Derivation(
    name="derivative-variance",
    title="Both sides 2-designs: v = E(d_i <O>)^2 = d^2 / (2 (d + 1)(d^2 - 1))",
    summary="df/dt = <psi| X |psi> with X = (i/2) [A, O~], a traceless operator. A random state "
    "gives E<X>^2 = tr X^2 / (d (d + 1)); tr X^2 = (d - tr A O~ A O~) / 2, and a random frame of "
    "O gives E tr A O~ A O~ = -d / (d^2 - 1). The quick value 1/(2(d + 1)) drops the last term: "
    "low by the factor d^2/(d^2 - 1), that is 16/15 for 2 qubits and 1.0000153 for 8.",
    source="ours; McClean et al. 2018 for the setting",
    assumptions=(
        Assumption("U_before and U_after are independent draws from unitary 2-designs"),
        Assumption("A and O are Pauli operators other than 1; d = 2^n", d >= 2),
    ),
    premises=(
        Premise(
            "state",
            Formula(_v, "=", _x2 / (d * (d + 1))),
            "theorem second-moment with t_1 = t_2 = 1, and tr X = 0",
        ),
        Premise(
            "x_2",
            Formula(_x2, "=", (d - _wA) / 2),
            "step trace of X^2, averaged over U_after; w = E tr(A O~ A O~)",
        ),
        Premise(
            "w",
            Formula(
                _wA,
                "=",
                ALPHA_COEFFICIENT.subs({_t1: 0, _t2: d}) * d,
            ),
            "theorem second-moment with t_1 = 0, t_2 = d: a_1 tr A^2 + a_2 (tr A)^2",
        ),
    ),
    witness=_solved_point,
    steps=(
        Step("trace of X", Tr(_X), "=", Integer(0), "cyclicity", _PAULI),
        Step(
            "trace of X^2",
            Tr(_X**2),
            "=",
            (d - Tr(_A * _O * _A * _O)) / 2,
            "multiply out; A^2 = O^2 = 1; cyclicity",
            _PAULI,
            claim=True,
        ),
        Step(
            "random state",
            ALPHA_COEFFICIENT.subs({_t1: 1, _t2: 1}),
            "=",
            1 / (d * (d + 1)),
            "a pure state has tr rho = tr rho^2 = 1; both coefficients are equal",
        ),
        Step(
            "random state, SWAP",
            BETA_COEFFICIENT.subs({_t1: 1, _t2: 1}),
            "=",
            1 / (d * (d + 1)),
            "so E<X>^2 = ((tr X)^2 + tr X^2) / (d (d + 1))",
        ),
        Step(
            "random frame",
            _wA,
            "=",
            -d / (d**2 - 1),
            "E tr(A O~ A O~) = a_1 tr A^2 + a_2 (tr A)^2 with tr A = 0",
            Combination((Use("w"),)),
        ),
        Step(
            "variance",
            _v,
            "=",
            VARIANCE_VALUE,
            "insert the three",
            Combination(
                (
                    Use("state"),
                    Use("x_2", 1 / (d * (d + 1))),
                    Use("random frame", -1 / (2 * d * (d + 1))),
                )
            ),
            claim=True,
        ),
        Step(
            "qubit",
            Symbol(r"v|_{d=2}"),
            "=",
            VARIANCE_VALUE,
            "exact average over 24 x 24 pairs of Clifford rotations, each axis A",
            Enumeration(_variance_instances, "one qubit, three axes, rational arithmetic"),
        ),
        Step(
            "against the quick value",
            VARIANCE_VALUE / (1 / (2 * (d + 1))),
            "=",
            1 + 1 / (d**2 - 1),
            "ratio to 1/(2 (d + 1))",
            claim=True,
        ),
        Step(
            "8 qubits",
            Subs(VARIANCE_VALUE, d, 256),
            "=",
            Rational(32768, 16842495),
            "0.0019455549; the quick value is 1/514 = 0.0019455253",
            Exact(),
        ),
    ),
    consequence="For the paper's 8 qubits the quick value is right to 2 parts in 100,000. Whether "
    "real circuits are close to 2-designs is for measurement.",
    numerical_test="tests/theory/test_haar_moments.py::test_variance_of_the_derivative",
)

_commutes, _a_mean = symbols(r"w_0 \langle{A}\rangle", real=True)
_tr_rho2, _tr_rho_a = Tr(_rho * _rho), Tr(_rho * _A * _rho * _A)
_B = I / 2 * (_rho * _A - _A * _rho)
_WITH_STATE = OperatorIdentity(squares_to_one=(_A,))


def _one_sided_point(rng: random.Random) -> Point:
    size = Integer(2 ** rng.randint(1, 3))
    return Point(rng, {d: size, _commutes: -size, _a_mean: Rational(rng.randint(-9, 9), 10)})


ONE_SIDED = Derivation(
    name="one-sided-variance",
    title="Only one side a 2-design: the variance depends on the fixed side",
    summary="Random state, fixed O~: v = (d - w_0) / (2 d (d + 1)) with w_0 = tr A O~ A O~, "
    "between 0 (A and O~ commute) and 1/(d + 1) (they anticommute). Random frame, fixed state: "
    "v = d (1 - <A>^2) / (2 (d^2 - 1)). Angles near either end of a circuit follow these.",
    source="ours",
    assumptions=(Assumption("A, O Pauli operators other than 1; d = 2^n", d >= 2),),
    premises=(
        Premise("|w_0| <= d", Formula(_commutes, ">=", -d), "trace of a unitary, A O~ A O~"),
        Premise("w_0 <= d", Formula(_commutes, "<=", d), "trace of a unitary, A O~ A O~"),
    ),
    witness=_one_sided_point,
    steps=(
        Step(
            "before, largest",
            (d - _commutes) / (2 * d * (d + 1)),
            "<=",
            1 / (d + 1),
            "U_before random: v = tr X^2 / (d (d + 1)); w_0 >= -d",
            Combination((Use("|w_0| <= d", 1 / (2 * d * (d + 1))),)),
            claim=True,
        ),
        Step(
            "before, smallest",
            (d - _commutes) / (2 * d * (d + 1)),
            ">=",
            Integer(0),
            "w_0 <= d: no gradient where O~ commutes with A",
            Combination((Use("w_0 <= d", 1 / (2 * d * (d + 1))),)),
            claim=True,
        ),
        Step(
            "as an operator on O~",
            Tr(_rho * I / 2 * (_A * _O - _O * _A)),
            "=",
            Tr(_B * _O),
            "U_after random: df/dt = tr(rho X) = tr(B O~), B = (i/2) [rho, A]",
            _WITH_STATE,
        ),
        Step("trace of B", Tr(_B), "=", Integer(0), "cyclicity", _WITH_STATE),
        Step(
            "trace of B^2",
            Tr(_B**2),
            "=",
            (_tr_rho2 - _tr_rho_a) / 2,
            "A^2 = 1; for a pure state tr rho^2 = 1 and tr rho A rho A = <A>^2",
            _WITH_STATE,
        ),
        Step(
            "after",
            BETA_COEFFICIENT.subs({_t1: 0, _t2: d}) * (1 - _a_mean**2) / 2,
            "=",
            d * (1 - _a_mean**2) / (2 * (d**2 - 1)),
            "E (tr B O~)^2 = a_1 (tr B)^2 + a_2 tr B^2, theorem second-moment",
            claim=True,
        ),
        Step(
            "consistent",
            d / (2 * (d**2 - 1)) * (1 - 1 / (d + 1)),
            "=",
            VARIANCE_VALUE,
            "a random state has E<A>^2 = 1/(d + 1): both sides random again",
            claim=True,
        ),
        Step(
            "quick value",
            (d - Integer(0)) / (2 * d * (d + 1)),
            "=",
            1 / (2 * (d + 1)),
            "theory.md's quick value is the one-sided case with w_0 = 0",
        ),
    ),
    numerical_test="tests/theory/test_haar_moments.py::test_one_sided_variances",
)

_m1, _m2 = symbols("a_1 a_2", real=True)


def _zero_point(rng: random.Random) -> Point:
    return Point(rng, {d: Integer(4), _m1: Integer(0), _m2: Integer(0)})


CROSS = Derivation(
    name="cross-observables",
    title="Derivatives of different Pauli observables are uncorrelated: E = v delta_kl",
    summary="For Pauli operators O and O' with tr O = tr O' = tr O O' = 0 the mixed moment "
    "E[O~ x O~'] = a_1 1 + a_2 SWAP vanishes, so the covariance of d_i <O> and d_i <O'> is "
    "exactly 0 whenever the side after the rotation is a 2-design.",
    source="ours",
    assumptions=(
        Assumption("U_after is a 2-design; O, O' different Pauli operators; d >= 2", d >= 2),
    ),
    premises=(
        Premise("trace", Formula(Integer(0), "=", _m1 * d**2 + _m2 * d), "tr O tr O' = 0"),
        Premise("swap", Formula(Integer(0), "=", _m1 * d + _m2 * d**2), "tr O O' = 0"),
    ),
    witness=_zero_point,
    steps=(
        Step(
            "a_1",
            _m1,
            "=",
            Integer(0),
            "the system has determinant d^2 (d^2 - 1)",
            Combination((Use("trace", -d / _det), Use("swap", 1 / _det))),
            claim=True,
        ),
        Step(
            "a_2",
            _m2,
            "=",
            Integer(0),
            "likewise",
            Combination((Use("trace", 1 / _det), Use("swap", -d / _det))),
            claim=True,
        ),
        Step(
            "trace of X X'",
            Tr(_X * _X2),
            "=",
            (Tr(_O * _O2) - Tr(_A * _O * _A * _O2)) / 2,
            "multiply out; with a random state E<X><X'> = tr X X' / (d (d + 1))",
            OperatorIdentity(squares_to_one=(_A,)),
        ),
    ),
    consequence="The paper's outputs X_0.., Z_0.. are different Pauli operators, so only the "
    "diagonal of S enters tr G: hence <tr S>.",
    numerical_test="tests/theory/test_haar_moments.py::test_covariance_of_two_observables",
)

_Z, _Xp = PAULIS[2], PAULIS[0]
_tilted, _tilted2 = (_Xp + _Z) / sqrt(2), (_Xp - _Z) / sqrt(2)


def _commutator(operator: Matrix) -> Matrix:
    return I / 2 * (_Z * operator - operator * _Z)


CROSS_FAILS = Derivation(
    name="cross-observables-one-sided",
    title="Refuted with a fixed frame: different observables have uncorrelated derivatives",
    summary="One qubit, A = Z, and a fixed U_after that turns X and Z into (X + Z)/sqrt 2 and "
    "(X - Z)/sqrt 2: with random states only, the covariance is 1/6.",
    source="ours",
    kind="counterexample",
    steps=(
        Step(
            "orthogonal",
            Symbol(r"\operatorname{tr}(\tilde O \tilde O')"),
            "=",
            Integer(0),
            "the turned observables stay orthogonal",
            Derived(lambda: (_tilted * _tilted2).trace(), "explicit 2 x 2 matrices"),
        ),
        Step(
            "covariance",
            Symbol(r"\operatorname{E}[\partial_i\langle{O}\rangle\,\partial_i\langle{O'}\rangle]"),
            "=",
            Rational(1, 6),
            "tr X X' / (d (d + 1)) with d = 2",
            Derived(
                lambda: (_commutator(_tilted) * _commutator(_tilted2)).trace() / (2 * 3),
                "explicit 2 x 2 matrices",
            ),
            claim=True,
        ),
    ),
    consequence="Angles in the last layers need not obey E = v delta_kl.",
    numerical_test="tests/theory/test_haar_moments.py::test_covariance_of_two_observables",
)

THEOREMS = (VARIANCE, ONE_SIDED, CROSS, CROSS_FAILS)
