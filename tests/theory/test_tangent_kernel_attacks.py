"""A hostile author at the tangent kernel: false variants of its theorems, all refused."""

import dataclasses
from collections.abc import Callable

import sympy as sp
from sympy import Expr, Rational

from patchlaw.hessian_theory.proof.evidence import Combination
from patchlaw.hessian_theory.proof.language import DIMENSION as D
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.theorems import find
from patchlaw.hessian_theory.theorems.adjoint_blocks import WIDTH
from patchlaw.hessian_theory.theorems.three_blocks import FACTORS, SQUARES
from tests.theory.attacks import (
    Change,
    altering,
    both,
    evidence,
    no_delta,
    premise,
    refused,
    scaled,
    side,
    uses,
    weaker,
    without,
)

Q1, Q2 = FACTORS
NEXT = str.maketrans("ABC", "BCA")


def times(factor: Expr) -> Callable[[Expr], Expr]:
    return lambda e: e * factor


def eps_turned(formula: Formula) -> Formula:
    """N with - eps for eps."""
    return Formula(formula.left, "=", formula.right.subs(D, -D))


def plus_everywhere(expr: Expr) -> Expr:
    return sp.Add(*(x if x.could_extract_minus_sign() is False else -x for x in expr.args))


ALTERATIONS: list[tuple[str, str, Change]] = [
    ("d^2 for d^2 - 1", "twirled-pair", side("pair", times((D**2 - 1) / D**2))),
    ("the same of the moment", "twirled-pair", side("moment of the pair", times(1 - 1 / D**2))),
    ("B with a trace", "twirled-pair", without("tr B")),
    ("B with another trace", "twirled-pair", weaker("tr B", lambda x: Formula(x.left, "=", D))),
    ("X and Y have traces", "twirled-pair", weaker("trace", lambda x: Formula(x.left, "=", D))),
    ("one U for each", "twirled-pair", without("commutant")),
    ("what remains of the trace", "encoding-between-twirls", side("pair", times(2))),
    ("|tr W|^2 / d^2", "encoding-between-twirls", weaker("q", lambda x: scaled(x, 1 - D**-2))),
    ("W not unitary", "encoding-between-twirls", without("unitary")),
    ("W twice a unitary", "encoding-between-twirls", weaker("unitary", lambda x: scaled(x, 4))),
    ("tr u^+ u' = x . y", "quaternion-overlap", side("inner product", times(Rational(1, 2)))),
    ("(x . y), not squared", "quaternion-overlap", side("one more qubit", lambda e: e + 1 / D)),
    ("M at one entry", "quaternion-overlap", premise("M", forall=())),
    ("M twice", "quaternion-overlap", weaker("M", lambda x: scaled(x, 2))),
    ("quick variance", "kernel-of-an-angle", side("kernel", times(1 - D**-2))),
    ("tr A not zero", "kernel-of-an-angle", without("tr A")),
    ("A^2 = 2", "kernel-of-an-angle", weaker("A^2", lambda x: scaled(x, 2))),
    ("X twice", "kernel-of-an-angle", weaker("T", lambda x: scaled(x, 4))),
    ("X at one entry", "kernel-of-an-angle", premise("T", forall=())),
    ("states of trace 2", "kernel-of-an-angle", weaker("state trace", lambda x: scaled(x, 4))),
    *(
        alteration
        for block in "ABC"
        for alteration in (
            (f"{block} sees no V_1", "tangent-kernel", side(f"angle in {block}", times(1 / Q1))),
            (f"{block} sees V_2 twice", "tangent-kernel", side(f"angle in {block}", times(Q2))),
            (f"{block} mixes outputs", "tangent-kernel", side(f"angle in {block}", no_delta)),
            (
                f"{block} at twice v",
                "kernel-at-one-sample",
                side(f"angle in {block}", times(2)),
            ),
            (f"{block} no design", "tangent-kernel", without(f"states {block} commutant")),
            (
                f"nothing random behind {block}",
                "tangent-kernel",
                without(f"observables {block} commutant"),
            ),
            (
                f"in {block} as in another",
                "tangent-kernel",
                uses(
                    f"angle in {block}",
                    lambda u: dataclasses.replace(u, label=u.label.translate(NEXT)),
                ),
            ),
        )
    ),
    ("observables not orthogonal", "tangent-kernel", without("t_C")),
    ("all outputs alike", "tangent-kernel", weaker("t_C", lambda x: Formula(x.left, "=", D))),
    (
        "V_1 cited for V_2",
        "tangent-kernel",
        weaker("t_B", lambda x: Formula(x.left, "=", SQUARES[0])),
    ),
    (
        "v and the observables twice",
        "tangent-kernel",
        both(weaker("t_C", lambda x: scaled(x, 2)), side("angle in C", times(3))),
    ),
    ("q = 2 at one sample", "kernel-at-one-sample", side("q_1", times(2))),
    ("other samples", "kernel-at-one-sample", without("W_1 = 1")),
    ("the same at one entry", "kernel-at-one-sample", premise("W_1 = 1", forall=())),
    ("1/d", "output-covariance", side("covariance", times((D + 1) / D))),
    ("one encoding", "output-covariance", side("covariance", times(1 / Q2))),
    ("outputs correlate", "output-covariance", side("covariance", no_delta)),
    ("outputs with traces", "output-covariance", without("tr O")),
    ("outputs not orthogonal", "output-covariance", without("orthogonal")),
    ("nothing used", "output-covariance", evidence("covariance", Combination())),
    *(
        alteration
        for label in ("angle in B", "angle in V_1")
        for alteration in (
            (f"w for w^2, {label}", "adjoint-tangent-kernel", side(label, times(WIDTH))),
            (f"twice v, {label}", "unitary-blocks", side(label, times(2))),
            (f"the unitary v, {label}", "orthogonal-blocks", side(label, times((D - 1) / (D + 1)))),
            (f"eps = 1, {label}", "symplectic-blocks", side(label, times((D + 1) / (D - 1)))),
            (f"outputs mix, {label}", "symplectic-blocks", side(label, no_delta)),
        )
    ),
    ("q_1 once more", "adjoint-tangent-kernel", side("angle in V_1", times(Q1))),
    ("reducible blocks", "adjoint-tangent-kernel", without("states B")),
    ("one entry", "adjoint-tangent-kernel", premise("states B", forall=())),
    ("h without w", "adjoint-tangent-kernel", weaker("h_1", lambda x: scaled(x, WIDTH))),
    ("even strings too", "orthogonal-blocks", weaker("w", lambda x: scaled(x, 2))),
    ("all of |0><0|", "symplectic-blocks", weaker("sigma", lambda x: scaled(x, 2))),
    ("eps of the other group", "symplectic-blocks", weaker("balance", eps_turned)),
    ("q <= 1/2", "overlap-of-encodings", side("q <= 1", times(Rational(1, 2)))),
    ("q >= 0", "overlap-of-encodings", side("q >= -1", lambda e: e + 1)),
    ("V twice an orthogonal", "overlap-of-encodings", weaker("V", lambda x: scaled(x, 4))),
    ("d^2", "commutator-kernel", side("kernel", times((D**2 - 1) / D**2))),
    ("the sign", "commutator-kernel", side("kernel", times(-1))),
    ("no 1/2", "commutator-kernel", side("kernel", times(2))),
    ("P~^2 = 2", "commutator-kernel", weaker("swap", lambda x: scaled(x, 2))),
    ("P~ with a trace", "commutator-kernel", weaker("trace", lambda x: Formula(x.left, "=", D))),
    ("i for i/2", "commutator-kernel", weaker("K", lambda x: scaled(x, 2))),
    ("first term alone", "commutator-of-vectors", side("C", lambda e: sp.Add(*e.args[:2]))),
    ("terms added", "commutator-of-vectors", side("C", plus_everywhere)),
    ("1 + f^2", "commutator-of-vectors", side("x = x'", lambda e: 2 - e)),
    ("O^2 = 2", "commutator-of-vectors", weaker("phi", lambda x: scaled(x, 2))),
    ("f imaginary", "commutator-of-vectors", weaker("f^*", lambda x: scaled(x, -1))),
    ("r for d r - 1", "mean-commutator-kernel", side("kernel", lambda e: e + 1 / D)),
    ("no twirl", "mean-commutator-kernel", without("state commutant")),
    ("a word twice", "mean-commutator-kernel", weaker("C", lambda x: scaled(x, 2))),
    ("eps turned", "commutator-kernel-of-a-group", weaker("w", lambda x: scaled(x, -1))),
    ("w for d/w", "commutator-kernel-of-a-group", side("kernel", times(1 / D))),
    ("1 for 2", "commutator-kernel-of-a-group", side("spin flip", times(Rational(1, 2)))),
    ("reducible", "commutator-kernel-of-a-group", without("generators")),
]


@altering(ALTERATIONS)
def test_altered_theorem_is_refused(name: str, change: Change) -> None:
    assert refused(find(name), change)
