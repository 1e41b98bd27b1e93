"""A normal form in which equal expressions with symbolic sums become identical. Trusted.

    expr = sum_i c_i Sum(b_i, limits_i) w_i,   w_i words of operators, c_i free of bound indices.

Each rewriting is an identity: sums are multiplied out and their indices renamed, a delta with a
bound index is used up if its other argument is in range, idle sums are counted, mixed derivatives
commute (functions are smooth), words are reduced by X X = 1 for the involutions X. The expression
is zero if every c_i is zero as a rational function; what is not seen to be zero stays unproved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice, permutations, product
from typing import Final, TypeAlias

import sympy as sp
from sympy.core.function import AppliedUndef

from patchlaw.hessian_theory.proof.language import (
    BOUND,
    DIMENSION,
    InRange,
    ProofError,
    Tr,
    check_terms,
    fresh,
)

Limit: TypeAlias = tuple[sp.Symbol, sp.Expr]
Limits: TypeAlias = tuple[Limit, ...]
Term: TypeAlias = tuple[sp.Expr, Limits]
Word: TypeAlias = tuple[sp.Symbol, ...]
_MAX_ORDERINGS: Final = 720
_MAX_OPENED: Final = 64


class NormalForm:
    """The normal form, given what is known of free indices and which operators square to one.

    Attributes:
        used: the index ranges that deltas were collapsed against.
    """

    def __init__(
        self, ranges: Collection[InRange] = (), involutions: Collection[sp.Expr] = ()
    ) -> None:
        self._ranges = frozenset(ranges)
        self._involutions = frozenset(involutions)
        self.used: set[InRange] = set()

    def vanishes(self, expr: sp.Expr) -> bool:
        """Whether every coefficient is identically zero as a rational function."""
        return bool(self.rebuilt(expr) == 0)

    def rebuilt(self, expr: sp.Expr) -> sp.Expr:
        """The same expression, written by its normal form."""
        return sp.Add(
            *(
                sp.together(c)
                * (sp.Sum(body, *((x, 1, hi) for x, hi in limits)) if limits else body)
                * sp.Mul(*word)
                for (body, word, limits), c in self._parts(expr).items()
                if sp.expand(c) != 0 and sp.expand(sp.fraction(sp.together(c))[0]) != 0
            )
        )

    def _parts(self, expr: sp.Expr) -> dict[tuple[sp.Expr, Word, Limits], sp.Expr]:
        """Coefficient by (body, word, limits)."""
        found: dict[tuple[sp.Expr, Word, Limits], sp.Expr] = {}
        for body, limits in self._monomials(_carried_out(expr)):
            outside, inside, word, left = self._collapsed(body, limits)
            inside, left = _renamed(inside, left)
            key = (inside, word, left)
            found[key] = found.get(key, sp.S.Zero) + outside
        return found

    def _monomials(self, expr: sp.Expr) -> list[Term]:
        """Multiplied out: products of factors, each under its sums."""
        found: list[Term] = []
        for term in sp.Add.make_args(sp.expand(expr)):
            found += _product(self._factor(part) for part in sp.Mul.make_args(term))
        return found

    def _factor(self, part: sp.Expr) -> list[Term]:
        if isinstance(part, sp.Sum):
            return self._opened(part)
        if isinstance(part, sp.Pow) and part.exp.is_Integer and part.exp > 1:
            if isinstance(part.base, sp.KroneckerDelta):
                return self._factor(part.base)
            if isinstance(part.base, sp.Sum):
                return _product(self._factor(part.base) for _ in range(int(part.exp)))
        if isinstance(part, Tr):
            return [(self._trace(body), limits) for body, limits in self._monomials(part.args[0])]
        if part.has(sp.Product) or (part.has(sp.Sum) and isinstance(part, sp.Derivative)):
            raise ProofError(f"bound indices that are not seen through: {part}")
        if part.has(sp.Sum):
            part = part.func(*map(self.rebuilt, part.args))
        return [(part, ())]

    def _opened(self, total: sp.Sum) -> list[Term]:
        names = {x: fresh(x) for x, *_ in total.limits}  # now: of x itself a range may be known
        terms = self._monomials(total.function.xreplace(names))
        for x, _, hi in total.limits:
            name = names[x]
            if any(upper.has(name) for _, limits in terms for _, upper in limits):
                raise ProofError(f"a limit of a sum depends on the index {x}")
            if hi.is_Integer and hi <= _MAX_OPENED:
                values = [sp.Integer(i) for i in range(1, int(hi) + 1)]
                terms = [(b.xreplace({name: i}), limits) for b, limits in terms for i in values]
            else:
                terms = [(body, (*limits, (name, hi))) for body, limits in terms]
        return terms

    def _collapsed(self, body: sp.Expr, limits: Limits) -> tuple[sp.Expr, sp.Expr, Word, Limits]:
        """Deltas used up, idle indices counted: (coefficient, body, word, limits)."""
        left, outside, inside = list(limits), sp.S.One, sp.S.One
        done: set[sp.Expr] = set()
        while delta := next((e for e in _deltas(body) if e not in done), None):
            done.add(delta)
            if absorbed := next(self._absorbers(delta, left), None):
                index, other = absorbed
                left = [limit for limit in left if limit[0] != index]
                body = (body / delta).xreplace({index: other})
                continue
            keep, drop = sorted(delta.args, key=str)  # delta_ab F(b) = delta_ab F(a)
            if isinstance(drop, sp.Symbol):
                body = delta * (body / delta).xreplace({drop: keep})
        for x, hi in [limit for limit in left if not body.has(limit[0])]:
            if not sp.factor(hi).is_nonnegative:
                raise ProofError(f"the number of terms {hi} may be negative")
            outside *= hi
            left.remove((x, hi))
        commuting, word = body.args_cnc()
        bound = {x for x, _ in left}
        for part in commuting:
            if part.free_symbols & bound:
                inside *= part
            else:
                outside *= part
        return outside, inside, self._reduced(_letters(word)), tuple(left)

    def _absorbers(
        self, delta: sp.KroneckerDelta, limits: Sequence[Limit]
    ) -> Iterator[tuple[sp.Symbol, sp.Expr]]:
        """A bound index of the delta, and what may take its place."""
        for x, other in (delta.args, delta.args[::-1]):
            hi = dict(limits).get(x)
            if hi is None or other.has(x):
                continue
            if (other, hi) in limits:
                yield x, other
            elif not other.free_symbols & dict(limits).keys():
                known = InRange(other, hi)
                if known.is_evident or known in self._ranges:
                    self.used |= {known} & self._ranges
                    yield x, other

    def _reduced(self, word: Word) -> Word:
        stack: list[sp.Symbol] = []
        for letter in word:
            if stack and stack[-1] == letter and letter in self._involutions:
                stack.pop()
            else:
                stack.append(letter)
        return tuple(stack)

    def _trace(self, body: sp.Expr) -> sp.Expr:
        commuting, factors = body.args_cnc()
        word = self._reduced(_letters(factors))
        while len(word) > 1 and word[0] == word[-1] and word[0] in self._involutions:
            word = word[1:-1]
        word = min((word[i:] + word[:i] for i in range(len(word))), key=str, default=word)
        return sp.Mul(*commuting) * (Tr(sp.Mul(*word)) if word else DIMENSION)


def _product(factors: Iterable[list[Term]]) -> list[Term]:
    terms: list[Term] = [(sp.S.One, ())]
    for several in factors:
        terms = [(a * b, ls + ms) for a, ls in terms for b, ms in several]
    return terms


def _carried_out(expr: sp.Expr) -> sp.Expr:
    """Derivatives done by sympy, mixed ones in one order, sines and cosines as exponentials."""

    def done(e: sp.Derivative) -> sp.Expr:
        for x in (x for x in e.variables if isinstance(x, sp.Indexed)):
            for g in e.expr.atoms(AppliedUndef):  # at p = q, which slot does f(u_p, u_q) move in?
                if sum(y.base == x.base for y in g.atoms(sp.Indexed)) > 1:
                    raise ProofError(f"{g} has several entries of {x.base}, perhaps the same one")
        # not e.doit(): of Sum(f(x), (p, 1, C - 2)) that makes (C - 2) f'(x), also where C = 1
        result = sp.Derivative(e.expr, *e.variable_count, evaluate=True)
        if isinstance(result, sp.Derivative):
            return sp.Derivative(result.expr, *sorted(result.variables, key=str), evaluate=False)
        return _carried_out(result) if result.has(sp.Derivative) else result

    check_terms(expr)
    expr = expr.replace(lambda e: isinstance(e, sp.Derivative), done)
    check_terms(expr)
    expr = expr.replace(sp.cos, lambda x: (sp.exp(sp.I * x) + sp.exp(-sp.I * x)) / 2)
    return expr.replace(sp.sin, lambda x: (sp.exp(sp.I * x) - sp.exp(-sp.I * x)) / (2 * sp.I))


def _deltas(body: sp.Expr) -> list[sp.KroneckerDelta]:
    return [e for e in sp.Mul.make_args(body) if isinstance(e, sp.KroneckerDelta)]


def _letters(factors: Iterable[sp.Expr]) -> Word:
    letters: list[sp.Symbol] = []
    for part in factors:
        base, power = part.as_base_exp()
        if not isinstance(base, sp.Symbol) or not power.is_Integer or power < 1:
            raise ProofError(f"cannot read {part} as a word of operators")
        letters += [base] * int(power)
    return tuple(letters)


def _renamed(body: sp.Expr, limits: Limits) -> Term:
    """Bound indices under names that terms equal up to renaming share."""
    inner = body.atoms(sp.Dummy)
    free = iter([name for name in BOUND if name not in inner])
    uppers = sorted({hi for _, hi in limits}, key=str)
    groups = [[x for x, hi in limits if hi == upper] for upper in uppers]
    names = [list(islice(free, len(group))) for group in groups]
    if sum(map(len, names)) < len(limits):
        raise ProofError(f"more than {len(BOUND)} sums within each other")
    candidates = [
        body.xreplace(
            {
                old: new
                for group, chosen in zip(groups, order, strict=True)
                for old, new in zip(group, chosen, strict=True)
            }
        )
        for order in islice(product(*map(permutations, names)), _MAX_ORDERINGS)
    ]
    limits = tuple((x, hi) for hi, some in zip(uppers, names, strict=True) for x in some)
    return min(candidates, key=str), limits
