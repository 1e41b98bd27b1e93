"""Curvature matrices as scipy LinearOperators: Hessian = Gauss-Newton + residual."""

from verification.operators.base import CurvatureOperator
from verification.operators.curvature_problem import CurvatureProblem
from verification.operators.gauss_newton import GaussNewtonOperator
from verification.operators.hessian import HessianOperator
from verification.operators.layout import ParameterLayout
from verification.operators.patch_block import PatchBlockModel, block_inputs
from verification.operators.residual import ResidualOperator
from verification.operators.restriction import CrossBlockOperator, RestrictedOperator
from verification.operators.symmetric import LinearCombination, SymmetricOperator

__all__ = [
    "CrossBlockOperator",
    "CurvatureOperator",
    "CurvatureProblem",
    "GaussNewtonOperator",
    "HessianOperator",
    "LinearCombination",
    "ParameterLayout",
    "PatchBlockModel",
    "ResidualOperator",
    "RestrictedOperator",
    "SymmetricOperator",
    "block_inputs",
]
