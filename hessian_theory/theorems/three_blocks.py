"""Three 2-designs with two encodings between them: what is assumed, and names for it.

psi(x) = C V_2(x) B V_1(x) A |0> (the rings count as part of the blocks). State pairs
rho(x) x rho(x') are followed forwards, observable pairs O~_mu(x) x O~_nu(x') backwards:
Q_e[i, j, k, l] = E rho(x)_ij rho(x')_kl behind block e (or its part before an angle),
E_e[i, j, k, l] = E O~_mu(x)_ij O~_nu(x')_kl in front of block e (or its part after an angle).
"""

from __future__ import annotations

import random

from sympy import Expr, IndexedBase, Integer, KroneckerDelta, Rational, symbols

from patchlaw.hessian_theory.proof.derivation import Premise
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.proof.points import IndexedRule, Point
from patchlaw.hessian_theory.theorems.second_moments import design, with_design
from patchlaw.hessian_theory.theorems.slope_moments import pauli_z
from patchlaw.hessian_theory.theorems.twirled_pairs import (
    behind,
    between,
    encoding,
    turned,
    turned_back,
)

BLOCKS = ("A", "B", "C")
MU, NU = symbols("mu nu", integer=True, positive=True)  # two outputs
ONE_OUTPUT = KroneckerDelta(MU, NU)
FACTORS = symbols("q_1 q_2", real=True)
STATES, OBSERVABLES, SLOPES = (
    [IndexedBase(f"{x}_{e}", complex=True) for e in BLOCKS] for x in "QET"
)
FORTH, BACK = (
    [tuple(IndexedBase(f"{x}_{e}", complex=True) for x in (name, f"{name}'")) for e in (1, 2)]
    for name in "WU"
)
STATE_COEFFICIENTS = [symbols(f"b_1{e} b_2{e}", real=True) for e in BLOCKS]
OBSERVABLE_COEFFICIENTS = [symbols(f"a_1{e} a_2{e}", real=True) for e in BLOCKS]
OVERLAPS = (Integer(1), *symbols("r_B r_C", real=True))
SQUARES = symbols("t_A t_B t_C", real=True)
COVARIANCE = symbols("F", real=True)
OUTPUT = IndexedBase("O", complex=True)

FORWARDS = (
    *(
        premise
        for e in (0, 1)
        for premise in encoding(FORTH[e][0], FORTH[e][1], FACTORS[e], f" {e + 1}, states")
    ),
    *(
        premise
        for e, moment, coefficients, r in zip(
            BLOCKS, STATES, STATE_COEFFICIENTS, OVERLAPS, strict=True
        )
        for premise in design(moment, coefficients, Integer(1), r, f"states {e} ")
    ),
    *(
        Premise(
            str(OVERLAPS[e]),
            Formula(OVERLAPS[e], "=", between(STATES[e - 1], *FORTH[e - 1])),
            f"definition of {OVERLAPS[e]} = E tr rho(x) rho(x') behind encoding {e}",
        )
        for e in (1, 2)
    ),
)
BACKWARDS = (
    *(
        premise
        for e in (0, 1)
        for premise in encoding(BACK[e][0], BACK[e][1], FACTORS[e], f" {e + 1}, observables")
    ),
    *(
        premise
        for e, moment, coefficients, t in zip(
            BLOCKS, OBSERVABLES, OBSERVABLE_COEFFICIENTS, SQUARES, strict=True
        )
        for premise in design(moment, coefficients, Integer(0), t, f"observables {e} ")
    ),
    Premise(
        "t_C",
        Formula(SQUARES[2], "=", d * ONE_OUTPUT),
        "tr O_mu O_nu: different Pauli operators are orthogonal",
    ),
    *(
        Premise(
            str(SQUARES[e]),
            Formula(SQUARES[e], "=", between(OBSERVABLES[e + 1], *BACK[e])),
            f"definition of {SQUARES[e]} = E tr O~_mu(x) O~_nu(x') in front of encoding {e + 1}",
        )
        for e in (1, 0)
    ),
)
CITED_FORWARDS = tuple(
    behind(
        f"encoding {e + 1}, states",
        STATES[e],
        STATE_COEFFICIENTS[e],
        (1, OVERLAPS[e]),
        FORTH[e],
        FACTORS[e],
        OVERLAPS[e + 1],
    )
    for e in (0, 1)
)
CITED_BACKWARDS = tuple(
    behind(
        f"encoding {e + 1}, observables",
        OBSERVABLES[e + 1],
        OBSERVABLE_COEFFICIENTS[e + 1],
        (0, SQUARES[e + 1]),
        BACK[e],
        FACTORS[e],
        SQUARES[e],
    )
    for e in (1, 0)
)

_TURNED = Rational(-1, 3)  # q of W = i Z on one qubit


def outputs_point(
    rng: random.Random,
    q: Expr = _TURNED,
    entries: tuple[IndexedRule, IndexedRule] = (turned, turned_back),
) -> Point:
    """d = 2, mu = nu, O_mu = Z; both encodings alike, by their q and the entries of W and W^+."""
    overlaps = (Integer(1), (1 + q) / 2, (1 + q**2) / 2)
    values = {d: Integer(2), MU: Integer(1), NU: Integer(1), **dict.fromkeys(FACTORS, q)}
    values |= dict(zip(OVERLAPS[1:], overlaps[1:], strict=True)) | {COVARIANCE: q**2 / 3}
    indexed: dict[str, IndexedRule] = {
        str(base): rule
        for pair in (*FORTH, *BACK)
        for base, rule in zip(pair, entries, strict=True)
    }
    indexed |= {"a": pauli_z, "O": lambda output, *at: pauli_z(*at) * Integer(output == 1)}
    point = Point(rng, values, indexed)
    for moment, coefficients, r in zip(STATES, STATE_COEFFICIENTS, overlaps, strict=True):
        with_design(point, moment, coefficients, Integer(1), r)
    return point


def blocks_point(
    rng: random.Random,
    q: Expr = _TURNED,
    entries: tuple[IndexedRule, IndexedRule] = (turned, turned_back),
) -> Point:
    """The same with the observables on their way back, A = Z."""
    point = outputs_point(rng, q, entries)
    for e, square in enumerate((2 * q**2, 2 * q, Integer(2))):
        with_design(point, OBSERVABLES[e], OBSERVABLE_COEFFICIENTS[e], Integer(0), square)
        point.symbols[SQUARES[e]] = square
    return point
