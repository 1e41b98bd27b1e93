"""Statements altered in one place are rejected: the proofs prove what they say, not its like."""

import dataclasses
from collections.abc import Callable

import pytest
from sympy import Expr, Integer, KroneckerDelta, Rational

from hessian_theory import symbols as sym
from hessian_theory.proof.derivation import Step
from hessian_theory.proof.formula import ProofError
from hessian_theory.proof.operators import DIMENSION, Tr
from hessian_theory.theorems import THEOREMS, find
from hessian_theory.theorems.notation import PI
from hessian_theory.theorems.split import GAUSS_NEWTON, GAUSS_NEWTON_OWN, RESIDUAL, RESIDUAL_OWN

Change = Callable[[Step], dict[str, object]]


def right(change: Callable[[Expr], Expr]) -> Change:
    return lambda step: {"right": change(step.right)}


def without_outer_product(expr: Expr) -> Expr:
    """S without pi pi^T: only its diagonal part is left."""
    return expr.replace(
        lambda e: isinstance(e, sym.LossCurvature),
        lambda e: e * KroneckerDelta(e.args[1], e.args[2]),
    )


ALTERATIONS: list[tuple[str, str, str, Change]] = [
    (
        "P^2 to P",
        "hessian-eq5",
        "Eq. (5)",
        right(lambda e: sym.P**sym.ALPHA * GAUSS_NEWTON + RESIDUAL),
    ),
    (
        "P^2 to P on instances",
        "hessian-eq5",
        "instances",
        right(lambda e: sym.P**sym.ALPHA * GAUSS_NEWTON + RESIDUAL),
    ),
    (
        "P to P^2 in R",
        "hessian-eq5",
        "Eq. (5)",
        right(lambda e: GAUSS_NEWTON + RESIDUAL * sym.P**-sym.ALPHA),
    ),
    ("sign of R", "hessian-eq5", "Eq. (5)", right(lambda e: GAUSS_NEWTON - RESIDUAL)),
    (
        "sign of R on instances",
        "hessian-eq5",
        "instances",
        right(lambda e: GAUSS_NEWTON - RESIDUAL),
    ),
    ("G twice", "hessian-eq5", "Eq. (5)", right(lambda e: 2 * GAUSS_NEWTON + RESIDUAL)),
    ("R left out", "hessian-eq5", "Eq. (5)", right(lambda e: GAUSS_NEWTON)),
    ("only the diagonal of S", "hessian-eq5", "Eq. (5)", right(without_outer_product)),
    ("sum of N, not mean", "hessian-eq5", "Eq. (5)", right(lambda e: e * sym.N)),
    ("c dropped", "gradient-eq4", "Eq. (4)", right(lambda e: e / sym.SCALE)),
    (
        "delta dropped",
        "hessian-eq6",
        "Eq. (6)",
        right(lambda e: e.subs(KroneckerDelta(sym.PATCH_I, sym.PATCH_J), 1)),
    ),
    (
        "delta on G as well",
        "hessian-eq6",
        "Eq. (6)",
        right(lambda e: GAUSS_NEWTON_OWN * KroneckerDelta(sym.PATCH_I, sym.PATCH_J) + RESIDUAL_OWN),
    ),
    ("between patches nothing", "hessian-eq6", "coupling", right(lambda e: Integer(0))),
    (
        "shared angles: P instead of P^2",
        "shared-angles",
        "general",
        right(lambda e: e.subs(sym.P ** (2 - 2 * sym.ALPHA), sym.P ** (1 - 2 * sym.ALPHA))),
    ),
    ("incoherent: P^2", "incoherent-sharing", "mean square", right(lambda e: e * sym.P)),
    (
        "S without its outer product",
        "softmax-derivatives",
        "S",
        right(lambda e: e.args[1] if e.args[1].has(KroneckerDelta) else e.args[0]),
    ),
    (
        "g without the label",
        "softmax-derivatives",
        "g",
        right(lambda e: e.replace(KroneckerDelta, lambda *_: Integer(0))),
    ),
    (
        "Var without the square of the mean",
        "softmax-curvature-bounds",
        "variance",
        right(lambda e: e.args[0]),
    ),
    ("S <= I/3", "softmax-curvature-bounds", "half", right(lambda e: e * Rational(2, 3))),
    ("tr S <= 1 - pi_y", "curvature-and-loss", "upper", right(lambda e: e / 2)),
    ("|g|_1 = 1 - pi_y", "curvature-and-loss", "|g|_1", right(lambda e: e / 2)),
    ("tr S >= |g|_1", "curvature-and-loss", "lower", right(lambda e: e / PI[sym.k])),
    ("tr S <= l", "curvature-and-loss", "tr S <= 2 l", right(lambda e: e / 2)),
    ("1 - t <= -log(t)/2", "log-bound", "log", right(lambda e: e / 2)),
    ("shift without 1/2", "parameter-shift", "first", right(lambda e: 2 * e)),
    ("shift rule's sign on circuits", "parameter-shift", "second, circuits", right(lambda e: -e)),
    ("twice the operator", "first-harmonic", "harmonic", right(lambda e: 2 * e)),
    ("|d f| <= 1/2", "derivative-bounds", "upper, two values", right(lambda e: e / 2)),
    ("Cov <= 1/2", "gauss-newton-element-bound", "upper", right(lambda e: e / 2)),
    ("Cov <= tr S", "gauss-newton-element-bound", "upper, tr S", right(lambda e: e / 2)),
    ("elements of G as 1/P", "element-exponents", "angle-angle, G", right(lambda e: e / 2)),
    ("elements of R as 1/P^2", "element-exponents", "angle-angle, R", right(lambda e: 2 * e)),
    (
        "bias elements as 1/P^2",
        "element-exponents",
        "bias-bias, G",
        right(lambda e: -2 * sym.ALPHA),
    ),
    ("no sum over blocks", "gram-bounds", "A >= 1/P", right(lambda e: 2 * e)),
    ("A <= 1/2", "gram-bounds", "A <= 1", right(lambda e: e / 2)),
    ("replicated patches as 1/P^2", "replicated-patches", "law", right(lambda e: e / sym.P)),
    (
        "replicated patches as 1/P^2, instances",
        "replicated-patches",
        "instances",
        right(lambda e: e / sym.P),
    ),
    ("orthogonal patches as 1/P", "orthogonal-patches", "instances", right(lambda e: e * sym.P)),
    ("aligned exponent -2 alpha", "gram-exponent", "aligned", right(lambda e: -2 * sym.ALPHA)),
    (
        "R couples patches",
        "residual-spectrum",
        "padded",
        right(lambda e: e.replace(KroneckerDelta, lambda *_: Integer(1))),
    ),
    (
        "border without |R_ab|",
        "residual-with-bias",
        "border",
        right(lambda e: e.subs(sym.Symbol("beta", nonnegative=True), 0)),
    ),
    (
        "trace without coverage squared",
        "gauss-newton-eigenvalue-bound",
        "largest",
        right(lambda e: e / 2),
    ),
    (
        "rho without n_p",
        "residual-eigenvalue-bound",
        "form",
        right(lambda e: e.subs(sym.Symbol("n_p", integer=True, positive=True), 1)),
    ),
    ("mean coverage with n", "coverage", "mean", right(lambda e: e / 2)),
    (
        "all-covered pixels, counted",
        "coverage",
        "in all patches, all grids",
        right(lambda e: e + 1),
    ),
    (
        "quick variance",
        "derivative-variance",
        "variance",
        right(lambda e: 1 / (2 * (DIMENSION + 1))),
    ),
    (
        "quick variance, qubit",
        "derivative-variance",
        "qubit",
        right(lambda e: 1 / (2 * (DIMENSION + 1))),
    ),
    (
        "tr X^2 without the twist",
        "derivative-variance",
        "trace of X^2",
        right(lambda e: e.replace(Tr, lambda _: Integer(0))),
    ),
    ("second moment, wrong sign", "second-moment", "a_1", right(lambda e: -e)),
    ("second moment, qubit", "second-moment", "a_2, qubit", right(lambda e: 2 * e)),
    ("trace law with P^2", "trace-law", "trace", right(lambda e: e * sym.P)),
    (
        "level-off without b",
        "level-off",
        "law",
        right(lambda e: e.subs(sym.Symbol("b", positive=True), 0)),
    ),
]


@pytest.mark.parametrize(
    ("name", "label", "change"), [a[1:] for a in ALTERATIONS], ids=[a[0] for a in ALTERATIONS]
)
def test_altered_statement_is_rejected(name, label, change):
    theorem = find(name)
    step = theorem.step(label)
    changes = change(step)
    assert changes["right"] != step.right, "the alteration changes nothing"
    altered = theorem.altered(label, **changes)
    with pytest.raises(ProofError):
        altered.check()


CLAIMS = [(t.name, s.label) for t in THEOREMS for s in t.claims]


@pytest.mark.parametrize(("name", "label"), CLAIMS, ids=[" / ".join(c) for c in CLAIMS])
def test_every_claim_is_needed_as_it_stands(name, label):
    """Adding to the right side of an equation, or tightening an inequality, breaks each claim."""
    theorem = find(name)
    step = theorem.step(label)
    if not step.right.is_commutative:
        changed = 2 * step.right
    else:
        tighter = Rational(-1, 100) if step.relation == "<=" else Rational(1, 100)
        changed = step.right + tighter
    with pytest.raises(ProofError):
        theorem.altered(label, right=changed).check()


@pytest.mark.parametrize("name", [t.name for t in THEOREMS if t.premises])
def test_premises_are_needed(name):
    """Without its premises no theorem that lists some is proved: none is there for show."""
    theorem = find(name)
    for premise in theorem.premises:
        rest = tuple(p for p in theorem.premises if p != premise)
        with pytest.raises(ProofError):
            dataclasses.replace(theorem, premises=rest).check()
