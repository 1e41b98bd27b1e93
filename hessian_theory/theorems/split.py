"""Eqs. (4), (5), (6): the paper's gradient and Hessian, and what the split looks like."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from sympy import (
    Derivative,
    Expr,
    Function,
    Integer,
    KroneckerDelta,
    Sum,
    Symbol,
    expand,
    symbols,
)

from hessian_theory import symbols as sym
from hessian_theory.loss_derivatives import loss_gradient, loss_hessian, patch_output
from hessian_theory.proof.derivation import Derivation, Step
from hessian_theory.proof.evidence import Derived, Enumeration
from hessian_theory.proof.formula import Assumption, Formula
from hessian_theory.theorems.notation import PATCH_INDEX, on_model

_L = Function("L")
_i, _j = sym.THETA_I, sym.THETA_J
_SMOOTH = Assumption("l and every f_pk are twice continuously differentiable")
s = sym.prefactor()


def mean(expr: Expr) -> Expr:
    """Average over the N samples."""
    return Sum(expr, (sym.n, 1, sym.N)) / sym.N


def classes(expr: Expr, *indices: Symbol) -> Expr:
    """Sum over classes."""
    return Sum(expr, *((x, 1, sym.C) for x in indices))


def patches(expr: Expr, index: Symbol) -> Expr:
    """Sum over patches."""
    return Sum(expr, (index, 1, sym.P))


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

EQ4_RIGHT = s * mean(classes(_g[_n, _k] * patches(d(_p, _k, _i), _p), _k))
GAUSS_NEWTON = s**2 * mean(
    classes(
        _S(_n, _k, _l) * patches(d(_p, _k, _i), _p) * patches(d(_q, _l, _j), _q),
        _k,
        _l,
    )
)
RESIDUAL = s * mean(classes(_g[_n, _k] * patches(d(_p, _k, _i, _j), _p), _k))
GAUSS_NEWTON_OWN = s**2 * mean(
    classes(_S(_n, _k, _l) * own(_a, _k, "u") * own(_b, _l, "w"), _k, _l)
)
RESIDUAL_OWN = s * KroneckerDelta(_a, _b) * mean(classes(_g[_n, _k] * own(_a, _k, "u", "w"), _k))


def cubic_loss_instances(statement: Formula) -> Iterator[tuple[Expr, Expr]]:
    """Eq. (5) against sympy's chain rule, symbolically, for explicit P and C.

    l is a cubic polynomial in z_1..z_C with free coefficients, so that its first and second
    derivatives at the logits are arbitrary and vary with them; every f_pk is undefined.
    """
    for n_patches, n_classes in ((1, 1), (2, 2), (3, 2), (2, 3)):
        zs = symbols(f"z1:{n_classes + 1}", real=True)
        powers = [e for e in product(range(4), repeat=n_classes) if 0 < sum(e) <= 3]
        loss = Integer(0)
        for index, power in enumerate(powers):
            monomial = Symbol(f"c{index}", real=True)
            for z, e in zip(zs, power, strict=True):
                monomial *= z**e
            loss += monomial
        outputs = {
            (p, k): Function(f"f{p}{k}", real=True)(_i, _j)
            for p in range(1, n_patches + 1)
            for k in range(1, n_classes + 1)
        }
        logits = {
            zs[k - 1]: sym.SCALE
            / n_patches**2
            * sum(outputs[p, k] for p in range(1, n_patches + 1))
            for k in range(1, n_classes + 1)
        }
        direct = loss.subs(logits).diff(_i).diff(_j)
        formula = _with_explicit_parts(statement.right, loss, zs, outputs, logits)
        yield expand(direct - formula), Integer(0)


def _with_explicit_parts(
    formula: Expr,
    loss: Expr,
    zs: tuple[Symbol, ...],
    outputs: dict[tuple[int, int], Expr],
    logits: dict[Symbol, Expr],
) -> Expr:
    """Eq. (5) with P, C explicit, alpha = 2, N = 1, and g, S taken from this very loss."""
    sizes = {sym.P: max(p for p, _ in outputs), sym.C: len(zs), sym.N: 1}
    opened = formula.subs(sizes).subs(sym.ALPHA, 2).doit()

    def output_derivative(e: Derivative) -> Expr:
        p, k = (int(x) for x in e.expr.args[1:3])
        return outputs[p, k].diff(*e.variables)

    opened = opened.replace(lambda e: isinstance(e, Derivative), output_derivative)
    opened = opened.replace(
        lambda e: isinstance(e, sym.LossCurvature),
        lambda e: loss.diff(zs[e.args[1] - 1], zs[e.args[2] - 1]).subs(logits),
    )
    return opened.replace(
        lambda e: getattr(e, "base", None) == sym.g,
        lambda e: loss.diff(zs[e.indices[1] - 1]).subs(logits),
    )


EQ4 = Derivation(
    name="gradient-eq4",
    title="Eq. (4): the gradient",
    summary="A parameter moves every logit by s times the sum of its effects on the patch outputs;"
    " weighting with g gives the gradient. Differentiated from z = c P^(-alpha) sum_p f_p for "
    "symbolic P, C, N and alpha.",
    source="Eq. (4)",
    assumptions=(_SMOOTH,),
    steps=(
        Step(
            "Eq. (4)",
            Derivative(_L(_i, _j), _i),
            "=",
            EQ4_RIGHT,
            "differentiate the model through the loss's 2-jet",
            Derived(loss_gradient, "sympy differentiates the model"),
            claim=True,
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
    steps=(
        Step(
            "Eq. (5)",
            Derivative(_L(_i, _j), _i, _j),
            "=",
            GAUSS_NEWTON + RESIDUAL,
            "differentiate the model through the loss's 2-jet",
            Derived(loss_hessian, "sympy differentiates the model twice"),
            claim=True,
        ),
        Step(
            "diagonal",
            Derivative(_L(_i, _j), (_i, 2)),
            "=",
            s**2
            * mean(
                classes(
                    _S(_n, _k, _l) * patches(d(_p, _k, _i), _p) * patches(d(_q, _l, _i), _q),
                    _k,
                    _l,
                )
            )
            + s * mean(classes(_g[_n, _k] * patches(d(_p, _k, (_i, 2)), _p), _k)),
            "the same parameter twice",
            Derived(lambda: loss_hessian(diagonal=True), "sympy differentiates twice"),
            claim=True,
        ),
        Step(
            "instances",
            Derivative(_L(_i, _j), _i, _j),
            "=",
            GAUSS_NEWTON + RESIDUAL,
            "for explicit (P, C), a general cubic l and undefined f: sympy's chain rule minus "
            "the derived formula",
            Enumeration(cubic_loss_instances, "(P, C) = (1,1), (2,2), (3,2), (2,3), symbolic"),
        ),
    ),
    consequence="Confirmed. The first term carries s^2 = c^2 P^(-2 alpha), the second s.",
    numerical_test=on_model("hessian_is_gauss_newton_plus_residual"),
)

EQ6 = Derivation(
    name="hessian-eq6",
    title="Eq. (6): angles of independent QNNs; the residual term is block-diagonal",
    summary="If theta_i is an angle of patch a and theta_j one of patch b, only those patches "
    "remain in the sums. The residual term is zero unless a = b; the Gauss-Newton term couples "
    "every pair of patches.",
    source="Eq. (6)",
    assumptions=(_SMOOTH, PATCH_INDEX),
    steps=(
        Step(
            "gradient",
            Derivative(_L(sym.U[_a]), sym.U[_a]),
            "=",
            s * mean(classes(_g[_n, _k] * own(_a, _k, "u"), _k)),
            "d f_p / d u_a contains delta_{p a}, which uses up the sum over patches",
            Derived(lambda: loss_gradient(angles="independent"), "sympy differentiates the model"),
        ),
        Step(
            "Eq. (6)",
            Derivative(_L(sym.U[_a], sym.W[_b]), sym.U[_a], sym.W[_b]),
            "=",
            GAUSS_NEWTON_OWN + RESIDUAL_OWN,
            "the second derivative of f_p contains delta_{p a} delta_{p b}",
            Derived(
                lambda: loss_hessian(angles="independent"), "sympy differentiates the model twice"
            ),
            claim=True,
        ),
        Step(
            "different patches",
            (1 - KroneckerDelta(_a, _b)) * RESIDUAL_OWN,
            "=",
            Integer(0),
            "for a != b: elements of R between patches vanish",
            claim=True,
        ),
        Step(
            "coupling",
            Derivative(_L(sym.U[1], sym.W[2]), sym.U[1], sym.W[2]),
            "=",
            GAUSS_NEWTON_OWN.subs({_a: 1, _b: 2}),
            "between different patches the Hessian is the Gauss-Newton term, with the same s^2",
            Derived(
                lambda: loss_hessian(angles="independent").subs({_a: 1, _b: 2}),
                "the derived Hessian at a = 1, b = 2",
            ),
            claim=True,
        ),
    ),
    consequence="Confirmed: R is block-diagonal in the angles. G is not, and that is what decides "
    "the eigenvalue law (theorem gram-bounds).",
    numerical_test=on_model("residual_is_block_diagonal_and_gauss_newton_is_not"),
)

THEOREMS = (EQ4, EQ5, EQ6)
