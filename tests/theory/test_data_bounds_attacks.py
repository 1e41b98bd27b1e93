"""A hostile author at the bounds that use data: false variants of their theorems, all refused."""

from sympy import Rational

from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.theorems import find
from tests.theory.attacks import Change, altering, premise, refused, scaled, side, weaker, without

ALTERATIONS: list[tuple[str, str, Change]] = [
    ("half the norm", "frobenius-bound", side("Frobenius", lambda e: e / 2)),
    ("the vector of length 2", "frobenius-bound", weaker("unit", lambda x: scaled(x, 4))),
    ("indefinite: no minors", "frobenius-bound", without("minors")),
    (
        "indefinite: minors of either sign",
        "frobenius-bound",
        weaker("minors", lambda x: Formula(x.left, "<=", 2 * x.right)),
    ),
    ("tr G / 2", "frobenius-bound", side("below the trace", lambda e: e / 4)),
    ("not symmetric", "row-sum-bound", without("symmetric")),
    ("symmetric at one pair", "row-sum-bound", premise("symmetric", forall=())),
    ("entries without their signs", "row-sum-bound", without("entries")),
    ("one row only", "row-sum-bound", premise("row sums", forall=())),
    ("half the row sum", "row-sum-bound", side("row sums of K", lambda e: e / 2)),
    ("r for r - 1", "trace-frobenius-bound", weaker("squares", lambda x: scaled(x, 2))),
    ("rank one less", "trace-frobenius-bound", side("largest", lambda e: e * Rational(1, 2))),
    ("trace of others left out", "trace-frobenius-bound", without("trace")),
    ("no interlacing", "deflated-bounds", without("interlacing")),
    ("interlacing of one pair", "deflated-bounds", premise("interlacing", forall=())),
    (
        "Ritz values above",
        "deflated-bounds",
        weaker("interlacing", lambda x: Formula(x.left, "<=", 2 * x.right)),
    ),
    ("all Ritz values twice", "deflated-bounds", side("squared norm", lambda e: 2 * e)),
    ("S without a root: indefinite", "class-directions", without("root")),
    ("root of another S", "class-directions", weaker("root", lambda x: scaled(x, 2))),
    ("root of one sample", "class-directions", premise("root", forall=())),
    ("w_a not of <S>", "class-directions", weaker("overlaps", lambda x: scaled(x, 2))),
    ("another vector than g_a", "class-directions", weaker("images", lambda x: scaled(x, 2))),
    ("Lambda is not the largest", "class-directions", without("largest")),
    ("above in place of below", "class-directions", side("pencil", lambda e: e / 2)),
    ("no coupling", "two-block-bound", without("root")),
    ("b for b^2", "two-block-bound", weaker("root", lambda x: scaled(x, 2))),
    ("blocks not bounded", "two-block-bound", without("form")),
    ("the larger of a and e", "two-block-bound", side("two blocks", lambda e: e / 2)),
    ("u no eigenvector", "sketch-bound", without("seen")),
    ("u not a unit vector", "sketch-bound", weaker("unit", lambda x: scaled(x, 2))),
    ("probes that miss u", "sketch-bound", without("quantile")),
    ("no norm", "sketch-bound", without("norm")),
    ("twice the quantile", "sketch-bound", side("sketch", lambda e: e / 2)),
]


@altering(ALTERATIONS)
def test_altered_theorem_is_refused(name: str, change: Change) -> None:
    assert refused(find(name), change)
