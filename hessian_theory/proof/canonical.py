"""A normal form for expressions with symbolic sums, so that equal ones become identical.

Nothing in sympy merges products of sums, renames bound indices and collapses Kronecker deltas
in one go; this does, for sums with lower limit 1 and symbolic upper limits:

    sum_k sum_p delta_{p a} g_k f_p,k * sum_q h_q   ->   Sum(g_k f_a,k h_p, (k, 1, C), (p, 1, P))

Each rewriting is an identity. Collapsing a delta against a free index a uses 1 <= a <= upper
limit, which the derivations list among their assumptions ("a is a patch index").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, permutations, product

from sympy import (
    Add,
    Derivative,
    Dummy,
    Expr,
    KroneckerDelta,
    Mul,
    Pow,
    S,
    Sum,
    Symbol,
    default_sort_key,
    expand,
    factor_terms,
    powsimp,
    simplify,
    sympify,
)

Limits = tuple[tuple[Symbol, Expr, Expr], ...]
Term = tuple[Expr, Limits]

# Bound indices are renamed to these, by the name of the upper limit.
_NAMES = {"P": "pqrt", "C": "klmh", "N": "nvwz"}
_MAX_ORDERINGS = 720


def _terms(expr: Expr) -> list[Term]:
    """Write `expr` as a list of (body, limits) with bound indices made unique."""
    if isinstance(expr, Add):
        return [term for arg in expr.args for term in _terms(arg)]
    if isinstance(expr, Mul):
        combined: list[Term] = [(S.One, ())]
        for arg in expr.args:
            parts = _terms(arg)
            combined = [
                (b1 * b2, l1 + l2) for (b1, l1), (b2, l2) in product(combined, map(_fresh, parts))
            ]
        return combined
    if isinstance(expr, Pow) and expr.exp.is_Integer and expr.exp > 1 and expr.base.has(Sum):
        return _terms(Mul(*[expr.base] * int(expr.exp), evaluate=False))
    if isinstance(expr, Sum):
        limits = tuple((x, low, high) for x, low, high in expr.limits)
        return [_fresh((body, inner + limits)) for body, inner in _terms(expr.function)]
    opened = expand(expr)
    if opened != expr and isinstance(opened, Add | Mul | Sum):
        return _terms(opened)
    return [(expr, ())]


def _fresh(term: Term) -> Term:
    body, limits = term
    rename = {x: Dummy(x.name, integer=True, positive=True) for x, _, _ in limits}
    return body.xreplace(rename), tuple((rename[x], lo, hi) for x, lo, hi in limits)


def _collapse(body: Expr, limits: Limits) -> Iterator[Term]:
    """Expand the body, use up Kronecker deltas and sum constants over idle indices."""
    for piece in Add.make_args(expand(body)):
        left = list(limits)
        changed = True
        while changed:
            changed = False
            for delta in sorted(piece.atoms(KroneckerDelta), key=default_sort_key):
                bound = next((lim for lim in left if lim[0] in delta.args), None)
                if bound is None or not _is_factor(piece, delta):
                    continue
                other = delta.args[1] if delta.args[0] == bound[0] else delta.args[0]
                if any(other == lim[0] and lim[1:] != bound[1:] for lim in left):
                    continue
                piece = piece.xreplace({delta: S.One}).xreplace({bound[0]: other})
                left.remove(bound)
                changed = True
                break
        for bound in list(left):
            if bound[1] == bound[2]:
                piece = piece.xreplace({bound[0]: bound[1]})
                left.remove(bound)
            elif not piece.has(bound[0]):
                piece *= bound[2] - bound[1] + 1
                left.remove(bound)
        yield _use_free_deltas(piece), tuple(left)


def _use_free_deltas(piece: Expr) -> Expr:
    """delta_ab F(b) = delta_ab F(a) for free a, b: keep one of the two in the other factors."""
    for delta in sorted(piece.atoms(KroneckerDelta), key=default_sort_key):
        if not _is_factor(piece, delta):
            continue
        keep, drop = sorted(delta.args, key=default_sort_key)
        if isinstance(drop, Symbol):
            piece = delta * (piece / delta).xreplace({drop: keep})
    return piece


def _is_factor(piece: Expr, delta: Expr) -> bool:
    return delta in Mul.make_args(piece)


def _index_names(limits: Limits, taken: set[str]) -> dict[Expr, list[Symbol]]:
    names: dict[Expr, list[Symbol]] = {}
    for _, _, high in limits:
        stem = _NAMES.get(str(high), "ijxyuv")
        have = names.setdefault(high, [])
        pool = [c for c in stem if c not in taken] + [
            f"{stem[0]}{i}" for i in range(1, 9) if f"{stem[0]}{i}" not in taken
        ]
        have.append(Symbol(pool[0], integer=True, positive=True))
        taken.add(pool[0])
    return names


def _canonical_names(body: Expr, limits: Limits) -> Term:
    """Rename bound indices so that two terms equal up to renaming become identical."""
    taken = {s.name for s in body.free_symbols - {lim[0] for lim in limits}}
    names = _index_names(limits, taken)
    groups: dict[Expr, list[Symbol]] = {}
    for x, _, high in limits:
        groups.setdefault(high, []).append(x)
    highs = sorted(groups, key=str)
    choices = product(*(permutations(names[h]) for h in highs))
    best: tuple[str, Expr] | None = None
    for choice in islice(choices, _MAX_ORDERINGS):
        rename = {
            old: new
            for h, order in zip(highs, choice, strict=True)
            for old, new in zip(groups[h], order, strict=True)
        }
        candidate = body.xreplace(rename)
        key = str(candidate)
        if best is None or key < best[0]:
            best = (key, candidate)
    assert best is not None
    low = {h: next(lim[1] for lim in limits if lim[2] == h) for h in highs}
    return best[1], tuple((x, low[h], h) for h in highs for x in names[h])


def _in_order(derivative: Derivative) -> Derivative:
    """Mixed derivatives commute (the functions are smooth): one order for all of them."""
    variables = sorted(derivative.variables, key=str)
    return Derivative(derivative.expr, *variables, evaluate=False)


def canonical(expr: Expr | Sequence[Expr]) -> Expr:
    """Normal form of a scalar expression with sums; equal inputs usually give identical outputs.

    Args:
        expr: sums of products of (nested) `Sum`s with limits (x, 1, upper); anything else is
            treated as an opaque factor.

    Returns:
        `coefficient * Sum(body, limits...)` terms, each body free of constant factors and of
        Kronecker deltas that one of its own indices can absorb.
    """
    collected: dict[tuple[Expr, Limits], Expr] = {}
    ordered = sympify(expr).replace(lambda e: isinstance(e, Derivative), _in_order)
    for body, limits in _terms(ordered):
        for piece, left in _collapse(body, limits):
            bound = {lim[0] for lim in left}
            outside, inside = S.One, S.One
            for factor in Mul.make_args(piece):
                if factor.free_symbols & bound:
                    inside *= factor
                else:
                    outside *= factor
            named = _canonical_names(inside, left) if left else (inside, left)
            collected[named] = collected.get(named, S.Zero) + outside
    total = S.Zero
    for (body, limits), coefficient in collected.items():
        tidy = powsimp(expand(coefficient))
        if tidy != 0:
            tidy = simplify(tidy) if isinstance(tidy, Add) else factor_terms(tidy)
        total += tidy * (Sum(body, *limits) if limits else body)
    return total
