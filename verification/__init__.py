"""Curvature operators, eigenvalue solvers and the comparison of theory with measurement."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verification.operators import GaussNewtonOperator, HessianOperator, ResidualOperator
    from verification.solvers import EigenResult, top_eigenpairs

__all__ = [
    "EigenResult",
    "GaussNewtonOperator",
    "HessianOperator",
    "ResidualOperator",
    "top_eigenpairs",
]

_HOMES = {
    "EigenResult": "verification.solvers",
    "GaussNewtonOperator": "verification.operators",
    "HessianOperator": "verification.operators",
    "ResidualOperator": "verification.operators",
    "top_eigenpairs": "verification.solvers",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that ``patchlaw --version`` does not load torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
