"""A reader of sympy's trees that opens sums and decides nothing: no expand, no simplify."""

from __future__ import annotations

import itertools
from typing import Any

import sympy as sp

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.language import Formula

Scope = dict[Any, Any]


class Reader:
    """Values of sympy's trees, sums opened; `leaf` says what a quantity is worth."""

    def number(self, value: sp.Rational) -> Any:
        """A rational number in the reader's arithmetic."""
        return float(value)

    def leaf(self, key: tuple[Any, ...]) -> Any:
        """What a symbol, or an entry of an indexed quantity, is worth: (name, *indices)."""
        raise NotImplementedError(key)

    def function(self, name: str, value: Any) -> Any:
        """Value of exp or log: as it is, one more quantity."""
        return self.leaf((name, str(value)))

    def derivative(self, expr: sp.Expr, scope: Scope) -> Any:
        """Value of an unevaluated derivative."""
        raise NotImplementedError(expr)

    def power(self, base: Any, exponent: Any) -> Any:
        """A power whose exponent is not a number."""
        return base**exponent

    def index(self, expr: sp.Expr, scope: Scope) -> int:
        """An index or a limit as an integer."""
        return int(scope.get(expr, expr))

    def __call__(self, expr: Any, scope: Scope) -> Any:
        """Value of an expression; `scope` holds the indices, sizes and what stands for symbols."""
        expr = sp.sympify(expr)
        if expr in scope:
            value = scope[expr]
            return self.number(sp.Integer(value)) if isinstance(value, int) else value
        if expr.is_Rational:
            return self.number(expr)
        if isinstance(expr, sp.Add | sp.Mul):
            first, *rest = (self(x, scope) for x in expr.args)
            for x in rest:
                first = first + x if isinstance(expr, sp.Add) else first * x
            return first
        if isinstance(expr, sp.Pow):
            base = self(expr.base, scope)
            if expr.exp.is_Integer:
                return base ** int(expr.exp)
            return self.power(base, self(expr.exp, scope))
        if isinstance(expr, sp.KroneckerDelta):
            return self.number(sp.Integer(len({self.index(x, scope) for x in expr.args}) == 1))
        if isinstance(expr, sp.Sum):
            total = self.number(sp.Integer(0))
            names = [x for x, _, _ in expr.limits]
            ranges = [range(1, self.index(top, scope) + 1) for _, _, top in expr.limits]
            for values in itertools.product(*ranges):
                total = total + self(
                    expr.function, {**scope, **dict(zip(names, values, strict=True))}
                )
            return total
        if isinstance(expr, sp.Derivative):
            return self.derivative(expr, scope)
        if isinstance(expr, sp.Indexed):
            indices = [self.index(x, scope) for x in expr.indices]
            if expr.base in scope:
                function = scope[expr.base]
                return self(
                    function.expr, {**scope, **dict(zip(function.variables, indices, strict=True))}
                )
            return self.leaf((expr.base.label.name, *indices))
        if isinstance(expr, sym.LossCurvature):
            return self.leaf(("S", *(self.index(x, scope) for x in expr.args)))
        if isinstance(expr, sp.exp | sp.log):
            return self.function(type(expr).__name__, self(expr.args[0], scope))
        if isinstance(expr, sp.Symbol):
            return self.leaf((expr.name,))
        raise NotImplementedError(f"{type(expr)}: {expr}")


def gap(read: Reader, formula: Formula, scope: Scope) -> Any:
    """The side that is to be the larger less the other; right less left for an equation."""
    left, right = read(formula.left, scope), read(formula.right, scope)
    minus = read.number(sp.Integer(-1))
    return right + minus * left if formula.relation in ("<=", "=") else left + minus * right
