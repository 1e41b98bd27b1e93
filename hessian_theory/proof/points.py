"""Random points: exact rational values for everything symbolic in an expression.

A point fixes integers for symbolic sizes (so that sums open), rationals for symbols and indexed
quantities, and first-harmonic functions with rational coefficients for undefined functions. All
values are exact, so the same point can be evaluated again with more digits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import mpmath
from sympy import (
    Add,
    Basic,
    Derivative,
    Expr,
    Indexed,
    IndexedBase,
    Integer,
    Rational,
    S,
    Sum,
    Symbol,
    cos,
    lambdify,
    sin,
    sympify,
)
from sympy.core.function import AppliedUndef

from patchlaw.hessian_theory.proof.language import DIMENSION, Formula, InRange, Tr, check_domain
from patchlaw.hessian_theory.symbols import LossCurvature

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
        functions: likewise for undefined functions, from their arguments.
    """

    rng: random.Random
    symbols: dict[Symbol, Expr] = field(default_factory=dict)
    indexed: Mapping[str, IndexedRule] = field(default_factory=dict)
    functions: Mapping[str, IndexedRule] = field(default_factory=dict)
    _drawn: dict[Basic, Expr] = field(default_factory=dict)
    _functions: dict[str, list[Rational]] = field(default_factory=dict)
    _operators: dict[Symbol, Expr] = field(default_factory=dict)

    def _symbol(self, symbol: Symbol) -> Expr:
        if symbol not in self.symbols:
            self.symbols[symbol] = self._draw(symbol)
        check_domain(sympify(self.symbols[symbol]), symbol)
        return self.symbols[symbol]

    def _draw(self, symbol: Symbol | Indexed) -> Expr:
        if symbol.is_integer:
            # sizes are 2 or 3 and free indices 1 or 2, so that an index is always within range
            return Integer(self.rng.randint(1, 2) + (str(symbol) in _SIZES))
        if symbol.is_positive or symbol.is_nonnegative:
            return random_rational(self.rng, 0.0, 2.0)
        if symbol.is_negative:
            return random_rational(self.rng, -2.0, 0.0)
        return random_rational(self.rng)

    def _indexed_value(self, entry: Indexed) -> Expr:
        rule = self.indexed.get(str(entry.base))
        if entry not in self._drawn:
            self._drawn[entry] = self._draw(entry) if rule is None else rule(*entry.indices)
            check_domain(sympify(self._drawn[entry]), entry)
        return self._drawn[entry]

    def _function(self, applied: AppliedUndef) -> Expr:
        """An irregular first-harmonic function of the real arguments; integers shift its phase."""
        name, arguments = applied.func.__name__, applied.args
        if name in self.functions:
            value = self.functions[name](*arguments)
        else:
            weights = self._functions.setdefault(
                name, [random_rational(self.rng) for _ in range(2 * len(arguments) + 4)]
            )
            pairs = list(zip(weights, weights[::-1], arguments, strict=False))
            phase = sum((w * a**2 for w, _, a in pairs), Integer(0))
            first = sum((w * a for _, w, a in pairs), weights[-2])
            value = cos(first + phase) + weights[0] * sin(first / 2 + weights[1] * phase)
        check_domain(value, applied)
        return value

    def open(self, expr: Basic) -> Expr:
        """Insert sizes, open sums, and replace all that is undefined by concrete values."""
        sizes = {s: self._symbol(s) for s in _ordered(expr) if s.is_integer}
        opened = _with_sums_opened(expr.subs(sizes)).doit()
        if opened.has(LossCurvature):
            opened = opened.replace(lambda e: isinstance(e, LossCurvature), self._curvature)
        opened = opened.replace(
            lambda e: isinstance(e, Indexed) and not isinstance(e, IndexedBase),
            lambda e: self._placeholder(e),
        )
        if opened.has(AppliedUndef):
            opened = opened.replace(lambda e: isinstance(e, AppliedUndef), self._function)
        if opened.has(Derivative):
            opened = opened.doit()
        # not subs, which goes through all of it once a symbol
        return opened.xreplace({s: self._symbol(s) for s in _ordered(opened)})

    def _curvature(self, entry: LossCurvature) -> Expr:
        if entry not in self._drawn:
            self._drawn[entry] = random_rational(self.rng)
        return self._drawn[entry]

    def _placeholder(self, entry: Indexed) -> Symbol:
        """A symbol that stands for an indexed quantity, so that derivatives with it still work."""
        name = "_".join([str(entry.base), *map(str, entry.indices)])
        placeholder = Symbol(f"{name}__", **{"real" if entry.is_real else "complex": True})
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
        """Whether a formula holds at the point; operators are multiples of the identity.

        Rational values are compared as such. What is not rational counts as zero if twice the
        digits leave nothing of it.

        Raises:
            ProofError: a value lies outside its symbol's domain.
            UndefinedHereError: a side has no finite value.
        """
        opened = self.open(self._without_operators(formula.gap))
        if opened.is_Rational:
            zero, positive = bool(opened == 0), bool(opened > 0)
        else:
            rough, fine = self.value(opened, 50), self.value(opened, 100)
            if rough == 0 != fine:  # as for 1 - cos(10^-27), of which 50 digits show nothing
                rough, fine = fine, self.value(opened, 200)
            zero = bool(abs(fine) <= abs(rough) * mpmath.mpf(10) ** -30)
            positive = bool(mpmath.im(fine) == 0 and mpmath.re(fine) > 0)
        return {"=": zero, ">": positive and not zero}.get(formula.relation, zero or positive)

    def redrawn(self, symbols: Collection[Symbol], turn: int) -> Point:
        """The same point but for these symbols: integers take turns in 1..6, others get extreme."""
        operators = {s: x for s, x in self._operators.items() if s not in symbols}
        values = {s: x for s, x in self.symbols.items() if s not in symbols}
        integers = [s for s in symbols if s.is_integer]
        wide = {s: Integer(1 + turn // 6**place % 6) for place, s in enumerate(integers)}
        for s in (s for s in symbols if s.is_commutative and not s.is_integer):
            wide[s] = self._draw(s) * Integer(10) ** (6 * (turn % 5 - 2))
        return replace(self, symbols=values | wide, _operators=operators)

    def _without_operators(self, expr: Expr) -> Expr:
        letters = [s for s in expr.free_symbols if isinstance(s, Symbol) and not s.is_commutative]
        for s in letters:
            self._operators.setdefault(s, Integer(self.rng.randint(-1, 1)))
        put = expr.xreplace(self._operators)
        return put.replace(Tr, lambda e: DIMENSION * e)

    def contains(self, given: InRange) -> bool:
        """Whether an index lies in its range at the point."""
        index, upper = (self.value(side, 50) for side in (given.index, given.upper))
        return bool(1 <= index <= upper)


def _with_sums_opened(expr: Basic) -> Basic:
    """Sums to integers written out, the inner ones first: sympy's doit looks for closed forms."""
    if not expr.has(Sum):
        return expr
    expr = expr.func(*map(_with_sums_opened, expr.args))
    if not isinstance(expr, Sum) or not all(hi.is_Integer for _, _, hi in expr.limits):
        return expr
    indices = [x for x, _, _ in expr.limits]
    ranges = [range(int(lo), int(hi) + 1) for _, lo, hi in expr.limits]
    places = ([Integer(x) for x in at] for at in product(*ranges))
    return Add(*(expr.function.xreplace(dict(zip(indices, at, strict=True))) for at in places))


def _ordered(expr: Basic) -> list[Symbol]:
    symbols = {s for s in expr.free_symbols if isinstance(s, Symbol)}
    bases = {str(b) for b in expr.atoms(IndexedBase)}
    return sorted((s for s in symbols if s.name not in bases), key=str)
