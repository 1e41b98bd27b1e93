"""Instances, derivatives, traces and tangents: what these rules make, and what they refuse."""

import pytest
from sympy import (
    Derivative,
    Expr,
    Function,
    I,
    Integer,
    KroneckerDelta,
    Lambda,
    Sum,
    Symbol,
    cos,
    exp,
    log,
    sin,
)

from patchlaw.hessian_theory.proof.kernel import (
    Part,
    assume,
    combine,
    convex,
    differentiate,
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


def test_instances_move_the_hypotheses_along() -> None:
    below = given_(X, "<=", Y)
    moved = instantiate(below, {Y: Integer(0)})
    assert moved.formula == Formula(X, "<=", 0)
    assert moved.hypotheses == {Hypothesis(Formula(X, "<=", 0))}
    every = given_(F[p], "<=", ONE, p)
    assert instantiate(every, {p: Integer(3)}).formula == Formula(F[3], "<=", 1)
    assert instantiate(every, {p: Integer(3)}).hypotheses == every.hypotheses
    assert instantiate(every, {F: Lambda((p,), W[p] * 2)}).hypotheses == {
        Hypothesis(Formula(2 * W[p], "<=", 1), (p,))
    }
    ranged = combine(
        Formula(Sum(KroneckerDelta(q, p) * F[q], (q, 1, P)), "=", F[p]), ranges=[InRange(p, P)]
    )
    assert instantiate(ranged, {p: Integer(1)}).hypotheses == frozenset()
    assert instantiate(ranged, {p: Integer(2)}).hypotheses == {InRange(2, P)}


def test_a_value_takes_the_place_of_each_application_and_of_no_other() -> None:
    """With the outer f of f(f(x)) = x left at f = x, it says f(x) = x, and assumes x = x."""
    twice = instantiate(given_(f(Y), "=", X, Y), {Y: f(X)})
    assert instantiate(twice, {f: Lambda((Y,), X)}).formula == Formula(X, "=", X)
    scaled = combine(Formula(T * f(X), "=", T * f(X)))
    moved = instantiate(scaled, {f: Lambda((Y,), f(Y + 1) / T)})
    assert moved.formula == Formula(f(X + 1), "=", f(X + 1))


def test_instances_leave_other_hypotheses_as_they_are() -> None:
    """Also where a hypothesis binds what the value speaks of; and a range alone may change."""
    fact, other = given_(F[p], "<=", ONE, p), given_(W[p], "<=", X, p)
    both = combine(
        Formula(F[k] + W[q], "<=", 1 + X),
        [Part(instantiate(fact, {p: k})), Part(instantiate(other, {p: q}))],
    )
    assert len(both.hypotheses) == 2
    moved = instantiate(both, {F: Lambda((q,), T * W[q] + X)})
    assert Hypothesis(Formula(W[p], "<=", X), (p,)) in moved.hypotheses
    only_w = instantiate(other, {p: q})
    assert instantiate(only_w, {F: Lambda((q,), W[p])}).hypotheses == only_w.hypotheses
    ranged = assume(Hypothesis(Formula(F[p], "=", X), (p,), (InRange(p, C),)))
    at_two = instantiate(ranged, {C: Integer(2)})
    assert at_two.hypotheses == {
        Hypothesis(Formula(F[p], "=", X), (p,), (InRange(p, 2),)),
        InRange(p, 2),
    }
    fixed = assume(Hypothesis(Formula(F[1], "=", X), (), (InRange(k, C),)))
    assert instantiate(fixed, {k: q}).hypotheses == {
        Hypothesis(Formula(F[1], "=", X), (), (InRange(q, C),)),
        InRange(q, C),
    }


def test_instances_stay_within_the_declared_domain() -> None:
    root = convex(Formula(1 - T, "<=", -log(T)), T, ONE)
    for value in (Integer(-1), Integer(0), X, M, I):
        with pytest.raises(ProofError):
            instantiate(root, {T: value})
    even = Symbol("e", even=True)
    with pytest.raises(ProofError):
        instantiate(combine(Formula((-1) ** even, "=", (-1) ** even)), {even: Integer(3)})
    unit = given_(NN[p], ">=", Integer(0), p)
    with pytest.raises(ProofError):
        instantiate(unit, {NN: Lambda((p,), F[p])})
    high = Function("g", nonnegative=True)
    for value in (Integer(-1), I * X):
        with pytest.raises(ProofError, match="not known to be"):
            instantiate(given_(high(X), "=", high(X), X), {high: Lambda((X,), value)})
    sign = combine(Formula(Integer(0), "<=", high(X)), (), high(X))
    with pytest.raises(ProofError, match="not known to be"):  # 2 t >= 0, but at x it is put
        instantiate(sign, {high: Lambda((T,), 2 * T)})
    with pytest.raises(ProofError, match="not known to be"):  # p - 1 >= 0, but not at -3
        instantiate(
            combine(Formula(Integer(0), "<=", NN[-3]), (), NN[-3]), {NN: Lambda((p,), p - 1)}
        )


def test_what_is_put_in_is_defined() -> None:
    """From x = 0: z x = 0 for every z, also for 1/x?"""
    z = Symbol("z")
    product = combine(Formula(z * X, "=", 0), [Part(given_(X, "=", Integer(0)), z)])
    for value in (1 / X, log(X), T + 1 / (C - 1)):
        with pytest.raises(ProofError, match="may be undefined"):
            instantiate(product, {z: value})
    assert instantiate(product, {z: 1 / T}).formula == Formula(X / T, "=", 0)


class OwnLambda(Lambda):
    """Says one thing and puts in another."""

    def __call__(self, *_: Expr) -> Expr:
        """Not what it shows."""
        return Integer(-1)


@pytest.mark.parametrize(
    ("what", "value"),
    [
        (cos, Lambda((Y,), 1)),
        (KroneckerDelta, Lambda((p, q), 1)),
        (F[1], Lambda((Y,), 1)),
        (F[1], Integer(1)),
        (F, Integer(1)),
        (F, OwnLambda((p,), ONE)),
        (cos(X), Integer(1)),
        (Integer(1), Integer(0)),
        (X, Lambda((Y,), Y + 1)),
    ],
    ids=str,
)
def test_only_symbols_quantities_and_functions_are_replaced(what: Expr, value: Expr) -> None:
    """cos -> 1 and sin -> 1 in cos^2 + sin^2 = 1 would say 2 = 1."""
    made = combine(
        Formula(
            cos(X) ** 2 + sin(X) ** 2 + F[1] * KroneckerDelta(p, q),
            "=",
            1 + F[1] * KroneckerDelta(p, q),
        )
    )
    with pytest.raises(ProofError):
        instantiate(made, {what: value})


def test_the_dimension_of_a_trace_stays() -> None:
    """tr 1 = d, at d = 2 and at d = 3, would say 2 = 3; so would a hypothesis on a trace."""
    with pytest.raises(ProofError, match="taken over d"):
        instantiate(combine(Formula(Tr(ONE), "=", DIMENSION)), {DIMENSION: Integer(2)})
    one, number = given_(A, "=", ONE), given_(Tr(A), "=", Y)
    made = combine(Formula(Y, "=", DIMENSION), [Part(trace(one)), Part(number, -1)])
    with pytest.raises(ProofError, match="taken over d"):
        instantiate(made, {DIMENSION: Integer(2)})
    free = combine(Formula(DIMENSION + X, "=", X + DIMENSION))
    assert instantiate(free, {DIMENSION: Integer(2)}).formula == Formula(2 + X, "=", X + 2)


def test_nothing_is_captured_by_a_bound_index() -> None:
    linear = combine(Formula(Sum(F[p] * X, (p, 1, P)), "=", X * Sum(F[p], (p, 1, P))))
    moved = instantiate(linear, {X: W[p]})
    assert moved.formula.left != Sum(F[p] * W[p], (p, 1, P))
    combine(moved.formula)  # still an identity, p free
    quantified = given_(F[p] * X, "<=", ONE, p)
    with pytest.raises(ProofError, match="binds"):
        instantiate(quantified, {X: W[p]})
    with pytest.raises(ProofError, match="no sum"):
        instantiate(quantified, {F: Lambda((p,), Sum(W[q], (q, 1, p)))})
    with pytest.raises(ProofError, match="name of an indexed"):
        instantiate(combine(Formula(F[1], "=", F[1])), {Symbol("F", real=True): X})


def test_variables_of_differentiation_stay() -> None:
    slope = combine(Formula(Derivative(f(X, Y), X), "=", Derivative(f(X, Y), X)))
    for at in ({X: Integer(0)}, {X: Y}, {Y: X}):
        with pytest.raises(ProofError, match="variable of differentiation"):
            instantiate(slope, at)
    own = combine(Formula(Derivative(F[p] ** 2, F[k]), "=", 2 * KroneckerDelta(p, k) * F[p]))
    for at in ({F: Lambda((p,), W[1])}, {k: Integer(2)}):
        with pytest.raises(ProofError, match="variable of differentiation"):
            instantiate(own, at)
    twice = Derivative(f(F[p], F[q]), F[p])  # at p = q, is it the first slot's or both slots'?
    with pytest.raises(ProofError, match="several entries"):
        combine(Formula(Sum(X * twice, (k, 1, P)), "=", P * X * twice))


def test_differentiation_needs_an_equation_for_all_values() -> None:
    square = given_(f(X), "=", X**2, X)
    assert combine(Formula(Derivative(f(X), X), "=", 2 * X), [Part(differentiate(square, X))])
    with pytest.raises(ProofError, match="speaks of"):
        differentiate(given_(f(X), "=", X**2), X)
    with pytest.raises(ProofError, match="equations"):
        differentiate(given_(f(X), "<=", X**2, X), X)
    with pytest.raises(ProofError, match="cannot differentiate"):
        differentiate(given_(F[k], "=", k * X, k), k)
    with pytest.raises(ProofError):
        differentiate(given_(F[p], "=", X, p), F[p])


def test_traces_of_equations() -> None:
    equal = given_(A, "=", B)
    assert trace(equal).formula == Formula(Tr(A), "=", Tr(B))
    with pytest.raises(ProofError):
        trace(given_(X, "<=", Y))


@pytest.mark.parametrize(
    ("goal", "variable", "anchor"),
    [
        (Formula(1 - T, "<=", -log(T)), T, Integer(2)),  # no zero there
        (Formula(T, ">=", ONE), T, ONE),  # a zero, but a slope
        (Formula(log(T), "<=", T - 2), T, ONE),
        (Formula(-(X**2), ">=", Integer(0)), X, Integer(0)),  # concave
        (Formula(X**3, ">=", Integer(0)), X, Integer(0)),
        (Formula(1 - T, "<=", -log(T)), T, Integer(-1)),  # outside
        (Formula(1 - T, "<=", -log(T)), T, T),
        (Formula(T**3, ">=", 3 * T + 2), T, Integer(-1)),  # convex for t > 0 only, false at 1
        (Formula(X**2, "=", Integer(0)), X, Integer(0)),
        (Formula(k**2, ">=", Integer(0)), k, ONE),
        (Formula(M**2, ">=", Integer(0)), M, Integer(0)),
        (Formula(F[1] ** 2, ">=", Integer(0)), F[1], Integer(0)),
        (Formula(Sum(X**2 * NN[p], (p, 1, P)), ">=", Integer(0)), X, Integer(0)),
        (Formula(X**2 / Y**2, ">=", Integer(0)), X, Integer(0)),
        (Formula(Integer(0), "<=", X**2 / Y**2), X, Integer(0)),
    ],
    ids=str,
)
def test_convexity_is_checked(goal: Formula, variable: Symbol, anchor: Expr) -> None:
    with pytest.raises(ProofError):
        convex(goal, variable, anchor)


@pytest.mark.parametrize(
    ("goal", "variable", "anchor"),
    [
        (Formula(1 - T, "<=", -log(T)), T, ONE),
        (Formula(X**2 + 1, ">=", 2 * X), X, ONE),
        (Formula(exp(X), ">=", exp(Y) * (1 + X - Y)), X, Y),
    ],
    ids=str,
)
def test_convex_functions_lie_above_their_tangents(
    goal: Formula, variable: Symbol, anchor: Expr
) -> None:
    assert convex(goal, variable, anchor).hypotheses == frozenset()


def test_a_fact_about_the_variable_is_no_sign_for_convexity() -> None:
    low = given_(X, ">=", Integer(0))
    with pytest.raises(ProofError, match="speaks of"):
        convex(Formula(X**3, ">=", Integer(0)), X, Integer(0), [low])


def test_a_slope_at_the_anchor_is_along_the_variable_alone() -> None:
    """With d f(y, y)/dy for the slope of f(x, y) at x = y, any f were symmetric, x for one."""
    bend = Derivative(f(X, Y), X, X), Derivative(f(Y, X), X, X)
    bent = given_(bend[0], ">=", bend[1], X, Y)
    with pytest.raises(ProofError, match="a slope that is not a formula"):
        convex(Formula(f(X, Y), ">=", f(Y, X)), X, Y, [bent])
