"""Curvature matrices as scipy LinearOperators: Hessian = Gauss-Newton + residual."""

from verification.operators.gauss_newton import GaussNewtonOperator
from verification.operators.hessian import HessianOperator
from verification.operators.residual import ResidualOperator

__all__ = ["GaussNewtonOperator", "HessianOperator", "ResidualOperator"]
