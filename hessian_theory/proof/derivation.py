"""Derivations: a theorem's statement, its steps, and what the kernel makes of them.

Nothing here is trusted. Evidence says which rules of the kernel to call; a step counts as proved
when the kernel hands back a theorem that says what the step says and rests on what the derivation
lists (`kernel.establishes`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar, Literal, TypeAlias

from sympy import Basic, Expr, Indexed, IndexedBase, Lambda, Symbol
from sympy.core.function import AppliedUndef

from patchlaw.hessian_theory.proof.evidence import (
    Combination,
    Context,
    Evidence,
    Outcome,
)
from patchlaw.hessian_theory.proof.kernel import Theorem, assume, establishes, instantiate
from patchlaw.hessian_theory.proof.language import (
    Formula,
    Given,
    Hypothesis,
    InRange,
    ProofError,
    check_domain,
)
from patchlaw.hessian_theory.proof.points import Point

Status: TypeAlias = Literal["proved", "failed", "vacuous"]
Kind: TypeAlias = Literal["theorem", "counterexample"]
_WITNESS_DRAWS = 400
_VALUES = 40  # of quantified symbols: what fails for half of them is not met by luck


@dataclass(frozen=True)
class Assumption:
    """A condition under which a derivation is meant, in words, and an index range where it is one.

    Attributes:
        text: the condition, for readers.
        given: the same for the kernel: an index that lies in a range.
    """

    text: str
    given: InRange | None = None


@dataclass(frozen=True)
class Premise:
    """A formula taken as given, for all values of the symbols in `forall`.

    Attributes:
        label: the name that steps use.
        formula: what is given.
        origin: "assumption", "definition", or why it holds.
        forall: symbols that it is given for all values of; every other one is fixed.
        within: ranges that indices among them lie in.
    """

    label: str
    formula: Formula
    origin: str = "assumption"
    forall: tuple[Symbol, ...] = ()
    within: tuple[InRange, ...] = ()

    def __post_init__(self) -> None:
        if "theorem" in self.origin:
            raise ValueError(f"premise {self.label!r} names a theorem: make it a Citation")

    @property
    def hypothesis(self) -> Hypothesis:
        """The premise as the kernel takes it."""
        return Hypothesis(self.formula, self.forall, self.within)

    @property
    def defines(self) -> Basic | None:
        """What it defines within its domain: satisfiable if nothing else is said of that."""
        left = self.formula.left
        head = left.func if isinstance(left, AppliedUndef) else getattr(left, "base", left)
        arguments = left.indices if isinstance(left, Indexed) else left.args
        if self.formula.relation != "=" or self.formula.right.has(head):
            return None
        named = isinstance(left, AppliedUndef | Indexed) and set(arguments) == set(self.forall)
        try:
            if left.is_real:  # what is just complex takes every value
                check_domain(self.formula.right, left)
        except ProofError:
            return None
        return head if named and len(arguments) == len(self.forall) else None


@dataclass(frozen=True)
class Citation:
    """A proved step of another derivation, or an instance of it, used like a premise.

    What that theorem assumes, at this instance, has to be among this one's premises.
    """

    label: str
    theorem: Derivation
    step: str
    at: Mapping[Symbol | IndexedBase | Any, Expr | Lambda] = field(default_factory=dict)

    @cached_property
    def proved(self) -> Theorem:
        """The theorem meant, as the kernel proved it."""
        return instantiate(self.theorem.proved(self.step), self.at)

    @property
    def formula(self) -> Formula:
        """What it says."""
        return self.proved.formula

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        at = ", ".join(f"{x} = {value}" for x, value in self.at.items())
        return f"theorem {self.theorem.name}, step {self.step}" + (f" at {at}" if at else "")


@dataclass(frozen=True)
class Step:
    """One formula of a derivation with the rule that gives it and the evidence that decides it.

    Attributes:
        label: name within the derivation.
        formula: what it says.
        rule: why it holds, in words.
        evidence: decides it; the default asks that the two sides agree identically.
    """

    label: str
    formula: Formula
    rule: str
    evidence: Evidence = field(default_factory=Combination)
    claim: ClassVar[bool] = False


class Claim(Step):
    """A step that is (part of) what the theorem states."""

    claim: ClassVar[bool] = True


@dataclass(frozen=True)
class StepResult:
    """A step's outcome, or the reason why it failed."""

    label: str
    outcome: Outcome | None
    error: str = ""


@dataclass(frozen=True)
class Report:
    """Outcome of checking a derivation.

    Attributes:
        status: "failed" if some step does not hold, "vacuous" if no sample satisfied the
            assumptions, so that nothing was shown.
        steps: how each step was decided, up to the first failure.
        witnesses: how many of the drawn points satisfied the assumptions.
        draws: how many points were drawn.
    """

    name: str
    status: Status
    steps: tuple[StepResult, ...]
    witnesses: int
    draws: int


@dataclass(frozen=True, eq=False)
class Derivation:
    """A theorem: what it states, under which assumptions, and the steps that prove it.

    Attributes:
        name: short name, as in `patchlaw derive NAME`.
        title: one line.
        summary: plain explanation, one to three sentences.
        source: the paper's equation or section, or "ours".
        steps: in order; the claims among them are the statement.
        assumptions: conditions in words, and index ranges.
        premises: formulas that steps may use: given, or cited from other derivations.
        abbreviations: names that pages show in the place of long expressions.
        witness: draws a point meant to satisfy the premises; random values if None.
        consequence: what it means for the paper's claims.
        numerical_test: pytest node id of the property that tests it on the model.
        kind: "theorem", or "counterexample" to a statement that proves false.
    """

    name: str
    title: str
    summary: str
    source: str
    steps: tuple[Step, ...]
    assumptions: tuple[Assumption, ...] = ()
    premises: tuple[Premise | Citation, ...] = ()
    abbreviations: tuple[tuple[Expr, Expr], ...] = ()
    witness: Callable[[random.Random], Point] | None = None
    consequence: str = ""
    numerical_test: str = ""
    kind: Kind = "theorem"

    def __post_init__(self) -> None:
        labels = [x.label for x in self.premises] + [x.label for x in self.steps]
        if len(set(labels)) != len(labels):
            raise ValueError(f"derivation {self.name!r} has two formulas of the same label")
        if not any(step.claim for step in self.steps):
            raise ValueError(f"derivation {self.name!r} claims nothing")
        formulas = [p.formula for p in self.premises if isinstance(p, Premise)]
        formulas += [step.formula for step in self.steps]
        sides = [side for f in formulas for side in (f.left, f.right)]
        symbols = {s for side in sides for s in side.atoms(Symbol)}
        functions = {g.func for side in sides for g in side.atoms(AppliedUndef)}
        for what, named in (("symbols", symbols), ("functions", functions)):
            names = [one.name for one in named]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"derivation {self.name!r} has two {what} called {twice[0]!r}")

    @property
    def claims(self) -> tuple[Step, ...]:
        """The steps that make up the statement."""
        return tuple(step for step in self.steps if step.claim)

    def shown(self, expr: Expr) -> Expr:
        """An expression of it with the abbreviations put in, for pages."""
        return expr.xreplace({long: short for short, long in self.abbreviations})

    @property
    def given(self) -> frozenset[Given]:
        """All that the statement assumes, as the kernel takes it."""
        ranges = {a.given for a in self.assumptions if a.given is not None}
        return frozenset(ranges | {p.hypothesis for p in self.premises if isinstance(p, Premise)})

    def step(self, label: str) -> Step:
        """The step of that label."""
        for step in self.steps:
            if step.label == label:
                return step
        raise KeyError(f"derivation {self.name!r} has no step {label!r}")

    def proved(self, label: str) -> Theorem:
        """A step as the kernel proved it.

        Raises:
            ProofError: the step fails.
        """
        self.step(label)
        results, context = self._proof
        if label not in {r.label for r in results if r.outcome}:
            raise ProofError(f"{self.name}, step {label!r} is not proved: {results[-1].error}")
        return context.theorems[label]

    def tried(self, step: Step) -> Outcome:
        """A step in the place of the one of its label, given the premises and what stands before.

        Raises:
            ProofError: the evidence does not establish it from what the derivation assumes.
        """
        context = self._proof[1]
        later = [s.label for s in self.steps]
        later = later[later.index(step.label) :]
        before = {x: t for x, t in context.theorems.items() if x not in later}
        return self._decided(step, Context(context.ranges, before))

    def _decided(self, step: Step, context: Context) -> Outcome:
        try:
            outcome = step.evidence.decide(step.formula, context)
            establishes(outcome.theorem, self.given, step.formula)
        except Exception as error:  # whatever an author's evidence does is a failed step
            raise ProofError(f"step {step.label!r} ({step.rule}): {error}") from error
        return outcome

    @cached_property
    def _proof(self) -> tuple[list[StepResult], Context]:
        """Each step's outcome up to the first failure, and the theorems by label."""
        results: list[StepResult] = []
        context = Context(tuple(h for h in self.given if isinstance(h, InRange)))
        try:
            for premise in sorted(self.premises, key=lambda x: x.formula.relation != ">"):
                context.theorems[premise.label] = (
                    premise.proved
                    if isinstance(premise, Citation)
                    else assume(premise.hypothesis, context.facts)
                )
        except (ProofError, ArithmeticError, AttributeError, TypeError, ValueError) as error:
            return [StepResult(self.steps[0].label, None, f"its premises: {error}")], context
        for step in self.steps:
            try:
                outcome = self._decided(step, context)
            except ProofError as error:
                results.append(StepResult(step.label, None, str(error)))
                break
            results.append(StepResult(step.label, outcome))
            context.theorems[step.label] = outcome.theorem
        return results, context

    def _witnesses(self, seed: int) -> tuple[int, int]:
        """Whether a drawn point satisfies all premises but definitions: (found, draws)."""
        given = [p for p in self.premises if isinstance(p, Premise)]
        sides = {p.label: (p.formula.left, p.formula.right) for p in given}
        assumed = [a.given for a in self.assumptions if a.given]
        ranges = [*assumed, *chain.from_iterable(p.within for p in given)]
        checked: list[Premise | InRange] = [*assumed]
        checked += [
            p
            for p in given
            if p.defines is None
            or any(e.has(p.defines) for q in given if q is not p for e in sides[q.label])
            or any(e.has(p.defines) for r in ranges for e in (r.index, r.upper))
        ]
        rng = random.Random(f"{self.name}:{seed}")
        for draw in range(1, _WITNESS_DRAWS + 1):
            point = self.witness(rng) if self.witness else Point(rng)
            try:
                if type(point) is Point and all(self._holds(given, point) for given in checked):
                    return 1, draw
            except (ProofError, ArithmeticError):  # outside a domain, undefined
                continue
        return 0, _WITNESS_DRAWS

    @staticmethod
    def _holds(given: Premise | InRange, point: Point) -> bool:
        """At the point; a premise for all values of some symbols, at several within its ranges."""
        if isinstance(given, InRange):
            return point.contains(given)
        others = (point.redrawn(given.forall, i) for i in range(_VALUES if given.forall else 0))
        tried = False  # of no value within the ranges nothing was seen
        for x in chain([point], others):
            if all(map(x.contains, given.within)):
                if not x.satisfies(given.formula):
                    return False
                tried = True
        return tried

    def report(self, *, seed: int = 0) -> Report:
        """Check every step; never raises, the outcome is in the report's status."""
        results, _ = self._proof
        if results[-1].outcome is None:
            return Report(self.name, "failed", tuple(results), 0, 0)
        found, draws = self._witnesses(seed)
        status: Status = "proved" if found else "vacuous"
        return Report(self.name, status, tuple(results), found, draws)

    def check(self, *, seed: int = 0) -> Report:
        """Check every step and the assumptions.

        Raises:
            ProofError: a step fails, or no sample satisfied the assumptions.
        """
        report = self.report(seed=seed)
        if report.status == "failed":
            raise ProofError(f"{self.name}: {report.steps[-1].error}")
        if report.status == "vacuous":
            raise ProofError(
                f"{self.name}: vacuous, none of {report.draws} samples satisfied the assumptions"
            )
        return report
