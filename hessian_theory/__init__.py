"""Derivations, theorems and scaling predictions for the loss Hessian of distributed QNNs.

Names load on first use, so importing the package does not import sympy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hessian_theory.latex import to_latex
    from hessian_theory.loss_derivatives import loss_gradient, loss_hessian
    from hessian_theory.predictions import predict_eigenvalue_ratio

_HOME = {
    "loss_gradient": "hessian_theory.loss_derivatives",
    "loss_hessian": "hessian_theory.loss_derivatives",
    "predict_eigenvalue_ratio": "hessian_theory.predictions",
    "to_latex": "hessian_theory.latex",
}

__all__ = ["loss_gradient", "loss_hessian", "predict_eigenvalue_ratio", "to_latex"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
