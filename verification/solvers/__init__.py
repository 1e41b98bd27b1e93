"""Eigenvalue solvers: each takes a LinearOperator and returns a frozen result with evidence."""

from verification.solvers.lanczos import top_eigenpairs
from verification.solvers.result import EigenResult

__all__ = ["EigenResult", "top_eigenpairs"]
