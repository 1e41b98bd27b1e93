"""Curvature matrices as scipy LinearOperators: Hessian = Gauss-Newton + residual."""

from patchlaw.simulators.layout import ParameterLayout
from patchlaw.verification.operators.base import (
    CurvatureOperator,
    GaussNewtonOperator,
    HessianOperator,
    ResidualOperator,
)
from patchlaw.verification.operators.curvature_problem import CurvatureProblem
from patchlaw.verification.operators.restriction import CrossBlockOperator, RestrictedOperator
from patchlaw.verification.operators.symmetric import LinearCombination, SymmetricOperator

__all__ = [
    "CrossBlockOperator",
    "CurvatureOperator",
    "CurvatureProblem",
    "GaussNewtonOperator",
    "HessianOperator",
    "LinearCombination",
    "ParameterLayout",
    "ResidualOperator",
    "RestrictedOperator",
    "SymmetricOperator",
]
