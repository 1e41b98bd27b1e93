"""Deciding whether an expression is zero, and whether it is visibly non-negative.

Zero is decided symbolically where possible (normal form, expansion, simplification); where that
stays undecided, at random points with mpmath at 50 digits, a near-zero value being re-evaluated
at 100 digits before it is called zero. Every decision says which of the two it was.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import mpmath
from sympy import (
    Abs,
    Add,
    Basic,
    Derivative,
    Expr,
    Integer,
    KroneckerDelta,
    MatrixBase,
    Mul,
    Pow,
    S,
    Subs,
    Sum,
    expand,
    expand_trig,
    factor,
    simplify,
)

from hessian_theory.proof.canonical import canonical
from hessian_theory.proof.formula import ProofError
from hessian_theory.proof.points import Point, UndefinedHereError

DIGITS = 50
POINTS = 6
_CLEARLY_NONZERO = mpmath.mpf(10) ** -30
_ZERO_AT_TWICE = mpmath.mpf(10) ** -80

Method = Literal["symbolic", "exact", "numerical"]


@dataclass(frozen=True)
class Decision:
    """How one step was decided.

    Attributes:
        method: "symbolic" (an identity established by rewriting), "exact" (exact numbers compared,
            or all instances of a finite range) or "numerical" (random points, mpmath).
        detail: what was done, in a few words.
        samples: number of random points, for "numerical".
        digits: decimal digits used, for "numerical".
    """

    method: Method
    detail: str
    samples: int = 0
    digits: int = 0


def _entries(expr: Basic) -> list[Expr]:
    return list(expr) if isinstance(expr, MatrixBase) else [expr]


def _differentiated(expr: Expr) -> Expr:
    """Carry out derivatives and substitutions only: sympy's way with delta sums is not wanted."""
    return expr.replace(
        lambda e: isinstance(e, Derivative | Subs), lambda e: e.doit(deep=isinstance(e, Subs))
    )


def _cheap_zero(expr: Expr) -> bool:
    if expr == 0:
        return True
    if expr.has(Sum, KroneckerDelta):
        return bool(canonical(expr) == 0)
    return bool(expand(expr) == 0)


def _costly_zero(expr: Expr) -> bool:
    attempts = (
        lambda e: canonical(e) if e.has(Sum, KroneckerDelta) else e,
        lambda e: expand(expand_trig(expand(e))),
        simplify,
        lambda e: simplify(expand(e, func=True, complex=False)),
    )
    return any(attempt(expr) == 0 for attempt in attempts)


def _vanishes_at(point: Point, expr: Expr, scale_of: Iterable[Expr]) -> tuple[bool, str]:
    scale = max([mpmath.mpf(1)] + [abs(point.value(e, DIGITS)) for e in scale_of])
    value = abs(point.value(expr, DIGITS))
    if value > _CLEARLY_NONZERO * scale:
        return False, mpmath.nstr(value, 6)
    again = abs(point.value(expr, 2 * DIGITS))
    return bool(again <= _ZERO_AT_TWICE * scale), mpmath.nstr(again, 6)


def _try_points(parts: list[Expr], scale_of: tuple[Expr, ...], rng: random.Random) -> None:
    """Raise ProofError if a part is not zero at one of POINTS points where it is defined."""
    tried = 0
    for _ in range(20 * POINTS):
        point = Point(rng)
        try:
            outcomes = [_vanishes_at(point, e, scale_of) for e in parts]
        except UndefinedHereError:
            continue
        for vanishes, value in outcomes:
            if not vanishes:
                at = ", ".join(f"{s}={v}" for s, v in list(point.symbols.items())[:6])
                raise ProofError(f"the two sides differ by {value} at {at}")
        tried += 1
        if tried == POINTS:
            return
    raise ProofError("no point was found at which both sides are defined")


def decide_zero(expr: Basic, *, seed: int = 0, scale_of: Iterable[Expr] = ()) -> Decision:
    """Decide that `expr` (a scalar or a matrix) vanishes identically.

    Args:
        expr: the expression; unevaluated derivatives and sums are carried out.
        seed: of the random points.
        scale_of: expressions whose size sets the scale that "near zero" refers to.

    Raises:
        ProofError: it does not vanish (with the point and the value), or, for expressions in
            non-commuting symbols, the normal form is not zero.
    """
    parts = [_differentiated(e) for e in _entries(expr)]
    left = [e for e in parts if not _cheap_zero(e)]
    if not left:
        return Decision("symbolic", "same normal form")
    if any(not e.is_commutative for e in left):
        raise ProofError(f"the two sides differ by {left[0]} in the free algebra")
    _try_points(left, tuple(scale_of), random.Random(seed))
    if all(_costly_zero(e) for e in left):
        return Decision("symbolic", "simplifies to zero")
    return Decision("numerical", "equal at random points", POINTS, DIGITS)


def visibly_nonnegative(expr: Expr, known: Iterable[Expr] = ()) -> bool:
    """Whether `expr` is a sum and product of parts each of which is visibly >= 0.

    Squares of real expressions, absolute values, symbols declared non-negative, 1 - delta_kl,
    and the expressions in `known` (gaps of earlier steps and assumptions) count; sampling never
    does.
    """
    facts = tuple(expand(e) for e in known)
    return _nonnegative(expr, facts) or _nonnegative(factor(expr), facts)


def _nonnegative(expr: Expr, facts: tuple[Expr, ...]) -> bool:
    if expr.is_nonnegative is True or expand(expr) in facts:
        return True
    if isinstance(expr, Abs | KroneckerDelta) or _is_one_minus_delta(expr):
        return True
    if isinstance(expr, Sum):
        return _nonnegative(expr.function, facts)
    if isinstance(expr, Add):
        return all(_nonnegative(a, facts) for a in expr.args)
    if isinstance(expr, Mul):
        return all(_nonnegative(a, facts) for a in expr.args)
    if isinstance(expr, Pow):
        base, power = expr.args
        if power.is_even and base.is_extended_real:
            return True
        return bool(power.is_real) and _nonnegative(base, facts)
    return False


def _is_one_minus_delta(expr: Expr) -> bool:
    rest = S.One - expr
    return isinstance(rest, KroneckerDelta) or expr == Integer(1)
