"""What theorems are written in: terms, formulas, hypotheses. Part of the trusted page.

A term is a sympy expression whose every head is on a short list; sums run from 1 over indices that
are declared positive integers, derivatives are with respect to real variables on open domains.
Anything else (floats, infinities, unknown functions with rules of their own) is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import sympy as sp
from sympy.core.function import UndefinedFunction

from hessian_theory.symbols import LossCurvature

Relation: TypeAlias = Literal["=", "<=", ">=", ">"]
RELATIONS: Final = ("=", "<=", ">=", ">")
INDEX: Final = {"integer": True, "positive": True}
DIMENSION: Final = sp.Symbol("d", integer=True, positive=True)
# The names of bound indices in a normal form; no statement may contain one.
BOUND: Final = tuple(sp.Dummy(f"i{n}", **INDEX) for n in range(1, 17))
_INDEX_DOMAIN: Final = sp.Symbol("index", **INDEX).assumptions0
_OPEN_DOMAINS: Final = [
    sp.Symbol("x", **{domain: True}).assumptions0 for domain in ("real", "positive", "negative")
]


class ProofError(Exception):
    """A step does not hold, or its evidence does not establish it."""


class Tr(sp.Function):
    """Trace of a polynomial in non-commuting symbols: linear, cyclic, tr 1 = d."""

    nargs = 1
    is_commutative = True

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = f"^{{{exp}}}" if exp else ""
        return rf"\operatorname{{tr}}{power}\left({printer._print(self.args[0])}\right)"


_HEADS: Final = {
    *(sp.Symbol, sp.Dummy, sp.Indexed, sp.IndexedBase, sp.KroneckerDelta, LossCurvature, Tr),
    *(sp.Add, sp.Mul, sp.Pow, sp.exp, sp.log, sp.sin, sp.cos, sp.Sum, sp.Derivative, sp.Tuple),
    *(type(sp.I), type(sp.pi)),
}


def check_terms(*terms: sp.Expr) -> None:
    """Raise ProofError unless the kernel knows every part of the terms."""
    for node in (node for term in terms for node in sp.preorder_traversal(term)):
        known = type(node) in _HEADS or isinstance(type(node), UndefinedFunction)
        if node in BOUND or not (known or (isinstance(node, sp.Number) and node.is_Rational)):
            raise ProofError(f"a term the kernel does not know: {node!r}")
        if isinstance(node, sp.Derivative):
            check_variables(node.variables)
        if isinstance(node, sp.Sum):
            check_indices((x, hi) for x, _, hi in node.limits)
            if any(lo != 1 for _, lo, _ in node.limits):
                raise ProofError(f"expected sums from 1, got {node}")
        if isinstance(node, sp.KroneckerDelta) and not all(a.is_integer for a in node.args):
            raise ProofError(f"a Kronecker delta of something else than integers: {node}")


def check_indices(limits: Iterable[tuple[sp.Symbol, sp.Expr]]) -> None:
    """Sums run over symbols declared as positive integers and as nothing more."""
    for x, upper in limits:
        if x.assumptions0 != _INDEX_DOMAIN or not upper.is_integer:
            raise ProofError(f"cannot sum over {x} = 1..{upper}")


def check_variables(variables: Iterable[sp.Expr]) -> None:
    """Differentiation is with respect to real variables whose domain is an open interval."""
    for x in variables:
        if not isinstance(x, sp.Symbol | sp.Indexed) or x.assumptions0 not in _OPEN_DOMAINS:
            raise ProofError(f"cannot differentiate with respect to {x}")


def check_domain(value: sp.Expr, declared: sp.Expr) -> None:
    """Raise ProofError unless all that is declared of one term is known of the other."""
    for name, holds in declared.assumptions0.items():
        if getattr(value, f"is_{name}") is not holds:
            raise ProofError(f"{value} for {declared}: is_{name} is not known to be {holds}")


@dataclass(frozen=True)
class Formula:
    """`left relation right`."""

    left: sp.Expr
    relation: Relation
    right: sp.Expr

    def __post_init__(self) -> None:
        object.__setattr__(self, "left", sp.sympify(self.left))
        object.__setattr__(self, "right", sp.sympify(self.right))
        if self.relation not in RELATIONS:
            raise ValueError(f"relation: expected one of {RELATIONS}, got {self.relation!r}")

    @property
    def gap(self) -> sp.Expr:
        """Zero for "=", non-negative for "<=" and ">=", positive for ">"."""
        return self.left - self.right if ">" in self.relation else self.right - self.left

    @property
    def free_symbols(self) -> set[sp.Basic]:
        """Of both sides; bound indices of sums do not count."""
        free: set[sp.Basic] = self.left.free_symbols | self.right.free_symbols
        return free


@dataclass(frozen=True)
class Hypothesis:
    """A formula taken as given, for all values of the symbols in `forall` (in their domains)."""

    formula: Formula
    forall: tuple[sp.Symbol, ...] = ()

    @property
    def free_symbols(self) -> set[sp.Basic]:
        """What the hypothesis speaks of; quantified symbols do not count."""
        return self.formula.free_symbols - set(self.forall)


@dataclass(frozen=True)
class InRange:
    """1 <= index <= upper for an integer index."""

    index: sp.Expr
    upper: sp.Expr

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", sp.sympify(self.index))
        object.__setattr__(self, "upper", sp.sympify(self.upper))

    @property
    def free_symbols(self) -> set[sp.Basic]:
        """Of index and upper limit."""
        free: set[sp.Basic] = self.index.free_symbols | self.upper.free_symbols
        return free

    @property
    def is_evident(self) -> bool:
        """Whether the declared domains say so already."""
        inside = (self.index - 1).is_nonnegative and (self.upper - self.index).is_nonnegative
        return bool(self.index.is_integer and inside)


Given: TypeAlias = Hypothesis | InRange
