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
    Matrix,
    Rational,
    S,
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
    Inserted,
    Lemma,
    Use,
)
from hessian_theory.proof.formula import Assumption, Formula, Premise, ProofError
from hessian_theory.proof.operators import DIMENSION, OperatorIdentity, Tr
from hessian_theory.proof.points import Point
from hessian_theory.proof.render import as_text, status_text
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


def test_an_expression_defined_nowhere_is_not_called_zero():
    """Without the error at the end, an identity tried at no point at all would count as proved."""
    sizes_drawn = 1 / ((sym.P - 2) * (sym.P - 3))  # a point has P = 2 or 3
    with pytest.raises(ProofError, match="no point was found at which both sides are defined"):
        decide_zero(sizes_drawn)


@pytest.mark.parametrize(
    "never",
    [
        (Assumption("x > 1", X > 1), Assumption("x < 0", X < 0)),
        (Assumption("0 > 1", S.false),),  # sympy decides it before a point is drawn
    ],
    ids=["at every point", "outright"],
)
def test_unsatisfiable_conditions_are_reported_as_vacuous(never):
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
    text = as_text(theorem, report)
    assert "-> FAILED: step 'bad'" in text
    assert text.count("-> not reached") == 1
    assert "Status: failed" in text
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
        (Inserted(Function("f"), (X,), lambda: [X], "any f"), "compared by equality"),
        (OperatorIdentity(), "operator identities are equations"),
        (Enumeration(lambda _: [], "nothing"), "no instance"),
        (Enumeration(lambda _: [(2, 1)], "one"), "instance 1"),
    ],
)
def test_bad_evidence_for_an_inequality_is_rejected(evidence, message):
    premise = Premise("premise", Formula(X, "<=", Y))
    theorem = derivation(step(X, "<=", Y + 1, evidence), premises=(premise,))
    with pytest.raises(ProofError, match=message):
        theorem.check()


@pytest.mark.parametrize(
    ("right", "evidence", "message"),
    [
        (
            X,
            Inserted(Function("f"), (X,), list, "no function"),
            r"nothing to insert \(no function\)",
        ),
        (X, Convex(X, 0), "convexity proves an inequality"),
    ],
)
def test_bad_evidence_for_an_equation_is_rejected(right, evidence, message):
    with pytest.raises(ProofError, match=message):
        step(X, "=", right, evidence).check()


def test_matrix_equations_combine():
    """B M = B N out of M = N; catches the factor put on the other side of the matrix."""
    left, right, factor = (Matrix(2, 2, symbols(f"{name}:4", real=True)) for name in "mnb")
    premise = Premise("premise", Formula(left, "=", right))
    proof = Combination((Use("premise", factor),))
    assert derivation(step(factor * left, "=", factor * right, proof), premises=(premise,)).check()
    swapped = derivation(step(left * factor, "=", right * factor, proof), premises=(premise,))
    with pytest.raises(ProofError, match="differ by"):
        swapped.check()
    after = Combination((Use("premise", after=factor),))
    assert derivation(step(left * factor, "=", right * factor, after), premises=(premise,)).check()


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
    with pytest.raises(ProofError, match=r"cannot read b\*\*\(-1\) as a word of operators"):
        step(a * b**-1, "=", a * b, pauli).check()


def test_an_operator_identity_whose_coefficients_are_equal_only_at_points_is_not_proved():
    """Its decision says "symbolic" for all words, so a numerical one must not hide among them."""
    a = Symbol("a", commutative=False)
    machin = 4 * atan(Rational(1, 5)) - atan(Rational(1, 239)) - pi / 4
    with pytest.raises(ProofError, match="a coefficient was not decided symbolically"):
        step(X * machin * a, "=", 0, OperatorIdentity()).check()


def test_labels_are_unique_and_something_is_claimed():
    with pytest.raises(ValueError, match="same label"):
        derivation(step(X, "=", X), step(X, "=", X))
    with pytest.raises(ValueError, match="claims nothing"):
        derivation(Step("quiet", X, "=", X, "test"))
    with pytest.raises(KeyError, match="derivation 'test' has no step 'last'"):
        derivation(step(X, "=", X, label="first")).step("last")


def test_bad_formulas_are_refused():
    with pytest.raises(ValueError, match="relation must be one of"):
        Formula(X, "<", Y)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="between scalars; use a quadratic form for matrices"):
        Formula(Matrix([X]), "<=", Matrix([Y]))


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


@pytest.mark.parametrize(
    "expr",
    [
        # the delta of indices with different ranges: neither may run over the other's
        Sum(KroneckerDelta(*INDICES) * A[INDICES], (INDICES[0], 1, sym.P), (INDICES[1], 1, sym.C)),
        # a delta that is no factor: 1 / (1 + delta_ab) B_b is not a multiple of delta_ab
        B[sym.PATCH_J] / (1 + KroneckerDelta(sym.PATCH_I, sym.PATCH_J)),
    ],
    ids=["other range", "no factor"],
)
def test_a_delta_that_cannot_be_used_up_is_kept(expr):
    sizes = {sym.P: 3, sym.C: 2, sym.PATCH_I: 2, sym.PATCH_J: 1}
    found = canonical(expr)
    assert found.has(KroneckerDelta)
    assert expand(found.subs(sizes).doit() - expr.subs(sizes).doit()) == 0


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


@pytest.mark.parametrize(
    ("expr", "expected"), [(X**-2, True), ((X * Y) ** -4, True), (X**-1, False), (X**-3, False)]
)
def test_an_even_power_is_nonnegative_wherever_it_is_defined(expr, expected):
    """sympy leaves the sign of x^-2 open, as x may be zero."""
    assert expr.is_nonnegative is None
    assert visibly_nonnegative(expr) is expected


def test_status_counts_the_numerical_steps_a_claim_rests_on():
    def any_point(rng: random.Random):
        return {X: mpmath.mpf(rng.randint(1, 1000)) / 997}

    tried = Lemma("any x", any_point)
    claimed = derivation(step(X + X, "=", 2 * X, tried))
    assert status_text(claimed, claimed.report()) == "proved, resting on 1 numerical steps"
    aside = derivation(step(X, "=", X), Step("aside", X + X, "=", 2 * X, "test", tried))
    assert status_text(aside, aside.report()) == "proved, and tried on random instances"


def test_same_point_can_be_evaluated_with_more_digits():
    f = Function("f", real=True)
    expr = Derivative(f(sym.n, X), X) * Sum(A[sym.k], (sym.k, 1, sym.C))
    point = Point(random.Random(3))
    low, high = point.value(expr, 50), point.value(expr, 100)
    assert abs(high) > 0
    assert abs(low - high) < mpmath.mpf(10) ** -45
