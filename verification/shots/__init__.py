"""Derivatives from a finite number of shots: parameter shift, its variance, what H makes of it."""

from patchlaw.verification.shots.eigenvalue import SampledEigenvalue, sampled_eigenvalue
from patchlaw.verification.shots.loss_estimates import LossEstimates
from patchlaw.verification.shots.shifted_outputs import ShiftedOutputs

__all__ = ["LossEstimates", "SampledEigenvalue", "ShiftedOutputs", "sampled_eigenvalue"]
