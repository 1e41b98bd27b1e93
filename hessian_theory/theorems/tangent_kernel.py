"""The expected tangent kernel of a circuit of three 2-designs with two encodings between them."""

from __future__ import annotations

import random

from sympy import Integer, KroneckerDelta

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
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.kernel_of_an_angle import at_angle
from patchlaw.hessian_theory.theorems.second_moments import (
    DIMENSION_PREMISE,
    FOUR,
    i,
    j,
    k,
    l,
    over_rows,
    rows,
    second_moment,
)
from patchlaw.hessian_theory.theorems.slope_moments import (
    TRACELESS,
    VARIANCE_VALUE,
    a,
    involution,
    mean_product,
    slopes_premise,
)
from patchlaw.hessian_theory.theorems.three_blocks import (
    BACKWARDS,
    BLOCKS,
    CITED_BACKWARDS,
    CITED_FORWARDS,
    COVARIANCE,
    FACTORS,
    FORTH,
    FORWARDS,
    MU,
    NU,
    OBSERVABLE_COEFFICIENTS,
    OBSERVABLES,
    ONE_OUTPUT,
    OUTPUT,
    OVERLAPS,
    SLOPES,
    SQUARES,
    STATE_COEFFICIENTS,
    STATES,
    blocks_point,
    outputs_point,
)
from patchlaw.hessian_theory.theorems.twirled_pairs import trace

_overlap_steps = (
    Step(
        "states behind V_1",
        Formula(OVERLAPS[1] - 1 / d, "=", (1 - 1 / d) * FACTORS[0]),
        "theorem encoding-between-twirls: rho(x) = rho(x') in front of V_1",
        Combination(Use("encoding 1, states")),
    ),
    Step(
        "states behind V_2",
        Formula(OVERLAPS[2] - 1 / d, "=", (1 - 1 / d) * FACTORS[0] * FACTORS[1]),
        "likewise",
        Combination(Use("encoding 2, states"), Use("states behind V_1", FACTORS[1])),
    ),
)


def _angle_step(e: int, forwards: str, backwards: str) -> Step:
    """K_e = v delta q_1 q_2 from the overlap of the states and that of the observables."""
    factor, rest = VARIANCE_VALUE / (d - 1), (Integer(1), FACTORS[0], FACTORS[0] * FACTORS[1])[e]
    return Claim(
        f"angle in {BLOCKS[e]}",
        Formula(
            mean_product(STATES[e], SLOPES[e]),
            "=",
            VARIANCE_VALUE * FACTORS[0] * FACTORS[1] * ONE_OUTPUT,
        ),
        f"theorem kernel-of-an-angle with r = {OVERLAPS[e]}, t = {SQUARES[e]}",
        Combination(
            Use(f"angle in block {BLOCKS[e]}"),
            *((Use(forwards, factor * SQUARES[e]),) if forwards else ()),
            Use(backwards, VARIANCE_VALUE * rest / d),
        ),
    )


_PREMISES: tuple[Premise | Citation, ...] = (
    DIMENSION_PREMISE,
    *FORWARDS,
    *BACKWARDS,
    TRACELESS,
    involution(a, "A"),
    *map(slopes_premise, SLOPES, OBSERVABLES),
    *CITED_FORWARDS,
    *CITED_BACKWARDS,
    *(
        at_angle(
            f"angle in block {x}",
            (STATES[e], OBSERVABLES[e], SLOPES[e]),
            (*STATE_COEFFICIENTS[e], *OBSERVABLE_COEFFICIENTS[e]),
            (OVERLAPS[e], SQUARES[e]),
        )
        for e, x in enumerate(BLOCKS)
    ),
)

KERNEL = Derivation(
    name="tangent-kernel",
    title="E[d_i f_mu(x) d_i f_nu(x')] = v delta_mu,nu q_1 q_2 in all three blocks",
    summary="Each encoding between the samples' common twirls costs a factor q_e = (|tr W_e|^2 - 1)"
    " / (d^2 - 1): on the states' side if it lies before the angle, on the observables' side if it "
    "lies behind. So an angle in A, B or C sees the same product, and different outputs nothing of "
    "each other. The kernel depends on the data and the encodings alone.",
    source="ours",
    assumptions=(
        Assumption("A, B and C are independent unitary 2-designs without data; so are the parts "
                   "before and after the angle of the block that it lies in"),
        Assumption("Q_e[i, j, k, l] = E rho(x)_ij rho(x')_kl behind block e, or its part before "
                   "the angle; E_e[i, j, k, l] = E O~_mu(x)_ij O~_nu(x')_kl in front of block e, "
                   "or its part after the angle"),
        Assumption("the angle's generator and the outputs O_mu are Pauli operators other than 1, "
                   "the outputs different ones; d = 2^n; a_ij are the generator's entries"),
        Assumption("W_e = V_e(x)^+ V_e(x') is what states see of encoding e, U_e = V_e(x) "
                   "V_e(x')^+ what observables do; tr U_e is the conjugate of tr W_e"),
    ),
    premises=_PREMISES,
    witness=blocks_point,
    steps=(
        *_overlap_steps,
        Step(
            "observables in front of V_2",
            Formula(SQUARES[1], "=", d * ONE_OUTPUT * FACTORS[1]),
            "theorem encoding-between-twirls, from tr O_mu O_nu = d delta",
            Combination(Use("encoding 2, observables"), Use("t_C", FACTORS[1])),
        ),
        Step(
            "observables in front of V_1",
            Formula(SQUARES[0], "=", d * ONE_OUTPUT * FACTORS[0] * FACTORS[1]),
            "likewise",
            Combination(
                Use("encoding 1, observables"),
                Use("observables in front of V_2", FACTORS[0]),
            ),
        ),
        _angle_step(0, "", "observables in front of V_1"),
        _angle_step(1, "states behind V_1", "observables in front of V_2"),
        _angle_step(2, "states behind V_2", "t_C"),
    ),
    numerical_test="tests/theory/test_haar_pairs.py::test_tangent_kernel_of_three_blocks",
)  # fmt: skip


def _same_sample_point(rng: random.Random) -> Point:
    """d = 2, both encodings 1."""
    one = (lambda row, column: Integer(row == column),) * 2
    return blocks_point(rng, Integer(1), one)


ONE_SAMPLE = Derivation(
    name="kernel-at-one-sample",
    title="At x = x' the kernel is the trace law's v delta: q(x, x) = 1",
    summary="V^+ V = 1, so |tr W|^2 = d^2 and each q is 1: what the trace law assumes of every "
    "angle, E[d_h f_k d_h f_l] = v delta_kl, is theorem tangent-kernel at one sample.",
    source="ours",
    assumptions=(
        Assumption("x = x', so that W_e = V_e^+ V_e = 1"),
        Assumption("the rest as in tangent-kernel"),
    ),
    premises=(
        *(p for p in _PREMISES if isinstance(p, Premise)),
        *(
            Premise(
                f"{base.label} = 1",
                Formula(base[i, j], "=", KroneckerDelta(i, j)),
                "x = x'",
                (i, j),
            )
            for pair in FORTH
            for base in pair
        ),
        *(Citation(f"angle in block {x}", KERNEL, f"angle in {x}") for x in BLOCKS),
    ),
    witness=_same_sample_point,
    steps=(
        *(
            Claim(
                f"q_{e}",
                Formula(q, "=", Integer(1)),
                "|tr 1|^2 = d^2",
                Combination(
                    Use(f"q {e}, states"),
                    Use(
                        f"{pair[0].label} = 1", trace(pair[1]) / (d**2 - 1), at={j: i}, over=rows(i)
                    ),
                    Use(f"{pair[1].label} = 1", d / (d**2 - 1), at={j: i}, over=rows(i)),
                ),
            )
            for e, (pair, q) in enumerate(zip(FORTH, FACTORS, strict=True), 1)
        ),
        *(
            Claim(
                f"angle in {x}",
                Formula(mean_product(STATES[e], SLOPES[e]), "=", VARIANCE_VALUE * ONE_OUTPUT),
                "insert q_1 = q_2 = 1",
                Combination(
                    Use(f"angle in block {x}"),
                    Use("q_1", VARIANCE_VALUE * FACTORS[1] * ONE_OUTPUT),
                    Use("q_2", VARIANCE_VALUE * ONE_OUTPUT),
                ),
            )
            for e, x in enumerate(BLOCKS)
        ),
    ),
    numerical_test="tests/theory/test_haar_pairs.py::test_tangent_kernel_of_three_blocks",
)

OUTPUTS = Derivation(
    name="output-covariance",
    title="E[f_mu(x) f_nu(x')] = delta_mu,nu q_1 q_2 / (d + 1)",
    summary="Block C twirls the pair of states behind V_2, whose overlap is 1/d + (1 - 1/d) q_1 "
    "q_2: E<O_mu><O_nu>' = b_1 tr O_mu tr O_nu + b_2 tr O_mu O_nu. With the same kernel for all "
    "outputs, so that a softmax at the start has logits of covariance s^2 P mean(q) / (d + 1).",
    source="ours",
    assumptions=(
        Assumption("A, B and C are independent unitary 2-designs without data"),
        Assumption("the outputs O_mu are different Pauli operators other than 1; d = 2^n"),
        Assumption(
            "W_e = V_e(x)^+ V_e(x'); Q_e[i, j, k, l] = E rho(x)_ij rho(x')_kl behind block "
            "e (Q_C: in front of the measurement)"
        ),
    ),
    premises=(
        DIMENSION_PREMISE,
        *FORWARDS,
        Premise("tr O", Formula(over_rows(OUTPUT[MU, i, i], i), "=", Integer(0)), "O_mu is not 1"),
        Premise(
            "orthogonal",
            Formula(over_rows(OUTPUT[MU, i, j] * OUTPUT[NU, j, i], i, j), "=", d * ONE_OUTPUT),
            "different Pauli operators are orthogonal",
        ),
        Premise(
            "F",
            Formula(
                COVARIANCE,
                "=",
                over_rows(STATES[2][FOUR] * OUTPUT[MU, j, i] * OUTPUT[NU, l, k], *FOUR),
            ),
            "definition of F = E[f_mu(x) f_nu(x')], f = tr(rho O)",
        ),
        *CITED_FORWARDS,
        second_moment("states", STATES[2], STATE_COEFFICIENTS[2], (1, OVERLAPS[2])),
    ),
    witness=outputs_point,
    steps=(
        *_overlap_steps,
        Step(
            "random state",
            Formula(COVARIANCE, "=", (d * OVERLAPS[2] - 1) / (d**2 - 1) * ONE_OUTPUT),
            "theorem second-moment with t_1 = 1, t_2 = r_C",
            Combination(
                Use("F"),
                Use("states", OUTPUT[MU, j, i] * OUTPUT[NU, l, k], over=rows(*FOUR)),
                Use("tr O", (d - OVERLAPS[2]) / (d * (d**2 - 1)) * over_rows(OUTPUT[NU, i, i], i)),
                Use("orthogonal", (d * OVERLAPS[2] - 1) / (d * (d**2 - 1))),
            ),
        ),
        Claim(
            "covariance",
            Formula(COVARIANCE, "=", FACTORS[0] * FACTORS[1] * ONE_OUTPUT / (d + 1)),
            "insert r_C",
            Combination(Use("random state"), Use("states behind V_2", d / (d**2 - 1) * ONE_OUTPUT)),
        ),
    ),
    numerical_test="tests/theory/test_haar_pairs.py::test_covariance_of_the_outputs",
)

THEOREMS = (KERNEL, ONE_SAMPLE, OUTPUTS)
