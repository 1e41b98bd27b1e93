"""Eqs. (4), (5) and (6): gradient and Hessian of the loss, obtained by differentiating the model.

How a loss l(z_1, ..., z_C) that is not specified, with a symbolic number C of arguments, is
differentiated: the first and second derivatives of l(z(theta)) at a point depend on l only
through its 2-jet there (Taylor's theorem: what is left out is o(|z - z0|^2) and z is twice
differentiable). So l is replaced by

    l(z0) + sum_k g_k (z_k - z0_k) + 1/2 sum_kl S_kl (z_k - z0_k)(z_l - z0_l),

z_k = c P^(-alpha) sum_p f_pk(theta) is inserted, sympy differentiates (sums, products, undefined
functions f), and only then z0 is set to z. No chain rule is typed in. For explicit C the result
is compared in the proofs with sympy's own chain rule on an undefined l(z_1, ..., z_C).

General angles enter as f(n, p, k, theta_i, theta_j), all other parameters held fixed and
unwritten. For independent QNNs, patch p's outputs are f(n, p, k, u[p], w[p]): u[p] and w[p] are
any two of its own angles, and theta_i = u[a], theta_j = w[b] belong to patches a and b; sympy's
derivative of an indexed symbol then produces the Kronecker deltas of Eq. (6).
"""

from __future__ import annotations

from typing import Literal

from sympy import Expr, IndexedBase, Integer, Sum, Symbol, sympify

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.language import INDEX, InRange
from patchlaw.hessian_theory.proof.normal_form import NormalForm

Angles = Literal["any", "independent"]
TermName = Literal["both", "gauss_newton", "residual"]

EXPANSION_POINT = IndexedBase("z0", real=True)
_TERMS = ("both", "gauss_newton", "residual")


def _positive_integer(name: str, value: Expr | int) -> Expr:
    expr = sympify(value)
    if expr.is_integer is not True or expr.is_positive is not True:
        raise ValueError(f"{name} must be a positive integer (number or symbol), got {value!r}")
    return expr


def patch_output(patch: Expr, output: Expr, angles: Angles = "any") -> Expr:
    """f_pk on sample n as a function of the two parameters that are differentiated."""
    if angles == "independent":
        return sym.f(sym.n, patch, output, sym.U[patch], sym.W[patch])
    return sym.f(sym.n, patch, output, sym.THETA_I, sym.THETA_J)


def logit(
    output: Expr,
    *,
    n_patches: Expr | int = sym.P,
    exponent: Expr | int = sym.ALPHA,
    scale: Expr | int = sym.SCALE,
    angles: Angles = "any",
) -> Expr:
    """z_k = c P^(-alpha) sum_p f_pk on sample n (Eqs. 2, 3; the paper has alpha = 1, c = 100)."""
    total = Sum(patch_output(sym.p, output, angles), (sym.p, 1, n_patches))
    return sym.prefactor(sympify(n_patches), sympify(exponent), sympify(scale)) * total


def loss_jet(
    *,
    n_patches: Expr | int = sym.P,
    n_classes: Expr | int = sym.C,
    exponent: Expr | int = sym.ALPHA,
    scale: Expr | int = sym.SCALE,
    angles: Angles = "any",
) -> Expr:
    """Mean over samples of the loss's second-order expansion about z0, in the parameters.

    < sum_k g_k (z_k - z0_k) + 1/2 sum_kl S_kl (z_k - z0_k)(z_l - z0_l) >, the constant left out;
    arguments as in `loss_hessian`.
    """
    step = {
        out: logit(out, n_patches=n_patches, exponent=exponent, scale=scale, angles=angles)
        - EXPANSION_POINT[sym.n, out]
        for out in (sym.k, sym.l)
    }
    first = Sum(sym.g[sym.n, sym.k] * step[sym.k], (sym.k, 1, n_classes))
    second = Sum(
        sym.LossCurvature(sym.n, sym.k, sym.l) * step[sym.k] * step[sym.l],
        (sym.k, 1, n_classes),
        (sym.l, 1, n_classes),
    )
    return Sum(first + second / 2, (sym.n, 1, sym.N)) / sym.N


def _jet_and_logit(
    n_patches: Expr | int, n_classes: Expr | int, angles: Angles, **factor: Expr | int
) -> tuple[Expr, Expr]:
    """`loss_jet` and z_k of checked arguments; `factor` is exponent and scale."""
    n_patches = _positive_integer("n_patches", n_patches)
    n_classes = _positive_integer("n_classes", n_classes)
    if angles not in ("any", "independent"):
        raise ValueError(f"angles must be 'any' or 'independent', got {angles!r}")
    jet = loss_jet(n_patches=n_patches, n_classes=n_classes, angles=angles, **factor)
    return jet, logit(sym.k, n_patches=n_patches, angles=angles, **factor)


def _tidy(expr: Expr) -> Expr:
    """Sums multiplied out and merged; a and b are patch indices, 1 <= a, b <= P."""
    uppers = {upper for total in expr.atoms(Sum) for _, _, upper in total.limits}
    indices = (sym.PATCH_I, sym.PATCH_J)
    tidy = NormalForm({InRange(x, upper) for x in indices for upper in uppers}).rebuilt(expr)
    return tidy.replace(lambda e: isinstance(e, Sum), _with_the_papers_indices)


def _with_the_papers_indices(total: Sum) -> Sum:
    """Patches p, q, classes k, l, m and samples n, as far as they are free in the sum."""
    taken = {s.name for s in total.free_symbols}
    names: dict[Expr, Expr] = {}
    for index, _, upper in total.limits:
        stem = {sym.P: "pqrt", sym.C: "klmh", sym.N: "nvwz"}.get(upper, "ijxy")
        name = next(c for c in stem if c not in taken)
        taken.add(name)
        names[index] = Symbol(name, **INDEX)
    return total.xreplace(names)


def _at_the_point(derivative: Expr, jet_logit: Expr) -> Expr:
    """Set the expansion point z0 to the logits themselves."""
    at = derivative.replace(
        lambda e: getattr(e, "base", None) == EXPANSION_POINT and e.is_Indexed,
        lambda e: jet_logit.xreplace({sym.k: e.indices[1]}),
    )
    return _tidy(at)


def _variables(angles: Angles) -> tuple[Expr, Expr]:
    if angles == "independent":
        return sym.U[sym.PATCH_I], sym.W[sym.PATCH_J]
    return sym.THETA_I, sym.THETA_J


def loss_gradient(
    *,
    n_patches: Expr | int = sym.P,
    n_classes: Expr | int = sym.C,
    exponent: Expr | int = sym.ALPHA,
    scale: Expr | int = sym.SCALE,
    angles: Angles = "any",
) -> Expr:
    """Gradient element dL/dtheta_i = s < sum_k g_k sum_p d_i f_pk >, Eq. (4), by differentiation.

    Args:
        n_patches: P, a positive integer or an integer symbol.
        n_classes: C, likewise.
        exponent: aggregation exponent alpha in s = c P^(-alpha); the paper has 1.
        scale: c; the paper has 100.
        angles: "any" parameter theta_i, or "independent": theta_i = u[a], an angle of patch a
            alone (needs 1 <= a <= P).

    Returns:
        A sympy expression; < > is the mean over samples, a `Sum` over n divided by N.

    Raises:
        ValueError: `n_patches` or `n_classes` is not a positive integer, or `angles` is unknown.
    """
    jet, z = _jet_and_logit(n_patches, n_classes, angles, exponent=exponent, scale=scale)
    return _at_the_point(jet.diff(_variables(angles)[0]), z)


def loss_hessian(
    *,
    n_patches: Expr | int = sym.P,
    n_classes: Expr | int = sym.C,
    exponent: Expr | int = sym.ALPHA,
    scale: Expr | int = sym.SCALE,
    angles: Angles = "any",
    term: TermName = "both",
    diagonal: bool = False,
) -> Expr:
    """Hessian element H_ij = G_ij + R_ij, Eqs. (5) and (6), by differentiation.

    G_ij = s^2 < sum_kl S_kl (sum_p d_i f_pk)(sum_q d_j f_ql) >  (Gauss-Newton term),
    R_ij = s < sum_k g_k sum_p d_i d_j f_pk >  (residual term), s = c P^(-alpha).

    Args:
        n_patches: P, a positive integer or an integer symbol.
        n_classes: C, likewise.
        exponent: aggregation exponent alpha; the paper has 1.
        scale: c; the paper has 100.
        angles: "any" gives Eq. (5); "independent" gives Eq. (6), theta_i = u[a] in patch a and
            theta_j = w[b] in patch b (needs 1 <= a, b <= P).
        term: "both", "gauss_newton" (the part with S) or "residual" (the part with g).
        diagonal: differentiate twice with respect to theta_i (i = j).

    Returns:
        A sympy expression; < > is the mean over samples, a `Sum` over n divided by N.

    Raises:
        ValueError: a count is not a positive integer, or `angles` or `term` is unknown.
    """
    if term not in _TERMS:
        raise ValueError(f"term must be one of {', '.join(_TERMS)}, got {term!r}")
    jet, z = _jet_and_logit(n_patches, n_classes, angles, exponent=exponent, scale=scale)
    first, second = _variables(angles)
    whole = _at_the_point(jet.diff(first).diff(first if diagonal else second), z)
    if term == "both":
        return whole
    residual = _tidy(
        whole.replace(lambda e: isinstance(e, sym.LossCurvature), lambda e: Integer(0))
    )
    return residual if term == "residual" else _tidy(whole - residual)
