"""The kinds of evidence a step can carry: each says which rules of the kernel to call.

The workhorse is `Combination`: the gap of the step's formula is written as a non-negative
remainder plus multiples of the gaps of earlier formulas. `Instances` and `Tested` make no theorem:
what they show is reported as shown for instances, or as tested, and nothing can be built on it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, get_args

import mpmath
from sympy import Basic, Expr, Integer, Symbol, lambdify, sympify

from patchlaw.hessian_theory.proof import kernel
from patchlaw.hessian_theory.proof.kernel import Theorem
from patchlaw.hessian_theory.proof.language import Formula, InRange, ProofError, check_domain
from patchlaw.hessian_theory.proof.normal_form import NormalForm

StepStatus: TypeAlias = Literal["proved", "instances", "tested"]
STEP_STATUSES: tuple[StepStatus, ...] = get_args(StepStatus)  # from the strongest
_DIGITS = 50


@dataclass(frozen=True)
class Outcome:
    """How one step was decided.

    Attributes:
        status: "proved" (the kernel made a theorem of it), "instances" (exact, for those listed)
            or "tested" (random instances at 50 digits).
        detail: what was done, in a few words.
        theorem: for "proved", the kernel's theorem.
    """

    status: StepStatus
    detail: str
    theorem: Theorem | None = None


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
        """Say how the formula was decided, or raise ProofError."""
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
    sides, `traced` takes their traces, and `over` sums the multiple over free indices (x, 1,
    upper).
    """

    label: str
    times: Expr | int = 1
    after: Expr | int = 1
    at: Mapping[Any, Any] = field(default_factory=dict)
    by: tuple[Symbol, ...] = ()
    traced: bool = False
    over: tuple[tuple[Symbol, int, Expr], ...] = ()

    def part(self, context: Context) -> kernel.Part:
        """The multiple of the formula meant, as the kernel takes it."""
        if self.label not in context.theorems:
            raise ProofError(f"uses {self.label!r}, which is neither given nor proved before it")
        theorem = kernel.instantiate(context.theorems[self.label], self.at)
        for variable in self.by:
            theorem = kernel.differentiate(theorem, variable)
        if self.traced:
            theorem = kernel.trace(theorem)
        if any(low != 1 for _, low, _ in self.over):
            raise ProofError("sums run from 1")
        over = tuple((x, upper) for x, _, upper in self.over)
        return kernel.Part(theorem, self.times, self.after, over)


@dataclass(frozen=True)
class Combination:
    """gap = remainder + sum_i times_i * gap_i, with all parts visibly non-negative.

    For "=" the remainder must be 0 and only equations may be used; their multipliers are free.
    """

    using: tuple[Use, ...] = ()
    remainder: Expr | int = 0

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
        return Outcome("proved", detail, theorem)


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
        return Outcome("proved", f"zero with zero slope at {self.anchor}, and convex", theorem)


@dataclass(frozen=True)
class Exact:
    """An inequality between exact numbers, compared as such (counterexamples)."""

    uses: tuple[str, ...] = ()

    def decide(self, formula: Formula, context: Context) -> Outcome:
        """Let the kernel compare the numbers."""
        remainder = Integer(0) if formula.relation == "=" else formula.gap
        return Outcome("proved", "exact numbers compared", kernel.combine(formula, (), remainder))


@dataclass(frozen=True)
class Instances:
    """Every listed instance is evaluated exactly; nothing is said of others.

    Attributes:
        values: what to put in the place of the formula's free symbols, instance by instance.
        what: the list, in words; part of the statement.
    """

    values: Callable[[], Iterable[Mapping[Symbol, Any]]]
    what: str
    uses: tuple[str, ...] = ()

    def decide(self, formula: Formula, context: Context) -> Outcome:
        """Go through all instances; both sides are the formula's own."""
        count = 0
        for count, values in enumerate(self.values(), 1):
            left, right = (_evaluated(side, values) for side in (formula.left, formula.right))
            gap = left - right if formula.relation == ">=" else right - left
            holds = NormalForm().vanishes(gap) or (formula.relation != "=" and bool(gap >= 0))
            if not holds:
                raise ProofError(f"instance {count} ({self.what}): {left} against {right}")
        if count == 0:
            raise ProofError(f"no instance to check ({self.what})")
        return Outcome("instances", f"for the {count} instances listed: {self.what}")


def _evaluated(side: Basic, values: Mapping[Symbol, Any]) -> Expr:
    for name, value in values.items():
        if not isinstance(name, Symbol):
            raise ProofError(f"an instance puts values in the place of symbols, not of {name}")
        check_domain(sympify(value), name)
    return side.subs(dict(values), simultaneous=True).doit()


@dataclass(frozen=True)
class Tested:
    """A textbook fact, cited by name and tried on random instances with mpmath: no proof.

    `instance(rng)` draws one case and returns the value of every symbol in the formula, whose two
    sides are then evaluated: an altered formula is noticed.
    """

    name: str
    instance: Callable[[random.Random], Mapping[Symbol, Any]]
    count: int = 20
    uses: tuple[str, ...] = ()

    def decide(self, formula: Formula, context: Context) -> Outcome:
        """Evaluate random instances at 50 digits, near-ties again at 100."""
        for i in range(self.count):
            gap, scale = self._gap(formula, str(i), _DIGITS)
            near = abs(gap) <= mpmath.mpf(10) ** -30 * scale
            if near:
                gap, scale = self._gap(formula, str(i), 2 * _DIGITS)
                near = abs(gap) <= mpmath.mpf(10) ** -70 * scale
            if not (near or (formula.relation != "=" and gap > 0)):
                raise ProofError(f"{self.name}: instance {i} misses by {mpmath.nstr(gap, 6)}")
        detail = f"{self.name}; {self.count} random instances, {_DIGITS} digits"
        return Outcome("tested", detail)

    def _gap(self, formula: Formula, seed: str, digits: int) -> tuple[Any, Any]:
        with mpmath.workdps(digits):
            values = self.instance(random.Random(seed))
            names = list(values)
            sides = lambdify(names, [formula.left, formula.right], modules="mpmath")
            left, right = map(mpmath.mpmathify, sides(*values.values()))
            gap = left - right if formula.relation == ">=" else right - left
            return gap, 1 + abs(left) + abs(right)
