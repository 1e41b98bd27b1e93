"""Two samples' derivatives in one angle between two 2-designs: their mean product.

Q[i, j, k, l] = E rho(x)_ij rho(x')_kl of the states in front of the angle's rotation,
E[i, j, k, l] = E O~_mu(x)_ij O~_nu(x')_kl of the observables behind it.
"""

from __future__ import annotations

import random

from sympy import Expr, IndexedBase, Integer, Lambda, Rational, Symbol, symbols

from patchlaw.hessian_theory.proof.derivation import Assumption, Citation, Claim, Derivation, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.proof.points import Point
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
)
from patchlaw.hessian_theory.theorems.slope_moments import (
    MEAN_SQUARE_SLOPE,
    TRACELESS,
    VARIANCE_VALUE,
    E,
    Q,
    T,
    a,
    angle_point,
    frame,
    involution,
    slope_steps,
    slopes_premise,
    state,
)

_r, _t = symbols("r t", real=True)


def _angle_point(rng: random.Random) -> Point:
    """d = 2, A = Z, r = 1/3, t = -2/3."""
    r, t = Rational(1, 3), Rational(-2, 3)
    point = angle_point(rng, r, t)
    point.symbols |= {_r: r, _t: t}
    return point


ANGLE = Derivation(
    name="kernel-of-an-angle",
    title="Two samples at one angle: E[d_i f_mu(x) d_i f_nu(x')] = v (d r - 1)/(d - 1) t/d",
    summary="As derivative-variance, for two samples: the part of the circuit before the angle "
    "twirls the pair of states, whose overlap r = E tr rho(x) rho(x') is all that is left of them, "
    "and the part after it the pair of observables, t = E tr O~_mu(x) O~_nu(x'). At r = 1, t = d "
    "this is v.",
    source="ours",
    assumptions=(
        Assumption("the parts of the circuit before and after the angle end, next to the angle, "
                   "in independent unitary 2-designs that are the same for both samples, so that "
                   "E[rho_ij rho'_kl X_ji X'_lk] = Q[i, j, k, l] T[j, i, l, k]"),
        Assumption("Q[i, j, k, l] = E rho(x)_ij rho(x')_kl in front of the angle's rotation, "
                   "E[i, j, k, l] = E O~_mu(x)_ij O~_nu(x')_kl behind it"),
        Assumption("the generator A and the observables are Pauli operators other than 1; d = 2^n"),
    ),
    premises=(
        DIMENSION_PREMISE,
        *design(Q, state, Integer(1), _r, "state "),
        *design(E, frame, Integer(0), _t, "frame "),
        TRACELESS,
        involution(a, "A"),
        slopes_premise(T, E),
        second_moment("state", Q, state, (1, _r)),
        second_moment("frame", E, frame, (0, _t)),
    ),
    witness=_angle_point,
    steps=(
        *slope_steps(
            _t,
            ("tr X tr X'", "definition of X, cyclicity"),
            ("random frame",
             "theorem second-moment: E tr(A O~ A O~') = a_1 tr A^2 + a_2 (tr A)^2 with tr A = 0"),
            ("tr X X'", "multiply out; A^2 = 1 and E tr O~ O~' = t"),
        ),
        Step(
            "random state",
            Formula(
                MEAN_SQUARE_SLOPE,
                "=",
                ((d - _r) * over_rows(T[i, i, j, j], i, j)
                 + (d * _r - 1) * over_rows(T[i, j, j, i], i, j)) / (d * (d**2 - 1)),
            ),
            "theorem second-moment with t_1 = 1, t_2 = r",
            Combination(Use("state", T[j, i, l, k], over=rows(*FOUR))),
        ),
        Claim(
            "kernel",
            Formula(MEAN_SQUARE_SLOPE, "=", VARIANCE_VALUE * (d * _r - 1) / (d - 1) * _t / d),
            "insert the four",
            Combination(
                Use("random state"),
                Use("tr X tr X'", (d - _r) / (d * (d**2 - 1))),
                Use("tr X X'", (d * _r - 1) / (d * (d**2 - 1))),
                Use("random frame", -(d * _r - 1) / (2 * d * (d**2 - 1))),
            ),
        ),
    ),
    numerical_test="tests/theory/test_haar_pairs.py::test_kernel_of_an_angle",
)  # fmt: skip


def at_angle(
    label: str,
    moments: tuple[IndexedBase, IndexedBase, IndexedBase],
    coefficients: tuple[Symbol, ...],
    overlaps: tuple[Expr, Expr],
) -> Citation:
    """Theorem kernel-of-an-angle for other averages Q, E, T = `moments`.

    What it needs of them: the designs with b_1, b_2, a_1, a_2 = `coefficients` and r, t =
    `overlaps`, and `slopes_premise` of T.
    """
    return Citation(
        label,
        ANGLE,
        "kernel",
        {
            **{old: Lambda(FOUR, new[FOUR]) for old, new in zip((Q, E, T), moments, strict=True)},
            **dict(zip((*state, *frame), coefficients, strict=True)),
            _r: overlaps[0],
            _t: overlaps[1],
        },
    )


THEOREMS = (ANGLE,)
