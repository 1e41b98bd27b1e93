"""The unitary, the orthogonal and the symplectic group in the place of adjoint_blocks' numbers."""

from __future__ import annotations

from sympy import Expr, Integer, Rational

from patchlaw.hessian_theory.proof.derivation import Assumption, Citation, Claim, Derivation, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.theorems.adjoint_blocks import (
    COVARIANCE,
    GENERATOR,
    IN_ENCODING,
    IN_ENCODING_2,
    KERNEL,
    KERNEL_PREMISES,
    Q1,
    Q2,
    SIGMA,
    SLOPES,
    SQUARE,
    TAU,
    WIDTH,
    define,
    point,
    slope_product,
)
from patchlaw.hessian_theory.theorems.second_moments import DIMENSION_PREMISE
from patchlaw.hessian_theory.theorems.slope_moments import VARIANCE_VALUE
from patchlaw.hessian_theory.theorems.three_blocks import BLOCKS, FACTORS, ONE_OUTPUT


def _group(
    name: str,
    title: str,
    summary: str,
    width: Expr,
    sigma: Expr,
    balance: Expr,
    values: tuple[Expr, Expr],
    at: tuple[int, int, int],
) -> Derivation:
    """The kernel of one group from w, sigma and sum_a P_a A P_a = `balance` A.

    Args:
        name: of the theorem.
        title: what a reader sees.
        summary: the same at length.
        width: w.
        sigma: tr rho^2 of the start state's part.
        balance: see above.
        values: v and u, of slopes and of outputs.
        at: w, d and N of a witness.
    """
    square = (width - balance) / 2
    whole = d * ONE_OUTPUT
    per_width = SIGMA * TAU * SQUARE

    def inserted(power: int, slopes: bool) -> tuple[Use, ...]:
        """sigma, tau (and N) one after another, then w in the divisor."""
        rest = SQUARE if slopes else Integer(1)
        known = square if slopes else Integer(1)
        divisor = WIDTH**power
        uses = [
            Use("sigma", TAU * rest / divisor),
            Use("outputs", sigma * rest / divisor),
            Use(
                "w",
                -sigma
                * whole
                * known
                * sum(WIDTH ** (x - power) * width ** (-1 - x) for x in range(power)),
            ),
        ]
        if slopes:
            uses += [
                Use("balance", sigma * whole / divisor),
                Use("w", sigma * whole / (2 * divisor)),
            ]
        return tuple(uses)

    return Derivation(
        name=name,
        title=title,
        summary=summary,
        source="ours",
        assumptions=(
            Assumption("as in adjoint-tangent-kernel; generators and outputs are Pauli operators "
                       "among the w, different outputs; d = 2^n"),
        ),
        premises=(
            *(() if width.is_positive else (DIMENSION_PREMISE,)),  # divisors are not 0
            *KERNEL_PREMISES,
            define("w", WIDTH, width, "the number of operators P_a"),
            define("sigma", SIGMA, sigma, "tr rho^2 of the part of |0><0| that they span"),
            define("outputs", TAU, whole, "different Pauli operators are orthogonal"),
            define("balance", SQUARE, (WIDTH - balance) / 2,
                    f"N counts the P_a that anticommute with A, as sum P_a A P_a = ({balance}) A"),
            *(Citation(f"kernel, {label}", KERNEL, label) for label in (
                *(f"angle in {x}" for x in (*BLOCKS, "V_1", "V_2")), "covariance")),
        ),
        witness=lambda rng: point(*at),
        steps=(
            Step("v", Formula(per_width / WIDTH**2, "=", values[0] * ONE_OUTPUT), "insert",
                 Combination(*inserted(2, True))),
            Step("u", Formula(SIGMA * TAU / WIDTH, "=", values[1] * ONE_OUTPUT), "insert",
                 Combination(*inserted(1, False))),
            *(
                Claim(f"angle in {x}",
                      Formula(
                          slope_product(e, (GENERATOR, GENERATOR), e),
                          "=",
                          values[0] * Q1 * Q2 * ONE_OUTPUT,
                      ),
                      "insert v", Combination(Use(f"kernel, angle in {x}"), Use("v", Q1 * Q2)))
                for e, x in enumerate(BLOCKS)
            ),
            *(
                Claim(f"angle in V_{e + 1}",
                      Formula(
                          slope_product(e, (IN_ENCODING[e], IN_ENCODING_2[e]), e + 1),
                          "=",
                          values[1] * FACTORS[1 - e] * SLOPES[e] * ONE_OUTPUT,
                      ),
                      "insert u",
                      Combination(Use(f"kernel, angle in V_{e + 1}"),
                                  Use("u", FACTORS[1 - e] * SLOPES[e])))
                for e in (0, 1)
            ),
            Claim("covariance", Formula(COVARIANCE, "=", values[1] * Q1 * Q2 * ONE_OUTPUT),
                  "insert u", Combination(Use("kernel, covariance"), Use("u", Q1 * Q2))),
        ),
        numerical_test="tests/theory/test_adjoint_blocks.py::test_values_of_the_groups",
    )  # fmt: skip


def _flipped(name: str, eps: int, words: str) -> Derivation:
    sign = "-" if eps > 0 else "+"
    return _group(
        f"{name}-blocks",
        f"{name.capitalize()} group: v = (d {sign} 2) / (2 (d {sign} 1)^2), "
        f"covariance q_1 q_2 / (d {sign} 1)",
        f"What the paper's circuit comes to for {words} n >= 3: all its gates commute with the "
        "spin flip Y^n K up to a sign, outputs and generators have odd weight, and |0><0| has "
        f"half of its square there. q_e = ((tr W)^2 {sign} tr W^2) / (d (d {sign} 1)), "
        "W = V_e(x)^+ V_e(x').",
        d * (d - eps) / 2,
        Rational(1, 2),
        eps * d / 2,
        ((d - 2 * eps) / (2 * (d - eps) ** 2), 1 / (d - eps)),
        (1, 2, 0) if eps > 0 else (3, 2, 2),
    )


UNITARY = _group(
    "unitary-blocks",
    "Unitary group: v = d^2 / (2 (d + 1)(d^2 - 1)), covariance q_1 q_2 / (d + 1)",
    "All d^2 - 1 traceless operators; the same as tangent-kernel and output-covariance by another "
    "way, and the angles of the encodings. q_e = (|tr W|^2 - 1) / (d^2 - 1).",
    d**2 - 1,
    1 - 1 / d,
    Integer(-1),
    (VARIANCE_VALUE, 1 / (d + 1)),
    (3, 2, 2),
)
ORTHOGONAL = _flipped("orthogonal", 1, "even")
SYMPLECTIC = _flipped("symplectic", -1, "odd")

THEOREMS = (UNITARY, ORTHOGONAL, SYMPLECTIC)
