"""Random points: exact rational values for everything symbolic in an expression.

A point fixes integers for symbolic sizes (so that sums open), rationals for symbols and indexed
quantities, and first-harmonic functions with rational coefficients for undefined functions. All
values are exact, so the same point can be evaluated again with more digits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import mpmath
from sympy import (
    Basic,
    Derivative,
    Expr,
    Indexed,
    IndexedBase,
    Integer,
    Rational,
    S,
    Symbol,
    cos,
    lambdify,
    sin,
)
from sympy.core.function import AppliedUndef

from hessian_theory.proof.language import DIMENSION, Formula, InRange, Tr
from hessian_theory.symbols import LossCurvature

IndexedRule = Callable[..., Expr]
_SIZES = ("P", "C", "N")


def random_rational(rng: random.Random, low: float = -2.0, high: float = 2.0) -> Rational:
    """A rational with denominator 997, uniform on [low, high] up to that grid, never 0."""
    while True:
        value = Rational(rng.randint(int(low * 997), int(high * 997)), 997)
        if value != 0:
            return value


class UndefinedHereError(ArithmeticError):
    """An expression has no finite value at a point; another point is to be drawn."""


@dataclass
class Point:
    """Values for the symbols, indexed quantities and undefined functions of a formula.

    Attributes:
        symbols: value of each symbol, exact.
        indexed: by base name, a rule from integer indices to an exact value; bases without a
            rule get random values, symmetric for the loss curvature S.
    """

    rng: random.Random
    symbols: dict[Symbol, Expr] = field(default_factory=dict)
    indexed: Mapping[str, IndexedRule] = field(default_factory=dict)
    _drawn: dict[Basic, Expr] = field(default_factory=dict)
    _functions: dict[str, list[Rational]] = field(default_factory=dict)

    def _symbol(self, symbol: Symbol) -> Expr:
        if symbol not in self.symbols:
            self.symbols[symbol] = self._draw(symbol)
        return self.symbols[symbol]

    def _draw(self, symbol: Symbol) -> Expr:
        if symbol.is_integer:
            # sizes are 2 or 3 and free indices 1 or 2, so that an index is always within range
            return Integer(self.rng.randint(1, 2) + (symbol.name in _SIZES))
        if symbol.is_positive or symbol.is_nonnegative:
            return random_rational(self.rng, 0.0, 2.0)
        return random_rational(self.rng)

    def _indexed_value(self, entry: Indexed) -> Expr:
        rule = self.indexed.get(str(entry.base))
        if rule is not None:
            return rule(*entry.indices)
        if entry not in self._drawn:
            low = 0.0 if entry.is_nonnegative else -2.0
            self._drawn[entry] = random_rational(self.rng, low)
        return self._drawn[entry]

    def _function(self, applied: AppliedUndef) -> Expr:
        """An irregular first-harmonic function of the real arguments; integers shift its phase."""
        name = applied.func.__name__
        weights = self._functions.setdefault(
            name, [random_rational(self.rng) for _ in range(2 * len(applied.args) + 4)]
        )
        phase = sum((w * a**2 for w, a in zip(weights, applied.args, strict=False)), Integer(0))
        first = sum((w * a for w, a in zip(weights[::-1], applied.args, strict=False)), weights[-2])
        return cos(first + phase) + weights[0] * sin(first / 2 + weights[1] * phase)

    def open(self, expr: Basic) -> Expr:
        """Insert sizes, open sums, and replace all that is undefined by concrete values."""
        sizes = {s: self._symbol(s) for s in _ordered(expr) if s.is_integer}
        opened = expr.subs(sizes).doit()
        opened = opened.replace(
            lambda e: isinstance(e, LossCurvature),
            lambda e: self._curvature(e),
        )
        opened = opened.replace(
            lambda e: isinstance(e, Indexed) and not isinstance(e, IndexedBase),
            lambda e: self._placeholder(e),
        )
        opened = opened.replace(lambda e: isinstance(e, AppliedUndef), self._function)
        if opened.has(Derivative):
            opened = opened.doit()
        return opened.subs({s: self._symbol(s) for s in _ordered(opened)})

    def _curvature(self, entry: LossCurvature) -> Expr:
        if entry not in self._drawn:
            self._drawn[entry] = random_rational(self.rng)
        return self._drawn[entry]

    def _placeholder(self, entry: Indexed) -> Symbol:
        """A symbol that stands for an indexed quantity, so that derivatives with it still work."""
        name = "_".join([str(entry.base), *map(str, entry.indices)])
        placeholder = Symbol(f"{name}__", real=True)
        self.symbols.setdefault(placeholder, self._indexed_value(entry))
        return placeholder

    def value(self, expr: Basic, digits: int) -> Any:
        """Evaluate with mpmath at the given number of decimal digits.

        Raises:
            UndefinedHereError: the expression has no finite value at this point.
        """
        opened = self.open(expr)
        if opened.has(S.ComplexInfinity, S.NaN, S.Infinity, S.NegativeInfinity):
            raise UndefinedHereError
        with mpmath.workdps(digits):
            return mpmath.mpmathify(lambdify([], opened, modules="mpmath", cse=True)())

    def satisfies(self, formula: Formula) -> bool:
        """Whether a formula holds at the point, to forty digits."""
        if not formula.gap.is_commutative:
            return any(self._with_operators(formula, times) for times in (1, 0))
        gap, tiny = self.value(formula.gap, 50), mpmath.mpf(10) ** -40
        if formula.relation == "=":
            return bool(abs(gap) < tiny)
        return bool(mpmath.re(gap) >= -tiny if formula.relation != ">" else mpmath.re(gap) > tiny)

    def _with_operators(self, formula: Formula, times: int) -> bool:
        """The same with every operator a multiple of the identity."""

        def scalar(side: Expr) -> Expr:
            letters = [s for s in side.free_symbols if not s.is_commutative]
            put = side.xreplace({s: Integer(times) for s in letters})
            return put.replace(Tr, lambda e: DIMENSION * e)

        return self.satisfies(
            Formula(scalar(formula.left), formula.relation, scalar(formula.right))
        )

    def contains(self, given: InRange) -> bool:
        """Whether an index lies in its range at the point."""
        index, upper = (self.value(side, 50) for side in (given.index, given.upper))
        return bool(1 <= index <= upper)


def _ordered(expr: Basic) -> list[Symbol]:
    symbols = {s for s in expr.free_symbols if isinstance(s, Symbol)}
    bases = {str(b) for b in expr.atoms(IndexedBase)}
    return sorted((s for s in symbols if s.name not in bases), key=str)
