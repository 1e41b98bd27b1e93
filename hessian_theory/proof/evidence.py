"""The kinds of evidence a step can carry: each says which rules of the kernel to call.

The workhorse is `Combination`: the gap of the step's formula is written as a non-negative
remainder plus multiples of the gaps of earlier formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sympy import Expr, Integer, Symbol

from patchlaw.hessian_theory.proof import kernel
from patchlaw.hessian_theory.proof.kernel import Theorem
from patchlaw.hessian_theory.proof.language import Formula, InRange, ProofError


@dataclass(frozen=True)
class Outcome:
    """How one step was proved.

    Attributes:
        detail: what was done, in a few words.
        theorem: that the kernel made of it.
    """

    detail: str
    theorem: Theorem


@dataclass
class Context:
    """What is established before a step: theorems by label, and the index ranges assumed."""

    ranges: tuple[InRange, ...] = ()
    theorems: dict[str, Theorem] = field(default_factory=dict)

    @property
    def facts(self) -> tuple[Theorem, ...]:
        """The inequalities among the theorems; they tell signs."""
        return tuple(t for t in self.theorems.values() if t.formula.relation != "=")


class Evidence(Protocol):
    """Something that establishes a formula, given the formulas established before it."""

    def decide(self, formula: Formula, context: Context) -> Outcome:
        """Say how the formula was proved, or raise ProofError."""
        ...

    @property
    def uses(self) -> tuple[str, ...]:
        """Labels of the formulas it rests on."""
        ...


@dataclass(frozen=True)
class Use:
    """An earlier formula taken `times` times; `after` multiplies from the right (operators).

    First, `at` puts values in the place of its symbols, indexed quantities (as a Lambda of the
    indices) or functions (likewise): it is used as an instance. `by` then differentiates both
    sides, `traced` takes their traces, and `over` sums the multiple over free indices, each from 1
    to what it is mapped to.
    """

    label: str
    times: Expr | int = 1
    after: Expr | int = 1
    at: Mapping[Any, Any] = field(default_factory=dict)
    by: tuple[Symbol, ...] = ()
    traced: bool = False
    over: Mapping[Symbol, Expr] = field(default_factory=dict)

    def part(self, context: Context) -> kernel.Part:
        """The multiple of the formula meant, as the kernel takes it."""
        if self.label not in context.theorems:
            raise ProofError(f"uses {self.label!r}, which is neither given nor proved before it")
        theorem = kernel.instantiate(context.theorems[self.label], self.at)
        for variable in self.by:
            theorem = kernel.differentiate(theorem, variable)
        if self.traced:
            theorem = kernel.trace(theorem)
        return kernel.Part(theorem, self.times, self.after, tuple(self.over.items()))


@dataclass(frozen=True, init=False)
class Combination:
    """gap = remainder + sum_i times_i * gap_i, with all parts visibly non-negative.

    For "=" the remainder must be 0 and only equations may be used; their multipliers are free.
    """

    using: tuple[Use, ...]
    remainder: Expr | int

    def __init__(self, *using: Use, remainder: Expr | int = 0) -> None:
        object.__setattr__(self, "using", using)
        object.__setattr__(self, "remainder", remainder)

    @property
    def uses(self) -> tuple[str, ...]:
        """Labels of the formulas combined."""
        return tuple(u.label for u in self.using)

    def decide(self, formula: Formula, context: Context) -> Outcome:
        """Let the kernel check the identity, and the signs of remainder and multipliers."""
        theorem = kernel.combine(
            formula,
            [use.part(context) for use in self.using],
            self.remainder,
            context.facts,
            context.ranges,
        )
        detail = "same normal form"
        if formula.relation != "=":
            detail = "difference of the sides = certificate"
        elif self.using:
            detail = "difference of the sides = multiples of the equations used"
        return Outcome(detail, theorem)


@dataclass(frozen=True)
class Convex:
    """gap >= 0 everywhere: gap and its slope vanish at the anchor, its second derivative is >= 0.

    "Everywhere" is the interval on which the variable is declared, say t > 0; Taylor's theorem.
    """

    variable: Symbol
    anchor: Expr | int
    uses: tuple[str, ...] = ()

    def decide(self, formula: Formula, context: Context) -> Outcome:
        """Let the kernel check value and slope at the anchor and the second derivative's sign."""
        theorem = kernel.convex(formula, self.variable, self.anchor, context.facts)
        return Outcome(f"zero with zero slope at {self.anchor}, and convex", theorem)


@dataclass(frozen=True)
class Exact:
    """An inequality between exact numbers, compared as such (counterexamples)."""

    uses: tuple[str, ...] = ()

    def decide(self, formula: Formula, context: Context) -> Outcome:
        """Let the kernel compare the numbers."""
        remainder = Integer(0) if formula.relation == "=" else formula.gap
        return Outcome("exact numbers compared", kernel.combine(formula, (), remainder))
