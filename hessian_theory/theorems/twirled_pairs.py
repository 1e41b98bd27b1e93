"""Pairs of operators that one 2-design conjugates: their twirl, and an encoding between two twirls.

Two samples x, x' pass the same blocks without data and different encodings. Averages are written
with entries: E[i, j, k, l] = E (U X U^+)_ij (U Y U^+)_kl with one and the same U, and
W = V(x) V(x')^+ for observables, V(x)^+ V(x') for states; |tr W| is the same for both.
"""

from __future__ import annotations

import random

from sympy import Expr, I, IndexedBase, Integer, KroneckerDelta, Lambda, Rational, Sum, symbols

from patchlaw.hessian_theory.proof.derivation import (
    Assumption,
    Citation,
    Claim,
    Derivation,
    Premise,
    Step,
)
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula, InRange
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.notation import total
from patchlaw.hessian_theory.theorems.second_moments import (
    ALPHA_COEFFICIENT,
    DIMENSION_PREMISE,
    FOUR,
    design,
    i,
    j,
    k,
    l,
    over_rows,
    rows,
    second_moment,
    with_design,
)
from patchlaw.hessian_theory.theorems.slope_moments import pauli_z

_t, _t1, _t2, _q, _s = symbols("t t_1 t_2 q s", real=True)
_coefficients = symbols("a_1 a_2", real=True)
_E, _B, _C, _w, _c = (IndexedBase(name, complex=True) for name in ("E", "B", "C", "W", "W'"))


def trace(matrix: IndexedBase) -> Expr:
    """Sum of the diagonal entries."""
    return over_rows(matrix[i, i], i)


def overlap(matrix: IndexedBase, adjoint: IndexedBase) -> Expr:
    """(|tr W|^2 - 1) / (d^2 - 1)."""
    return (trace(matrix) * trace(adjoint) - 1) / (d**2 - 1)


def between(moment: IndexedBase, matrix: IndexedBase, adjoint: IndexedBase) -> Expr:
    """E tr(X~ W Y~ W^+) by the entries of E[X~ x Y~]."""
    return over_rows(moment[FOUR] * matrix[j, k] * adjoint[l, i], *FOUR)


def encoding(
    matrix: IndexedBase, adjoint: IndexedBase, factor: Expr, name: str = ""
) -> tuple[Premise, ...]:
    """What makes W unitary as far as it is needed, and `factor` its q; `name` ends the labels."""
    return (
        Premise(
            f"unitary{name}",
            Formula(over_rows(matrix[i, j] * adjoint[j, i], i, j), "=", d),
            f"{matrix.label} = V V'^+ or V^+ V' is unitary, {adjoint.label} its adjoint",
        ),
        Premise(f"q{name}", Formula(factor, "=", overlap(matrix, adjoint)), "definition of q"),
    )


def _traceless_point(rng: random.Random) -> Point:
    """d = 2, X = Y = B = C = Z."""
    point = Point(rng, {_t: Integer(2)}, {"B": pauli_z, "C": pauli_z})
    return with_design(point, _E, _coefficients, Integer(0), Integer(2))


TWIRL = Derivation(
    name="twirled-pair",
    title="Twirl of a traceless pair: E tr(B U X U^+) tr(C U Y U^+) = tr(B C) tr(X Y) / (d^2 - 1)",
    summary="One U conjugates both X and Y, as a block without data does for two samples. The "
    "average E[U X U^+ x U Y U^+] is a_1 1 + a_2 SWAP with a_1 = -tr(X Y) / (d (d^2 - 1)) and "
    "a_2 = tr(X Y) / (d^2 - 1); for traceless B the first term drops out.",
    source="ours (standard: Weingarten calculus)",
    assumptions=(
        Assumption("U is drawn from a unitary 2-design in dimension d >= 2"),
        Assumption("E[i, j, k, l] = E (U X U^+)_ij (U Y U^+)_kl; t = tr X Y, tr X tr Y = 0, and "
                   "tr B = 0; t is real (X and Y are Hermitian)"),
    ),
    premises=(
        DIMENSION_PREMISE,
        *design(_E, _coefficients, Integer(0), _t),
        Premise("tr B", Formula(trace(_B), "=", Integer(0)), "B has no trace"),
        second_moment("moment", _E, _coefficients, (0, _t)),
        second_moment("swap trick", _E, _coefficients, (0, _t), step="swap trick"),
    ),
    witness=_traceless_point,
    steps=(
        Claim(
            "moment of the pair",
            Formula(
                _E[FOUR],
                "=",
                _t / (d**2 - 1) * (KroneckerDelta(i, l) * KroneckerDelta(j, k)
                                   - KroneckerDelta(i, j) * KroneckerDelta(k, l) / d),
            ),
            "theorem second-moment with tr X tr Y for t_1^2 and tr X Y for t_2",
            Combination(Use("moment")),
        ),
        Claim(
            "pair",
            Formula(
                over_rows(_B[j, i] * _C[l, k] * _E[FOUR], *FOUR),
                "=",
                _t * over_rows(_B[i, j] * _C[j, i], i, j) / (d**2 - 1),
            ),
            "E tr(B X~) tr(C Y~) = a_1 tr B tr C + a_2 tr(B C), and tr B = 0",
            Combination(Use("swap trick"), Use("tr B", -_t * trace(_C) / (d * (d**2 - 1)))),
        ),
    ),
    numerical_test="tests/theory/test_haar_pairs.py::test_twirl_of_a_traceless_pair",
)  # fmt: skip


def turned(row: Expr, column: Expr) -> Expr:
    """i Z, for witnesses: unitary, without trace, so that q = -1/(d^2 - 1)."""
    return I * pauli_z(row, column)


def turned_back(row: Expr, column: Expr) -> Expr:
    """The adjoint of i Z."""
    return -I * pauli_z(row, column)


def _encoding_point(rng: random.Random) -> Point:
    """d = 2, X = Y = |0><0|, W = i Z: q = -1/3, s = 1/2 + (1 - 1/2) q = 1/3."""
    values = {_t1: Integer(1), _t2: Integer(1), _q: Rational(-1, 3), _s: Rational(1, 3)}
    point = Point(rng, values, {"W": turned, "W'": turned_back})
    return with_design(point, _E, _coefficients, Integer(1), Integer(1))


ENCODING = Derivation(
    name="encoding-between-twirls",
    title="An encoding behind a 2-design: tr X Y - tr X tr Y / d is multiplied by q",
    summary="After a twirl by a common U, two samples' encodings V and V' turn the pair X~, Y~ "
    "into V X~ V^+, V' Y~ V'^+. The trace of their product is tr(X~ W Y~ W^+) with W = V^+ V' "
    "(observables, on their way back: W = V V'^+). For a traceless pair it is tr(X Y) "
    "(|tr W|^2 - 1) / (d^2 - 1); what the identity contributes to a pair with traces stays.",
    source="ours",
    assumptions=(
        Assumption("U is drawn from a unitary 2-design in dimension d >= 2, whatever V and V'"),
        Assumption(
            "E[i, j, k, l] = E (U X U^+)_ij (U Y U^+)_kl; t_1^2 = tr X tr Y, t_2 = tr X Y "
            "or its mean over what comes before; X and Y are Hermitian"
        ),
    ),
    premises=(
        DIMENSION_PREMISE,
        *design(_E, _coefficients, _t1**2, _t2),
        *encoding(_w, _c, _q),
        Premise("s", Formula(_s, "=", between(_E, _w, _c)), "definition of s = E tr(X~ W Y~ W^+)"),
        second_moment("moment", _E, _coefficients, (_t1, _t2)),
    ),
    witness=_encoding_point,
    steps=(
        Step(
            "inserted",
            Formula(
                between(_E, _w, _c),
                "=",
                ((_t1**2 * d - _t2) + (_t2 - _t1**2 / d) * trace(_w) * trace(_c)) / (d**2 - 1),
            ),
            "theorem second-moment: a_1 tr W W^+ + a_2 tr W tr W^+",
            Combination(
                Use("moment", _w[j, k] * _c[l, i], over=rows(*FOUR)),
                Use("unitary", ALPHA_COEFFICIENT),
            ),
        ),
        Claim(
            "pair",
            Formula(_s - _t1**2 / d, "=", (_t2 - _t1**2 / d) * _q),
            "insert q: for a traceless pair s = q t_2",
            Combination(Use("s"), Use("inserted"), Use("q", -(_t2 - _t1**2 / d))),
        ),
    ),
    consequence="Every encoding costs a pair of samples a factor q <= 1, and 1 only where the two "
    "encodings agree up to a phase.",
    numerical_test="tests/theory/test_haar_pairs.py::test_encoding_between_twirls",
)


def behind(
    label: str,
    moment: IndexedBase,
    coefficients: tuple[Expr, ...],
    traces: tuple[Expr | int, Expr | int],
    matrix: tuple[IndexedBase, IndexedBase],
    factor: Expr,
    result: Expr,
) -> Citation:
    """Theorem encoding-between-twirls for other averages.

    What it needs of them: `design(moment, coefficients, t_1^2, t_2)`, `encoding(*matrix, factor)`
    and result = `between(moment, *matrix)`, with t_1, t_2 = `traces`.
    """
    return Citation(
        label,
        ENCODING,
        "pair",
        {
            _t1: traces[0],
            _t2: traces[1],
            _E: Lambda(FOUR, moment[FOUR]),
            **dict(zip(_coefficients, coefficients, strict=True)),
            _w: Lambda((i, j), matrix[0][i, j]),
            _c: Lambda((i, j), matrix[1][i, j]),
            _q: factor,
            _s: result,
        },
    )


# --- rotations of single qubits ------------------------------------------------------------------

_a, _b, _e = symbols("a b e", integer=True, positive=True)  # rows and columns 1, 2
_x, _y = symbols("x_0:4", real=True), symbols("y_0:4", real=True)
_M, _N = IndexedBase("M", complex=True), IndexedBase("M'", complex=True)


def _rotation(unit: tuple[Expr, ...], row: Expr, column: Expr, sign: int = 1) -> Expr:
    """Entries of x_0 - i (x_1 X + x_2 Y + x_3 Z), or with sign = -1 their conjugates."""
    same = KroneckerDelta(row, column)
    turn = unit[1] * (1 - same) + unit[3] * (3 - 2 * row) * same
    return unit[0] * same - sign * I * turn + unit[2] * (row - column)


def _inner(first: tuple[Expr, ...], second: tuple[Expr, ...]) -> Expr:
    return sum((a * b for a, b in zip(first, second, strict=True)), Integer(0))


def _relative(first: tuple[Expr, ...], second: tuple[Expr, ...], row: Expr, column: Expr) -> Expr:
    """Entries of u^+ u'."""
    return total(_rotation(first, _e, row, -1) * _rotation(second, _e, column), 2, _e)


def _product(single: IndexedBase, rest: IndexedBase) -> Expr:
    """Trace of the tensor product."""
    return Sum(single[_a, _a] * rest[i, i], (_a, 1, 2), (i, 1, d))


_qubit = (InRange(_a, Integer(2)), InRange(_b, Integer(2)))

QUATERNIONS = Derivation(
    name="quaternion-overlap",
    title="|tr V^+ V'|^2 / D^2 is a product of squared inner products of unit quaternions",
    summary="A rotation of a qubit is u = x_0 - i (x_1 X + x_2 Y + x_3 Z) with a unit quaternion "
    "x, and tr(u^+ u') / 2 = x . y. The trace of a tensor product is the product of the traces, "
    "so one more qubit multiplies |tr W|^2 / d^2 by (x . y)^2.",
    source="ours (standard: SU(2) as unit quaternions)",
    assumptions=(
        Assumption("M = u^+ u' acts on one qubit, M' = u'^+ u is its adjoint; W acts on the "
                   "others (dimension d), W' is its adjoint"),
    ),
    premises=(
        Premise("M", Formula(_M[_a, _b], "=", _relative(_x, _y, _a, _b)),
                "definition of M = u^+ u'", (_a, _b), _qubit),
        Premise("M'", Formula(_N[_a, _b], "=", _relative(_y, _x, _a, _b)),
                "definition of M' = u'^+ u", (_a, _b), _qubit),
    ),
    steps=(
        Step(
            "determinant",
            Formula(
                _rotation(_x, Integer(1), Integer(1)) * _rotation(_x, Integer(2), Integer(2))
                - _rotation(_x, Integer(1), Integer(2)) * _rotation(_x, Integer(2), Integer(1)),
                "=",
                _inner(_x, _x),
            ),
            "multiply out: 1 for a unit quaternion, so u is in SU(2)",
        ),
        Claim(
            "inner product",
            Formula(
                total(_rotation(_x, _b, _a, -1) * _rotation(_y, _b, _a), 2, _a, _b),
                "=",
                2 * _inner(_x, _y),
            ),
            "tr u^+ u', multiplied out",
        ),
        Step(
            "trace of M",
            Formula(total(_M[_a, _a], 2, _a), "=", 2 * _inner(_x, _y)),
            "insert M",
            Combination(Use("M", at={_b: _a}, over={_a: Integer(2)})),
        ),
        Step(
            "trace of M'",
            Formula(total(_N[_a, _a], 2, _a), "=", 2 * _inner(_x, _y)),
            "insert M'",
            Combination(Use("M'", at={_b: _a}, over={_a: Integer(2)})),
        ),
        Claim(
            "one more qubit",
            Formula(
                _product(_M, _w) * _product(_N, _c) / (2 * d) ** 2,
                "=",
                _inner(_x, _y) ** 2 * trace(_w) * trace(_c) / d**2,
            ),
            "tr(M x W) = tr M tr W, likewise the adjoint; qubit by qubit this is the product",
            Combination(
                Use("trace of M", trace(_w) * _product(_N, _c) / (2 * d) ** 2),
                Use("trace of M'", trace(_w) * trace(_c) * _inner(_x, _y) / (2 * d**2)),
            ),
        ),
    ),
    numerical_test="tests/theory/test_haar_pairs.py::test_quaternions_of_single_qubit_rotations",
)  # fmt: skip

THEOREMS = (TWIRL, ENCODING, QUATERNIONS)
