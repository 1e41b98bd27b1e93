"""The symbols that every derivation shares, and the paper's model written with them.

Notation (arXiv 2504.19239, Sec. 2): `P` patches, `C` classes, `N` samples, aggregation
exponent `alpha` (the paper has 1), scale `c` (the paper has 100), prefactor s = c P^(-alpha).
`f(n, p, k, ...)` is output k of patch p on sample n. `g[n, k]` = dl/dz_k and
`S(n, k, l)` = d2l/dz_k dz_l are the loss's derivatives at the logits of sample n.
"""

from __future__ import annotations

from typing import Any

from sympy import Expr, Function, IndexedBase, Symbol, default_sort_key, symbols

P: Symbol = Symbol("P", integer=True, positive=True)
C: Symbol = Symbol("C", integer=True, positive=True)
N: Symbol = Symbol("N", integer=True, positive=True)
ALPHA: Symbol = Symbol("alpha", real=True)
SCALE: Symbol = Symbol("c", positive=True)

p, q, r = symbols("p q r", integer=True, positive=True)
k, l, m = symbols("k l m", integer=True, positive=True)  # noqa: E741  # the paper's indices
n: Symbol = Symbol("n", integer=True, positive=True)
PATCH_I: Symbol = Symbol("a", integer=True, positive=True)
PATCH_J: Symbol = Symbol("b", integer=True, positive=True)

THETA_I, THETA_J = symbols("theta_i theta_j", real=True)
U: IndexedBase = IndexedBase("u", real=True)
W: IndexedBase = IndexedBase("w", real=True)

f = Function("f", real=True)
g: IndexedBase = IndexedBase("g", real=True)


class LossCurvature(Function):
    """S(n, k, l) = d2l/dz_k dz_l at sample n, symmetric in k and l by construction (Schwarz)."""

    nargs = 3
    is_real = True

    @classmethod
    def eval(cls, sample: Expr, first: Expr, second: Expr) -> Any:
        """Put the two class indices in a fixed order."""
        if default_sort_key(first) > default_sort_key(second):
            return cls(sample, second, first)
        return None

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        sample, first, second = (printer._print(a) for a in self.args)
        power = f"^{{{exp}}}" if exp else ""
        return rf"S_{{{first} {second}}}(x_{{{sample}}}){power}"


def prefactor(n_patches: Expr = P, exponent: Expr = ALPHA, scale: Expr = SCALE) -> Expr:
    """The factor s = c P^(-alpha) in front of sum_p f_p (dimensionless)."""
    return scale * n_patches ** (-exponent)
