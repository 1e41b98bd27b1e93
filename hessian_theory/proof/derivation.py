"""Steps and derivations: the objects that theorems are made of."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import mpmath
from sympy import Basic, Symbol

from hessian_theory.proof.decide import DIGITS, Decision
from hessian_theory.proof.evidence import Combination, Evidence
from hessian_theory.proof.formula import Assumption, Formula, Premise, ProofError, Relation
from hessian_theory.proof.points import Point

Status = Literal["proved", "failed", "vacuous"]
Kind = Literal["theorem", "counterexample"]
_WITNESS_DRAWS = 400


@dataclass(frozen=True)
class Step:
    """One formula of a derivation with the rule that gives it and the evidence that decides it.

    Attributes:
        label: name within the derivation.
        left, relation, right: the formula.
        rule: why it holds, in words.
        evidence: decides it; the default asks that the two sides agree identically.
        claim: whether it is (part of) what the theorem states.
    """

    label: str
    left: Basic
    relation: Relation
    right: Basic
    rule: str
    evidence: Evidence = field(default_factory=Combination)
    claim: bool = False

    @property
    def formula(self) -> Formula:
        """`left relation right` as a formula."""
        return Formula(self.left, self.relation, self.right)

    def check(self, context: Mapping[str, Formula] | None = None, *, seed: int = 0) -> Decision:
        """Decide the step, given the formulas established before it.

        Raises:
            ProofError: the two sides differ, or the evidence does not establish the formula.
        """
        try:
            return self.evidence.decide(self.formula, context or {}, seed)
        except ProofError as error:
            raise ProofError(f"step {self.label!r} ({self.rule}): {error}") from error


@dataclass(frozen=True)
class StepResult:
    """A step's decision, or the reason why it failed."""

    label: str
    decision: Decision | None
    error: str = ""


@dataclass(frozen=True)
class Report:
    """Outcome of checking a derivation.

    Attributes:
        status: "proved", "failed" (some step does not hold) or "vacuous" (no sample satisfied
            the assumptions, so nothing was shown).
        steps: how each step was decided, up to the first failure.
        witnesses: how many of the drawn points satisfied the assumptions.
        draws: how many points were drawn.
    """

    name: str
    status: Status
    steps: tuple[StepResult, ...]
    witnesses: int
    draws: int

    def count(self, method: str) -> int:
        """Number of steps decided by a method."""
        return sum(s.decision is not None and s.decision.method == method for s in self.steps)


@dataclass(frozen=True)
class Derivation:
    """A theorem: what it states, under which assumptions, and the steps that prove it.

    Attributes:
        name: short name, as in `patchlaw derive NAME`.
        title: one line.
        summary: plain explanation, one to three sentences.
        source: the paper's equation or section, or "ours".
        steps: in order; those with `claim=True` are the statement.
        assumptions: conditions, checked to be satisfiable together with the premises.
        premises: formulas that steps may use without proof here.
        witness: draws a point meant to satisfy assumptions and premises; random values if None.
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
    premises: tuple[Premise, ...] = ()
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

    @property
    def claims(self) -> tuple[Step, ...]:
        """The steps that make up the statement."""
        return tuple(step for step in self.steps if step.claim)

    def step(self, label: str) -> Step:
        """The step of that label."""
        for step in self.steps:
            if step.label == label:
                return step
        raise KeyError(f"derivation {self.name!r} has no step {label!r}")

    def cite(
        self, label: str, as_: str | None = None, at: Mapping[Basic, Basic] | None = None
    ) -> Premise:
        """A step of this derivation, or an instance of it, for use as a premise of another."""
        formula = self.step(label).formula
        origin = f"theorem {self.name}, step {label}"
        if at:
            formula = formula.substitute(dict(at))
            origin += " at " + ", ".join(f"{x} = {value}" for x, value in at.items())
        return Premise(as_ or label, formula, origin)

    def altered(self, label: str, **changes: Any) -> Derivation:
        """A copy with one step changed, for testing that the checker notices."""
        new = dataclasses.replace(self.step(label), **changes)
        steps = tuple(new if s.label == label else s for s in self.steps)
        return dataclasses.replace(self, steps=steps)

    def _satisfied(self, point: Point) -> bool:
        for assumption in self.assumptions:
            condition = assumption.condition
            if condition not in (True, False) and not _holds(condition, point):
                return False
            if condition == False:  # noqa: E712  # sympy's false is not Python's
                return False
        return all(
            _formula_holds(premise.formula, point)
            for premise in self.premises
            if premise.formula.left.is_commutative
        )

    def _witnesses(self, seed: int) -> tuple[int, int]:
        rng = random.Random(f"{self.name}:{seed}")
        for draw in range(1, _WITNESS_DRAWS + 1):
            point = self.witness(rng) if self.witness else Point(rng)
            if self._satisfied(point):
                return 1, draw
        return 0, _WITNESS_DRAWS

    def report(self, *, seed: int = 0) -> Report:
        """Check every step; never raises, the outcome is in the report's status."""
        results: list[StepResult] = []
        context = {p.label: p.formula for p in self.premises}
        for step in self.steps:
            try:
                decision = step.check(context, seed=seed)
            except ProofError as error:
                results.append(StepResult(step.label, None, str(error)))
                return Report(self.name, "failed", tuple(results), 0, 0)
            results.append(StepResult(step.label, decision))
            context[step.label] = step.formula
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


def _holds(condition: Basic, point: Point) -> bool:
    values = {s: point._symbol(s) for s in condition.free_symbols if isinstance(s, Symbol)}
    return bool(condition.subs(values) == True)  # noqa: E712  # sympy's true is not Python's


def _formula_holds(formula: Formula, point: Point) -> bool:
    gap = point.value(formula.gap, DIGITS)
    if formula.relation == "=":
        return bool(abs(gap) < mpmath.mpf(10) ** -40)
    return bool(mpmath.re(gap) >= -(mpmath.mpf(10) ** -40))
