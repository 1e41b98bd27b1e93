"""Scaling predictions: ratio laws, rigorous upper bounds and size estimates.

Numbers only: nothing here imports sympy or torch. Every law's file is imported here, which
registers it.
"""

from patchlaw.hessian_theory.predictions.angle_laws import CURVATURE, LOSS
from patchlaw.hessian_theory.predictions.architecture import Architecture
from patchlaw.hessian_theory.predictions.bounds import (
    CurvatureBounds,
    UpperBound,
    block_bounds,
    curvature_bounds,
    overlap_radius,
)
from patchlaw.hessian_theory.predictions.circuit_group import CircuitGroup
from patchlaw.hessian_theory.predictions.encoding_rotations import EncodingRotations
from patchlaw.hessian_theory.predictions.evidence import Interval, Number, Status
from patchlaw.hessian_theory.predictions.kernel_law import KERNEL_EIGENVALUE
from patchlaw.hessian_theory.predictions.laws import (
    BESIDE,
    LAWS,
    Input,
    Law,
    RatioInputs,
    RatioPrediction,
    find_law,
    law_inputs,
    laws_for,
    predict_eigenvalue_ratio,
    predict_ratio,
    predict_ratios,
    register,
)
from patchlaw.hessian_theory.predictions.level_off import LevelOffLaw, predict_level_off_ratios
from patchlaw.hessian_theory.predictions.loss_factors import (
    curvature_ceiling,
    error_ceiling,
    gradient_norm_ceiling,
    variance_ceiling,
)
from patchlaw.hessian_theory.predictions.measured_model import MeasuredModel
from patchlaw.hessian_theory.predictions.report import PredictionReport, predict
from patchlaw.hessian_theory.predictions.residual_laws import RESIDUAL_BLOCKS
from patchlaw.hessian_theory.predictions.sizes import (
    PAPER_COLLAPSE,
    CollapseConstant,
    SizeEstimate,
    collapsed_eigenvalue,
    derivative_variance,
    gauss_newton_trace,
    size_estimates,
)
from patchlaw.hessian_theory.predictions.softmax_spectrum import IdentityCurvature
from patchlaw.hessian_theory.predictions.spectral_bounds import LawBounds, law_bounds
from patchlaw.hessian_theory.predictions.tangent_kernel import TangentKernel
from patchlaw.hessian_theory.predictions.trace_sample import trace_sample

__all__ = [
    "BESIDE",
    "CURVATURE",
    "KERNEL_EIGENVALUE",
    "LAWS",
    "LOSS",
    "PAPER_COLLAPSE",
    "RESIDUAL_BLOCKS",
    "Architecture",
    "CircuitGroup",
    "CollapseConstant",
    "CurvatureBounds",
    "EncodingRotations",
    "IdentityCurvature",
    "Input",
    "Interval",
    "Law",
    "LawBounds",
    "LevelOffLaw",
    "MeasuredModel",
    "Number",
    "PredictionReport",
    "RatioInputs",
    "RatioPrediction",
    "SizeEstimate",
    "Status",
    "TangentKernel",
    "UpperBound",
    "block_bounds",
    "collapsed_eigenvalue",
    "curvature_bounds",
    "curvature_ceiling",
    "derivative_variance",
    "error_ceiling",
    "find_law",
    "gauss_newton_trace",
    "gradient_norm_ceiling",
    "law_bounds",
    "law_inputs",
    "laws_for",
    "overlap_radius",
    "predict",
    "predict_eigenvalue_ratio",
    "predict_level_off_ratios",
    "predict_ratio",
    "predict_ratios",
    "register",
    "size_estimates",
    "trace_sample",
    "variance_ceiling",
]
