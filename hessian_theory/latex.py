r"""LaTeX for the derived expressions, in the paper's notation.

Patch outputs print as f_{pk}(x_n) and their derivatives as \partial_i f_{pk}(x_n); everything
else is left to sympy's printer.
"""

from __future__ import annotations

from typing import Any

from sympy import Basic, Derivative, Expr, Indexed, Sum
from sympy.printing.latex import LatexPrinter

from patchlaw.hessian_theory import symbols as sym


class PatchLatexPrinter(LatexPrinter):
    """sympy's LaTeX printer with the field's notation for patch outputs and sums."""

    def _output(self, expr: Expr) -> str:
        sample, patch, output = (self._print(a) for a in expr.args[:3])
        return rf"f_{{{patch} {output}}}(x_{{{sample}}})"

    def _print_Function(self, expr: Expr, exp: str | None = None) -> str:
        if expr.func == sym.f:
            return self._output(expr) + (f"^{{{exp}}}" if exp else "")
        return str(super()._print_Function(expr, exp))

    def _print_Derivative(self, expr: Derivative) -> str:
        if expr.expr.func != sym.f:
            return str(super()._print_Derivative(expr))
        marks = "".join(self._mark(x) * int(times) for x, times in expr.variable_count)
        return rf"{marks} {self._output(expr.expr)}"

    @staticmethod
    def _mark(variable: Any) -> str:
        first = variable in (sym.THETA_I,) or getattr(variable, "base", None) == sym.U
        return r"\partial_{i}" if first else r"\partial_{j}"

    def _print_Indexed(self, expr: Indexed) -> str:
        if expr.base == sym.g:
            sample, output = (self._print(a) for a in expr.indices)
            return rf"g_{{{output}}}(x_{{{sample}}})"
        return str(super()._print_Indexed(expr))

    def _print_Sum(self, expr: Sum) -> str:
        ranges: dict[tuple[Any, Any], list[str]] = {}
        for x, low, high in expr.limits:
            ranges.setdefault((low, high), []).append(self._print(x))
        heads = "".join(
            rf"\sum_{{{', '.join(names)}={self._print(low)}}}^{{{self._print(high)}}}"
            for (low, high), names in ranges.items()
        )
        body = self._print(expr.function)
        return f"{heads} " + (rf"\left({body}\right)" if expr.function.is_Add else body)


def to_latex(expr: Basic) -> str:
    """LaTeX source of a derived expression (no surrounding dollar signs)."""
    return str(PatchLatexPrinter().doprint(expr))
