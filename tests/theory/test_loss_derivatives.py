"""Eqs. (4)-(6) against sympy's own derivatives of explicit models."""

import mpmath
import pytest
from sympy import (
    Derivative,
    Expr,
    Function,
    Integer,
    KroneckerDelta,
    Rational,
    Subs,
    Sum,
    Symbol,
    cos,
    diff,
    exp,
    lambdify,
    log,
    simplify,
    sin,
    symbols,
)

import patchlaw
from patchlaw import loss_gradient, loss_hessian, to_latex
from patchlaw.hessian_theory import symbols as sym

T1, T2 = symbols("t1 t2", real=True)


def trigonometric_outputs(n_patches: int, n_classes: int, n_samples: int, own: bool) -> dict:
    """f[n, p, k]: concrete first-harmonic functions; with `own`, t1 is patch 1's, t2 the last's."""
    outputs = {}
    for n in range(1, n_samples + 1):
        for p in range(1, n_patches + 1):
            for k in range(1, n_classes + 1):
                a, b = Rational(n + k, 3), Rational(2 * p - k, 5)
                u = T1 if not own or p == 1 else 0
                w = T2 if not own or p == n_patches else 0
                outputs[n, p, k] = cos(u + a) * sin(w * (k % 2 or 2) + b) + b * cos(u - w + a)
    return outputs


def explicit_loss(outputs: dict, size: tuple[int, int, int], alpha: Expr, c: Expr) -> Expr:
    """Mean softmax cross-entropy of z = c P^-alpha sum_p f_p, written out; label of n: n mod C."""
    n_patches, n_classes, n_samples = size
    total = 0
    for n in range(1, n_samples + 1):
        z = logits(outputs, n, n_patches, n_classes, alpha, c)
        label = n % n_classes
        total += log(sum(exp(x) for x in z)) - z[label]
    return total / n_samples


def logits(outputs, n, n_patches, n_classes, alpha, c):
    return [
        c * Integer(n_patches) ** (-alpha) * sum(outputs[n, p, k] for p in range(1, n_patches + 1))
        for k in range(1, n_classes + 1)
    ]


def evaluate_formula(formula: Expr, outputs, size, alpha, c, variables) -> Expr:
    """Insert concrete f, and g, S computed from their definition, into a derived expression."""
    n_patches, n_classes, n_samples = size
    zs = symbols(f"z1:{n_classes + 1}")
    g, curvature = {}, {}
    for n in range(1, n_samples + 1):
        loss = log(sum(exp(x) for x in zs)) - zs[n % n_classes]
        at = dict(zip(zs, logits(outputs, n, n_patches, n_classes, alpha, c), strict=True))
        for k in range(n_classes):
            g[n, k + 1] = diff(loss, zs[k]).subs(at)
            for m in range(n_classes):
                curvature[n, k + 1, m + 1] = diff(loss, zs[k], zs[m]).subs(at)
    opened = formula.subs({sym.N: n_samples}).doit()

    def insert(derivative):
        n, p, k = (int(x) for x in derivative.expr.args[:3])
        wanted = [variables[x] for x, times in derivative.variable_count for _ in range(times)]
        return diff(outputs[n, p, k], *wanted)

    opened = opened.replace(lambda e: isinstance(e, Derivative), insert)
    opened = opened.replace(
        lambda e: isinstance(e, sym.LossCurvature), lambda e: curvature[tuple(map(int, e.args))]
    )
    return opened.replace(lambda e: getattr(e, "base", None) == sym.g, lambda e: g[e.indices])


def value(expr: Expr) -> mpmath.mpf:
    """At t1 = 7/10, t2 = -4/3 to 40 digits; sympy's evalf takes ten times as long."""
    with mpmath.workdps(40):
        at = mpmath.mpf(7) / 10, mpmath.mpf(-4) / 3
        return lambdify((T1, T2), expr, "mpmath", cse=True)(*at)


@pytest.mark.parametrize(
    ("size", "alpha"), [((1, 2, 2), 0), ((2, 2, 1), Rational(1, 2)), ((3, 2, 1), 1)]
)
def test_general_formula_agrees_with_sympys_derivatives_of_the_written_out_loss(size, alpha):
    """Only this catches a cross term between patches or a power of P lost in Eqs. (4), (5)."""
    c = Rational(3, 2)
    outputs = trigonometric_outputs(*size, own=False)
    direct = explicit_loss(outputs, size, alpha, c)
    options = {"n_patches": size[0], "n_classes": size[1], "exponent": alpha, "scale": c}
    variables = {sym.THETA_I: T1, sym.THETA_J: T2}
    cases = [
        (loss_gradient(**options), diff(direct, T1)),
        (loss_hessian(**options), diff(direct, T1, T2)),
        (loss_hessian(diagonal=True, **options), diff(direct, T1, 2)),
    ]
    for formula, expected in cases:
        got = evaluate_formula(formula, outputs, size, alpha, c, variables)
        assert abs(value(got) - value(expected)) < 1e-25
        assert abs(value(expected)) > 1e-3


@pytest.mark.parametrize(("patch_i", "patch_j"), [(1, 3), (1, 1)])
def test_independent_formula_agrees_with_the_written_out_loss(patch_i, patch_j):
    """Only this catches a Kronecker delta on the wrong term, or a delta left out, in Eq. (6)."""
    size = (3, 2, 2) if patch_i != patch_j else (1, 2, 2)
    alpha, c = Rational(1, 2), Rational(3, 2)
    outputs = trigonometric_outputs(*size, own=True)
    formula = loss_hessian(
        n_patches=size[0], n_classes=2, exponent=alpha, scale=c, angles="independent"
    )
    here = {sym.PATCH_I: patch_i, sym.PATCH_J: patch_j}
    variables = {sym.U[patch_i]: T1, sym.W[patch_j]: T2}
    got = evaluate_formula(formula.subs(here), outputs, size, alpha, c, variables)
    expected = diff(explicit_loss(outputs, size, alpha, c), T1, T2)
    assert abs(value(got) - value(expected)) < 1e-25
    assert abs(value(expected)) > 1e-3


@pytest.mark.parametrize(("n_patches", "n_classes"), [(1, 1), (2, 2), (3, 2)])
def test_undefined_loss_agrees_with_sympys_own_chain_rule(n_patches, n_classes):
    """The 2-jet argument against sympy's chain rule on an undefined l: a wrong factor 1/2."""
    functions = {
        (p, k): Function(f"f{p}{k}", real=True)(T1, T2)
        for p in range(1, n_patches + 1)
        for k in range(1, n_classes + 1)
    }
    zs = symbols(f"z1:{n_classes + 1}", real=True)
    loss = Function("l", real=True)
    s = sym.SCALE * Integer(n_patches) ** (-sym.ALPHA)
    inside = [
        s * sum(functions[p, k] for p in range(1, n_patches + 1)) for k in range(1, n_classes + 1)
    ]
    expected = diff(loss(*inside), T1, T2)
    at = dict(zip(zs, inside, strict=True))
    formula = loss_hessian(n_patches=n_patches, n_classes=n_classes).subs(sym.N, 1).doit()
    renamed = {sym.THETA_I: T1, sym.THETA_J: T2}
    formula = formula.replace(
        lambda e: isinstance(e, Derivative),
        lambda e: diff(
            functions[tuple(int(x) for x in e.expr.args[1:3])],
            *(renamed[x] for x, times in e.variable_count for _ in range(times)),
        ),
    )
    formula = formula.replace(
        lambda e: isinstance(e, sym.LossCurvature),
        lambda e: diff(loss(*zs), zs[e.args[1] - 1], zs[e.args[2] - 1]).subs(at),
    )
    formula = formula.replace(
        lambda e: getattr(e, "base", None) == sym.g,
        lambda e: diff(loss(*zs), zs[e.indices[1] - 1]).subs(at),
    )
    # compare on a concrete non-symmetric l, so that Subs objects of either form evaluate alike
    concrete = sum((i + 2) * z**3 for i, z in enumerate(zs)) + zs[0] * zs[-1] ** 2
    point = {
        fn: sin(T1 * (p + 1) + k) * cos(T2 - k * p) + T1 * T2 for (p, k), fn in functions.items()
    }

    def insert(expr):
        lambda_l = expr.replace(loss, lambda *z: concrete.subs(dict(zip(zs, z, strict=True))))
        return lambda_l.subs(point).doit()

    difference = insert(formula) - insert(expected)
    values = {T1: Rational(1, 3), T2: Rational(5, 7), sym.SCALE: 2, sym.ALPHA: Rational(3, 4)}
    assert abs(difference.subs(values).evalf(30)) < 1e-25


def test_split_has_the_delta_on_the_residual_term_only():
    gauss_newton = loss_hessian(angles="independent", term="gauss_newton")
    residual = loss_hessian(angles="independent", term="residual")
    assert not gauss_newton.has(KroneckerDelta)
    assert residual.has(KroneckerDelta(sym.PATCH_I, sym.PATCH_J))
    assert residual.subs({sym.PATCH_I: 1, sym.PATCH_J: 2}) == 0
    assert simplify(gauss_newton.diff(sym.SCALE) * sym.SCALE / gauss_newton) == 2


def test_result_is_symbolic_in_everything():
    expr = loss_hessian()
    assert {sym.P, sym.C, sym.N, sym.ALPHA, sym.SCALE} <= expr.free_symbols
    assert expr.has(Sum)
    assert not expr.has(Subs)


def test_latex_uses_the_papers_notation():
    text = to_latex(loss_hessian(angles="independent"))
    assert r"\partial_{i} f_{a k}(x_{n})" in text
    assert r"\delta_{a b}" in text
    assert "LossCurvature" not in text


def test_latex_of_an_output_and_of_its_powers():
    output = sym.f(sym.n, sym.p, sym.k, sym.THETA_I)
    assert to_latex(output) == r"f_{p k}(x_{n})"
    assert to_latex(output**2) == r"f_{p k}(x_{n})^{2}"


def test_a_name_the_package_does_not_have():
    with pytest.raises(AttributeError, match="No patchlaw attribute loss_hess"):
        patchlaw.loss_hess  # noqa: B018


@pytest.mark.parametrize("bad", [0, -1, 2.5, Symbol("x")])
def test_bad_counts_are_refused(bad):
    with pytest.raises(ValueError, match="n_patches must be a positive integer"):
        loss_hessian(n_patches=bad)


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="term must be one of both, gauss_newton, residual"):
        loss_hessian(term="hessian")
    with pytest.raises(ValueError, match="angles must be 'any' or 'independent'"):
        loss_gradient(angles="shared")
