"""The proof kernel: what each rule makes, and what it refuses.

A refusal that stops refusing lets a false theorem through; the comment or the name says which.
"""

import dataclasses
from collections.abc import Callable, Iterator

import pytest
from sympy import (
    Derivative,
    Expr,
    Function,
    I,
    Integer,
    KroneckerDelta,
    Rational,
    Sum,
    Symbol,
    cos,
    exp,
    log,
    pi,
    sin,
    sqrt,
)

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.kernel import (
    Part,
    Theorem,
    assume,
    combine,
    convex,
    differentiate,
    establishes,
    instantiate,
    trace,
)
from patchlaw.hessian_theory.proof.language import (
    DIMENSION,
    Formula,
    Hypothesis,
    InRange,
    ProofError,
    Tr,
)
from tests.theory.kernel_symbols import NN, ONE, A, B, C, F, M, P, T, W, X, Y, f, given_, k, p, q

# --- what a theorem is -------------------------------------------------------------------------


class Fake:
    """Has what a theorem has, and was proved by nobody."""

    formula = Formula(ONE, "=", Integer(0))
    hypotheses: frozenset[Hypothesis] = frozenset()


class OwnFormula(Formula):
    """A formula whose gap is not left - right."""

    gap = Integer(0)  # type: ignore[assignment]


class OwnPart(Part):
    """A part whose factors may be one thing when checked and another when used."""


@pytest.mark.parametrize(
    "rule",
    [
        lambda fake: combine(Formula(ONE, "=", 0), [Part(fake)]),
        lambda fake: combine(Formula(X, "=", X), (), 0, [fake]),
        lambda fake: combine(Formula(X, "<=", X + 1), (), 1, [fake]),
        lambda fake: assume(Hypothesis(Formula(X, "=", Y)), [fake]),
        lambda fake: convex(Formula(X**2, ">=", 0), X, 0, [fake]),
        lambda fake: instantiate(fake, {X: Y}),
        lambda fake: differentiate(fake, X),
        trace,
    ],
)
def test_rules_take_theorems_only(rule: Callable[[object], Theorem]) -> None:
    with pytest.raises(ProofError, match="no theorem"):
        rule(Fake())


class SlyFacts(list):
    """Shows nothing when it is checked, and a fake when it is used."""

    shown = False

    def __iter__(self) -> Iterator[object]:
        """Not twice the same."""
        first, self.shown = not self.shown, True
        fake = Fake()
        fake.formula = Formula(Integer(0), ">", ONE)
        return iter([] if first else [fake])


def test_facts_are_read_once() -> None:
    """Else 1 <= 0 has the remainder -1, the gap of the fake."""
    with pytest.raises(ProofError, match="not visibly"):
        combine(Formula(ONE, "<=", Integer(0)), (), -ONE, SlyFacts())


def test_statements_and_parts_of_other_classes_are_refused() -> None:
    """A formula with a gap of its own would be a plain one after the next instance."""
    for attempt in (
        lambda: combine(OwnFormula(ONE, "=", 0)),
        lambda: assume(Hypothesis(OwnFormula(X, "=", X))),
        lambda: convex(OwnFormula(ONE, "<=", 0), X, 0),
        lambda: combine(Formula(X, "=", X), [OwnPart(combine(Formula(X, "=", X)))]),
        lambda: combine(Formula(X, "=", X), ranges=[InRange(p, Symbol("z", infinite=True))]),
        lambda: establishes(combine(Formula(X, "=", X)), [None], Formula(X, "=", X)),
        lambda: establishes(combine(Formula(X, "=", X)), [], OwnFormula(X, "=", X)),
    ):
        with pytest.raises(ProofError):
            attempt()


def test_theorems_come_from_rules_only() -> None:
    with pytest.raises(TypeError, match="made by a rule of the kernel"):
        Theorem(object(), (), Formula(ONE, "=", Integer(0)))
    made = combine(Formula(X, "=", X))
    with pytest.raises(AttributeError):
        made.formula = Formula(ONE, "=", Integer(0))


def test_establishes_compares_statement_and_hypotheses() -> None:
    fact = Hypothesis(Formula(X, "=", Y))
    made = assume(fact)
    establishes(made, [fact], fact.formula)
    for assumed, goal in (([], fact.formula), ([fact], Formula(Y, "=", X))):
        with pytest.raises(ProofError):
            establishes(made, assumed, goal)
    with pytest.raises(ProofError, match="no theorem"):
        establishes(fact, [fact], fact.formula)


@pytest.mark.parametrize(
    "term",
    [
        *(1 / X, 1 / (C - 1), log(M), log(X), X**Y, 1 / (X + T), sqrt(X + 2)),
        *(Sum(1 / F[p], (p, 1, P)), 1 / Sum(F[p], (p, 1, P)), 1 / Sum(T, (p, 1, C - 1))),
        *(
            1 / Sum(exp(F[p, q]), (p, 1, P), (q, 1, C - 1)),
            log(Sum(T, (p, 1, P)) * X),
            1 / (Symbol("z") + T),
        ),
    ],
    ids=str,
)
def test_terms_that_may_be_undefined_are_refused(term: Expr) -> None:
    goal = Formula(term, "=", term)
    for attempt in (
        lambda: combine(goal),
        lambda: combine(Formula(term, "=", X), [Part(combine(Formula(X, "=", X)))]),
        lambda: combine(Formula(X, "=", term), [Part(combine(Formula(X, "=", X)))]),
        lambda: assume(Hypothesis(Formula(term, "=", X))),
        lambda: assume(Hypothesis(Formula(X, "=", term))),
        lambda: combine(Formula(Integer(0), "<=", X**2), (), term),
        lambda: combine(
            Formula(Integer(0), "=", Integer(0)), [Part(combine(Formula(X, "=", X)), term)]
        ),
        lambda: combine(
            Formula(Integer(0), "=", Integer(0)),
            [Part(combine(Formula(X, "=", X)), ONE, term)],
        ),
    ):
        with pytest.raises(ProofError, match="may be undefined"):
            attempt()


@pytest.mark.parametrize(
    "term",
    [
        *(1 / T, log(T), T**X, 1 / (T + M), 1 / (C + 1), log(1 + X**2), 1 / (1 + X**2), 1 / exp(X)),
        *(1 / (X + I), 1 / Symbol("v", negative=True), log(Sum(T, (p, 1, P)) * T), X**2, X**p),
        *(1 / Sum(T, (p, 1, P), (q, 1, C)), Sum(1 / T, (p, 1, C - 1)), sqrt(T), 0 * X),
        *(1 / (T * Sum(-T, (p, 1, P))), T ** Symbol("z"), exp(Symbol("z"))),
    ],
    ids=str,
)
def test_terms_that_are_defined_are_accepted(term: Expr) -> None:
    combine(Formula(term, "=", term))


def test_a_strict_fact_makes_a_divisor_fit_and_joins_the_hypotheses() -> None:
    fact = Hypothesis(Formula(C, ">", ONE))
    made = combine(Formula((C - 1) / (C**2 - 1), "=", 1 / (C + 1)), facts=[assume(fact)])
    assert made.hypotheses == {fact}
    with pytest.raises(ProofError, match="may be undefined"):
        combine(Formula(1 / (C - 2), "=", 1 / (C - 2)), facts=[assume(fact)])
    weak = assume(Hypothesis(Formula(C, ">=", ONE)))
    with pytest.raises(ProofError, match="may be undefined"):
        combine(Formula(1 / (C - 1), "=", 1 / (C - 1)), facts=[weak])


def test_a_divisor_inside_a_sum_needs_its_sign_for_every_index() -> None:
    total = Sum(1 / F[p], (p, 1, P))
    one = Formula(X * total, "=", total * X)
    every = Hypothesis(Formula(F[p], ">", Integer(0)), (p,))
    assert combine(one, facts=[assume(every)]).hypotheses == {every}
    within = dataclasses.replace(every, within=(InRange(p, P),))
    assert combine(one, facts=[assume(within)]).hypotheses == {within}
    fixed = dataclasses.replace(every, forall=())
    other = dataclasses.replace(every, within=(InRange(p, C),))
    for fact in (fixed, other):
        with pytest.raises(ProofError, match="may be undefined"):
            combine(one, facts=[assume(fact)])


def test_plain_numbers_are_factors() -> None:
    part = Part(combine(Formula(X, "=", X)), 2, 3, ((p, 4),))
    assert [type(x) for x in (part.times, part.after, part.over[0][1])] == [Integer] * 3


# --- combine -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((X + Y) ** 3, X**3 + 3 * X**2 * Y + 3 * X * Y**2 + Y**3),
        (cos(X) ** 2 + sin(X) ** 2, ONE),
        (sin(X + pi / 2), cos(X)),
        (2 * sin(X / 2) * cos(X / 2), sin(X)),
        (exp(X) * exp(Y - X), exp(Y)),
        (T**X * T ** (1 - X), T),
        (Sum(F[p], (p, 1, P)) ** 2, Sum(F[p] * F[q], (p, 1, P), (q, 1, P))),
        (Sum(X, (p, 1, P)), P * X),
        (Sum(F[p], (p, 1, 3)), F[1] + F[2] + F[3]),
        (
            Sum(KroneckerDelta(p, q) * F[p] * W[q], (p, 1, P), (q, 1, P)),
            Sum(F[p] * W[p], (p, 1, P)),
        ),
        (Sum(KroneckerDelta(p, 1) * F[p], (p, 1, P)), F[1]),
        (KroneckerDelta(p, q) * F[p], KroneckerDelta(p, q) * F[q]),
        (KroneckerDelta(p, q) ** 2, KroneckerDelta(p, q)),
        (Derivative(f(X) ** 2, X), 2 * f(X) * Derivative(f(X), X)),
        (Sum(Derivative(f(X), X), (p, 1, P)), P * Derivative(f(X), X)),
        (Derivative(f(X, Y), X, Y), Derivative(f(X, Y), Y, X)),
        (1 / (T * (T + 1)), 1 / T - 1 / (T + 1)),
        ((A + B) ** 2, A**2 + A * B + B * A + B**2),
        (Tr(A * B), Tr(B * A)),
        (Tr(2 * A + X), 2 * Tr(A) + X * DIMENSION),
        (I**2, -ONE),
    ],
    ids=str,
)
def test_identities_are_decided(left: Expr, right: Expr) -> None:
    assert combine(Formula(left, "=", right)).hypotheses == frozenset()
    with pytest.raises(ProofError, match="differ"):
        combine(Formula(left, "=", right + (A if not left.is_commutative else X)))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (A * B, B * A),
        (A**2, ONE),
        (Tr(A * B * A), Tr(A * B)),
        (Sum(F[p] * F[q], (p, 1, P), (q, 1, P)), Sum(F[p] ** 2, (p, 1, P))),
        (Sum(KroneckerDelta(p, q) * F[p], (p, 1, P), (q, 1, C)), Sum(F[p], (p, 1, P))),
        (Sum(KroneckerDelta(p, 7) * F[p], (p, 1, P)), F[7]),
        (Sum(KroneckerDelta(p, P + 1) * F[p], (p, 1, P)), F[P + 1]),
        (Sum(Sum(F[p], (p, 1, P)) * F[p], (p, 1, P)), Sum(F[p] ** 2, (p, 1, P))),
        ((P - 2) * (P - 3), Integer(0)),
        (Sum(X, (p, 1, C - 2)), (C - 2) * X),  # none for C = 1
        (Sum(F[p] * W[q], (p, 1, P), (q, 1, C)), Sum(F[p] * W[q], (p, 1, C), (q, 1, P))),
        (sqrt(2), Rational(665857, 470832)),
        (cos(X), cos(-X + pi)),
        (Derivative(f(X, Y), X), Derivative(f(X, Y), Y)),
        (Derivative(Sum(f(X), (p, 1, C - 2)), X), (C - 2) * Derivative(f(X), X)),  # the same
        (Derivative(Sum(f(X), (p, 1, -1)), X), -Derivative(f(X), X)),
    ],
    ids=str,
)
def test_what_is_no_identity_is_not_decided(left: Expr, right: Expr) -> None:
    with pytest.raises(ProofError):
        combine(Formula(left, "=", right))


def test_a_range_lets_a_delta_collapse_and_joins_the_hypotheses() -> None:
    goal = Formula(Sum(KroneckerDelta(p, k) * F[p], (p, 1, P)), "=", F[k])
    assert combine(goal, ranges=[InRange(k, P)]).hypotheses == {InRange(k, P)}
    for wrong in ((), [InRange(k, C)], [InRange(k, P + 1)], [InRange(q, P)]):
        with pytest.raises(ProofError):
            combine(goal, ranges=wrong)


@pytest.mark.parametrize(
    "remainder",
    [
        X**2,
        M,
        (X - Y) ** 4,
        NN[1] * T,
        Sum(NN[p] * F[p] ** 2, (p, 1, P)),
        *(KroneckerDelta(p, q), 1 - KroneckerDelta(p, q), exp(X), NN[1] + Sum(NN[p], (p, 1, P))),
        *(Sum(NN[p], (p, 1, P)) ** 3, Sum(F[p], (p, 1, P)) ** 2, (X * Sum(F[p], (p, 1, P))) ** 2),
        (KroneckerDelta(p, q) - Sum(F[p], (p, 1, P))) ** 2,
        (Derivative(f(X), X) + Sum(F[p], (p, 1, P))) ** 4,
        *(Derivative(f(X), X) ** 2, X**2 + 2 * X + 1),
        Sum(Derivative(f(F[p]), F[p]), (p, 1, P)) ** 2,
        *(Integer(0), T ** Rational(1, 3), Sum(F[p], (p, 1, P)) ** (2 * k)),
    ],
    ids=str,
)
def test_visibly_nonnegative_remainders(remainder: Expr) -> None:
    combine(Formula(Integer(0), "<=", remainder), (), remainder)


@pytest.mark.parametrize(
    "remainder",
    [
        X,
        -M,
        X**3,
        F[1] * T,
        X * Y,
        Sum(F[p], (p, 1, P)),
        KroneckerDelta(p, q) - 1,
        -exp(X),
        (I * X) ** 2,
        *(A**2, Symbol("z") ** 2, (Symbol("z") + Sum(F[p], (p, 1, P))) ** 2, X**2 - 1),
        *((Symbol("z") * Sum(F[p], (p, 1, P))) ** 2, Function("z")(X) ** 2, X * Y**2),
        *(Derivative(f(X), X), Derivative(Function("z")(X), X) ** 2, Sum(F[p], (p, 1, P)) ** 3),
        *(Sum(NN[p], (p, 1, P)) * X, NN[1] - Sum(NN[p], (p, 1, P)), Sum(NN[p], (p, 1, P)) - 1),
        *(Sum(NN[p], (p, 1, P)) ** (I * X), 2 - KroneckerDelta(p, q) * X),
    ],
    ids=str,
)
def test_other_remainders_are_refused(remainder: Expr) -> None:
    with pytest.raises(ProofError):
        combine(Formula(Integer(0), "<=", remainder), (), remainder)


def test_signs_of_multipliers() -> None:
    below = given_(X, "<=", Y)
    assert combine(Formula(M * X, "<=", M * Y), [Part(below, M)])
    for times in (-ONE, X, Y - X - 1):
        with pytest.raises(ProofError, match="may be negative"):
            combine(Formula(times * X, "<=", times * Y), [Part(below, times)])
    equal = given_(X, "=", Y)
    assert combine(Formula(-X, "<=", -Y), [Part(equal, -ONE)])
    with pytest.raises(ProofError, match="from equations only"):
        combine(Formula(X, "=", Y), [Part(below)])
    with pytest.raises(ProofError, match="no remainder"):
        combine(Formula(X, "=", X + M), (), M)
    with pytest.raises(ProofError, match="only assumed"):
        combine(Formula(T, ">", Integer(0)), (), T)
    with pytest.raises(ProofError, match="may be negative"):
        combine(Formula(A, "<=", A), [Part(below, ONE, A)])


def test_a_fact_gives_a_sign_and_joins_the_hypotheses() -> None:
    fact = Hypothesis(Formula(X, "<=", Y))
    goal = Formula(Integer(0), "<=", T * (Y - X))
    assert combine(goal, (), T * (Y - X), [assume(fact)]).hypotheses == {fact}
    about_p = Hypothesis(Formula(F[p], "<=", ONE))
    everywhere = Hypothesis(about_p.formula, (p,))
    total = Sum(1 - F[p], (p, 1, P))
    goal = Formula(Integer(0), "<=", total)
    assert combine(goal, (), total, [assume(everywhere)]).hypotheses == {everywhere}
    with pytest.raises(ProofError, match="not visibly"):  # p is fixed there
        combine(goal, (), total, [assume(about_p)])


def test_sums_run_over_indices_that_no_hypothesis_fixes() -> None:
    total = Formula(Sum(F[p], (p, 1, P)), "=", Sum(W[p], (p, 1, P)))
    every, one = given_(F[p], "=", W[p], p), given_(F[p], "=", W[p])
    assert combine(total, [Part(every, over=((p, P),))])
    with pytest.raises(ProofError, match="a hypothesis fixes it"):
        combine(total, [Part(one, over=((p, P),))])
    collapsed = combine(
        Formula(Sum(KroneckerDelta(q, p) * F[q], (q, 1, P)), "=", F[p]), ranges=[InRange(p, P)]
    )
    assert (
        combine(
            Formula(
                Sum(KroneckerDelta(q, p) * F[q], (q, 1, P), (p, 1, P)), "=", Sum(F[p], (p, 1, P))
            ),
            [Part(collapsed, over=((p, P),))],
        ).hypotheses
        == frozenset()
    )
    with pytest.raises(ProofError, match="a hypothesis fixes it"):  # in range of P, not of C
        combine(
            Formula(
                Sum(KroneckerDelta(q, p) * F[q], (q, 1, P), (p, 1, C)), "=", Sum(F[p], (p, 1, C))
            ),
            [Part(collapsed, over=((p, C),))],
        )


@pytest.mark.parametrize(
    ("over", "message"),
    [
        (((p, P), (p, C)), "hang together"),  # p lies in 1..P only
        (((q, P), (p, q)), "hang together"),  # the q of p's range is not the one summed
        (((p, X),), "cannot sum"),
        (((X, P),), "cannot sum"),
        (((p, Symbol("e", even=True, positive=True)),), "domain"),
    ],
    ids=str,
)
def test_a_part_is_summed_over_independent_ranges(over: tuple, message: str) -> None:
    made = combine(Formula(Sum(KroneckerDelta(q, p), (q, 1, C)), "=", 1), ranges=[InRange(p, C)])
    with pytest.raises(ProofError, match=message):
        Part(made, over=over)


def test_a_sign_inside_a_sum_needs_the_range_of_its_own_index() -> None:
    """Sum_q delta_qp >= 1 for p in 1..P only; inside, another p runs to C, or to another q."""
    count = Sum(KroneckerDelta(q, p), (q, 1, P))
    inside = combine(Formula(count, ">=", ONE), ranges=[InRange(p, P)])
    square = Symbol("v", real=True) ** 2

    def sign(remainder: Expr, *facts: Theorem) -> Theorem:
        return combine(Formula(Integer(0), "<=", remainder), (), remainder, facts)

    assert sign(Sum(square * (count - 1), (p, 1, P)), inside).hypotheses == frozenset()
    assert sign(count - 1, inside).hypotheses == {InRange(p, P)}
    hidden = Sum(W[p] ** 2 * Sum(count - 1, (p, 1, C)), (p, 1, P))
    to_q = combine(Formula(Sum(KroneckerDelta(k, p), (k, 1, q)), ">=", ONE), ranges=[InRange(p, q)])
    other = Sum(square * Sum(to_q.formula.gap, (q, 1, P)), (p, 1, q))
    low = given_(F[p], ">=", Integer(0))
    fixed = Sum(W[p] ** 2 * Sum(F[p], (q, 1, P)), (p, 1, q))
    for remainder, fact in ((hidden, inside), (other, to_q), (fixed, low)):
        with pytest.raises(ProofError, match="not visibly"):
            sign(remainder, fact)
    fine = Sum(square * Sum(to_q.formula.gap, (p, 1, q)), (q, 1, P))
    assert sign(fine, to_q).hypotheses == frozenset()


def test_a_range_of_a_free_index_is_none_of_a_bound_one() -> None:
    """f(F_p) under the sum to C needs p <= P there; that the free p is in range does not help."""
    nested = Sum(f(Sum(KroneckerDelta(q, p) * F[q], (q, 1, P))), (p, 1, C))
    with pytest.raises(ProofError, match="differ"):
        combine(Formula(nested, "=", Sum(f(F[q]), (q, 1, C))), ranges=[InRange(p, P)])
    free = f(Sum(KroneckerDelta(q, p) * F[q], (q, 1, P)))
    made = combine(Formula(free, "=", f(F[p])), ranges=[InRange(p, P)])
    assert made.hypotheses == {InRange(p, P)}


def test_bound_indices_that_are_not_seen_through_are_refused() -> None:
    """expand() writes exp of a sum as a product, whose index a delta would rename to a free one."""
    a, b = sym.PATCH_I, sym.PATCH_J
    weighted = KroneckerDelta(a, b) * exp(Sum(F[b] * W[a], (b, 1, P)))
    for term in (weighted, T ** Sum(F[p], (p, 1, P)), Derivative(f(X, Sum(F[p], (p, 1, P))), X)):
        with pytest.raises(ProofError, match="not seen through"):
            combine(Formula(term, "=", KroneckerDelta(a, b) * exp(Sum(F[b] * W[b], (b, 1, P)))))
    with pytest.raises(ProofError, match="depends on the index"):
        combine(Formula(Sum(F[p] * Sum(W[q], (q, 1, p)), (p, 1, P)), "=", X))


def test_a_hypothesis_in_a_range_is_used_in_that_range() -> None:
    """Without it, sum_m a_im a_mj = delta_ij for all i, j has no matrix a at all."""
    square = Formula(Sum(F[p, k] * F[k, q], (k, 1, P)), "=", KroneckerDelta(p, q))
    inside = Hypothesis(square, (p, q), (InRange(p, P), InRange(q, P)))
    made = assume(inside)
    assert made.hypotheses == {inside, InRange(p, P), InRange(q, P)}
    total = Formula(Sum(F[p, k] * F[k, p], (k, 1, P), (p, 1, P)), "=", P)
    diagonal = instantiate(made, {q: p})
    assert combine(total, [Part(diagonal, over=((p, P),))]).hypotheses == {inside}
    with pytest.raises(ProofError, match="fixes it"):
        combine(
            Formula(Sum(F[p, k] * F[k, p], (k, 1, P), (p, 1, C)), "=", C),
            [Part(diagonal, over=((p, C),))],
        )
    at_two = instantiate(made, {P: Integer(2), p: Integer(3), q: Integer(1)})
    assert InRange(3, 2) in at_two.hypotheses
    two = Formula(square.left.xreplace({P: Integer(2)}), "=", square.right)
    assert Hypothesis(two, (p, q), (InRange(p, 2), InRange(q, 2))) in at_two.hypotheses
    with pytest.raises(ProofError, match="binds"):
        instantiate(made, {P: P + p})


def test_involutions_are_hypotheses() -> None:
    square = Hypothesis(Formula(A**2, "=", ONE))
    ranged = combine(
        Formula(Sum(KroneckerDelta(q, p) * F[q], (q, 1, P)), "=", F[p]), ranges=[InRange(p, P)]
    )
    both = [Part(assume(square), Integer(0)), Part(ranged, Integer(0))]
    assert combine(Formula(A**2, "=", ONE), both).hypotheses == {square, InRange(p, P)}
    part = Part(assume(square), Integer(0))
    assert combine(Formula(A * B * A * A, "=", A * B), [part]).hypotheses == {square}
    assert combine(Formula(Tr(A * B * A), "=", Tr(B)), [part])
    for left, right in ((Tr(A), DIMENSION), (Tr(B * A * B), Tr(A)), (B * A * B, A)):
        with pytest.raises(ProofError, match="differ"):
            combine(Formula(left, "=", right), [part])
    cube = Part(given_(A**3, "=", ONE), Integer(0))
    two = Part(given_(A**2, "=", Integer(2)), Integer(0))
    some = Hypothesis(Formula(A**2, "=", ONE), (k,), (InRange(k, C - 1),))
    never = Part(assume(some), Integer(0), over=((k, C - 1),))
    below = Part(combine(Formula(X, "=", X)), Integer(0))
    for other in (cube, two, never, below, Part(given_(B**2, "=", ONE), Integer(0))):
        with pytest.raises(ProofError, match="differ"):
            combine(Formula(A**2, "=", ONE), [other])
