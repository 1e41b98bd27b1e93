"""What statements may be written in: every refusal here once let a false theorem through."""

import warnings
from collections.abc import Iterator

import pytest
from sympy import (
    Abs,
    Basic,
    Derivative,
    Expr,
    Float,
    Function,
    Indexed,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Lambda,
    Rational,
    Sum,
    Symbol,
    Tuple,
    exp,
    log,
    oo,
)
from sympy.core.function import AppliedUndef, UndefinedFunction

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.kernel import assume, combine
from patchlaw.hessian_theory.proof.language import (
    BOUND,
    DIMENSION,
    Formula,
    Hypothesis,
    InRange,
    ProofError,
    Tr,
    check_domain,
    check_indices,
    check_statements,
    check_terms,
    fresh,
)
from tests.theory.kernel_symbols import A, B, C, F, M, P, T, X, Y, f, k, p, q

EVEN = Symbol("e", even=True, positive=True)
SPLIT = Symbol("s", real=True, nonzero=True)
NONE, ALSO = (Symbol(name, integer=True, nonnegative=True) for name in ("n0", "n1"))


class Positive(Function):
    """A function with rules of its own, which would prove what its author likes."""

    is_nonnegative = True
    is_real = True


class OwnSymbol(Symbol):
    """A symbol that may compare and print as its author likes."""


class OwnInteger(Integer):
    """A number that may count as its author likes."""


def unreduced() -> Expr:
    """0/5: for sympy no zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # gcd is deprecated
        return Rational(0, 5, 1)


def own_function(name: str, **rules: object) -> Expr:
    """Of another name each, as sympy's cache takes functions of one name for the same."""
    return UndefinedFunction(name, (AppliedUndef,), dict(rules))(X)


class OwnMeta(UndefinedFunction):
    """Makes functions that may compare as they like."""


class Subclass(Function("g")):  # type: ignore[misc]
    """An undefined function with a method: expand() would call it."""

    def _eval_expand_mul(self, **_: object) -> Expr:
        return Integer(0)


@pytest.mark.parametrize(
    ("term", "message"),
    [
        (Float(0.5) * X, "does not know"),
        (oo, "does not know"),
        (Abs(X), "does not know"),
        (Positive(X), "does not know"),
        (OwnSymbol("x"), "does not know"),
        (OwnInteger(7), "does not know"),
        (own_function("G1", is_nonnegative=True), "does not know"),
        (own_function("G2", _eval_expand_mul=lambda self, **_: Integer(0)), "does not know"),
        (Subclass(X), "does not know"),
        (OwnMeta("G3", (AppliedUndef,), {})(X), "does not know"),
        (Function("g", nargs=1)(X), "does not know"),
        (Function("g", even=True)(X), "does not know"),
        (BOUND[0] + k, "does not know"),
        (unreduced(), "not reduced"),
        (log(T, 1 + T, evaluate=False), "another base"),
        (Symbol("z", infinite=True, extended_positive=True), "domain the kernel"),
        (SPLIT, "domain the kernel"),
        (IndexedBase("F", even=True)[1], "domain the kernel"),
        (IndexedBase("F", shape=(P,), real=True)[p], "without a shape"),
        (IndexedBase(f(X))[p], "without a shape"),
        (IndexedBase(Symbol("p", integer=True, positive=True))[p], "name of an indexed"),
        (Indexed(Tuple(0, X), p), "tuple"),
        (f(Tuple(X, Y)), "tuple"),
        (Derivative(f(k), k), "differentiate"),
        (Derivative(f(M), M), "differentiate"),
        (Derivative(f(SPLIT), SPLIT), "differentiate|domain"),
        (Derivative(Sum(F[p] ** 2, (p, 1, P)), F[p]), "bound index"),
        (Sum(F[p], (p, 0, P)), "from 1"),
        (Sum(F[p] * X, (p, 1, P), (q, 0, P)), "from 1"),
        (Sum(F[p] * X, (p, 0, P), (q, 1, P)), "from 1"),
        (Sum(F[p], (p, 1, P / 2)), "cannot sum"),
        (Sum(X, (X, 1, P)), "cannot sum"),
        (Sum(F[EVEN], (EVEN, 1, P)), "cannot sum|domain"),
        (Sum(X, (DIMENSION, 1, P)), "cannot sum"),
        (Sum(X, (p, 1, p)), "hang together"),
        (Sum(X, (p, 1, P), (p, 1, C)), "hang together"),
        (Sum(X, (p, 1, P), (q, 1, p)), "hang together"),
        (KroneckerDelta(X, 1), "Kronecker"),
        (NONE + (2 * NONE + 2 * ALSO) * (2 * NONE + 4 * ALSO) / 3, "whether it is an integer"),
        (A**-1, "polynomial in operators"),
        (exp(A + B), "polynomial in operators"),
        (f(A), "polynomial in operators"),
        (F[A], "polynomial in operators"),
    ],
    ids=str,
)
def test_terms_outside_the_language_are_refused(term: Expr, message: str) -> None:
    for wrapped in (term, f(Y, term)):
        with pytest.raises(ProofError, match=message):
            check_terms(X, wrapped)
    with pytest.raises(ProofError):
        combine(Formula(term, "=", term))


@pytest.mark.parametrize(
    "term",
    [
        f(X) * Function("z")(X) * Function("m", nonnegative=True)(X, Y),
        IndexedBase("n", integer=True, nonnegative=True)[p] + IndexedBase("Z", complex=True)[p, q],
        Derivative(f(X, T), X, (T, 2)) + Derivative(f(F[p]), F[p]),
        Derivative(Sum(F[p] * X, (p, 1, P)), F[q]),
        Symbol("z") * Symbol("v", negative=True) * Symbol("i", integer=True),
        Tr(A * B) + A,
        X * (A * B + A**2) - Sum(F[p] * A, (p, 1, P)) + Derivative(f(X) * A, X),
        log(T) * Rational(2, 3) - Rational(1, 2),
        Sum(KroneckerDelta(p, q) * sym.LossCurvature(p, q, k), (p, 1, P), (q, 1, 2 * P - 1)),
        Sum(X * Sum(Y, (q, 1, p)), (p, 1, P)),
    ],
    ids=str,
)
def test_terms_of_the_language_are_accepted(term: Expr) -> None:
    check_terms(term)


def test_a_symbol_and_a_name_of_one_statement_differ() -> None:
    """A delta that renames the index p would rename the quantity p[1] as well."""
    named = IndexedBase("p", integer=True, positive=True)[1]
    check_terms(named)
    for terms in ((named, p), (p * named,), (Sum(named, (p, 1, P)),)):
        with pytest.raises(ProofError, match="name of an indexed quantity"):
            check_terms(*terms)


class Own(Formula):
    """A formula whose gap is not left - right."""

    gap = Integer(0)  # type: ignore[assignment]


class OwnHypothesis(Hypothesis):
    """A hypothesis that says it speaks of nothing."""

    free_symbols = frozenset()  # type: ignore[assignment]


class OwnTuple(tuple[Expr, ...]):
    """Nothing to see, but the kernel reads of all x."""

    def __new__(cls) -> "OwnTuple":
        """Empty."""
        return super().__new__(cls)

    def __iter__(self) -> Iterator[Expr]:
        """Not what it holds."""
        return iter([X])


class OwnWord(str):
    """A relation that equals what it likes."""


@pytest.mark.parametrize(
    "statement",
    [
        Own(X, "=", Y),
        OwnHypothesis(Formula(X, "=", Y)),
        Hypothesis(Own(X, "=", Y)),
        Hypothesis(Formula(X, "=", Abs(Y))),
        Hypothesis(Formula(X, "=", Y), (F[1],)),
        Hypothesis(Formula(X, "=", Y), (DIMENSION,)),
        Hypothesis(Formula(X, "=", Y), OwnTuple()),  # X = Y, then 1 = Y
        Hypothesis(Formula(X, "=", Y), (), [InRange(p, P)]),  # type: ignore[arg-type]
        Hypothesis(Formula(X, "=", Y), (p,), (InRange(p, Abs(X)),)),
        Hypothesis(Formula(X, "=", Y), (p,), (Formula(X, "=", Abs(Y)),)),  # type: ignore[arg-type]
        InRange(Abs(X), P),
        InRange(p, oo),
        Formula(X, OwnWord("="), Y),  # type: ignore[arg-type]
        Formula(A, "<=", B),
        Formula(Abs(X), "=", X),
        (X, "=", Y),
        None,
    ],
    ids=str,
)
def test_statements_are_what_they_seem(statement: object) -> None:
    with pytest.raises(ProofError):
        check_statements(Formula(X, "=", X), statement)


def test_statements_of_all_kinds_are_accepted() -> None:
    given = Hypothesis(Formula(F[p], "<=", Y), (p,), (InRange(p, P),))
    check_statements(Formula(A, "=", B), Formula(X, ">", Y), given, InRange(k, P))
    check_statements(Hypothesis(Formula(F[p] + F[q], "=", Y), (p, fresh(q))))


def test_sides_may_be_plain_numbers() -> None:
    """They become sympy's: a plain 1 has no domain that could be asked for."""
    for formula in (Formula(1, "<=", 2), Formula(True, "=", 1)):
        assert all(isinstance(side, Basic) for side in (formula.left, formula.right))
    assert all(isinstance(side, Integer) for side in vars(InRange(2, 3)).values())


def test_what_statements_speak_of() -> None:
    entry = Formula(F[p], "=", X)
    assert {p, X, F[p]} <= entry.free_symbols
    assert Hypothesis(entry, (p,)).free_symbols & {p, X} == {X}
    assert C in Hypothesis(entry, (p,), (InRange(p, C),)).free_symbols
    assert p not in Hypothesis(entry, (p,), (InRange(p, C),)).free_symbols
    assert Formula(Sum(F[p], (p, 1, P)), "=", X).free_symbols & {p, P, X} == {P, X}
    assert InRange(k, P).free_symbols == {k, P}
    for traced in (Formula(Tr(A), "=", X), Formula(X, "=", Tr(A))):
        assert DIMENSION in traced.free_symbols
    assert DIMENSION not in Formula(A, "=", B).free_symbols


def test_gaps_point_the_same_way() -> None:
    assert Formula(X, "<=", Y).gap == Y - X
    assert Formula(X, "=", Y).gap == Y - X
    assert Formula(X, ">=", Y).gap == X - Y
    assert Formula(X, ">", Y).gap == X - Y
    with pytest.raises(ValueError, match="expected one of"):
        Formula(X, "<", Y)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("index", "upper", "evident"),
    [
        (1, P, True),
        (P, P, True),
        (P, P + C, True),
        (2, 3, True),
        (k, P, False),
        (2, P, False),
        (0, P, False),
        (P + 1, P, False),
        (X, X, False),
        (T + 1, T + 2, False),
    ],
)
def test_ranges_that_need_no_assumption(index: Expr, upper: Expr, evident: bool) -> None:
    assert InRange(index, upper).is_evident is evident


@pytest.mark.parametrize(
    ("value", "declared", "fits"),
    [
        (T, X, True),
        (X, T, False),
        (M, T, False),
        (T, M, True),
        (Integer(3), p, True),
        (Integer(0), p, False),
        (Rational(1, 2), p, False),
        (X, Symbol("z"), True),
        (A, Symbol("z"), False),
        (X, A, False),
        (A * B, A, True),
        (f(X), F[p], True),
        (Function("z")(X), F[p], False),
        (X, Function("m", nonnegative=True)(X), False),
        (T, Function("m", nonnegative=True)(X), True),
    ],
    ids=str,
)
def test_domains_are_compared_in_full(value: Expr, declared: Expr, fits: bool) -> None:
    if fits:
        check_domain(value, declared)
    else:
        with pytest.raises(ProofError, match="is not known to be"):
            check_domain(value, declared)


def test_fresh_indices_cannot_be_foreseen() -> None:
    """sympy numbers its dummies in turn: the next one could be written down beforehand."""
    first, second = fresh(p), fresh(p)
    assert first != second
    assert first.assumptions0 == p.assumptions0
    assert min(first.dummy_index, second.dummy_index) > 2**64
    assert abs(first.dummy_index - second.dummy_index) > 2**64


@pytest.mark.parametrize(
    "limits",
    [((p, P), (p, P)), ((p, q), (q, P)), ((p, p + 1),), ((X, P),), ((p, X),), ((DIMENSION, P),)],
    ids=str,
)
def test_indices_of_a_sum_are_independent(limits: tuple[tuple[Symbol, Expr], ...]) -> None:
    check_indices(((p, P), (q, P), (k, Integer(3))))
    with pytest.raises(ProofError):
        check_indices(limits)


def test_a_hypothesis_may_hold_in_a_range_only() -> None:
    within = Hypothesis(Formula(F[p], "=", X), (p,), (InRange(p, P),))
    assert assume(within).hypotheses == {within, InRange(p, P)}
    assert assume(within).formula == within.formula


def test_lambda_is_no_term() -> None:
    with pytest.raises(ProofError):
        check_terms(Lambda((X,), X + 1))
