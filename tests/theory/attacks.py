"""What the tests of a hostile author share."""

import dataclasses
from collections.abc import Callable, Sequence

import pytest
from sympy import Expr, Integer, KroneckerDelta

from patchlaw.hessian_theory.proof.derivation import (
    Assumption,
    Claim,
    Derivation,
    Premise,
    Step,
)
from patchlaw.hessian_theory.proof.evidence import Combination, Evidence, Use
from patchlaw.hessian_theory.proof.language import Formula, InRange, ProofError, Relation


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


def refused(theorem: Derivation, change: Callable[[Derivation], Derivation]) -> bool:
    """Whether the altered theorem is not proved; of one altered step, whether it does not stand.

    That asks more, as no later step may fail in its place, and nothing is proved a second time.
    """
    other = change(theorem)
    new = [step for step in other.steps if all(step is not old for old in theorem.steps)]
    rest = other.premises is theorem.premises and other.assumptions is theorem.assumptions
    return not (stands(theorem, new[0]) if rest and len(new) == 1 else accepted(other))


def attempt(
    *steps: Step, premises: tuple[Premise, ...] = (), ranges: tuple[InRange, ...] = ()
) -> Derivation:
    assumptions = tuple(Assumption(str(given), given) for given in ranges)
    return Derivation("attack", "", "", "", steps, assumptions, premises)


def claim(left: Expr, relation: Relation, right: Expr, evidence: Evidence | None = None) -> Step:
    return Claim("it", Formula(left, relation, right), "so it is", evidence or Combination())


# --- single alterations of a theorem -------------------------------------------------------------


def saying(step: Step, **sides: Expr | str) -> Step:
    """The step with another `left`, `relation` or `right`."""
    return dataclasses.replace(step, formula=dataclasses.replace(step.formula, **sides))


def altered(theorem: Derivation, new: Step) -> Derivation:
    """A copy with a step in the place of the one of its label."""
    steps = tuple(new if step.label == new.label else step for step in theorem.steps)
    return dataclasses.replace(theorem, steps=steps)


Change = Callable[[Derivation], Derivation]


def side(label: str, change: Callable[[Expr], Expr], which: str = "right") -> Change:
    def alter(theorem: Derivation) -> Derivation:
        step = theorem.step(label)
        new = saying(step, **{which: change(getattr(step.formula, which))})
        assert new != step, "the alteration changes nothing"
        return altered(theorem, new)

    return alter


def relation(label: str, new: str) -> Change:
    return lambda theorem: altered(theorem, saying(theorem.step(label), relation=new))


def premise(label: str, **changes: object) -> Change:
    def alter(theorem: Derivation) -> Derivation:
        assert any(x.label == label for x in theorem.premises)
        new = tuple(
            dataclasses.replace(x, **changes) if x.label == label else x for x in theorem.premises
        )
        return dataclasses.replace(theorem, premises=new)

    return alter


def weaker(label: str, change: Callable[[Formula], Formula]) -> Change:
    """A premise that says less or something else; the conclusions stay."""

    def alter(theorem: Derivation) -> Derivation:
        old = next(x for x in theorem.premises if x.label == label)
        return premise(label, formula=change(old.formula))(theorem)

    return alter


def both(first: Change, second: Change) -> Change:
    return lambda theorem: second(first(theorem))


def without(label: str) -> Change:
    return lambda theorem: dataclasses.replace(
        theorem, premises=tuple(x for x in theorem.premises if x.label != label)
    )


def no_ranges(theorem: Derivation) -> Derivation:
    words = tuple(dataclasses.replace(a, given=None) for a in theorem.assumptions)
    return dataclasses.replace(theorem, assumptions=words)


def other_range(theorem: Derivation) -> Derivation:
    moved = tuple(
        a
        if a.given is None
        else dataclasses.replace(a, given=InRange(a.given.index, a.given.upper + 1))
        for a in theorem.assumptions
    )
    return dataclasses.replace(theorem, assumptions=moved)


def evidence(label: str, new: object) -> Change:
    return lambda theorem: altered(theorem, dataclasses.replace(theorem.step(label), evidence=new))


def uses(label: str, change: Callable[[Use], Use]) -> Change:
    """Every multiplier, instance or sum of a step's certificate changed."""

    def alter(theorem: Derivation) -> Derivation:
        old = theorem.step(label).evidence
        new = Combination(*map(change, old.using), remainder=old.remainder)
        assert new != old, "the alteration changes nothing"
        return evidence(label, new)(theorem)

    return alter


def scaled(x: Formula, factor: Expr | int) -> Formula:
    return Formula(x.left, x.relation, factor * x.right)


def no_delta(expr: Expr) -> Expr:
    return expr.replace(KroneckerDelta, lambda *_: Integer(1))


def altering(alterations: Sequence[tuple[str, str, Change]]) -> pytest.MarkDecorator:
    """One test an alteration: what it says in words, the theorem's name, the change."""
    return pytest.mark.parametrize(
        ("name", "change"),
        [a[1:] for a in alterations],
        ids=[f"{a[1]}: {a[0]}" for a in alterations],
    )
