from .hessian_theory.latex import to_latex
from .hessian_theory.loss_derivatives import loss_gradient, loss_hessian
from .hessian_theory.predictions import (
    Architecture,
    curvature_bounds,
    predict,
    predict_eigenvalue_ratio,
    predict_ratios,
    size_estimates,
)
from .hessian_theory.theorems import THEOREMS, find
from .simulators.ansatz import Ansatz, EncodingBlock, EntanglingBlock
from .simulators.datasets import load_mnist
from .simulators.distributed_qnn import DistributedQNN
from .simulators.gates import GateBlock
from .simulators.patch_ensemble import PatchEnsemble
from .simulators.patches import PatchGrid
from .verification.operators import (
    CurvatureProblem,
    GaussNewtonOperator,
    HessianOperator,
    ResidualOperator,
    RestrictedOperator,
)
from .verification.solvers import (
    EigenResult,
    class_directions,
    dense_matrix,
    eigenvalue_interval,
    estimate_trace,
    spectral_density,
    top_eigenpairs,
)

__all__ = [
    "THEOREMS",
    "Ansatz",
    "Architecture",
    "CurvatureProblem",
    "DistributedQNN",
    "EigenResult",
    "EncodingBlock",
    "EntanglingBlock",
    "GateBlock",
    "GaussNewtonOperator",
    "HessianOperator",
    "PatchEnsemble",
    "PatchGrid",
    "ResidualOperator",
    "RestrictedOperator",
    "class_directions",
    "curvature_bounds",
    "dense_matrix",
    "eigenvalue_interval",
    "estimate_trace",
    "find",
    "load_mnist",
    "loss_gradient",
    "loss_hessian",
    "predict",
    "predict_eigenvalue_ratio",
    "predict_ratios",
    "size_estimates",
    "spectral_density",
    "to_latex",
    "top_eigenpairs",
]

__version__: str
