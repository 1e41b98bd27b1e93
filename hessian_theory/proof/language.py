"""What theorems are written in: terms, formulas, hypotheses. Part of the trusted page.

A term is a sympy expression whose every head is on a short list; sums run from 1 over indices that
are declared positive integers, derivatives are with respect to real variables on open domains.
Anything else (floats, infinities, unknown functions with rules of their own) is refused.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import sympy as sp
from sympy.core.assumptions import _assume_defined
from sympy.core.function import AppliedUndef, UndefinedFunction

from patchlaw.hessian_theory.symbols import LossCurvature

Relation: TypeAlias = Literal["=", "<=", ">=", ">"]
RELATIONS: Final = ("=", "<=", ">=", ">")
INDEX: Final = {"integer": True, "positive": True}
DIMENSION: Final = sp.Symbol("d", integer=True, positive=True)
# The names of bound indices in a normal form; no statement may contain one.
BOUND: Final = tuple(sp.Dummy(f"i{n}", **INDEX) for n in range(1, 17))
_INDEX_DOMAIN: Final = sp.Symbol("index", **INDEX).assumptions0
_DECLARED: Final[list[dict[str, bool]]] = [
    *({sign: True} for sign in ("real", "positive", "negative", "nonnegative", "complex")),
    *({"integer": True}, {"integer": True, "nonnegative": True}, INDEX, {}, {"commutative": False}),
]
_DOMAINS: Final = [sp.Symbol("x", **declared).assumptions0 for declared in _DECLARED]  # none empty
_OPEN_DOMAINS: Final = _DOMAINS[:3]


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
    *map(type, (sp.I, sp.pi, sp.S.Zero, sp.S.One, sp.S.NegativeOne, sp.S.Half)),
    *(sp.Integer, sp.Rational),
}


def check_terms(*terms: sp.Expr) -> None:
    """Raise ProofError unless the kernel knows every part of the terms."""
    labels, symbols = set[sp.Basic](), set[sp.Basic]()
    for term in terms:
        for node in (nodes := sp.preorder_traversal(term)):
            if type(node) is sp.IndexedBase:
                labels |= set(node.args)
                nodes.skip()
            _check_node(node)
            if isinstance(node, sp.Symbol):
                symbols.add(node)
    if labels & symbols:
        raise ProofError(f"both a symbol and the name of an indexed quantity: {labels & symbols}")


def _check_node(node: sp.Basic) -> None:
    if node in BOUND or not (type(node) in _HEADS or _is_plain_function(type(node))):
        raise ProofError(f"a term the kernel does not know: {node!r}")
    if isinstance(node, sp.Rational) and math.gcd(node.p, node.q) > 1:
        raise ProofError(f"a fraction that is not reduced: {node}")
    if isinstance(node, sp.log) and len(node.args) > 1:
        raise ProofError(f"a logarithm to another base: {node}")
    if isinstance(node, sp.Symbol | sp.IndexedBase) and node.assumptions0 not in _DOMAINS:
        raise ProofError(f"a domain the kernel does not know, that of {node}")
    if isinstance(node, sp.IndexedBase) and list(map(type, node.args)) != [sp.Symbol]:
        raise ProofError(f"expected a name without a shape, got {node}")
    if isinstance(node, sp.Derivative):
        check_variables(node.variables)
        if {s for x in node.variables for s in x.free_symbols} & bound_indices(node):
            raise ProofError(f"a variable of differentiation with a bound index: {node}")
    elif isinstance(node, sp.Sum):
        check_indices((x, hi) for x, _, hi in node.limits)
        if any(lo != 1 for _, lo, _ in node.limits):
            raise ProofError(f"expected sums from 1, got {node}")
    elif sp.Tuple in map(type, node.args):
        raise ProofError(f"a tuple that is neither a limit nor a variable: {node}")
    if isinstance(node, sp.Mul) and _seems_no_integer(node):
        raise ProofError(f"a product of which sympy misjudges whether it is an integer: {node}")
    if isinstance(node, sp.KroneckerDelta) and not all(a.is_integer for a in node.args):
        raise ProofError(f"a Kronecker delta of something else than integers: {node}")
    parts = node.indices if isinstance(node, sp.Indexed) else node.args
    if not _takes_operators(node) and any(part.is_commutative is False for part in parts):
        raise ProofError(f"expected a polynomial in operators, got {node}")


def _takes_operators(node: sp.Basic) -> bool:
    """Whether sympy's rules for it hold of matrices; to sympy each is a number that is not zero."""
    if isinstance(node, sp.Pow):
        return bool(node.exp.is_Integer and node.exp.is_positive)
    return isinstance(node, sp.Add | sp.Mul | sp.Sum | sp.Derivative | sp.IndexedBase | Tr)


def _seems_no_integer(product: sp.Mul) -> bool:
    """Whether sympy may take even factors over an odd number for no integer, so for not zero."""
    if not any(factor.is_even for factor in product.args):  # asked first: it is the cheap half
        return False
    return bool(product.is_rational is not False and product.is_integer is False)


def _is_plain_function(head: Any) -> bool:
    """Whether it is what sp.Function makes of a name and a domain, with no rules of its own."""
    if type(head) is not UndefinedFunction or head.__bases__ != (AppliedUndef,):
        return False
    twin = UndefinedFunction(head.__name__, **head._kwargs)
    own, its = ({k: v for k, v in vars(f).items() if k[:3] == "is_"} for f in (head, twin))
    known = {"commutative": True, **head._kwargs} in _DOMAINS
    return known and own == its and vars(head).keys() == vars(twin).keys()


def bound_indices(*terms: sp.Basic) -> set[sp.Basic]:
    """The indices of all sums within."""
    return {x for term in terms for total in term.atoms(sp.Sum) for x, *_ in total.limits}


def fresh(index: sp.Symbol) -> sp.Dummy:
    """An index that no term contains; sympy's own counter could be foreseen."""
    return sp.Dummy(index.name, dummy_index=secrets.randbits(128), **INDEX)


def check_indices(limits: Iterable[tuple[sp.Symbol, sp.Expr]]) -> None:
    """Sums run over different symbols, declared as positive integers, to what is free of them."""
    limits = tuple(limits)
    indices = [x for x, _ in limits]
    for x, upper in limits:
        if x == DIMENSION or x.assumptions0 != _INDEX_DOMAIN or not upper.is_integer:
            raise ProofError(f"cannot sum over {x} = 1..{upper}")
    if len(set(indices)) < len(indices) or any(upper.has(*indices) for _, upper in limits):
        raise ProofError(f"indices of one sum that hang together: {limits}")


def check_variables(variables: Iterable[sp.Expr]) -> None:
    """Differentiation is with respect to real variables whose domain is an open interval."""
    for x in variables:
        if x.assumptions0 not in _OPEN_DOMAINS:  # so x is a symbol or an indexed quantity
            raise ProofError(f"cannot differentiate with respect to {x}")


def check_domain(value: sp.Expr, declared: sp.Expr) -> None:
    """Raise ProofError unless all that is declared of one term is known of the other."""
    for name in sorted(_assume_defined):  # assumptions0 is empty for applied functions
        holds = getattr(declared, f"is_{name}")
        if holds is not None and getattr(value, f"is_{name}") is not holds:
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
        """Of both sides; bound indices do not count, the dimension that traces speak of does."""
        free: set[sp.Basic] = self.left.free_symbols | self.right.free_symbols
        return free | {DIMENSION} if self.left.has(Tr) or self.right.has(Tr) else free


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


@dataclass(frozen=True)
class Hypothesis:
    """A formula taken as given, for all values of the symbols in `forall` (in their domains).

    Where indices lie in the ranges `within`; nothing is said of others.
    """

    formula: Formula
    forall: tuple[sp.Symbol, ...] = ()
    within: tuple[InRange, ...] = ()

    @property
    def free_symbols(self) -> set[sp.Basic]:
        """What the hypothesis speaks of; quantified symbols do not count."""
        free = self.formula.free_symbols.union(*(given.free_symbols for given in self.within))
        return free - set(self.forall)


Given: TypeAlias = Hypothesis | InRange


def check_statements(*statements: Any) -> None:
    """Raise ProofError unless they are what they seem, in terms that the kernel knows."""
    for one in statements:
        if type(one) is InRange:
            check_terms(one.index, one.upper)
        elif type(one) is Hypothesis:
            if {type(one.forall), type(one.within)} != {tuple}:  # others may change when read
                raise ProofError(f"expected tuples, got {one.forall!r} and {one.within!r}")
            check_statements(one.formula, *one.within)
            if (
                not {type(x) for x in one.forall} <= {sp.Symbol, sp.Dummy}
                or DIMENSION in one.forall
            ):
                raise ProofError(f"cannot quantify over {one.forall}")
        elif (type(one), type(getattr(one, "relation", None))) == (Formula, str):
            check_terms(one.left, one.right)
            if one.relation != "=" and not one.gap.is_commutative:
                raise ProofError(f"an inequality between operators: {one}")
        else:
            raise ProofError(f"expected a formula, a hypothesis or a range, got {one!r}")
