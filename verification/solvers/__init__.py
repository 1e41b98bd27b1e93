"""Eigenvalue solvers: each takes a LinearOperator and returns a frozen result with evidence."""

from patchlaw.verification.solvers.block_spectra import (
    Alignment,
    BlockSpectra,
    VectorShares,
    block_spectra,
)
from patchlaw.verification.solvers.class_directions import ClassDirections, class_directions
from patchlaw.verification.solvers.dense import (
    DenseResult,
    dense_gauss_newton,
    dense_matrix,
    dense_residual,
)
from patchlaw.verification.solvers.interval import EigenvalueInterval, eigenvalue_interval
from patchlaw.verification.solvers.lanczos import top_eigenpairs
from patchlaw.verification.solvers.outliers import (
    OutlierCount,
    outliers_above_bulk,
    outliers_by_gap,
)
from patchlaw.verification.solvers.product_log import CheckpointError
from patchlaw.verification.solvers.result import EigenResult
from patchlaw.verification.solvers.spectral_density import SpectralDensity, spectral_density
from patchlaw.verification.solvers.trace import Estimate, TraceResult, estimate_trace

__all__ = [
    "Alignment",
    "BlockSpectra",
    "CheckpointError",
    "ClassDirections",
    "DenseResult",
    "EigenResult",
    "EigenvalueInterval",
    "Estimate",
    "OutlierCount",
    "SpectralDensity",
    "TraceResult",
    "VectorShares",
    "block_spectra",
    "class_directions",
    "dense_gauss_newton",
    "dense_matrix",
    "dense_residual",
    "eigenvalue_interval",
    "estimate_trace",
    "outliers_above_bulk",
    "outliers_by_gap",
    "spectral_density",
    "top_eigenpairs",
]
