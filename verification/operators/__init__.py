"""Curvature matrices as scipy LinearOperators: Hessian = Gauss-Newton + residual."""

from verification.operators.base import CurvatureOperator
from verification.operators.gauss_newton import GaussNewtonOperator
from verification.operators.hessian import HessianOperator
from verification.operators.patch_block import PatchBlockModel, block_inputs
from verification.operators.residual import ResidualOperator
from verification.operators.restriction import RestrictedOperator

__all__ = [
    "CurvatureOperator",
    "GaussNewtonOperator",
    "HessianOperator",
    "PatchBlockModel",
    "ResidualOperator",
    "RestrictedOperator",
    "block_inputs",
]
