"""Eigenvalue solvers: each takes a LinearOperator and returns a frozen result with evidence."""

from verification.solvers.lanczos import top_eigenpairs
from verification.solvers.product_log import CheckpointError
from verification.solvers.result import EigenResult

__all__ = ["CheckpointError", "EigenResult", "top_eigenpairs"]
