"""The normal form and the signs against plain evaluation, which shares nothing with them.

Sums are opened by the reader of `opened_formulas`, operators are 2 x 2 matrices, numbers fractions.
"""

import cmath
import itertools
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.hessian_theory.proof.kernel import Part, Theorem, assume, combine, instantiate
from patchlaw.hessian_theory.proof.language import (
    DIMENSION,
    Formula,
    Hypothesis,
    InRange,
    ProofError,
    Tr,
)
from patchlaw.hessian_theory.proof.normal_form import NormalForm
from tests.strategies import examples
from tests.theory.kernel_symbols import A, B, C, F, M, P, W, X, Y, k, p, q
from tests.theory.opened_formulas import Reader, Scope

O = sp.Symbol("O", commutative=False)  # noqa: E741
SIZES = {P: 3, C: 2, DIMENSION: 2}
RANGES = [InRange(k, P), InRange(k, C)]  # of p and q nothing is known


class Matrix:
    """2 x 2 matrices over the fractions; a number is that multiple of the identity."""

    def __init__(self, a: Any, b: Any = 0, c: Any = 0, d: Any = None) -> None:
        self.entries = tuple(map(Fraction, (a, b, c, a if d is None else d)))

    def __add__(self, other: "Matrix") -> "Matrix":
        return Matrix(*(x + y for x, y in zip(self.entries, other.entries, strict=True)))

    def __mul__(self, other: "Matrix") -> "Matrix":
        (a, b, c, d), (e, f, g, h) = self.entries, other.entries
        return Matrix(a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h)

    def __pow__(self, power: int) -> "Matrix":
        result = Matrix(Fraction(1))
        for _ in range(power):
            result = result * self
        return result

    @property
    def is_zero(self) -> bool:
        """Whether all entries are."""
        return not any(self.entries)


WORDS = {"A": Matrix(0, 1, 1, 0), "B": Matrix(1, 0, 0, -1), "O": Matrix(1, 2, 3, 5)}


class Opened(Reader):
    """Every quantity is worth a number drawn from its name and indices, operators are `WORDS`."""

    def number(self, value: sp.Rational) -> Matrix:
        """An exact number."""
        return Matrix(Fraction(int(value.p), int(value.q)))

    def leaf(self, key: tuple[Any, ...]) -> Matrix:
        """The operator of that name, or the number drawn."""
        known = [Fraction(x) for x in ("-3", "-1", "1/2", "2", "5", "7/3")]
        return WORDS.get(key[0]) or Matrix(random.Random(str(key)).choice(known))

    def __call__(self, expr: Any, scope: Scope) -> Matrix:
        """As the reader, and traces."""
        if isinstance(expr, Tr):
            entries = self(expr.args[0], scope).entries
            return Matrix(entries[0] + entries[3])
        if isinstance(expr, sp.Function) and not isinstance(expr, sp.KroneckerDelta):
            return self.leaf((str(expr.func), *(self(x, scope).entries for x in expr.args)))
        return super().__call__(expr, scope)


READ = Opened()


def scopes(free: tuple[sp.Symbol, ...] = (p, q)) -> list[Scope]:
    """All values of the free indices, those of k where it is in range."""
    values = itertools.product(*((1, 2, 3) for _ in free), (1, 2))
    return [SIZES | dict(zip((*free, k), some, strict=True)) for some in values]


def is_zero(expr: sp.Expr) -> bool:
    return all(READ(expr, scope).is_zero for scope in scopes())


def leaves(draw: st.DrawFn) -> sp.Expr:
    index = draw(st.sampled_from([p, q, k, sp.S.One]))
    kinds: list[Callable[[], sp.Expr]] = [
        *(lambda: F[index], lambda: W[index], lambda: F[index, p], lambda: X, lambda: P),
        lambda: sp.KroneckerDelta(draw(st.sampled_from([p, q])), index),
        lambda: 1 - sp.KroneckerDelta(p, q),
        lambda: sp.Integer(draw(st.integers(-2, 2))),
        lambda: draw(st.sampled_from([A, B, O])),
    ]
    return draw(st.sampled_from(kinds))()


@st.composite
def expressions(draw: st.DrawFn, depth: int = 2) -> sp.Expr:
    """Sums, deltas, entries, words of operators, traces; p and q may be free or bound."""
    kinds = ["add", "multiply", "sum", "square", "trace", "apply", "leaf"]
    kind = draw(st.sampled_from(kinds)) if depth else "leaf"
    if kind == "leaf":
        return leaves(draw)
    first = draw(expressions(depth=depth - 1))
    if kind == "square":
        return first**2
    if kind == "trace":
        return Tr(first)
    if kind == "apply":
        return sp.Function("f", real=True)(first) if first.is_commutative else first
    if kind == "sum":
        x = draw(st.sampled_from([p, q]))
        if isinstance(first, sp.Sum) and x in [y for y, *_ in first.limits]:
            x = q if x == p else p  # one sum binds an index once
        if isinstance(first, sp.Sum) and x in [y for y, *_ in first.limits]:
            return first
        return sp.Sum(first, (x, 1, draw(st.sampled_from([P, C, sp.Integer(2)]))))
    second = draw(expressions(depth=depth - 1))
    return first + second if kind == "add" else first * second


def form() -> NormalForm:
    return NormalForm(RANGES, [A, B])  # O squares to something else


@given(expressions(), expressions())
@examples(150)
def test_what_the_normal_form_calls_zero_is_zero(first: sp.Expr, second: sp.Expr) -> None:
    """Only this catches a wrong collapse, a captured index, a wrong count or order of a word."""
    assert is_zero(first - form().rebuilt(first))
    for gap in (first - second, first * second - second * first):
        if form().vanishes(gap):
            assert is_zero(gap)


@given(expressions(), expressions(), expressions(depth=1))
@examples(60)
def test_the_normal_form_sees_that_products_distribute(
    first: sp.Expr, second: sp.Expr, third: sp.Expr
) -> None:
    """Only this catches a normal form that depends on how a sum was written."""
    assert form().vanishes((first + second) * third - first * third - second * third)
    assert form().vanishes(Tr((first + second) * third) - Tr(third * first) - Tr(third * second))


@given(expressions())
@examples(60)
def test_the_normal_form_ignores_names_of_bound_indices(expr: sp.Expr) -> None:
    """Only this catches a renaming that depends on the order of the sums."""
    r, t = sp.symbols("r t", integer=True, positive=True)
    if not expr.has(sp.Sum):
        total = sp.Sum(expr, (p, 1, P), (q, 1, P))
        renamed = sp.Sum(expr.xreplace({p: r, q: t}), (t, 1, P), (r, 1, P))
        assert form().vanishes(total - renamed)


def test_sums_of_several_ranges_keep_their_values() -> None:
    """Only this catches an index that gets the range of another."""
    for expr in (
        sp.Sum(F[p, q] * W[p], (p, 1, P), (q, 1, C)),
        sp.Sum(F[q] * W[p], (q, 1, P), (p, 1, C)) * sp.Sum(F[p], (p, 1, C)),
    ):
        assert is_zero(expr - form().rebuilt(expr))


@pytest.mark.parametrize(
    "word",
    [
        *(A / B, A**p * B, A**-2, sp.exp(A) * B, sp.cos(A) * B, Tr(A / B), Tr(sp.exp(A) * B)),
        sp.IndexedBase("G", commutative=False)[1] * A,
        sp.Function("G", commutative=False)(X) * A,
    ],
    ids=str,
)
def test_what_is_no_word_of_operators_is_refused(word: sp.Expr) -> None:
    """1/B read as no letter at all would make A/B = A."""
    with pytest.raises(ProofError, match=r"(in|word of) operators"):
        form().rebuilt(word)


VALUES = {
    X: [W[p], F[q] + W[p], sp.Sum(W[p], (p, 1, P)), Y * X, sp.KroneckerDelta(p, q)],
    p: [q, k, sp.Integer(2), q],
    q: [p, sp.Integer(1), k],
    P: [sp.Integer(2), C],
    F: [sp.Lambda((p,), W[p] + W[q]), sp.Lambda((q,), F[q, p]), sp.Lambda((p,), X)],
    A: [B, A * O, 2 * A + O],
}


@given(expressions(), expressions(), st.data())
@examples(60)
def test_instances_of_identities_are_true(
    first: sp.Expr, second: sp.Expr, data: st.DataObject
) -> None:
    """Only this catches an index captured when a value is put in."""
    product = first * second
    made = combine(Formula(product * (X + F[p]), "=", product * X + product * F[p]))
    for _ in range(2):
        what = data.draw(st.sampled_from(list(VALUES)))
        try:
            made = instantiate(made, {what: data.draw(st.sampled_from(VALUES[what]))})
        except (ProofError, TypeError):  # two kinds of F; a delta of something free
            continue
    assert made.hypotheses == frozenset()
    assert is_zero(made.formula.left - made.formula.right)


# --- functions, at complex precision ------------------------------------------------------------

ANGLES = [X, Y, X + sp.pi / 2, X / 2 - Y, 2 * X]


@st.composite
def waves(draw: st.DrawFn) -> sp.Expr:
    """Polynomials in sines, cosines, exponentials and powers with a symbolic exponent."""
    total = sp.Integer(0)
    for _ in range(draw(st.integers(1, 3))):
        term = sp.Integer(draw(st.integers(-2, 3)))
        for _ in range(draw(st.integers(1, 3))):
            head = draw(st.sampled_from([sp.sin, sp.cos, sp.exp, lambda x: P ** (x + 1)]))
            term *= head(draw(st.sampled_from(ANGLES)))
        total += term
    return total


def complex_value(expr: sp.Expr, at: dict[sp.Symbol, float]) -> complex:
    if expr in at:
        return at[expr]
    if expr.is_number:
        return complex(expr)
    parts = [complex_value(x, at) for x in expr.args]
    heads = {sp.sin: cmath.sin, sp.cos: cmath.cos, sp.exp: cmath.exp, sp.Pow: pow}
    if isinstance(expr, sp.Add | sp.Mul):
        total = parts[0]
        for x in parts[1:]:
            total = total + x if isinstance(expr, sp.Add) else total * x
        return total
    return heads[expr.func](*parts)


@given(waves(), waves())
@examples(40)
def test_sines_and_powers_keep_their_values(first: sp.Expr, second: sp.Expr) -> None:
    """Only this catches a wrong half of a sine, or an exponent that is not kept."""
    gaps = [first - NormalForm().rebuilt(first)]
    gaps += [first - second] if NormalForm().vanishes(first - second) else []
    points = ({X: 0.7, Y: -1.3, P: 3.0}, {X: -2.1, Y: 0.4, P: 5.0})
    assert all(abs(complex_value(gap, at)) < 1e-9 for gap in gaps for at in points)


def test_derivatives_are_those_of_calculus() -> None:
    """d/dw_k of (sum_pq F_pq w_p w_q)^2 + w_k sum_p w_p, against difference quotients."""
    form = sp.Sum(F[p, q] * W[p] * W[q], (p, 1, P), (q, 1, P)) ** 2
    expr = form + W[k] * sp.Sum(W[p], (p, 1, P))
    rebuilt = NormalForm([InRange(k, P)]).rebuilt(sp.Derivative(expr, W[k]))
    numbers = {i: Fraction(i, 3) for i in (1, 2, 3)}

    class At(Opened):
        def leaf(self, key: tuple[Any, ...]) -> Matrix:
            return Matrix(numbers[key[1]]) if key[0] == "w" else super().leaf(key)

    read, step = At(), Fraction(1, 2**40)
    for i, at in list(numbers.items()):
        slope = read(rebuilt, SIZES | {k: i}).entries[0]
        sides = []
        for shift in (step, -step):
            numbers[i] = at + shift
            sides.append(read(expr, SIZES | {k: i}).entries[0])
        numbers[i] = at
        assert abs((sides[0] - sides[1]) / (2 * step) - slope) < Fraction(1, 2**30)


# --- signs ---------------------------------------------------------------------------------------


DELTA = sp.KroneckerDelta(p, q)


@st.composite
def polynomials(draw: st.DrawFn) -> sp.Expr:
    total = sp.Integer(0)
    for _ in range(draw(st.integers(1, 3))):
        term = sp.Integer(draw(st.integers(-1, 3)))
        for base in (X, Y, M, X - Y, 1 - M, 1 + M, DELTA, 1 - DELTA):
            term *= base ** draw(st.sampled_from([0, 0, 0, 1, 2, 3]))
        total += term
    return total


BELOW = assume(Hypothesis(Formula(M, "<=", sp.Integer(1))))
LEFT = assume(Hypothesis(Formula(Y, "<=", X)))


def sign(expr: sp.Expr, *facts: Theorem) -> frozenset[Any] | None:
    try:
        return combine(Formula(sp.Integer(0), "<=", expr), (), expr, facts).hypotheses
    except ProofError:
        return None


@given(polynomials(), st.data())
@examples(100)
def test_what_is_called_nonnegative_is_nonnegative(expr: sp.Expr, data: st.DataObject) -> None:
    """Only this catches an odd power, a difference or a fact mistaken for a square."""
    given_ = sign(expr, BELOW, LEFT)
    if given_ is None:
        return
    x, y = data.draw(st.fractions(-3, 3)), data.draw(st.fractions(-3, 3))
    m = data.draw(st.fractions(0, 3))
    if LEFT.formula in {h.formula for h in given_}:
        x, y = max(x, y), min(x, y)
    if BELOW.formula in {h.formula for h in given_}:
        m = min(m, Fraction(1))
    scope = {X: Matrix(x), Y: Matrix(y), M: Matrix(m)}
    for i, j in ((1, 1), (1, 2)):
        assert READ(expr, scope | {p: i, q: j}).entries[0] >= 0


@pytest.mark.parametrize(
    ("expr", "expected"),
    [(X**-2, False), ((1 + X**2) ** -3, True), ((M + 1) ** X, True), (M**X, False)],
)
def test_powers_are_signed_where_they_are_defined(expr: sp.Expr, expected: bool) -> None:
    assert (sign(expr) is not None) is expected


def test_a_part_in_a_range_is_the_sum_over_it() -> None:
    every = assume(Hypothesis(Formula(F[p], "=", W[p]), (p,)))
    total = Formula(sp.Sum(X * F[p], (p, 1, P)), "=", X * sp.Sum(W[q], (q, 1, P)))
    assert combine(total, [Part(every, X, over=((p, P),))])
    with pytest.raises(ProofError, match="differ"):
        combine(total, [Part(every, X, over=((p, C),))])
