"""Scaling predictions: ratio laws, rigorous upper bounds and size estimates.

Numbers only: nothing here imports sympy or torch.
"""

from patchlaw.hessian_theory.predictions.aggregation import (
    AggregationExponents,
    aggregation_exponents,
    aggregation_table,
)
from patchlaw.hessian_theory.predictions.architecture import Architecture
from patchlaw.hessian_theory.predictions.bounds import (
    CurvatureBounds,
    UpperBound,
    block_bounds,
    curvature_bounds,
    overlap_radius,
)
from patchlaw.hessian_theory.predictions.evidence import Interval, Number, Status
from patchlaw.hessian_theory.predictions.laws import (
    RATIO_LAWS,
    RatioInputs,
    RatioLaw,
    RatioPrediction,
    predict_eigenvalue_ratio,
    predict_ratio,
    predict_ratios,
)
from patchlaw.hessian_theory.predictions.level_off import LevelOffLaw
from patchlaw.hessian_theory.predictions.level_off_ratios import (
    LEVEL_OFF_RATIO_LAWS,
    LevelOffRatioLaw,
    predict_level_off_ratios,
)
from patchlaw.hessian_theory.predictions.loss_factors import (
    curvature_ceiling,
    error_ceiling,
    gradient_norm_ceiling,
    variance_ceiling,
)
from patchlaw.hessian_theory.predictions.measured_model import MeasuredModel
from patchlaw.hessian_theory.predictions.residual_laws import (
    RESIDUAL_LAWS,
    ResidualLaw,
    predict_residual_ratio,
    predict_residual_ratios,
)
from patchlaw.hessian_theory.predictions.sizes import (
    PAPER_COLLAPSE,
    CollapseConstant,
    SizeEstimate,
    collapsed_eigenvalue,
    derivative_variance,
    gauss_newton_trace,
    size_estimates,
)

__all__ = [
    "LEVEL_OFF_RATIO_LAWS",
    "PAPER_COLLAPSE",
    "RATIO_LAWS",
    "RESIDUAL_LAWS",
    "AggregationExponents",
    "Architecture",
    "CollapseConstant",
    "CurvatureBounds",
    "Interval",
    "LevelOffLaw",
    "LevelOffRatioLaw",
    "MeasuredModel",
    "Number",
    "RatioInputs",
    "RatioLaw",
    "RatioPrediction",
    "ResidualLaw",
    "SizeEstimate",
    "Status",
    "UpperBound",
    "aggregation_exponents",
    "aggregation_table",
    "block_bounds",
    "collapsed_eigenvalue",
    "curvature_bounds",
    "curvature_ceiling",
    "derivative_variance",
    "error_ceiling",
    "gauss_newton_trace",
    "gradient_norm_ceiling",
    "overlap_radius",
    "predict_eigenvalue_ratio",
    "predict_level_off_ratios",
    "predict_ratio",
    "predict_ratios",
    "predict_residual_ratio",
    "predict_residual_ratios",
    "size_estimates",
    "variance_ceiling",
]
