"""The kinds of evidence a step can carry, each with the check that decides it.

The workhorse is `Combination`: the gap of the step's formula is written as a non-negative
remainder plus non-negative multiples of the gaps of earlier formulas. The identity between the
two is what is checked, so a wrong power, sign or factor cannot pass.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import mpmath
from sympy import Basic, Expr, MatrixBase, Sum, Symbol, lambdify, sympify

from hessian_theory.proof.decide import (
    DIGITS,
    Decision,
    decide_zero,
    visibly_nonnegative,
)
from hessian_theory.proof.formula import Formula, ProofError

Context = Mapping[str, Formula]


class Evidence(Protocol):
    """Something that establishes a formula, given the formulas established before it."""

    def decide(self, formula: Formula, context: Context, seed: int) -> Decision:
        """Say how the formula was decided, or raise ProofError."""
        ...

    @property
    def uses(self) -> tuple[str, ...]:
        """Labels of the formulas it rests on."""
        ...


@dataclass(frozen=True)
class Use:
    """An earlier formula taken `times` times; `after` multiplies from the right (operators).

    `at` substitutes variables in the formula first: it is then used as an instance. `over` sums
    the multiple over free indices of the formula, which then holds for each of their values.
    """

    label: str
    times: Expr | int = 1
    after: Expr | int = 1
    at: Mapping[Basic, Basic] = field(default_factory=dict)
    over: tuple[tuple[Symbol, int, Expr], ...] = ()

    def part(self, found: Formula) -> Basic:
        """The multiple of the formula's gap that enters the combination."""
        if isinstance(found.gap, MatrixBase):
            return self.times * found.gap * self.after
        product = sympify(self.times) * found.gap * sympify(self.after)
        return Sum(product, *self.over) if self.over else product

    def formula(self, context: Context) -> Formula:
        """The formula meant, out of those already established."""
        if self.label not in context:
            raise ProofError(f"uses {self.label!r}, which is neither assumed nor proved before it")
        found = context[self.label]
        return found.substitute(dict(self.at)) if self.at else found


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

    def decide(self, formula: Formula, context: Context, seed: int) -> Decision:
        """Check the identity, and the signs of remainder and multipliers."""
        used = [(u, u.formula(context)) for u in self.using]
        known = [f.gap for f in context.values() if f.relation != "="]
        known += [f.gap for _, f in used if f.relation != "="]
        remainder = sympify(self.remainder)
        if formula.relation == "=":
            if remainder != 0 or any(f.relation != "=" for _, f in used):
                raise ProofError("an equation needs equations and no remainder")
        else:
            if not visibly_nonnegative(remainder, known):
                raise ProofError(f"the remainder {remainder} is not visibly non-negative")
            for use, given in used:
                if given.relation != "=" and not visibly_nonnegative(sympify(use.times), known):
                    raise ProofError(f"the factor {use.times} of {use.label!r} may be negative")
        total = formula.gap
        if not isinstance(total, MatrixBase):
            total = total - remainder
        for use, given in used:
            total = total - use.part(given)
        scale = () if isinstance(formula.left, MatrixBase) else (formula.left, formula.right)
        found = decide_zero(total, seed=seed, scale_of=scale)
        if formula.relation == "=":
            return found
        return replace(found, detail=f"difference of the sides = certificate; {found.detail}")


@dataclass(frozen=True)
class Derived:
    """The left side is computed by `compute` (say, by differentiating the model) and compared."""

    compute: Callable[[], Basic]
    what: str

    uses: tuple[str, ...] = ()

    def decide(self, formula: Formula, context: Context, seed: int) -> Decision:
        """Compute the left side and compare."""
        if formula.relation != "=":
            raise ProofError("a computed left side is compared by equality")
        found = decide_zero(formula.right - self.compute(), seed=seed)
        return Decision(found.method, f"{self.what}; {found.detail}", found.samples, found.digits)


@dataclass(frozen=True)
class Inserted:
    """The formula speaks of an undefined function; it is decided for each of some expressions.

    `values()` yields expressions in `variables` that are put in the function's place.
    """

    function: Any
    variables: tuple[Symbol, ...]
    values: Callable[[], Iterable[Expr]]
    what: str
    uses: tuple[str, ...] = ()

    def decide(self, formula: Formula, context: Context, seed: int) -> Decision:
        """Insert every expression and decide that the two sides agree."""
        if formula.relation != "=":
            raise ProofError("inserted functions are compared by equality")
        found = []
        for value in self.values():

            def insert(*arguments: Expr, value: Expr = value) -> Expr:
                return value.subs(
                    dict(zip(self.variables, arguments, strict=True)), simultaneous=True
                )

            gap = formula.gap.replace(self.function, insert)
            found.append(decide_zero(gap.doit(), seed=seed))
        if not found:
            raise ProofError(f"nothing to insert ({self.what})")
        weakest = next((f for f in found if f.method == "numerical"), found[0])
        return replace(weakest, detail=f"{self.what}; {weakest.detail}")


@dataclass(frozen=True)
class Convex:
    """gap >= 0 everywhere: gap and its slope vanish at the anchor, its second derivative is >= 0.

    "Everywhere" is the interval on which the variable is declared, say t > 0; Taylor's theorem.
    """

    variable: Symbol
    anchor: Expr | int

    uses: tuple[str, ...] = ()

    def decide(self, formula: Formula, context: Context, seed: int) -> Decision:
        """Check value and slope at the anchor and the sign of the second derivative."""
        if formula.relation == "=":
            raise ProofError("convexity proves an inequality")
        gap = formula.gap
        for expr in (gap, gap.diff(self.variable)):
            decide_zero(expr.subs(self.variable, self.anchor), seed=seed)
        bend = gap.diff(self.variable, 2)
        if not visibly_nonnegative(bend):
            raise ProofError(f"the second derivative {bend} is not visibly non-negative")
        return Decision("symbolic", f"zero with zero slope at {self.anchor}, and convex")


@dataclass(frozen=True)
class Exact:
    """Both sides are exact numbers and are compared as such (counterexamples, tables)."""

    uses: tuple[str, ...] = ()

    def decide(self, formula: Formula, context: Context, seed: int) -> Decision:
        """Compare the numbers."""
        gaps = formula.gap if isinstance(formula.gap, MatrixBase) else [formula.gap]
        for gap in gaps:
            number = gap.doit()
            if not number.is_number:
                raise ProofError(f"{number} is not a number")
            good = number.equals(0) if formula.relation == "=" else bool(number >= 0)
            if not good:
                raise ProofError(f"{formula.left} {formula.relation} {formula.right} is false")
        return Decision("exact", "exact numbers compared")


@dataclass(frozen=True)
class Enumeration:
    """Every instance of a finite range is checked exactly; the range is part of the statement.

    `instances(formula)` yields pairs of exact values, built from the formula's own right side.
    """

    instances: Callable[[Formula], Iterable[tuple[Any, Any]]]
    what: str
    uses: tuple[str, ...] = ()

    def decide(self, formula: Formula, context: Context, seed: int) -> Decision:
        """Go through all instances."""
        count = 0
        for left, right in self.instances(formula):
            count += 1
            holds = {
                "=": left == right, "<=": left <= right, ">=": left >= right
            }[formula.relation]  # fmt: skip
            if not holds:
                raise ProofError(f"instance {count} ({self.what}): {left} against {right}")
        if count == 0:
            raise ProofError(f"no instance to check ({self.what})")
        return Decision("exact", f"all {count} instances: {self.what}")


@dataclass(frozen=True)
class Lemma:
    """A textbook fact, cited by name and tried on random instances with mpmath.

    `instance(rng)` draws one case and returns the value of every symbol in the formula, whose two
    sides are then evaluated: an altered formula is noticed. Reported as numerical, never as proof.
    """

    name: str
    instance: Callable[[random.Random], Mapping[Symbol, Any]]
    count: int = 20
    uses: tuple[str, ...] = ()

    def decide(self, formula: Formula, context: Context, seed: int) -> Decision:
        """Evaluate random instances at 50 digits, near-ties again at 100."""
        for i in range(self.count):
            gap, scale = self._gap(formula, f"{seed}:{i}", DIGITS)
            near = abs(gap) <= mpmath.mpf(10) ** -30 * scale
            if near:
                gap, scale = self._gap(formula, f"{seed}:{i}", 2 * DIGITS)
                near = abs(gap) <= mpmath.mpf(10) ** -70 * scale
            holds = near or (formula.relation != "=" and gap > 0)
            if not holds:
                raise ProofError(f"{self.name}: instance {i} misses by {mpmath.nstr(gap, 6)}")
        return Decision("numerical", f"lemma: {self.name}", self.count, DIGITS)

    def _gap(self, formula: Formula, seed: str, digits: int) -> tuple[Any, Any]:
        with mpmath.workdps(digits):
            values = self.instance(random.Random(seed))
            names = list(values)
            sides = lambdify(names, [formula.left, formula.right], modules="mpmath")
            left, right = map(mpmath.mpmathify, sides(*values.values()))
            gap = left - right if formula.relation == ">=" else right - left
            return gap, 1 + abs(left) + abs(right)
