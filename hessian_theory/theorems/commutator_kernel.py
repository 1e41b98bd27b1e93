"""The tangent kernel of a block whose generators alone are random: no state need be.

Behind an angle the block conjugates its generator A to P~ = W^+ A W. With state psi(x) and
observable O(x) both taken at the block's end, d_i f = (i/2) tr(P~ [O, rho]).
"""

from __future__ import annotations

import random

from sympy import Expr, I, IndexedBase, Integer, Rational, Symbol, symbols

from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.proof.points import IndexedRule, Point
from patchlaw.hessian_theory.theorems import adjoint_blocks as adjoint
from patchlaw.hessian_theory.theorems.second_moments import (
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
from patchlaw.hessian_theory.theorems.slope_moments import (
    VARIANCE_VALUE,
    E,
    Q,
    frame,
    m,
    pauli_z,
    state,
)

C, _r, _t, _f = symbols("C r t f", real=True)
_K, _K2, _O, _O2, _rho, _rho2 = (
    IndexedBase(x, complex=True) for x in ("K", "K'", "O", "O'", "rho", "rho'")
)
VALUE = d / (2 * (d**2 - 1))


def _commutator(first: IndexedBase, second: IndexedBase, row: Symbol, column: Symbol) -> Expr:
    return over_rows(first[row, m] * second[m, column] - second[row, m] * first[m, column], m)


def _slope_premise(label: str, slope: IndexedBase, o: IndexedBase, rho: IndexedBase) -> Premise:
    return Premise(
        label,
        Formula(slope[i, j], "=", I / 2 * _commutator(o, rho, i, j)),
        f"definition of {label} = (i/2) [O, rho]",
        (i, j),
    )


def _plus(row: Expr, column: Expr) -> Expr:
    return Rational(1, 2) * Integer(int(row) <= 2 and int(column) <= 2)


def _point(rng: random.Random) -> Point:
    """d = 2, O = Z, psi = |+>: C = 1."""
    rules: dict[str, IndexedRule] = {}
    for prime in ("", "'"):
        rules |= {f"O{prime}": pauli_z, f"rho{prime}": _plus}
    return with_design(Point(rng, {C: Integer(1)}, rules), E, frame, Integer(0), Integer(2))


KERNEL = Derivation(
    name="commutator-kernel",
    title="Random generators: E d_i f_k(x) d_i f_l(x') = d / (2 (d^2 - 1)) C(x, x')",
    summary="If only the generators that a block carries to its end are random, no twirl of states "
    "or observables is left to be assumed: C = -tr([O, rho] [O', rho']) / 2 holds what training "
    "has made of both. It is the same wherever in a block without data O and rho are taken "
    "together, as the block conjugates both alike.",
    source="ours",
    assumptions=(
        Assumption("W^+ A W, W from the gate to the block's end, has over the block's angles the "
                   "second moment E of a random traceless operator of square 1, d >= 2, "
                   "independent of rho = |psi><psi| and O there"),
        Assumption("E[i, j, k, l] = E P~_ij P~_kl; O = O_k(x), O' = O_l(x') in the Heisenberg "
                   "picture, rho' of x'"),
    ),
    premises=(
        DIMENSION_PREMISE,
        *design(E, frame, Integer(0), d),
        _slope_premise("K", _K, _O, _rho),
        _slope_premise("K'", _K2, _O2, _rho2),
        Premise("C", Formula(C, "=", -over_rows(
            _commutator(_O, _rho, i, j) * _commutator(_O2, _rho2, j, i), i, j) / 2),
            "definition of C"),
        second_moment("moment", E, frame, (0, d)),
    ),
    witness=_point,
    steps=(
        Step("tr K", Formula(over_rows(_K[i, i], i), "=", Integer(0)), "a commutator has no trace",
             Combination(Use("K", at={j: i}, over=rows(i)))),
        Step(
            "tr K K'",
            Formula(over_rows(_K[i, j] * _K2[j, i], i, j), "=", C / 2),
            "(i/2)^2 = -1/4",
            Combination(
                Use("K", _K2[j, i], over=rows(i, j)),
                Use("K'", I / 2 * _commutator(_O, _rho, j, i), over=rows(i, j)),
                Use("C", -Rational(1, 2)),
            ),
        ),
        Claim(
            "kernel",
            Formula(over_rows(E[FOUR] * _K[j, i] * _K2[l, k], *FOUR), "=", VALUE * C),
            "theorem second-moment: E P~ x P~ = d/(d^2 - 1) (SWAP - 1/d)",
            Combination(
                Use("moment", _K[j, i] * _K2[l, k], over=rows(*FOUR)),
                Use("tr K", -over_rows(_K2[i, i], i) / (d**2 - 1)),
                Use("tr K K'", d / (d**2 - 1)),
            ),
        ),
    ),
    numerical_test="tests/theory/test_commutator_kernel.py::test_random_generators",
)  # fmt: skip

# --- for vectors ---------------------------------------------------------------------------------

_psi, _psi2, _phi, _phi2 = (
    (IndexedBase(x, complex=True), IndexedBase(f"{x}^*", complex=True))
    for x in ("psi", "psi'", "phi", "phi'")
)
_Pair = tuple[IndexedBase, IndexedBase]


def _overlap(first: _Pair, second: _Pair) -> Expr:
    """<first|second>."""
    return over_rows(first[1][i] * second[0][i], i)


def _dyads(phi: _Pair, psi: _Pair, row: Symbol, column: Symbol) -> Expr:
    return phi[0][row] * psi[1][column] - psi[0][row] * phi[1][column]


def _trace_of(first: tuple[_Pair, _Pair], second: tuple[_Pair, _Pair]) -> Expr:
    return -over_rows(_dyads(*first, i, j) * _dyads(*second, j, i), i, j) / 2


def _vectors(rng: random.Random) -> Point:
    """d = 2, psi = phi = |0>, so f = 1."""
    names = ("psi", "phi", "psi^*", "phi^*")
    up = dict.fromkeys(names, lambda row: Integer(int(row) == 1))
    return Point(rng, {d: Integer(2), _f: Integer(1)}, up)


VECTORS = Derivation(
    name="commutator-of-vectors",
    title="C = Re(<psi|psi'><phi'|phi>) - Re(<psi|phi'><psi'|phi>), phi = O psi; 1 - f^2 at x = x'",
    summary="[O, rho] = |phi><psi| - |psi><phi|, so four inner products of vectors are all that "
    "the kernel of a block takes. Its diagonal is 1 - f^2, by which angles of confident outputs "
    "matter less.",
    source="ours",
    assumptions=(
        Assumption("psi^* holds the conjugate entries; phi = O psi, phi' = O' psi'; O^2 = 1"),
    ),
    premises=(
        Premise("psi", Formula(_overlap(_psi, _psi), "=", Integer(1)), "psi has norm 1"),
        Premise("phi", Formula(_overlap(_phi, _phi), "=", Integer(1)), "<psi| O^2 |psi> = 1"),
        Premise("f", Formula(_overlap(_psi, _phi), "=", _f), "definition of f = <psi| O |psi>"),
        Premise("f^*", Formula(_overlap(_phi, _psi), "=", _f), "f is real"),
    ),
    witness=_vectors,
    steps=(
        Claim(
            "C",
            Formula(
                _trace_of((_phi, _psi), (_phi2, _psi2)),
                "=",
                (_overlap(_psi, _psi2) * _overlap(_phi2, _phi)
                 + _overlap(_psi2, _psi) * _overlap(_phi, _phi2)
                 - _overlap(_psi, _phi2) * _overlap(_psi2, _phi)
                 - _overlap(_phi2, _psi) * _overlap(_phi, _psi2)) / 2,
            ),
            "multiply out; each term stands beside its conjugate",
        ),
        Claim(
            "x = x'",
            Formula(_trace_of((_phi, _psi), (_phi, _psi)), "=", 1 - _f**2),
            "insert the norms and f",
            Combination(
                Use("psi", _overlap(_phi, _phi)),
                Use("phi"),
                Use("f", -(_overlap(_psi, _phi) + _f) / 2),
                Use("f^*", -(_overlap(_phi, _psi) + _f) / 2),
            ),
        ),
    ),
    numerical_test="tests/theory/test_commutator_kernel.py::test_vectors",
)  # fmt: skip

# --- back to random states -----------------------------------------------------------------------

# tr [O, rho] [O', rho'] word by word: what stands beside Q[i, j, k, l] after renaming its indices
_WORDS: tuple[tuple[dict[Symbol, Symbol], Expr], ...] = (
    ({}, E[l, i, j, k]),  # O rho O' rho'
    ({}, E[j, k, l, i]),  # rho O rho' O'
    ({k: j}, -E[k, i, l, k]),  # O rho rho' O'
    ({l: i, k: l}, -E[j, k, k, l]),  # rho O O' rho'
)


def _states(at: dict[Symbol, Symbol]) -> Expr:
    word = Q[FOUR]
    for old, new in at.items():
        word = word.subs(old, new)
    return word


def _mean_point(rng: random.Random) -> Point:
    """d = 2, r = 1/3, t = -2/3."""
    r, t = Rational(1, 3), Rational(-2, 3)
    point = Point(rng, {_r: r, _t: t, C: (2 * r - 1) * t / 3})
    return with_design(with_design(point, Q, state, Integer(1), r), E, frame, Integer(0), t)


MEAN = Derivation(
    name="mean-commutator-kernel",
    title="With random states besides it is the tangent kernel: v (d r - 1)/(d - 1) t/d",
    summary="If the pair of states is twirled too, the mean of C is (d r - 1) t / (d^2 - 1), "
    "whatever the observables: theorem kernel-of-an-angle again, and with r and t behind the "
    "encodings v q_1 q_2 delta. So the commutator kernel assumes less and agrees where both hold.",
    source="ours",
    assumptions=(
        Assumption("Q[i, j, k, l] = E rho_ij rho'_kl is the moment of a unitary 2-design, "
                   "r = E tr rho rho'"),
        Assumption("E[i, j, k, l] = E O_ij O'_kl, independent of it, is of traceless observables, "
                   "t = E tr O O'"),
    ),
    premises=(
        DIMENSION_PREMISE,
        *design(Q, state, Integer(1), _r, "state "),
        *design(E, frame, Integer(0), _t, "frame ")[1:],  # of observables the traces alone
        Premise("C", Formula(C, "=", -over_rows(
            sum(times * _states(at) for at, times in _WORDS), *FOUR) / 2),
            "definition of C = -E tr([O, rho] [O', rho']) / 2"),
        second_moment("state", Q, state, (1, _r)),
    ),
    witness=_mean_point,
    steps=(
        Claim(
            "kernel",
            Formula(VALUE * C, "=", VARIANCE_VALUE * (d * _r - 1) / (d - 1) * _t / d),
            "insert the states' moment; E has no trace, its swap is t",
            Combination(
                Use("C", VALUE),
                *(Use("state", -VALUE / 2 * times, at=at, over=rows(*FOUR))
                  for at, times in _WORDS),
                Use("frame trace", -VALUE * (d * _r - 1) / (d * (d**2 - 1))),
                Use("frame swap", VALUE * (d * _r - 1) / (d**2 - 1)),
            ),
        ),
    ),
    numerical_test="tests/theory/test_commutator_kernel.py::test_random_states_give_the_tangent_kernel",
)  # fmt: skip

# --- generators of a smaller group ---------------------------------------------------------------

_w, _over = adjoint.WIDTH, adjoint.over
_nu, _eps, _phi_e, _gamma_e = symbols("nu epsilon phi gamma", real=True)
_a, _b, _c, _e, _g = symbols("a b c e g", integer=True, positive=True)
_M, _k, _k2, _F, _G, _S = (IndexedBase(x, real=True) for x in ("M", "k", "k'", "F", "G", "T"))
_DIAGONAL = adjoint.total(_k[_a] * _k2[_a], _a)
_MIXED = adjoint.total(
    _S[_a, _b, _c] * _S[_a, _e, _g] * _G[_b, _e] * _F[_c, _g], _a, _b, _c, _e, _g
)


def _group_point(rng: random.Random) -> Point:
    """d = 2, w = 3, eps = -1: structure constants of three turns, N = 2."""

    def third(row: Expr, column: Expr) -> Expr:
        return Rational(1, 3) * Integer(int(row) == int(column))

    def levi_civita(*at: Expr) -> Expr:
        x, y, z = map(int, at)
        return Integer((x - y) * (y - z) * (z - x)) / 2 if max(x, y, z) < 4 else Integer(0)

    values: dict[Symbol, Expr] = {d: Integer(2), _w: Integer(3), _eps: Integer(-1)}
    values |= dict.fromkeys((_nu, _phi_e, _gamma_e), Rational(1, 3)) | {adjoint.SQUARE: Integer(4)}
    one: IndexedRule = lambda row: Integer(int(row) == 1)  # noqa: E731
    return Point(
        rng, values, {"M": third, "F": third, "G": third, "T": levi_civita, "k": one, "k'": one}
    )


GROUP = Derivation(
    name="commutator-kernel-of-a-group",
    title="Generators of a group: E d_i f d_i f' = (d/w) k . k', 2 / (d - eps) for the spin flip's",
    summary="k_a are the coordinates of (i/2) [O, rho] on the w operators that the group moves "
    "among themselves, so that d_i f = d^(1/2) n . k with a random unit vector n. For w = d^2 - 1 "
    "this is commutator-kernel; for the orthogonal (eps = 1) and the symplectic group (eps = -1) "
    "only the part of the state in the Lie algebra counts, and the factor is 2 / (d - eps). With "
    "random states and outputs it is the mean product of adjoint-tangent-kernel.",
    source="ours",
    assumptions=(
        Assumption("W^+ A W = sum n_a P_a, with the moments M_ab = E n_a n_b of a group that acts "
                   "irreducibly, of real type, on the w operators P_a"),
        Assumption("F and G are the moments of states and outputs as in adjoint-tangent-kernel, "
                   "k_a = sum T_abc o_b s_c with the structure constants T of P_a / d^(1/2)"),
    ),
    premises=(
        adjoint.schur("generators", _M, _nu),
        Premise("P~^2", Formula(adjoint.total(_M[_a, _a], _a), "=", Integer(1)),
                "P~^2 = 1, so tr P~^2 = d = d n . n"),
        Premise("w", Formula(_w, "=", d * (d - _eps) / 2), "operators of odd weight"),
        adjoint.schur("states", _F, _phi_e),
        adjoint.schur("outputs", _G, _gamma_e),
        Premise("T", Formula(adjoint.total(_S[_a, _b, _c] ** 2, _a, _b, _c), "=",
                             _w * adjoint.SQUARE / d),
                "N = tr L L^T of each P_a, L = d^(1/2) T_a"),
    ),
    witness=_group_point,
    steps=(
        Step("nu", Formula(_nu, "=", 1 / _w), "trace of both sides",
             Combination(Use("generators", -1 / _w, at={_b: _a}, over=_over(_a)),
                         Use("P~^2", 1 / _w))),
        Claim(
            "kernel",
            Formula(
                d * adjoint.total(_M[_a, _b] * _k[_a] * _k2[_b], _a, _b),
                "=",
                d / _w * _DIAGONAL,
            ),
            "insert the generators' moment",
            Combination(
                Use("generators", d * _k[_a] * _k2[_b], over=_over(_a, _b)),
                Use("nu", d * _DIAGONAL),
            ),
        ),
        Claim(
            "spin flip",
            Formula(
                (d - _eps) * d * adjoint.total(_M[_a, _b] * _k[_a] * _k2[_b], _a, _b),
                "=",
                2 * _DIAGONAL,
            ),
            "insert w",
            Combination(Use("kernel", d - _eps), Use("w", -2 / _w * _DIAGONAL)),
        ),
        Claim(
            "random states",
            Formula(d / _w * _MIXED, "=", _phi_e * _gamma_e * adjoint.SQUARE),
            "E k . k' by the moments of states and outputs",
            Combination(
                Use("states", d / _w * _S[_a, _b, _c] * _S[_a, _e, _g] * _G[_b, _e],
                    at={_a: _c, _b: _g}, over=_over(_a, _b, _c, _e, _g)),
                Use("outputs", d / _w * _phi_e * _S[_a, _b, _c] * _S[_a, _e, _c],
                    at={_b: _e, _a: _b}, over=_over(_a, _b, _c, _e)),
                Use("T", d / _w * _phi_e * _gamma_e),
            ),
        ),
    ),
    numerical_test="tests/theory/test_commutator_kernel.py::test_generators_of_a_group",
)  # fmt: skip

THEOREMS = (KERNEL, VECTORS, MEAN, GROUP)
