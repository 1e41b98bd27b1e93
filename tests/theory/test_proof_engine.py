"""The checker itself: it accepts what holds, rejects what does not, and says how it decided."""

import random

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import (
    Derivative,
    Expr,
    Function,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Rational,
    Sum,
    Symbol,
    atan,
    cos,
    expand,
    log,
    pi,
    sin,
    symbols,
)

from hessian_theory import symbols as sym
from hessian_theory.proof.canonical import canonical
from hessian_theory.proof.decide import decide_zero, visibly_nonnegative
from hessian_theory.proof.derivation import Derivation, Step
from hessian_theory.proof.evidence import (
    Combination,
    Convex,
    Derived,
    Enumeration,
    Exact,
    Lemma,
    Use,
)
from hessian_theory.proof.formula import Assumption, Formula, Premise, ProofError
from hessian_theory.proof.operators import DIMENSION, OperatorIdentity, Tr
from hessian_theory.proof.points import Point
from tests.strategies import examples

X, Y = symbols("x y", real=True)
T = Symbol("t", positive=True)
M = Symbol("m", nonnegative=True)
A, B = (IndexedBase(name, real=True) for name in "AB")


def step(left, relation, right, evidence=None, label="step") -> Step:
    return Step(label, left, relation, right, "test", evidence or Combination(), claim=True)


def derivation(*steps: Step, **options) -> Derivation:
    return Derivation("test", "title", "summary", "ours", steps, **options)


def test_identity_is_decided_symbolically():
    found = step(sin(X) ** 2 + cos(X) ** 2, "=", 1).check()
    assert found.method == "symbolic"


def test_false_identity_is_rejected_with_the_point():
    with pytest.raises(ProofError, match=r"step 'step' .*differ by .* at x="):
        step(sin(X) ** 2 - cos(X) ** 2, "=", 1).check()


def test_undecided_identity_falls_back_to_points_and_says_so():
    """An identity that sympy's simplification leaves open (Machin's formula with a symbol)."""
    machin = 4 * atan(Rational(1, 5)) - atan(Rational(1, 239)) - pi / 4
    found = decide_zero(X * machin)
    assert (found.method, found.samples, found.digits) == ("numerical", 6, 50)


@pytest.mark.parametrize("power", [31, 45, 60])
def test_near_zero_is_evaluated_again_and_not_called_zero(power):
    """Only the second evaluation, at 100 digits, can tell 1e-60 from 0."""
    machin = 4 * atan(Rational(1, 5)) - atan(Rational(1, 239)) - pi / 4
    with pytest.raises(ProofError, match="differ by"):
        decide_zero(X * machin + Rational(1, 10**power))


def test_unsatisfiable_conditions_are_reported_as_vacuous():
    never = (Assumption("x > 1", X > 1), Assumption("x < 0", X < 0))
    theorem = derivation(step(X + X, "=", 2 * X), assumptions=never)
    report = theorem.report()
    assert report.status == "vacuous"
    assert report.witnesses == 0
    assert report.draws > 100
    with pytest.raises(ProofError, match="vacuous, none of"):
        theorem.check()


def test_contradictory_premises_are_reported_as_vacuous():
    premises = (Premise("a", Formula(X, "<=", Integer(-1))), Premise("b", Formula(X, ">=", 1)))
    use_both = Combination((Use("a", Rational(1, 2)), Use("b", Rational(1, 2))))
    theorem = derivation(step(Integer(1), "<=", 0, use_both), premises=premises)
    assert theorem.report().status == "vacuous"


def test_satisfiable_conditions_are_not_vacuous():
    theorem = derivation(step(X + X, "=", 2 * X), assumptions=(Assumption("x > 1", X > 1),))
    assert theorem.check().status == "proved"


def test_failed_step_stops_the_derivation():
    theorem = derivation(step(X, "=", X + 1, label="bad"), step(X + X, "=", 2 * X, label="good"))
    report = theorem.report()
    assert report.status == "failed"
    assert [s.label for s in report.steps] == ["bad"]
    with pytest.raises(ProofError, match="test: step 'bad'"):
        theorem.check()


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        (Combination((), -M), "not visibly non-negative"),
        (Combination((), X), "not visibly non-negative"),
        (Combination((Use("unknown"),)), "neither assumed nor proved"),
        (Combination((Use("premise", -1),)), "may be negative"),
        (Combination((), X**2), "differ by"),
        (Exact(), "is not a number"),
        (Derived(lambda: X, "computed"), "compared by equality"),
        (Enumeration(lambda _: [], "nothing"), "no instance"),
        (Enumeration(lambda _: [(2, 1)], "one"), "instance 1"),
    ],
)
def test_bad_evidence_for_an_inequality_is_rejected(evidence, message):
    premise = Premise("premise", Formula(X, "<=", Y))
    theorem = derivation(step(X, "<=", Y + 1, evidence), premises=(premise,))
    with pytest.raises(ProofError, match=message):
        theorem.check()


def test_an_equation_cannot_rest_on_an_inequality():
    premise = Premise("premise", Formula(X, "<=", Y))
    theorem = derivation(step(X, "=", Y, Combination((Use("premise"),))), premises=(premise,))
    with pytest.raises(ProofError, match="an equation needs equations"):
        theorem.check()


def test_a_step_cannot_use_a_later_one():
    later = step(X, "<=", X + 1, Combination((), 1), label="later")
    first = step(X, "<=", X + 2, Combination((Use("later"),), 1), label="first")
    with pytest.raises(ProofError, match="neither assumed nor proved before"):
        derivation(first, later).check()


@pytest.mark.parametrize(
    ("right", "message"),
    [
        (-log(T), None),
        (-log(T) + 1, "differ by"),  # not zero at the anchor
        (-2 * log(T), "differ by"),  # slope not zero there
        (2 - 2 * T + log(T), "second derivative"),  # concave
    ],
)
def test_convexity_needs_value_slope_and_sign(right, message):
    theorem = derivation(step(1 - T, "<=", right, Convex(T, 1)))
    if message is None:
        assert theorem.check().status == "proved"
    else:
        with pytest.raises(ProofError, match=message):
            theorem.check()


def test_lemma_is_numerical_and_notices_an_altered_formula():
    def square(rng: random.Random):
        value = mpmath.mpf(rng.randint(1, 1000)) / 997
        return {X: value, Y: value**2}

    found = step(X**2, "=", Y, Lemma("square", square)).check()
    assert found.method == "numerical"
    with pytest.raises(ProofError, match="square: instance"):
        step(X**2, "=", Y + Rational(1, 10**60), Lemma("square", square)).check()
    with pytest.raises(ProofError, match="square: instance"):
        step(X**2, ">=", Y + Rational(1, 10**40), Lemma("square", square)).check()


def test_operator_identities_hold_in_the_free_algebra_only():
    a, b = symbols("a b", commutative=False)
    step((a + b) ** 2, "=", a**2 + a * b + b * a + b**2).check()
    with pytest.raises(ProofError, match="free algebra"):
        step((a + b) ** 2, "=", a**2 + 2 * a * b + b**2).check()
    pauli = OperatorIdentity(squares_to_one=(a,))
    step(Tr(a * b * a), "=", Tr(b), pauli).check()
    step(Tr(a * a), "=", DIMENSION, pauli).check()
    with pytest.raises(ProofError, match="differ"):
        step(Tr(a * b), "=", Tr(b), pauli).check()


def test_labels_are_unique_and_something_is_claimed():
    with pytest.raises(ValueError, match="same label"):
        derivation(step(X, "=", X), step(X, "=", X))
    with pytest.raises(ValueError, match="claims nothing"):
        derivation(Step("quiet", X, "=", X, "test"))


def test_bad_formulas_are_refused():
    with pytest.raises(ValueError, match="relation must be one of"):
        Formula(X, "<", Y)  # type: ignore[arg-type]


INDICES = symbols("p q", integer=True, positive=True)


@st.composite
def sums(draw: st.DrawFn) -> Expr:
    """A polynomial of nested sums over two ranges with deltas, and free indices a, b."""
    p, q = INDICES
    k = sym.k
    total = Integer(0)
    for _ in range(draw(st.integers(1, 3))):
        body = Integer(draw(st.integers(-3, 3)))
        for factor in draw(
            st.lists(
                st.sampled_from(
                    [
                        A[p, k],
                        A[q, k],
                        B[p],
                        B[q] + 1,
                        KroneckerDelta(p, q),
                        KroneckerDelta(p, sym.PATCH_I),
                        1 - KroneckerDelta(q, sym.PATCH_I),
                        A[sym.PATCH_I, k],
                    ]
                ),
                max_size=4,
            )
        ):
            body *= factor
        limits = draw(
            st.sampled_from(
                [
                    ((p, 1, sym.P), (q, 1, sym.P), (k, 1, sym.C)),
                    ((q, 1, sym.P), (k, 1, sym.C), (p, 1, sym.P)),
                ]
            )
        )
        total += Sum(body, *limits)
    if draw(st.booleans()):
        total *= Sum(B[p], (p, 1, sym.P))
    return total


@given(sums())
@examples(60)
def test_normal_form_keeps_the_value(expr):
    """Catches a delta collapsed on the wrong index, a lost range factor, a captured index."""
    sizes = {sym.P: 3, sym.C: 2, sym.PATCH_I: 2}
    before = expand(expr.subs(sizes).doit())
    after = expand(canonical(expr).subs(sizes).doit())
    assert expand(before - after) == 0


@given(sums())
@examples(30)
def test_normal_form_ignores_names_of_bound_indices(expr):
    p, q = INDICES
    swapped = expr.xreplace({p: q, q: p})
    assert canonical(expr - swapped) == 0


@st.composite
def polynomials(draw: st.DrawFn) -> Expr:
    total = Integer(0)
    for _ in range(draw(st.integers(1, 4))):
        term = Integer(draw(st.integers(-2, 3)))
        for base in (X, Y, M, X - Y, 1 - M):
            term *= base ** draw(st.integers(0, 2))
        total += term
    return total


@given(polynomials(), st.data())
@examples(150)
def test_what_is_called_nonnegative_is_nonnegative(expr, data):
    """Catches an odd power or a difference mistaken for a square."""
    if visibly_nonnegative(expr):
        values = {s: data.draw(st.fractions(-3, 3)) for s in (X, Y)}
        values[M] = data.draw(st.fractions(0, 3))
        assert expr.subs({s: Rational(v) for s, v in values.items()}) >= 0


def test_same_point_can_be_evaluated_with_more_digits():
    f = Function("f", real=True)
    expr = Derivative(f(sym.n, X), X) * Sum(A[sym.k], (sym.k, 1, sym.C))
    point = Point(random.Random(3))
    low, high = point.value(expr, 50), point.value(expr, 100)
    assert abs(high) > 0
    assert abs(low - high) < mpmath.mpf(10) ** -45
