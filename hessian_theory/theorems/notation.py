"""Short constructors that the theorem files share."""

from __future__ import annotations

import random
from collections.abc import Callable

from sympy import Expr, IndexedBase, Integer, KroneckerDelta, Rational, Sum, Symbol
from sympy.parsing.sympy_parser import parse_expr

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.derivation import Assumption, Premise
from patchlaw.hessian_theory.proof.language import Formula, InRange
from patchlaw.hessian_theory.proof.points import Point

k, l, p, q, r = sym.k, sym.l, sym.p, sym.q, sym.r  # noqa: E741  # the paper's indices
C, P = sym.C, sym.P
PATCHES: Symbol = Symbol("x", positive=True)  # P as a real variable, for exponents
LABEL: Symbol = Symbol("y", integer=True, positive=True)
PI: IndexedBase = IndexedBase("pi", positive=True)

PATCH_INDICES = (
    Assumption("a is a patch index, 1 <= a <= P", InRange(sym.PATCH_I, P)),
    Assumption("b is a patch index, 1 <= b <= P", InRange(sym.PATCH_J, P)),
)
LABEL_INDEX = Assumption("y is the sample's class, 1 <= y <= C", InRange(LABEL, C))


def spelled(text: str, **names: Expr) -> Expr:
    """An expression kept as it is written, so that the page shows the sum and not its value."""
    return parse_expr(text, local_dict=names, evaluate=False)


def on_model(test: str) -> str:
    """Node id of the property that tests a theorem on the torch model."""
    return f"tests/theory/test_theorems_on_the_model.py::test_{test}"


def total(expr: Expr, upper: Expr | int, *indices: Symbol) -> Expr:
    """Sum over indices from 1 to `upper`."""
    return Sum(expr, *((i, 1, upper) for i in indices))


def over_classes(expr: Expr, *indices: Symbol) -> Expr:
    """Sum over classes, by default over k."""
    return total(expr, C, *(indices or (k,)))


def over_patches(expr: Expr, *indices: Symbol) -> Expr:
    """Sum over patches, by default over p."""
    return total(expr, P, *(indices or (p,)))


def mean(expr: Expr) -> Expr:
    """Average over the N samples n."""
    return total(expr, sym.N, sym.n) / sym.N


def not_delta(first: Expr, second: Expr) -> Expr:
    """1 - delta: restricts a sum to different indices."""
    return 1 - KroneckerDelta(first, second)


def unit_interval(
    name: str, value: Expr, *forall: Symbol, origin: str = "assumption"
) -> tuple[Premise, Premise]:
    """-1 <= value <= 1, as two premises."""
    return (
        Premise(f"{name} <= 1", Formula(value, "<=", Integer(1)), origin, forall),
        Premise(f"{name} >= -1", Formula(value, ">=", Integer(-1)), origin, forall),
    )


NORMALISED = Premise("normalised", Formula(over_classes(PI[k]), "=", Integer(1)))


def softmax_point(rng: random.Random) -> Point:
    """A point at which pi is a probability vector and everything else is random."""
    n_classes = rng.randint(2, 4)
    raw = [rng.randint(1, 50) for _ in range(n_classes)]
    weights = [Rational(x, sum(raw)) for x in raw]
    return Point(rng, {C: Integer(n_classes)}, {"pi": lambda i: weights[int(i) - 1]})


def bounded_point(
    *names: str, also: Callable[[random.Random], Point] | None = None
) -> Callable[[random.Random], Point]:
    """Points at which the named indexed quantities lie in [-1, 1]."""

    def draw(rng: random.Random) -> Point:
        point = also(rng) if also else Point(rng)
        memory: dict[tuple[str, tuple[Expr, ...]], Expr] = {}

        def rule(name: str) -> Callable[..., Expr]:
            def value(*indices: Expr) -> Expr:
                key = (name, indices)
                if key not in memory:
                    memory[key] = Rational(rng.randint(-100, 100), 100)
                return memory[key]

            return value

        point.indexed = {**point.indexed, **{name: rule(name) for name in names}}
        return point

    return draw
