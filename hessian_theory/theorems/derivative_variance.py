"""Variance of a Pauli observable's derivative when both sides of its gate are 2-designs."""

from __future__ import annotations

from sympy import Integer, Rational

from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Exact, Use
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula, Tr
from patchlaw.hessian_theory.theorems import cross_observables, one_sided_variance
from patchlaw.hessian_theory.theorems.notation import spelled
from patchlaw.hessian_theory.theorems.pauli_rotations import INVOLUTION_A
from patchlaw.hessian_theory.theorems.second_moments import FOUR, i, j, k, l, over_rows, rows
from patchlaw.hessian_theory.theorems.slope_moments import (
    CITED_FRAME,
    CITED_STATE,
    MEAN_SQUARE_SLOPE,
    VARIANCE_PREMISES,
    VARIANCE_VALUE,
    A,
    O,
    T,
    X,
    slope_steps,
    variance_point,
)

_INVOLUTION_O = Premise("O^2 = 1", Formula(O**2, "=", Integer(1)), "O is a Pauli operator")
_traces, _frame, _squares = slope_steps(
    d,
    ("E (tr X)^2", "definition of X, cyclicity"),
    (
        "random frame",
        "theorem second-moment with t_1 = 0, t_2 = d: E tr(A O~ A O~) = a_1 tr A^2 "
        "+ a_2 (tr A)^2 with tr A = 0",
    ),
    ("E tr X^2", "trace of X^2 on average: A^2 = 1 and E tr O~^2 = d"),
)

VARIANCE = Derivation(
    name="derivative-variance",
    title="Both sides 2-designs: v = E(d_i <O>)^2 = d^2 / (2 (d + 1)(d^2 - 1))",
    summary="df/dt = <psi| X |psi> with X = (i/2) [A, O~], a traceless operator. A random state "
    "gives E<X>^2 = tr X^2 / (d (d + 1)); tr X^2 = (d - tr A O~ A O~) / 2, and a random frame of "
    "O gives E tr A O~ A O~ = -d / (d^2 - 1). The quick value 1/(2(d + 1)) drops the last term: "
    "low by the factor d^2/(d^2 - 1), that is 16/15 for 2 qubits and 1.0000153 for 8.",
    source="ours; McClean et al. 2018 for the setting",
    assumptions=(
        Assumption(
            "U_before and U_after are independent draws from unitary 2-designs, so that "
            "E[rho_ij rho_kl X_ji X_lk] = Q[i, j, k, l] T[j, i, l, k]"
        ),
        Assumption("A and O are Pauli operators other than 1; d = 2^n"),
    ),
    premises=(*VARIANCE_PREMISES, INVOLUTION_A, _INVOLUTION_O, CITED_STATE, CITED_FRAME),
    witness=variance_point,
    steps=(
        Step("trace of X", Formula(Tr(X), "=", Integer(0)), "cyclicity"),
        Claim(
            "trace of X^2",
            Formula(Tr(X**2), "=", (d - Tr(A * O * A * O)) / 2),
            "multiply out; A^2 = O^2 = 1; cyclicity",
            Combination(Use("A^2 = 1", 0), Use("O^2 = 1", 0)),
        ),
        Step(
            "random state",
            Formula(
                MEAN_SQUARE_SLOPE,
                "=",
                (over_rows(T[i, i, j, j], i, j) + over_rows(T[i, j, j, i], i, j)) / (d * (d + 1)),
            ),
            "theorem second-moment with t_1 = t_2 = 1 (tr rho = tr rho^2 = 1): "
            "E<X>^2 = ((tr X)^2 + tr X^2) / (d (d + 1))",
            Combination(Use("state", T[j, i, l, k], over=rows(*FOUR))),
        ),
        _frame,
        _traces,
        _squares,
        Claim(
            "variance",
            Formula(MEAN_SQUARE_SLOPE, "=", VARIANCE_VALUE),
            "insert the four",
            Combination(
                Use("random state"),
                Use("E (tr X)^2", 1 / (d * (d + 1))),
                Use("E tr X^2", 1 / (d * (d + 1))),
                Use("random frame", -1 / (2 * d * (d + 1))),
            ),
        ),
        Claim(
            "against the quick value",
            Formula(2 * (d + 1) * MEAN_SQUARE_SLOPE, "=", 1 + 1 / (d**2 - 1)),
            "ratio to 1/(2 (d + 1))",
            Combination(Use("variance", 2 * (d + 1))),
        ),
        Step(
            "8 qubits",
            Formula(spelled("256**2/(2*(256 + 1)*(256**2 - 1))"), "=", Rational(32768, 16842495)),
            "d = 256: 0.0019455549; the quick value is 1/514 = 0.0019455253",
            Exact(),
        ),
    ),
    consequence="For the paper's 8 qubits the quick value is right to 2 parts in 100,000. Whether "
    "real circuits are close to 2-designs is for measurement.",
    numerical_test="tests/theory/test_haar_moments.py::test_variance_of_the_derivative",
)

THEOREMS = (VARIANCE, one_sided_variance.ONE_SIDED, *cross_observables.THEOREMS)
