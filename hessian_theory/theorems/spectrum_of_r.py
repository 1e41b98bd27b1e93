"""R's spectrum: the union of its blocks' for the angles, and what bias rows do to it."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sympy import (
    Expr,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Matrix,
    Rational,
    Sum,
    Symbol,
    diag,
    expand,
    eye,
    symbols,
)

from hessian_theory.proof.derivation import Derivation, Step
from hessian_theory.proof.evidence import Combination, Enumeration, Use
from hessian_theory.proof.formula import Assumption, Formula, Premise
from hessian_theory.proof.points import Point
from hessian_theory.theorems.notation import P, on_model, p, q, r

_R, _v = IndexedBase("R", real=True), IndexedBase("v", real=True)
_i, _j, _size = symbols("i j n_p", integer=True, positive=True)
_lam, _x = symbols("lambda x", real=True)


def _determinants(formula: Formula) -> Iterator[tuple[Expr, Expr]]:
    """det(x - R) minus the product over blocks, for symbolic symmetric blocks."""
    for sizes in ((1, 1), (2, 2), (2, 1, 2)):
        blocks = []
        for number, size in enumerate(sizes):
            entries = {
                (a, b): Symbol(f"R{number}_{a}{b}") for a in range(size) for b in range(a, size)
            }
            blocks.append(Matrix(size, size, lambda a, b, e=entries: e[min(a, b), max(a, b)]))
        whole = (_x * eye(sum(sizes)) - diag(*blocks)).det(method="berkowitz")
        parts = Integer(1)
        for block in blocks:
            parts *= (_x * eye(block.rows) - block).det(method="berkowitz")
        yield expand(whole - parts), Integer(0)


_CHI_ALL, _CHI_BLOCKS = symbols(r"\det(x-R) \prod_p\det(x-R_{pp})")


def _identity_point(rng: random.Random) -> Point:
    """R_rr = lambda times the identity, so that every v is an eigenvector."""
    point = Point(rng, {_size: Integer(2)})
    value = point._symbol(_lam)
    point.indexed = {"R": lambda _r, i, j: value if i == j else Integer(0)}
    return point


BLOCKS = Derivation(
    name="residual-spectrum",
    title="R's spectrum over the angles is the union of its blocks'; its top is the largest top",
    summary="Because R does not couple patches, an eigenvector of one block, padded with zeros, "
    "is an eigenvector of R, and these exhaust the space. So the largest eigenvalue of R is "
    "exactly the largest among the blocks and carries s = c P^(-alpha) once: patches do not add.",
    source="ours, from Eq. (6)",
    assumptions=(Assumption("angles of independent QNNs (theorem hessian-eq6), r a patch index"),),
    premises=(
        Premise(
            "eigenvector",
            Formula(Sum(_R[r, _i, _j] * _v[_j], (_j, 1, _size)), "=", _lam * _v[_i]),
        ),
    ),
    witness=_identity_point,
    steps=(
        Step(
            "padded",
            Sum(
                KroneckerDelta(p, q) * _R[p, _i, _j] * KroneckerDelta(q, r) * _v[_j],
                (_j, 1, _size),
                (q, 1, P),
            ),
            "=",
            _lam * KroneckerDelta(p, r) * _v[_i],
            "component (p, i) of R applied to v placed in patch r: delta_{pq} from Eq. (6)",
            Combination((Use("eigenvector", KroneckerDelta(p, r)),)),
            claim=True,
        ),
        Step(
            "determinant",
            _CHI_ALL,
            "=",
            _CHI_BLOCKS,
            "characteristic polynomial of symbolic block-diagonal matrices",
            Enumeration(_determinants, "block sizes (1,1), (2,2), (2,1,2), symbolic entries"),
        ),
    ),
    consequence="R's eigenvalues fall as P^(-alpha); G's as P^(1 - 2 alpha) when aligned: at "
    "alpha = 1 both as 1/P.",
    numerical_test=on_model("residual_spectrum_is_the_union_of_its_blocks"),
)


_u, _w = symbols("u w", nonnegative=True)
_fa, _fb, _cross = symbols("f_a f_b f_ab", real=True)
_la, _lb, _mu = symbols("lambda_a lambda_b mu", real=True)
_beta = Symbol("beta", nonnegative=True)


def _border_point(rng: random.Random) -> Point:
    u, w = (Rational(3, 5), Rational(4, 5)) if rng.random() < 0.5 else (Integer(1), Integer(0))
    la, lb = Rational(rng.randint(-9, 9), 7), Rational(rng.randint(-9, 9), 7)
    beta = Rational(rng.randint(0, 9), 7)
    values = {_u: u, _w: w, _la: la, _lb: lb, _beta: beta, _mu: max(la, lb)}
    forms = {_fa: la * u**2, _fb: lb * w**2, _cross: beta * u * w}
    return Point(rng, values | forms)


BORDER = Derivation(
    name="residual-with-bias",
    title="With bias rows: lambda_max(R) <= max(lambda_max(R_aa), lambda_max(R_bb)) + |R_ab|",
    summary="Bias rows border the block-diagonal angle part. For a unit vector split into an angle "
    "part (norm u) and a bias part (norm w), the quadratic form is f_a + 2 f_ab + f_b. From "
    "below, lambda_max(R) >= lambda_max(R_aa) (take w = 0).",
    source="ours",
    assumptions=(Assumption("beta = |R_ab| (spectral norm), mu = max of the two top eigenvalues"),),
    premises=(
        Premise("unit", Formula(_u**2 + _w**2, "=", Integer(1))),
        Premise("angles", Formula(_fa, "<=", _la * _u**2), "theorem rayleigh-quotient"),
        Premise("bias", Formula(_fb, "<=", _lb * _w**2), "theorem rayleigh-quotient"),
        Premise("cross", Formula(_cross, "<=", _beta * _u * _w), "definition of the norm"),
        Premise("mu >= lambda_a", Formula(_la, "<=", _mu)),
        Premise("mu >= lambda_b", Formula(_lb, "<=", _mu)),
    ),
    witness=_border_point,
    steps=(
        Step(
            "border",
            _fa + 2 * _cross + _fb,
            "<=",
            _mu + _beta,
            "insert the three bounds; beta (u^2 + w^2) - 2 beta u w = beta (u - w)^2",
            Combination(
                (
                    Use("angles"),
                    Use("bias"),
                    Use("cross", 2),
                    Use("mu >= lambda_a", _u**2),
                    Use("mu >= lambda_b", _w**2),
                    Use("unit", _mu + _beta),
                ),
                _beta * (_u - _w) ** 2,
            ),
            claim=True,
        ),
    ),
    numerical_test=on_model("residual_spectrum_is_the_union_of_its_blocks"),
)

_EXAMPLE = Matrix([[1, 0, 1], [0, 1, 1], [1, 1, 0]])


def _top_of_example(formula: Formula) -> Iterator[tuple[Expr, Expr]]:
    yield max(_EXAMPLE.eigenvals()), formula.right


def _tops_of_blocks(formula: Formula) -> Iterator[tuple[Expr, Expr]]:
    for patch in (0, 1):
        yield _EXAMPLE[patch, patch], formula.right


_TOP_BLOCKS = Symbol(r"\max_p\lambda_{max}(R_{pp})", real=True)
_TOP = Symbol(r"\lambda_{max}(R)", real=True)

BIAS_RAISES = Derivation(
    name="bias-breaks-the-blocks",
    title="Refuted with bias rows: lambda_max(R) is the largest of the patches' blocks",
    summary="Two patches with one angle each (blocks 1 and 1) and one shared bias (block 0, "
    "couplings 1): the largest eigenvalue is 2, above every block's.",
    source="ours, on Sec. 2.2 (block-diagonal residual term)",
    kind="counterexample",
    steps=(
        Step(
            "blocks",
            _TOP_BLOCKS,
            "=",
            Integer(1),
            "rows are angle, angle, bias: R = [[1, 0, 1], [0, 1, 1], [1, 1, 0]]",
            Enumeration(_tops_of_blocks, "the two 1 x 1 blocks"),
        ),
        Step(
            "top",
            _TOP,
            "=",
            Integer(2),
            "exact eigenvalues of the same matrix: above the blocks' 1",
            Enumeration(_top_of_example, "one 3 x 3 matrix, exact eigenvalues"),
            claim=True,
        ),
    ),
    consequence="Block-diagonality of R holds for the angles; the bias couples the blocks.",
    numerical_test=(
        "tests/theory/test_theorems_at_their_ends.py::"
        "test_bias_rows_lift_the_top_of_r_above_its_blocks"
    ),
)

THEOREMS = (BLOCKS, BORDER, BIAS_RAISES)
