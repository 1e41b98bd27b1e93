"""The trusted kernel: the only rules that make a theorem.

A `Theorem` says: under its hypotheses, its formula holds for all values of its free symbols in the
domains they are declared with. Only the rules below make one (the LCF way), so whatever searches,
simplifies or renders need not be trusted. Trusted are this page, `language` and `normal_form`
beside it, and of sympy: `expand`, `together`, `factor`, `diff`, and what it deduces of declared
domains (`is_positive`, ...) for the terms that `language` admits.

    assume          h |- h, quantified symbols opened
    instantiate     symbols, indexed quantities and functions replaced, in the hypotheses too
    combine         gap = remainder + sum_i times_i * gap_i, decided by the normal form
    differentiate   a = b  gives  da/dx = db/dx, if no hypothesis speaks of x
    trace           a = b  gives  tr a = tr b
    convex          a function that touches zero with slope zero and is convex is >= 0

A sum over a free index needs that no hypothesis fixes it (eigenvariable), a Kronecker delta is
collapsed only against an index known to be in range, and every divisor must be known not to vanish.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import sympy as sp
from sympy.core.function import UndefinedFunction

from patchlaw.hessian_theory.proof.language import (
    DIMENSION,
    Formula,
    Given,
    Hypothesis,
    InRange,
    ProofError,
    Tr,
    bound_indices,
    check_domain,
    check_indices,
    check_statements,
    check_terms,
    check_variables,
    fresh,
)
from patchlaw.hessian_theory.proof.normal_form import NormalForm

_RULES = object()


class Theorem:
    """hypotheses |- formula. Made by the rules of this page and by nothing else."""

    __slots__ = ("formula", "hypotheses")
    formula: Formula
    hypotheses: frozenset[Given]

    def __init__(self, key: object, hypotheses: Collection[Given], formula: Formula) -> None:
        if key is not _RULES:
            raise TypeError("Theorem: expected to be made by a rule of the kernel")
        check_statements(formula, *hypotheses)
        kept = frozenset(h for h in hypotheses if not (isinstance(h, InRange) and h.is_evident))
        object.__setattr__(self, "hypotheses", kept)
        object.__setattr__(self, "formula", formula)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Theorem: expected to stay as it was proved")


def establishes(theorem: object, given: Collection[Given], goal: Formula) -> None:
    """Raise ProofError unless `theorem` is one, says `goal`, and rests on `given` alone."""
    check_statements(goal, *given)
    if type(theorem) is not Theorem or theorem.formula != goal:
        raise ProofError("this is no theorem, or it says something else")
    extra = theorem.hypotheses - set(given)
    if extra:
        raise ProofError(f"rests on what the statement does not assume: {min(extra, key=str)}")


def _check_theorems(*theorems: object) -> None:
    if any(type(theorem) is not Theorem for theorem in theorems):
        raise ProofError("this is no theorem of the kernel's")


@dataclass
class _Signs:
    """What is visibly non-negative, positive or non-zero, given theorems that say so.

    Squares of real terms, declared signs, deltas and 1 - delta, sums and products of such, and
    the gaps of the facts count. `used` collects the hypotheses of the facts that served.
    """

    facts: Sequence[Theorem] = ()
    used: set[Given] = field(default_factory=set)
    bound: tuple[tuple[sp.Symbol, sp.Expr], ...] = ()

    def __post_init__(self) -> None:
        self.facts = tuple(self.facts)  # what is checked is what is used
        _check_theorems(*self.facts)

    def _matching(self, expr: sp.Expr) -> bool:
        unequal = [fact for fact in self.facts if fact.formula.relation != "="]
        same = (fact for fact in unequal if sp.expand(expr - fact.formula.gap) == 0)
        return any(map(self._usable, same))

    def _usable(self, fact: Theorem) -> bool:
        left = set(fact.hypotheses) - {InRange(x, upper) for x, upper in self.bound}
        if any(h.free_symbols & {x for x, _ in self.bound} for h in left):
            return False
        self.used |= left
        return True

    def nonnegative(self, expr: sp.Expr) -> bool:
        return self._nonnegative(expr) or self._nonnegative(sp.factor(expr))

    def _nonnegative(self, expr: sp.Expr) -> bool:
        if not expr.has(sp.Sum, sp.Derivative) and expr.is_nonnegative:
            return True
        if self._matching(expr):
            return True
        if isinstance(expr, sp.KroneckerDelta) or isinstance(1 - expr, sp.KroneckerDelta):
            return True
        if isinstance(expr, sp.Sum):
            return self._inside(expr)._nonnegative(expr.function)
        if isinstance(expr, sp.Add | sp.Mul):
            return all(self._nonnegative(a) for a in expr.args)
        if isinstance(expr, sp.Pow):
            base, power = expr.args
            even = power.is_even and _is_real(base)
            return bool(even or (power.is_real and self._nonnegative(base)))
        return False

    def _inside(self, total: sp.Sum) -> _Signs:
        limits = tuple((x, upper) for x, _, upper in total.limits)
        hidden = [x for x, _ in limits]  # outside, the same names mean something else
        outer = tuple(
            (x, sp.nan if upper.has(*hidden) else upper)
            for x, upper in self.bound
            if x not in hidden
        )
        return _Signs(self.facts, self.used, outer + limits)

    def positive(self, expr: sp.Expr) -> bool:
        """Whether expr is visibly > 0: declared, or a strict fact plus something >= 0."""
        if not expr.has(sp.Sum, sp.Derivative) and expr.is_positive:
            return True
        if isinstance(expr, sp.Mul):
            return all(self.positive(a) for a in expr.args)
        if isinstance(expr, sp.Sum):  # from 1 to something >= 1
            some = all((hi - lo).is_nonnegative for _, lo, hi in expr.limits)
            return some and self._inside(expr).positive(expr.function)
        strict = [f for f in self.facts if f.formula.relation == ">"]
        return any(
            self._nonnegative(sp.expand(expr - f.formula.gap)) and self._usable(f) for f in strict
        )

    def nonzero(self, expr: sp.Expr) -> bool:
        """Whether expr is visibly not 0: a product of terms that are declared so, or signed."""
        for part in sp.Mul.make_args(sp.factor(expr)):
            base = part.base if isinstance(part, sp.Pow) else part
            known = not base.has(sp.Sum, sp.Derivative) and base.is_zero is False
            if not (known or self.positive(base) or self.positive(-base)):
                return False
        return True

    def defined(self, expr: sp.Expr) -> None:
        """Raise ProofError unless no divisor, root or logarithm in `expr` can go wrong."""
        if isinstance(expr, sp.Sum):
            self._inside(expr).defined(expr.function)
            return
        if isinstance(expr, sp.Pow) and not (expr.exp.is_integer and expr.exp.is_nonnegative):
            good = self.nonzero(expr.base) if expr.exp.is_integer else self.positive(expr.base)
            if not good:
                raise ProofError(f"{expr} may be undefined: {expr.base} is not known to be fit")
        if isinstance(expr, sp.log) and not self.positive(expr.args[0]):
            raise ProofError(f"{expr} may be undefined: its argument is not known to be positive")
        for arg in expr.args:
            if isinstance(arg, sp.Expr):
                self.defined(arg)


def _is_real(expr: sp.Expr) -> bool:
    if isinstance(expr, sp.Sum):
        return _is_real(expr.function)
    if isinstance(expr, sp.Add | sp.Mul):
        return all(_is_real(a) for a in expr.args)
    if isinstance(expr, sp.Derivative):
        return _is_real(expr.expr)
    return bool(expr.is_real) or isinstance(expr, sp.KroneckerDelta)


@dataclass(frozen=True)
class Part:
    """`times * gap * after` of a theorem, summed over each (index, upper) in `over` from 1."""

    theorem: Theorem
    times: sp.Expr = sp.S.One
    after: sp.Expr = sp.S.One
    over: tuple[tuple[sp.Symbol, sp.Expr], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", sp.sympify(self.times))
        object.__setattr__(self, "after", sp.sympify(self.after))
        over = tuple((sp.sympify(x), sp.sympify(upper)) for x, upper in self.over)
        object.__setattr__(self, "over", over)
        _check_theorems(self.theorem)
        check_terms(self.times, self.after, *(side for limit in over for side in limit))
        check_indices(over)


def assume(hypothesis: Hypothesis, facts: Sequence[Theorem] = ()) -> Theorem:
    """h |- h: the formula of a hypothesis, its quantified symbols free, within their ranges."""
    signs, given = _Signs(facts), set[Given]([hypothesis, *hypothesis.within])
    signs.defined(hypothesis.formula.left)
    signs.defined(hypothesis.formula.right)
    return Theorem(_RULES, given | signs.used, hypothesis.formula)


def combine(
    goal: Formula,
    parts: Sequence[Part] = (),
    remainder: sp.Expr = sp.S.Zero,
    facts: Sequence[Theorem] = (),
    ranges: Collection[InRange] = (),
) -> Theorem:
    """The goal, because its gap is a visibly non-negative remainder plus multiples of gaps.

    An equation may be multiplied by anything that is defined, an inequality by what is visibly
    non-negative. For an equation as the goal, all parts are equations and the remainder is 0.
    """
    remainder = sp.sympify(remainder)
    check_statements(goal, *(ranges := tuple(ranges)))
    check_terms(remainder)
    signs, given, total = _Signs(facts), set[Given](), goal.gap - remainder
    for term in (goal.left, goal.right, remainder):
        signs.defined(term)
    if goal.relation == ">" or (goal.relation == "=" and remainder != 0):
        raise ProofError("an equation has no remainder, and a strict inequality is only assumed")
    if not signs.nonnegative(remainder):
        raise ProofError(f"the remainder {remainder} is not visibly non-negative")
    for part in parts:
        if type(part) is not Part:
            raise ProofError(f"expected a part, got {part!r}")
        formula, indices = part.theorem.formula, {x for x, _ in part.over}
        local = _Signs(facts, signs.used, part.over)
        local.defined(part.times)
        local.defined(part.after)
        if formula.relation != "=":
            if goal.relation == "=":
                raise ProofError("an equation follows from equations only")
            if part.after != 1 or not local.nonnegative(part.times):
                raise ProofError(f"the factor {part.times} may be negative")
        left = part.theorem.hypotheses - {InRange(x, upper) for x, upper in part.over}
        fixed = {s for h in left for s in h.free_symbols} & indices
        if fixed:
            raise ProofError(f"cannot sum over {fixed}: a hypothesis fixes it")
        given |= left
        term = part.times * formula.gap * part.after
        total -= sp.Sum(term, *((x, 1, upper) for x, upper in part.over)) if part.over else term
    form = NormalForm(ranges, {x for h in given for x in _involutions(h)})
    if (rest := form.rebuilt(total)) != 0:
        raise ProofError(f"the two sides differ by {rest}")
    return Theorem(_RULES, given | signs.used | form.used, goal)


def _involutions(given: Given) -> set[sp.Expr]:
    """X, if the hypothesis says X^2 = 1 (it counts where X is an operator)."""
    if isinstance(given, InRange) or given.within or given.formula.relation != "=":
        return set()
    left, right = given.formula.left, given.formula.right
    return {left.base} if isinstance(left, sp.Pow) and left.exp == 2 and right == 1 else set()


Replaced: TypeAlias = sp.Symbol | sp.IndexedBase | UndefinedFunction


def instantiate(theorem: Theorem, at: Mapping[Replaced, sp.Expr | sp.Lambda]) -> Theorem:
    """The theorem with one thing after another replaced, in its hypotheses too.

    A symbol's value must lie in the symbol's declared domain, so must that of an indexed quantity
    or a function, which are given as a Lambda of their arguments. Variables of differentiation
    stay, and no value may speak of them or of what a hypothesis binds.
    """
    for what, value in at.items():
        theorem = _instance(theorem, what, sp.sympify(value))
    return theorem


def _instance(theorem: Theorem, what: Replaced, value: sp.Expr | sp.Lambda) -> Theorem:
    _check_theorems(theorem)
    whole = type(what) in (sp.Symbol, sp.Dummy)
    function = type(what) is sp.IndexedBase or type(what) is UndefinedFunction
    if not whole and not (function and type(value) is sp.Lambda):
        raise ProofError(f"{what}: expected a symbol, an indexed quantity or a function")
    body = value if whole else value.expr
    free = value.free_symbols
    check_terms(body)
    if not whole and body.has(sp.Sum, sp.Derivative):
        raise ProofError(f"{body} for {what}: expected no sum or derivative; use a hypothesis")

    def meant(e: sp.Basic) -> bool:
        return e.func == what or (isinstance(e, sp.Indexed) and e.base == what)

    def become(e: sp.Expr) -> sp.Expr:
        new = value if whole else value(*getattr(e, "indices", e.args))
        check_domain(new, e)
        _Signs().defined(new)
        return new

    def through(e: sp.Basic) -> sp.Basic:  # replace() may leave the outer f of f(f(x)), and takes
        args = tuple(map(through, e.args))  # the f of a value that makes t f(x) one for another
        new = e if args == e.args else e.func(*args)
        return become(new) if meant(e) else new

    def put(expr: sp.Expr) -> sp.Expr:
        if any(base.label == what for base in expr.atoms(sp.IndexedBase)):
            raise ProofError(f"{what} is also the name of an indexed quantity")
        if what == DIMENSION and expr.has(Tr):
            raise ProofError(f"{expr} is taken over {what}, which cannot be replaced")
        return expr.xreplace({what: become(what)}) if whole else through(expr)

    def in_formula(formula: Formula, sides: tuple[sp.Expr, sp.Expr]) -> Formula:
        moving = {x for e in sides for d in e.atoms(sp.Derivative) for x in d.variables}
        moving |= {part for x in moving for part in (*x.free_symbols, getattr(x, "base", x))}
        if what in moving or free & moving:
            raise ProofError(f"{what}: a variable of differentiation cannot be replaced")
        left, right = map(put, sides)
        return Formula(left, formula.relation, right)

    def in_range(given: InRange) -> InRange:
        return InRange(put(given.index), put(given.upper))

    def in_given(given: Given) -> Given:
        if isinstance(given, InRange):
            return in_range(given)
        sides = (given.formula.left, given.formula.right)
        ranges = tuple(map(in_range, given.within))
        same = ranges == given.within and all(put(e) == e for e in sides)
        if (whole and what not in given.free_symbols) or same:
            return given
        bound = bound_indices(*sides) | set(given.forall)
        if free & bound or what in bound:
            raise ProofError(f"a hypothesis binds {sorted(map(str, free & bound))}")
        return Hypothesis(in_formula(given.formula, sides), given.forall, ranges)

    hypotheses = {in_given(h) for h in theorem.hypotheses}
    formula = theorem.formula
    sides = _apart(formula.left), _apart(formula.right)
    return Theorem(_RULES, hypotheses, in_formula(formula, sides))


def _apart(expr: sp.Expr) -> sp.Expr:
    """Bound indices under fresh names, so that nothing put in is captured."""
    names = {x: fresh(x) for x in bound_indices(expr)}
    return expr.replace(
        lambda e: isinstance(e, sp.Sum),
        lambda e: e.xreplace({x: names[x] for x, *_ in e.limits}),
    )


def differentiate(theorem: Theorem, variable: sp.Symbol) -> Theorem:
    """From a = b, for all values of the variable: da/dx = db/dx."""
    _check_theorems(theorem)
    check_variables([variable])
    left, right = theorem.formula.left, theorem.formula.right
    if theorem.formula.relation != "=" or not isinstance(variable, sp.Symbol):
        raise ProofError("equations are differentiated, with respect to symbols")
    if any(variable in h.free_symbols for h in theorem.hypotheses):
        raise ProofError(f"a hypothesis speaks of {variable}")
    goal = Formula(sp.Derivative(left, variable), "=", sp.Derivative(right, variable))
    return Theorem(_RULES, theorem.hypotheses, goal)


def trace(theorem: Theorem) -> Theorem:
    """From a = b for operators: tr a = tr b."""
    _check_theorems(theorem)
    if theorem.formula.relation != "=":
        raise ProofError("only equations have traces")
    goal = Formula(Tr(theorem.formula.left), "=", Tr(theorem.formula.right))
    return Theorem(_RULES, theorem.hypotheses, goal)


def convex(
    goal: Formula, variable: sp.Symbol, anchor: sp.Expr, facts: Sequence[Theorem] = ()
) -> Theorem:
    """gap >= 0: gap and slope vanish at the anchor, the second derivative is >= 0 (Taylor).

    The variable's declared domain is an interval; the anchor lies in it.
    """
    anchor = sp.sympify(anchor)
    check_terms(anchor)
    check_variables([variable])
    check_domain(anchor, variable)
    signs, form, gap = _Signs(facts), NormalForm(), goal.gap
    signs.defined(goal.left)
    signs.defined(goal.right)
    fit = isinstance(variable, sp.Symbol) and not gap.has(sp.Sum, sp.Derivative)
    if goal.relation not in ("<=", ">=") or not fit:
        raise ProofError("convexity proves an inequality between functions of one variable")
    slope = gap.diff(variable)
    if slope.has(sp.Derivative):  # of f(x, a) at x = a it would be that of f(a, a)
        raise ProofError(f"a slope that is not a formula in {variable}: {slope}")
    for expr in (gap, slope):
        if not form.vanishes(expr.xreplace({variable: anchor})):
            raise ProofError(f"value or slope at {anchor} is not zero")
    if not signs.nonnegative(gap.diff(variable, 2)):
        raise ProofError(f"the second derivative {gap.diff(variable, 2)} may be negative")
    if any(variable in h.free_symbols for h in signs.used):
        raise ProofError(f"a hypothesis speaks of {variable}")
    return Theorem(_RULES, signs.used, goal)
