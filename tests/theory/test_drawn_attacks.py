"""Nothing in the theorems is for show, and alterations that hypothesis draws are refused."""

import dataclasses
import random
from typing import Any

import pytest
import sympy as sp
from hypothesis import assume as only_if
from hypothesis import given
from hypothesis import strategies as st
from sympy import Expr, IndexedBase, Integer, Rational, Symbol

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.derivation import Citation, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula, ProofError, Tr
from patchlaw.hessian_theory.theorems import THEOREMS, find
from patchlaw.hessian_theory.theorems.notation import LABEL_INDEX, PI
from tests.strategies import examples
from tests.theory.attacks import accepted, altered, saying, stands
from tests.theory.opened_formulas import Reader, Scope

P, C = sym.P, sym.C
X = Symbol("x", real=True)
F = IndexedBase("F", real=True)

CLAIMS = [(t.name, s.label) for t in THEOREMS for s in t.claims]


@pytest.mark.parametrize(("name", "label"), CLAIMS, ids=[" / ".join(c) for c in CLAIMS])
def test_every_claim_is_needed_as_it_stands(name: str, label: str) -> None:
    """A hundredth added to an equation, or taken off a bound, breaks each claim."""
    theorem = find(name)
    step = theorem.step(label)
    tighter = Rational(-1, 100) if step.formula.relation == "<=" else Rational(1, 100)
    assert not stands(theorem, saying(step, right=step.formula.right + tighter))


PREMISES = [(t.name, x.label) for t in THEOREMS for x in t.premises]


@pytest.mark.parametrize(("name", "label"), PREMISES, ids=[" / ".join(c) for c in PREMISES])
def test_premises_are_needed(name: str, label: str) -> None:
    """Some step rests on each premise, and some step uses each citation."""
    theorem = find(name)
    premise = next(x for x in theorem.premises if x.label == label)
    if isinstance(premise, Citation):
        assert any(label in step.evidence.uses for step in theorem.steps)
    else:
        proved = [theorem.proved(step.label).hypotheses for step in theorem.steps]
        assert any(premise.hypothesis in given_ for given_ in proved)


def test_a_theorem_without_a_premise_is_refused() -> None:
    for name in ("gram-bounds", "softmax-curvature-bounds", "curvature-ceiling"):
        theorem = find(name)
        for premise in theorem.premises:
            rest = tuple(x for x in theorem.premises if x is not premise)
            assert not accepted(dataclasses.replace(theorem, premises=rest)), premise.label


RANGED = [t for t in THEOREMS if any(a.given for a in t.assumptions)]


@pytest.mark.parametrize("theorem", RANGED, ids=[t.name for t in RANGED])
def test_index_ranges_are_needed(theorem: Derivation) -> None:
    for dropped in theorem.assumptions:
        if dropped.given and dropped != LABEL_INDEX:  # that is what the label means, no more
            proved = [theorem.proved(step.label).hypotheses for step in theorem.steps]
            assert any(dropped.given in given_ for given_ in proved)


# --- alterations drawn by hypothesis -------------------------------------------------------------

SLOW = "cross-observables-one-sided"  # three seconds a step
DRAWN = [t for t in THEOREMS if t.name != SLOW]
ADDED = [
    *(sp.S.One, X, P - 1, (P - 1) * (P - 2) * (P - 3), (C - 2) * (C - 3) * (C - 4), PI[1], F[1]),
    (P - 1) * (P - 2) * (P - 3) * (P - 4) * (P - 5),
]
FACTORS = [
    *(Integer(2), Rational(1, 2), -sp.S.One, P, 1 / P, sym.SCALE, 1 + X**2, P**sym.ALPHA),
    sp.S.Zero,
]


class Opaque(Reader):
    """Every quantity is worth a number drawn from its name; derivatives and functions as well."""

    def leaf(self, key: tuple[Any, ...]) -> float:
        """Between 1/2 and 2."""
        return random.Random(str(key)).uniform(0.5, 2)

    def __call__(self, expr: Any, scope: Scope) -> Any:
        """As the reader; what it does not open is a number of its own."""
        opens = not isinstance(expr, sp.Function | sp.Derivative) or isinstance(
            expr, sp.exp | sp.log | sp.KroneckerDelta | sym.LossCurvature
        )
        if opens and expr != sp.I and expr != sp.pi and not isinstance(expr, Tr):
            return super().__call__(expr, scope)
        inner = {s: scope[s] for s in sorted(expr.free_symbols, key=str) if s in scope}
        return self.leaf((str(expr), str(inner)))


def same(first: Expr, second: Expr) -> bool:
    """Whether they agree at points where everything that is not seen through has a random value."""
    for turn in range(3):
        free = sorted((s for s in (first - second).free_symbols if s.is_integer), key=str)
        sizes = {s: 1 + (i * turn + turn) % 3 + (str(s) in "PCNd") for i, s in enumerate(free)}
        values = [Opaque()(side, sizes) for side in (first, second)]
        if abs(values[0] - values[1]) > 1e-9 * (1 + abs(values[0])):
            return False
    return True


@st.composite
def altered_steps(draw: st.DrawFn) -> tuple[Derivation, Step, str]:
    """A theorem of ours, a claim of it with one thing changed in what it says, and what."""
    theorem = draw(st.sampled_from(DRAWN))
    step = draw(st.sampled_from(theorem.claims))
    which = draw(st.sampled_from(["left", "right"]))
    old, relation = getattr(step.formula, which), step.formula.relation
    kind = draw(st.sampled_from(["add", "scale", "drop", "swap", "exponent"]))
    if kind == "add":
        new = old + draw(st.sampled_from(ADDED)) * draw(st.sampled_from([1, -1]))
        if relation != "=":  # a weaker bound is still true
            new = old + (1 if (relation == "<=") == (which == "left") else -1)
    elif kind == "scale":
        new = old * draw(st.sampled_from(FACTORS))
        only_if(relation == "=")
    elif kind == "drop":
        only_if(relation == "=" and old.is_Add)
        new = old - draw(st.sampled_from(sorted(old.args, key=str)))
    elif kind == "swap":
        only_if(relation == "=")
        names = sorted((s for s in old.free_symbols if type(s) is Symbol and s.is_integer), key=str)
        only_if(len(names) > 1)
        first, second = draw(st.permutations(names))[:2]
        new = old.xreplace({first: second, second: first})
    else:
        only_if(relation == "=" and old.has(sym.ALPHA))
        new = old.xreplace(
            {sym.ALPHA: draw(st.sampled_from([2 * sym.ALPHA, sym.ALPHA + 1, -sym.ALPHA]))}
        )
    only_if(new != old)
    return theorem, saying(step, **{which: new}), f"{kind} {which}"


@given(altered_steps())
@examples(30)
def test_drawn_alterations_are_refused(case: tuple[Derivation, Step, str]) -> None:
    """What is accepted says the same as before, or a multiple of an equation with 0."""
    theorem, step, text = case
    if stands(theorem, step):
        old, new = theorem.step(step.label).formula, step.formula
        unchanged = same(new.left, old.left) and same(new.right, old.right)
        multiple = "scale" in text and 0 in (new.left, new.right)
        assert unchanged or multiple, (theorem.name, step.label, text)


@st.composite
def altered_certificates(draw: st.DrawFn) -> tuple[Derivation, Step, int, Use]:
    """A step, one use of its certificate, and that use with a thing changed."""
    candidates = [
        (t, s)
        for t in DRAWN
        for s in t.steps
        if isinstance(s.evidence, Combination) and any(u.times != 0 for u in s.evidence.using)
    ]
    theorem, step = draw(st.sampled_from(candidates))
    using = step.evidence.using
    at = draw(st.sampled_from([i for i, u in enumerate(using) if u.times != 0]))
    use = using[at]
    kind = draw(st.sampled_from(["times", "over", "upper", "instance", "label"]))
    if kind == "times":
        factor = draw(st.sampled_from([f for f in FACTORS if f not in (0, 1)]))
        return theorem, step, at, dataclasses.replace(use, times=use.times * factor)
    if kind in ("over", "upper"):
        only_if(use.over)
        (x, upper), *rest = use.over.items()
        over = dict(rest) if kind == "over" else {**use.over, x: upper + 1}
        return theorem, step, at, dataclasses.replace(use, over=over)
    if kind == "instance":
        only_if(use.at)
        what = draw(st.sampled_from(list(use.at)))
        return (
            theorem,
            step,
            at,
            dataclasses.replace(use, at={x: y for x, y in use.at.items() if x != what}),
        )
    others = [x.label for x in (*theorem.premises, *theorem.steps) if x.label != use.label]
    only_if(others)
    return theorem, step, at, dataclasses.replace(use, label=draw(st.sampled_from(others)))


@given(altered_certificates())
@examples(40)
def test_drawn_certificates_are_refused(case: tuple[Derivation, Step, int, Use]) -> None:
    """A certificate with one use changed certifies nothing, unless that use added nothing."""
    theorem, step, at, changed = case

    def using(use: Use) -> Step:
        uses = step.evidence.using
        rest = step.evidence.remainder
        new = Combination(*uses[:at], use, *uses[at + 1 :], remainder=rest)
        return dataclasses.replace(step, evidence=new)

    nothing = dataclasses.replace(step.evidence.using[at], times=0)
    if stands(theorem, using(changed)) and not stands(theorem, using(nothing)):
        assert equal_uses(theorem, step.evidence.using[at], changed), (theorem.name, step.label)


def equal_uses(theorem: Derivation, first: Use, second: Use) -> bool:
    """Whether two uses take the same thing out of the gap."""
    known = {x.label: x.formula for x in (*theorem.premises, *theorem.steps)}

    def term(use: Use) -> Expr:
        made = known[use.label].gap.subs(use.at, simultaneous=True) * use.times
        return sp.Sum(made, *((x, 1, top) for x, top in use.over.items())) if use.over else made

    return not (first.by or first.traced) and same(term(first), term(second))


@st.composite
def altered_premises(draw: st.DrawFn) -> tuple[Derivation, str]:
    """A theorem with a premise changed, and perhaps one of its claims in the same way."""
    theorem = draw(st.sampled_from([t for t in DRAWN if t.name != "trace-law"]))
    given_ = [x for x in theorem.premises if isinstance(x, Premise)]
    only_if(given_)
    premise = draw(st.sampled_from(given_))
    kind = draw(st.sampled_from(["scale", "add", "forall", "within"]))
    formula = premise.formula
    if kind == "forall":
        only_if(premise.forall)
        changed = dataclasses.replace(premise, forall=premise.forall[1:])
    elif kind == "within":
        only_if(premise.within)
        changed = dataclasses.replace(premise, within=())
    else:
        factor = draw(st.sampled_from([Integer(2), Integer(3), Rational(1, 2)]))
        scale = kind == "scale"
        right = formula.right * factor if scale else formula.right + factor - 1
        only_if(right != formula.right)
        changed = dataclasses.replace(
            premise, formula=Formula(formula.left, formula.relation, right)
        )
    premises = tuple(changed if x is premise else x for x in theorem.premises)
    other = dataclasses.replace(theorem, premises=premises)
    if draw(st.booleans()):
        step = draw(st.sampled_from(theorem.claims))
        only_if(step.formula.right != 0)
        other = altered(other, saying(step, right=step.formula.right * Rational(1, 2)))
    return other, f"{theorem.name}, {premise.label}: {kind}"


@given(altered_premises())
@examples(20)
def test_what_rests_on_altered_premises_says_so(case: tuple[Derivation, str]) -> None:
    """Whatever is still proved rests on the altered premises and on nothing else."""
    other, text = case
    for step in other.claims:
        try:
            theorem = other.proved(step.label)
        except ProofError:
            continue
        assert theorem.formula == step.formula, text
        assert theorem.hypotheses <= other.given, text
