"""What the tests of a hostile author share."""

from sympy import Expr

from patchlaw.hessian_theory.proof.derivation import Assumption, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Evidence
from patchlaw.hessian_theory.proof.language import InRange, ProofError, Relation


def accepted(theorem: Derivation) -> bool:
    """Whether it is reported as proved."""
    return theorem.report().status == "proved"


def stands(theorem: Derivation, step: Step) -> bool:
    """Whether a step would be proved in the place of the one of its label."""
    try:
        theorem.tried(step)
    except ProofError:
        return False
    return True


def attempt(
    *steps: Step, premises: tuple[Premise, ...] = (), ranges: tuple[InRange, ...] = ()
) -> Derivation:
    assumptions = tuple(Assumption(str(given), given) for given in ranges)
    return Derivation("attack", "", "", "", steps, assumptions, premises)


def claim(left: Expr, relation: Relation, right: Expr, evidence: Evidence | None = None) -> Step:
    return Step("it", left, relation, right, "so it is", evidence or Combination(), claim=True)
