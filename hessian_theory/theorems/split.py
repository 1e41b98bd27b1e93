"""Eqs. (4), (5), (6): the paper's gradient and Hessian, and what the split looks like."""

from __future__ import annotations

from sympy import Derivative, Expr, Function, Integer, KroneckerDelta

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.loss_derivatives import (
    EXPANSION_POINT,
    Angles,
    logit,
    loss_jet,
    patch_output,
)
from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.theorems.notation import (
    PATCH_INDICES,
    mean,
    on_model,
    over_classes,
    over_patches,
)

_L = Function("L", real=True)
_i, _j = sym.THETA_I, sym.THETA_J
_SMOOTH = Assumption("l and every f_pk are twice continuously differentiable")
s = sym.prefactor()


def d(patch: Expr, output: Expr, *variables: Expr) -> Expr:
    """Derivative of f_pk with respect to general parameters."""
    return Derivative(patch_output(patch, output), *variables)


def own(patch: Expr, output: Expr, *which: str) -> Expr:
    """Derivative of f_pk with respect to the patch's own angles u and w."""
    bases = {"u": sym.U, "w": sym.W}
    inside = patch_output(patch, output, "independent")
    return Derivative(inside, *(bases[x][patch] for x in which))


_S, _g = sym.LossCurvature, sym.g
_a, _b = sym.PATCH_I, sym.PATCH_J
_k, _l, _p, _q, _n = sym.k, sym.l, sym.p, sym.q, sym.n


def curved(first: Expr, second: Expr) -> Expr:
    """< sum_kl S_kl first_k second_l >, the curvature between slopes of outputs k and l."""
    return mean(over_classes(_S(_n, _k, _l) * first * second, _k, _l))


def sloped(expr: Expr) -> Expr:
    """< sum_k g_k expr_k >."""
    return mean(over_classes(_g[_n, _k] * expr))


EQ4_RIGHT = s * sloped(over_patches(d(_p, _k, _i)))
GAUSS_NEWTON = s**2 * curved(over_patches(d(_p, _k, _i)), over_patches(d(_q, _l, _j), _q))
RESIDUAL = s * sloped(over_patches(d(_p, _k, _i, _j)))
GAUSS_NEWTON_OWN = s**2 * curved(own(_a, _k, "u"), own(_b, _l, "w"))
RESIDUAL_OWN = s * KroneckerDelta(_a, _b) * sloped(own(_a, _k, "u", "w"))
LOSS, LOSS_OWN = loss_jet(), loss_jet(angles="independent")


def point(angles: Angles = "any", n_patches: Expr | int = sym.P) -> Premise:
    """The loss is expanded about the logits that belong to the parameters."""
    z = logit(_k, angles=angles, n_patches=n_patches)
    return Premise("z0", Formula(EXPANSION_POINT[_n, _k], "=", z), "expansion point", (_n, _k))


def expanded(*variables: Expr, angles: Angles = "any") -> Combination:
    """A derivative of the 2-jet: what stands beside S and z - z0 vanishes at the point.

    That part of the derivative is < sum_kl S_kl (z_k - z0_k) D z_l >, D the derivative asked for.
    """
    inside = patch_output(_q, _l, angles)
    slope = s * over_patches(Derivative(inside, *variables), _q)
    times = -over_classes(_S(_n, _k, _l) * slope, _l) / sym.N
    return Combination(Use("z0", times, over={_n: sym.N, _k: sym.C}))


EQ4 = Derivation(
    name="gradient-eq4",
    title="Eq. (4): the gradient",
    summary="A parameter moves every logit by s times the sum of its effects on the patch outputs;"
    " weighting with g gives the gradient. Differentiated from z = c P^(-alpha) sum_p f_p for "
    "symbolic P, C, N and alpha.",
    source="Eq. (4)",
    assumptions=(_SMOOTH,),
    premises=(point(),),
    abbreviations=((_L(_i, _j), LOSS),),
    steps=(
        Claim(
            "Eq. (4)",
            Formula(Derivative(LOSS, _i), "=", EQ4_RIGHT),
            "differentiate the model through the loss's 2-jet",
            expanded(_i),
        ),
    ),
    consequence="Confirmed as the paper has it, for every alpha.",
    numerical_test=on_model("gradient_matches_equation_4"),
)

EQ5 = Derivation(
    name="hessian-eq5",
    title="Eq. (5): the Hessian is a Gauss-Newton term plus a residual term",
    summary="Differentiating twice gives one part with the loss's curvature S and products of "
    "first derivatives, and one part with the loss's slope g and second derivatives. No "
    "assumption on which patch a parameter belongs to.",
    source="Eq. (5)",
    assumptions=(_SMOOTH,),
    premises=(point(),),
    abbreviations=((_L(_i, _j), LOSS),),
    steps=(
        Claim(
            "Eq. (5)",
            Formula(Derivative(LOSS, _i, _j), "=", GAUSS_NEWTON + RESIDUAL),
            "differentiate the model twice through the loss's 2-jet",
            expanded(_i, _j),
        ),
        Claim(
            "diagonal",
            Formula(
                Derivative(LOSS, (_i, 2)),
                "=",
                s**2 * curved(over_patches(d(_p, _k, _i)), over_patches(d(_q, _l, _i), _q))
                + s * sloped(over_patches(d(_p, _k, (_i, 2)))),
            ),
            "the same parameter twice",
            expanded((_i, 2)),
        ),
    ),
    consequence="Confirmed. The first term carries s^2 = c^2 P^(-2 alpha), the second s.",
    numerical_test=on_model("hessian_is_gauss_newton_plus_residual"),
)

_OWN_I, _OWN_J = sym.U[_a], sym.W[_b]

EQ6 = Derivation(
    name="hessian-eq6",
    title="Eq. (6): angles of independent QNNs; the residual term is block-diagonal",
    summary="If theta_i is an angle of patch a and theta_j one of patch b, only those patches "
    "remain in the sums. The residual term is zero unless a = b; the Gauss-Newton term couples "
    "every pair of patches.",
    source="Eq. (6)",
    assumptions=(_SMOOTH, *PATCH_INDICES),
    premises=(point("independent"),),
    abbreviations=((_L(_OWN_I, _OWN_J), LOSS_OWN),),
    steps=(
        Step(
            "gradient",
            Formula(Derivative(LOSS_OWN, _OWN_I), "=", s * sloped(own(_a, _k, "u"))),
            "d f_p / d u_a contains delta_{p a}, which uses up the sum over patches",
            expanded(_OWN_I, angles="independent"),
        ),
        Claim(
            "Eq. (6)",
            Formula(Derivative(LOSS_OWN, _OWN_I, _OWN_J), "=", GAUSS_NEWTON_OWN + RESIDUAL_OWN),
            "the second derivative of f_p contains delta_{p a} delta_{p b}",
            expanded(_OWN_I, _OWN_J, angles="independent"),
        ),
        Claim(
            "different patches",
            Formula((1 - KroneckerDelta(_a, _b)) * RESIDUAL_OWN, "=", Integer(0)),
            "for a != b: elements of R between patches vanish",
        ),
        Claim(
            "coupling",
            Formula(
                (1 - KroneckerDelta(_a, _b)) * Derivative(LOSS_OWN, _OWN_I, _OWN_J),
                "=",
                (1 - KroneckerDelta(_a, _b)) * GAUSS_NEWTON_OWN,
            ),
            "between different patches the Hessian is the Gauss-Newton term, with the same s^2",
            Combination(Use("Eq. (6)", 1 - KroneckerDelta(_a, _b))),
        ),
    ),
    consequence="Confirmed: R is block-diagonal in the angles. G is not, and that is what decides "
    "the eigenvalue law (theorem gram-bounds).",
    numerical_test=on_model("residual_is_block_diagonal_and_gauss_newton_is_not"),
)

THEOREMS = (EQ4, EQ5, EQ6)
