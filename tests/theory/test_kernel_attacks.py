"""A hostile author at work: false theorems, built from the real ones, all refused.

The kinds that an earlier checker accepted come first, then a list of single alterations.
"Refused" means: the derivation is not reported as proved.
"""

import dataclasses
from collections.abc import Callable

import pytest
from sympy import (
    Expr,
    Function,
    I,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Lambda,
    Rational,
    Sum,
    Symbol,
    cos,
    exp,
    sin,
)

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof import derivation
from patchlaw.hessian_theory.proof.derivation import Citation, Claim, Premise
from patchlaw.hessian_theory.proof.evidence import (
    Combination,
    Convex,
    Exact,
    Outcome,
    Use,
)
from patchlaw.hessian_theory.proof.kernel import assume, combine
from patchlaw.hessian_theory.proof.language import (
    DIMENSION,
    Formula,
    Hypothesis,
    InRange,
    Tr,
)
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems import find, gram, second_moments, split
from patchlaw.hessian_theory.theorems.notation import PI, over_patches
from tests.theory.attacks import (
    Change,
    accepted,
    altering,
    attempt,
    claim,
    evidence,
    no_delta,
    no_ranges,
    other_range,
    premise,
    refused,
    relation,
    scaled,
    side,
    uses,
    weaker,
    without,
)
from tests.theory.kernel_symbols import NN, ONE, A, B, C, F, M, P, T, W, X, Y, k, p, q

N, r, l = sym.N, sym.r, sym.l  # noqa: E741  # the paper's indices
ZERO = Integer(0)


# --- the eight kinds ---------------------------------------------------------------------------


def test_kind_1_a_multiplier_that_divides_by_zero() -> None:
    """1 = 0 from x = 0 with the multiplier 1/x; also from x = y with 1/(y - x)."""
    given = Premise("x", Formula(X, "=", ZERO))
    for times in (1 / X, -1 / X, 1 / (X * (1 + X**2))):
        false = claim(ONE, "=", ZERO, Combination(Use("x", times)))
        assert not accepted(attempt(false, premises=(given,)))
    two = Premise("y", Formula(X, "=", Y))
    assert not accepted(
        attempt(claim(ONE, "=", ZERO, Combination(Use("y", 1 / (Y - X)))), premises=(two,))
    )


def test_kind_1_an_operator_is_no_number() -> None:
    """Only this catches B = 0 from A B = 0, and exp(A + B) exp(-A) = exp(B)."""
    annihilated = Premise("A B", Formula(A * B, "=", ZERO))
    for inverse in (Use("A B", A**-1), Use("A B", -(A**-1))):
        zero = claim(B, "=", ZERO, Combination(inverse))
        assert not accepted(attempt(zero, premises=(annihilated,)))
    other = Symbol("Z", commutative=False)
    both_at_once = Premise("Z", Formula(other, "=", exp(A + B)))
    apart = claim(other * exp(-A), "=", exp(B), Combination(Use("Z", after=exp(-A))))
    assert not accepted(attempt(apart, premises=(both_at_once,)))


def test_kind_2_what_holds_of_one_fixed_patch_is_no_law_of_all() -> None:
    """A >= 1 from a premise about the fixed patch r; and the bounds with 'for all r' taken away."""
    fixed = Premise("one", Formula(F[r], ">=", ONE))
    summed = Combination(Use("one", over={r: P}))
    assert not accepted(attempt(claim(over_patches(F[p]), ">=", P, summed), premises=(fixed,)))
    bounds = gram.BOUNDS
    for label in ("any vector", "w_r"):
        loose = tuple(
            dataclasses.replace(x, forall=()) if x.label == label else x for x in bounds.premises
        )
        assert not accepted(dataclasses.replace(bounds, premises=loose))


def test_kind_3_an_instance_moves_the_premise_too() -> None:
    """lambda_max(G) <= 0 by putting 0 for the Lambda that the premises speak of."""
    bounds = gram.BOUNDS
    top = bounds.step("upper").formula.left
    at_zero = Combination(Use("lower", at={top: ZERO}, over={r: P}))
    total = Formula(over_patches(gram.BLOCK_TOP[p]), "<=", ZERO)
    false = Claim("nothing", total, "at Lambda = 0", at_zero)
    assert not accepted(dataclasses.replace(bounds, steps=(*bounds.steps, false)))
    mean = find("mean-error-ceiling")
    loss = mean.premises[0].formula.right.args[-1]
    wrong = Combination(Use("probability", at={loss: ZERO}))
    high = dataclasses.replace(mean.step("probability").formula, right=ONE)
    step = Claim("all right", high, "at L = 0", wrong)
    assert not accepted(dataclasses.replace(mean, steps=(*mean.steps, step)))


@pytest.mark.parametrize(
    "extra",
    [
        (P - 2) * (P - 3),
        (C - 2) * (C - 3),
        (P - 1) * (P - 2) * (P - 3) * (P - 4),
        (N - 1) * (N - 2) * (N - 3) * (N - 4) * (N - 5),
    ],
    ids=str,
)
def test_kind_4_products_that_vanish_on_small_integers(extra: Expr) -> None:
    for theorem in (split.EQ5, find("softmax-curvature-bounds"), find("trace-law")):
        assert refused(theorem, side(theorem.claims[0].label, lambda e: e + extra))
    assert not accepted(attempt(claim(extra, "=", ZERO)))


@pytest.mark.parametrize(
    ("name", "label", "change"),
    [
        ("gradient-eq4", "Eq. (4)", lambda left: 7 * left),
        ("hessian-eq5", "Eq. (5)", lambda left: left / P),
        ("hessian-eq5", "diagonal", lambda left: left.xreplace({sym.SCALE: 2 * sym.SCALE})),
        ("hessian-eq6", "coupling", lambda left: ZERO),
        ("hessian-eq6", "Eq. (6)", lambda left: ZERO),
        ("element-exponents", "angle-angle, G", lambda left: 2 * left),
        ("gram-exponent", "aligned", lambda left: -left),
    ],
)
def test_kind_5_the_left_side_counts(name: str, label: str, change: Callable[[Expr], Expr]) -> None:
    assert refused(find(name), side(label, change, "left"))


def test_kind_7_a_citation_is_the_theorem_cited() -> None:
    """1/d^2 for 1/(d(d+1)): a premise may not name a theorem, a citation cannot be another one."""
    with pytest.raises(ValueError, match="make it a Citation"):
        Premise("state", Formula(X, "=", Y / DIMENSION**2), "theorem second-moment, step a_1")
    moment = second_moments.MOMENT
    true = moment.step("a_1").formula
    cited = Citation("a_1", moment, "a_1")
    wrong = claim(true.left, "=", true.right + 1 / DIMENSION**2, Combination(Use("a_1")))
    premises = tuple(x for x in moment.premises if isinstance(x, Premise))
    honest = dataclasses.replace(wrong, formula=true)
    assert accepted(dataclasses.replace(moment, steps=(honest,), premises=(*premises, cited)))
    assert not accepted(dataclasses.replace(moment, steps=(wrong,), premises=(*premises, cited)))
    # and what the cited theorem assumes has to be assumed
    for given in premises:
        rest = tuple(x for x in premises if x is not given)
        bare = dataclasses.replace(moment, steps=(honest,), premises=(*rest, cited))
        assert not accepted(bare), given.label
    broken = side("a_1", lambda e: e + 1)(moment)
    assert not accepted(attempt(wrong, premises=(Citation("a_1", broken, "a_1"),)))


def test_kind_8_a_delta_needs_an_index_in_range() -> None:
    for index, ranges in (
        (k, ()),
        (Integer(7), ()),
        (P + 1, ()),
        (k, (InRange(k, C),)),
        (k, (InRange(k + 1, P),)),
    ):
        total = over_patches(KroneckerDelta(p, index) * F[p])
        assert not accepted(attempt(claim(total, "=", F[index]), ranges=ranges)), index
    total = over_patches(KroneckerDelta(p, k) * F[p])
    assert accepted(attempt(claim(total, "=", F[k]), ranges=(InRange(k, P),)))


# --- premises that contradict each other show nothing ------------------------------------------


@pytest.mark.parametrize(
    "premises",
    [
        (Formula(X, "=", ZERO), Formula(X, "=", ONE)),
        (Formula(X**2, "<=", Integer(-1)),),
        (Formula(X, ">", Y), Formula(Y, ">", X)),
        (Formula(C, "<=", ZERO),),
    ],
    ids=str,
)
def test_contradictory_premises_are_vacuous(premises: tuple[Formula, ...]) -> None:
    given = tuple(Premise(str(i), formula) for i, formula in enumerate(premises))
    assert attempt(claim(X, "=", X), premises=given).report().status == "vacuous"


def test_definitions_that_contradict_each_other_are_vacuous() -> None:
    """F_p = 0 for all p looks like a definition; F_1 = 1 beside it makes it a contradiction."""
    everywhere = Premise("F", Formula(F[p], "=", ZERO), "definition", (p,))
    for other in (
        Premise("one", Formula(F[1], "=", ONE)),
        Premise("again", Formula(F[q], "=", ONE), "definition", (q,)),
        Premise("in another", Formula(W[p], "=", 1 + F[p] * W[p]), "definition", (p,)),
    ):
        if other.label == "in another":
            other = dataclasses.replace(other, formula=Formula(F[1] * W[p], "=", ONE))
        assert attempt(claim(X, "=", X), premises=(everywhere, other)).report().status == "vacuous"
    size = IndexedBase("n", integer=True, positive=True)
    beyond = Premise("n", Formula(size[p], "=", P + p), "definition", (p,))
    spoken_of = Premise("w", Formula(W[k], ">=", ZERO), "", (k,), (InRange(size[1] + k, P),))
    for premises, ranges in (((beyond,), (InRange(size[1], P),)), ((beyond, spoken_of), ())):
        made = attempt(claim(X, "=", X), premises=premises, ranges=ranges)
        assert made.report().status == "vacuous"
    itself = Premise("F", Formula(F[p], "=", 1 + F[p]), "definition", (p,))
    assert itself.defines is None
    assert attempt(claim(X, "=", X), premises=(itself,)).report().status == "vacuous"


HIGH = Function("g", positive=True)
TINY = Rational(1, 10**50)


@pytest.mark.parametrize(
    "premises",
    [
        [Premise("d", Formula(NN[p], "=", -1), "definition", (p,))],
        [Premise("d", Formula(F[p], "=", I), "definition", (p,))],
        [Premise("d", Formula(HIGH(X), "=", X), "definition", (X,))],
        [Premise("d", Formula(HIGH(X), "<=", -1))],
        [Premise("d", Formula(M, "<=", X), "", (X,))],
        [Premise("d", Formula(X, "<=", 3 - p), "", (p,)), Premise("e", Formula(X, ">=", 0))],
        [Premise("d", Formula(ZERO, "=", 1), "", (p,), (InRange(p - 100, P),))],  # p = 101 is one
        [Premise("d", Formula(A**2, "=", 1), "", (A,))],
        [Premise("d", Formula(Symbol("v", negative=True), ">=", 1))],
        [Premise("d", Formula(A, "=", 1)), Premise("e", Formula(A, "=", 0))],
        [Premise("d", Formula(A * B - B * A, "=", 1))],
        [Premise("d", Formula(TINY, "=", 0))],
        [Premise("d", Formula(TINY * cos(1), "=", 0))],
        [Premise("d", Formula(cos(Rational(1, 10**27)), "=", 1))],
        [Premise("d", Formula(TINY, "<=", 0))],
        [Premise("d", Formula(T, ">", X), "", (X,))],
        [Premise("d", Formula(X, ">", X))],
        [Premise("d", Formula(I * X, ">=", 1))],
    ],
    ids=str,
)
def test_premises_that_nothing_satisfies_are_vacuous(
    premises: list[Premise], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of its domain, for all values of a symbol, or by less than one can see."""
    monkeypatch.setattr(derivation, "_WITNESS_DRAWS", 40)  # of 400: no point is a witness
    assert attempt(claim(X + Y, "=", Y + X), premises=tuple(premises)).report().status == "vacuous"


class AllRight(Point):
    """A point that finds everything satisfied."""

    def satisfies(self, _: Formula) -> bool:
        """Whatever it is."""
        return True


@pytest.mark.parametrize(
    "witness",
    [lambda rng: AllRight(rng), lambda rng: Point(rng, {T: -ONE})],
    ids=["its own answers", "outside the domain"],
)
def test_a_witness_is_a_point_within_the_domains(witness: Callable[..., Point]) -> None:
    false = (Premise("d", Formula(T, "=", -1)),)
    lie = dataclasses.replace(attempt(claim(T, "=", T), premises=false), witness=witness)
    assert lie.report().status == "vacuous"


def test_premises_that_can_be_met_are_not_vacuous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivation, "_WITNESS_DRAWS", 5)  # the point is always the same
    within = (InRange(p, P), InRange(q, P))
    matrix = Formula(Sum(F[p, k] * F[k, q], (k, 1, P)), "=", KroneckerDelta(p, q))
    square = Premise("F^2", matrix, "an involution", (p, q), within)
    identity = {"F": lambda i, j: Integer(i == j and int(i) <= 3)}
    made = attempt(claim(X + Y, "=", Y + X), premises=(square,))
    met = dataclasses.replace(made, witness=lambda rng: Point(rng, {P: Integer(3)}, identity))
    assert met.report().status == "proved"
    everywhere = dataclasses.replace(met, premises=(dataclasses.replace(square, within=()),))
    assert everywhere.report().status == "vacuous"  # of rank 3, and the identity on 1..6
    for premises in (
        (Premise("d", Formula(X**2 + 1, ">", Y - 3), "", (X,)),),
        (Premise("d", Formula(F[p], "=", X), "definition", (p,)),),
        (Premise("d", Formula(cos(X) ** 2, "=", 1 - sin(X) ** 2), "", (X,)),),
        (Premise("d", Formula(A * B, "=", B * A)), Premise("e", Formula(Tr(A), "=", DIMENSION))),
    ):
        assert accepted(attempt(claim(X + Y, "=", Y + X), premises=premises))


class Claims:
    """Evidence that says it proved, and shows nothing."""

    uses = ()

    def __init__(self, theorem: object = None) -> None:
        self.outcome = Outcome("trust me", theorem)  # type: ignore[arg-type]

    def decide(self, *_: object) -> Outcome:
        """What it was made with."""
        return self.outcome


def test_evidence_of_ones_own_needs_a_theorem() -> None:
    other = combine(Formula(X, "=", X))
    assumed = assume(Hypothesis(Formula(ONE, "=", ZERO)))
    for shown in (Claims(), Claims(other), Claims(assumed)):
        assert attempt(claim(ONE, "=", ZERO, shown)).report().status == "failed"
    assert attempt(claim(X + Y, "=", Y + X, Claims())).report().status == "failed"


def test_evidence_that_breaks_is_a_failed_step() -> None:
    """Only this catches a KeyError that leaves the report, which says that it never raises."""
    broken = Claims()
    broken.decide = lambda *_: {}["x"]  # type: ignore[method-assign]
    assert attempt(claim(X + Y, "=", Y + X, broken)).report().status == "failed"


def test_an_index_out_of_range_is_vacuous() -> None:
    assert (
        attempt(claim(X + Y, "=", Y + X), ranges=(InRange(P + 1, P),)).report().status == "vacuous"
    )


def test_two_symbols_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two symbols called 'x'"):
        attempt(claim(X + Symbol("x"), "=", X))


def test_two_functions_of_one_name_are_refused() -> None:
    """Else a page says g(x) >= 0 of a positive g below g(x) = -1, assumed of a real one."""
    below = Premise("g", Formula(Function("g", real=True)(X), "=", -ONE), "definition", (X,))
    above = claim(HIGH(X), ">=", ZERO, Combination(remainder=HIGH(X)))
    with pytest.raises(ValueError, match="two functions called 'g'"):
        attempt(above, premises=(below,))


# --- single alterations of the theorems as they stand ------------------------------------------


def only_diagonal_of_s(expr: Expr) -> Expr:
    return expr.replace(
        lambda e: isinstance(e, sym.LossCurvature),
        lambda e: e * KroneckerDelta(e.args[1], e.args[2]),
    )


def both_at(i: int) -> Callable[[Expr], Expr]:
    return lambda e: e.args[i]


ALTERATIONS: list[tuple[str, str, Change]] = [
    # Eqs. (4) to (6)
    ("c dropped", "gradient-eq4", side("Eq. (4)", lambda e: e / sym.SCALE)),
    ("alpha doubled", "gradient-eq4", side("Eq. (4)", lambda e: e * P**-sym.ALPHA)),
    ("expanded about another point", "gradient-eq4", weaker("z0", lambda x: scaled(x, 2))),
    ("expanded at one sample only", "gradient-eq4", premise("z0", forall=(k,))),
    ("P^2 to P", "hessian-eq5", side("Eq. (5)", lambda e: e * P**sym.ALPHA)),
    (
        "P to P^2 in R",
        "hessian-eq5",
        side("Eq. (5)", lambda e: split.GAUSS_NEWTON + split.RESIDUAL / P),
    ),
    ("sign of R", "hessian-eq5", side("Eq. (5)", lambda e: split.GAUSS_NEWTON - split.RESIDUAL)),
    ("G twice", "hessian-eq5", side("Eq. (5)", lambda e: e + split.GAUSS_NEWTON)),
    ("R left out", "hessian-eq5", side("Eq. (5)", lambda e: split.GAUSS_NEWTON)),
    ("only the diagonal of S", "hessian-eq5", side("Eq. (5)", only_diagonal_of_s)),
    ("a sum, not a mean", "hessian-eq5", side("Eq. (5)", lambda e: e * N)),
    (
        "i and j swapped in one factor",
        "hessian-eq5",
        side("diagonal", lambda e: split.GAUSS_NEWTON + split.RESIDUAL),
    ),
    (
        "sums over patches swapped for classes",
        "hessian-eq5",
        side("Eq. (5)", lambda e: e.xreplace({P: C, C: P})),
    ),
    ("delta dropped", "hessian-eq6", side("Eq. (6)", no_delta)),
    (
        "delta on G as well",
        "hessian-eq6",
        side("Eq. (6)", lambda e: e * KroneckerDelta(sym.PATCH_I, sym.PATCH_J)),
    ),
    (
        "a's patch for b's",
        "hessian-eq6",
        side("Eq. (6)", lambda e: e.xreplace({sym.PATCH_J: sym.PATCH_I})),
    ),
    ("patches out of range", "hessian-eq6", no_ranges),
    ("patches up to P + 1", "hessian-eq6", other_range),
    ("between patches nothing", "hessian-eq6", side("coupling", lambda e: ZERO)),
    (
        "R couples patches",
        "hessian-eq6",
        side("different patches", lambda e: e + KroneckerDelta(1, p)),
    ),
    # special cases
    ("P for P^2", "shared-angles", side("general", lambda e: e / P)),
    ("cited at P = 2", "one-qnn", premise("Eq. (5)", at={P: Integer(2)})),
    ("other patches' outputs", "shared-angles", premise("Eq. (5)", at={})),
    ("mean square P^2", "incoherent-sharing", side("mean square", lambda e: e * P)),
    ("uncorrelated at one pair only", "incoherent-sharing", premise("uncorrelated", forall=())),
    (
        "variance and conclusion apart",
        "incoherent-sharing",
        weaker("uncorrelated", lambda x: scaled(x, 2)),
    ),
    ("average <= 1/2", "averaged-observables", side("average", lambda e: e / 2)),
    ("slope <= 1/4", "observables-can-gain", side("less", lambda e: e / 2)),
    ("coverage halved", "pixel-bias", side("upper", lambda e: e / 2)),
    (
        "coverage and its definition apart",
        "pixel-bias",
        weaker("m", lambda x: scaled(x, Rational(1, 2))),
    ),
    # softmax
    (
        "S without its outer product",
        "softmax-derivatives",
        side("S", lambda e: next(a for a in e.args if a.has(KroneckerDelta))),
    ),
    (
        "g without the label",
        "softmax-derivatives",
        side("g", lambda e: e.replace(KroneckerDelta, lambda *_: ZERO)),
    ),
    ("the label out of range", "softmax-derivatives", no_ranges),
    (
        "Var without the square of the mean",
        "softmax-curvature-bounds",
        side("variance", both_at(0)),
    ),
    ("S <= I/3", "softmax-curvature-bounds", side("half", lambda e: e * Rational(2, 3))),
    ("S >= something", "softmax-curvature-bounds", side("nonnegative", lambda e: PI[1])),
    ("not normalised", "softmax-curvature-bounds", without("normalised")),
    ("normalised to 2", "softmax-curvature-bounds", weaker("normalised", lambda x: scaled(x, 2))),
    (
        "tangent elsewhere",
        "log-bound",
        evidence(
            "log", Convex(next(iter(find("log-bound").step("log").formula.left.free_symbols)), 2)
        ),
    ),
    ("1 - t <= -log(t)/2", "log-bound", side("log", lambda e: e / 2)),
    ("1 - t >= -log t", "log-bound", relation("log", ">=")),
    ("tr S <= 1 - pi_y", "curvature-and-loss", side("upper", lambda e: e / 2)),
    ("|g|_1 = 1 - pi_y", "curvature-and-loss", side("|g|_1", lambda e: e / 2)),
    ("tr S >= |g|_1", "curvature-and-loss", side("lower", lambda e: e / PI[k])),
    ("tr S <= l", "curvature-and-loss", side("tr S <= 2 l", lambda e: e / 2)),
    (
        "log-bound at another class",
        "curvature-and-loss",
        premise(
            "log", at={next(iter(find("log-bound").step("log").formula.left.free_symbols)): PI[k]}
        ),
    ),
    ("0.001 <= ... fails", "first-term-does-not-stay", side("small", lambda e: e / 2)),
    ("exp(-L) below its mean by half", "mean-error-ceiling", side("probability", lambda e: 2 * e)),
    (
        "the mean is over one sample",
        "mean-error-ceiling",
        weaker("mean", lambda x: Formula(x.left, "=", x.right / N)),
    ),
    ("C = 1 allowed", "curvature-ceiling", without("C >= 2")),
    ("C/(C - 1) to 1/(C - 1)", "curvature-ceiling", side("sample", lambda e: e - PI[1])),
    ("rising past the top", "curvature-ceiling", without("Q small")),
    ("Var <= 3 q (1 - q)", "variance-ceiling", side("variance", lambda e: e * Rational(3, 4))),
    ("q above 1/2", "variance-ceiling", without("q <= 1/2")),
    # Pauli rotations and the trace law
    ("shift without 1/2", "parameter-shift", side("first", lambda e: 2 * e)),
    ("shift rule's sign", "parameter-shift", side("second", lambda e: -e)),
    ("F a first harmonic at one place only", "parameter-shift", premise("harmonic", forall=())),
    ("twice the operator", "first-harmonic", side("harmonic", lambda e: 2 * e)),
    ("A^2 = 2", "first-harmonic", weaker("A^2 = 1", lambda x: scaled(x, 2))),
    ("|d f| <= 1/2", "derivative-bounds", side("first, upper", lambda e: e / 2)),
    ("|f| <= 2 only", "derivative-bounds", weaker("F <= 1", lambda x: scaled(x, 2))),
    ("second moment, wrong sign", "second-moment", side("a_1", lambda e: -e)),
    ("second moment at d = 1", "second-moment", without("d >= 2")),
    ("tr SWAP = d^2", "second-moment", weaker("swap", lambda x: scaled(x, DIMENSION))),
    (
        "quick variance",
        "derivative-variance",
        side("variance", lambda e: 1 / (2 * (DIMENSION + 1))),
    ),
    ("tr A not zero", "derivative-variance", without("tr A")),
    ("covariance v", "cross-observables", side("covariance", lambda e: e + 1 / DIMENSION)),
    ("trace law with P^2", "trace-law", side("trace", lambda e: e * P)),
    ("moment at one pair of classes", "trace-law", premise("moment", forall=())),
    # elements and eigenvalues
    ("Cov <= 1/2", "gauss-newton-element-bound", side("upper", lambda e: e / 2)),
    ("Cov <= tr S", "gauss-newton-element-bound", side("upper, tr S", lambda e: e / 2)),
    ("|a| <= 2", "gauss-newton-element-bound", weaker("a <= 1", lambda x: scaled(x, 2))),
    ("|a| <= 1 at one class", "gauss-newton-element-bound", premise("a <= 1", forall=())),
    ("|sum g h| <= |g|_1 / 2", "residual-element-bound", side("upper", lambda e: e / 2)),
    ("elements of G as 1/P", "element-exponents", side("angle-angle, G", lambda e: e / 2)),
    (
        "bias elements as 1/P^2",
        "element-exponents",
        side("bias-bias, G", lambda e: e - e.subs(sym.ALPHA, 2)),
    ),
    ("no sum over blocks", "gram-bounds", side("A >= 1/P", lambda e: 2 * e)),
    ("A <= 1/2", "gram-bounds", side("A <= 1", lambda e: e / 2)),
    (
        "upper bound without one block",
        "gram-bounds",
        side("upper", lambda e: e - gram.BLOCK_TOP[r]),
    ),
    ("the block out of range", "gram-bounds", no_ranges),
    ("q_p of one patch only", "gram-bounds", premise("q_p", forall=())),
    ("the largest is not", "rayleigh-quotient", without("largest")),
    ("the largest of some", "rayleigh-quotient", premise("largest", forall=())),
    ("rank halved", "alignment-has-a-floor", side("floor", lambda e: e / 2)),
    ("aligned exponent -2 alpha", "gram-exponent", side("aligned", lambda e: e - 1)),
    ("replicated patches as 1/P^2", "replicated-patches", side("law", lambda e: e / P)),
    (
        "cited at another block top",
        "replicated-patches",
        premise(
            "sum of blocks", at={gram.BLOCK_TOP: Lambda((p,), Symbol("a", positive=True) / P**2)}
        ),
    ),
    ("orthogonal patches as 1/P^3", "orthogonal-patches", side("upper", lambda e: e / P)),
    ("R couples patches", "residual-spectrum", side("padded", no_delta)),
    ("top of R is twice the blocks'", "residual-spectrum", side("top", lambda e: e / 2)),
    (
        "border without |R_ab|",
        "residual-with-bias",
        side("border", lambda e: e.subs(Symbol("beta", nonnegative=True), 0)),
    ),
    (
        "trace without coverage squared",
        "gauss-newton-eigenvalue-bound",
        side("largest", lambda e: e / 2),
    ),
    (
        "diagonal bound at one element",
        "gauss-newton-eigenvalue-bound",
        premise("diagonal", forall=()),
    ),
    (
        "rho without n_p",
        "residual-eigenvalue-bound",
        side("form", lambda e: e.subs(Symbol("n_p", integer=True, positive=True), 1)),
    ),
    ("Weyl without R", "hessian-eigenvalue-bound", side("Weyl", lambda e: e.args[0])),
    ("mean coverage halved", "coverage", side("mean", lambda e: e / 2)),
    (
        "level-off without b",
        "level-off",
        side("law", lambda e: e.subs(Symbol("b", positive=True), 0)),
    ),
    # certificates
    (
        "multiplier doubled",
        "hessian-eq5",
        uses("Eq. (5)", lambda u: dataclasses.replace(u, times=2 * u.times)),
    ),
    (
        "multiplier's sign",
        "curvature-and-loss",
        uses("loss", lambda u: dataclasses.replace(u, times=-u.times)),
    ),
    (
        "not summed",
        "gauss-newton-eigenvalue-bound",
        uses("tr G", lambda u: dataclasses.replace(u, over={})),
    ),
    (
        "summed too far",
        "gauss-newton-eigenvalue-bound",
        uses(
            "tr G", lambda u: dataclasses.replace(u, over={x: top + 1 for x, top in u.over.items()})
        ),
    ),
    ("nothing used", "gram-bounds", evidence("lower", Combination())),
    (
        "an earlier label that is none",
        "gram-bounds",
        evidence("upper", Combination(Use("Lambda"))),
    ),
    ("its own conclusion", "gram-bounds", evidence("upper", Combination(Use("upper")))),
    (
        "a remainder of no sign",
        "hessian-eigenvalue-bound",
        evidence("Weyl", Combination(remainder=X)),
    ),
    ("an exact comparison of symbols", "gram-bounds", evidence("upper", Exact())),
]


@altering(ALTERATIONS)
def test_altered_theorem_is_refused(name: str, change: Change) -> None:
    assert refused(find(name), change)
