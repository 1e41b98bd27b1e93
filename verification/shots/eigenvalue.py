"""The largest eigenvalue of a Hessian estimated from shots, beside the certified one."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.hessian_theory.input_checks import finite_number
from patchlaw.simulators import DistributedQNN
from patchlaw.verification.operators import CurvatureProblem, RestrictedOperator
from patchlaw.verification.shots.loss_estimates import LossEstimates
from patchlaw.verification.shots.shifted_outputs import ShiftedOutputs
from patchlaw.verification.solvers import top_eigenpairs


@dataclass(frozen=True)
class SampledEigenvalue:
    """lambda_max of H over the angles from M shots a value, and without shots.

    Attributes:
        value: largest eigenvalue of the estimated H.
        standard_error: of v^T H v at its eigenvector v, by the delta method from the same shots.
            To the first order that is lambda_max's own.
        deviation: bound on |value - lambda_max|, see ``wide_interval``.
        confidence: of the two intervals.
        shots: M.
        exact: lambda_max of the model's H, by products.
        radius: bound on its error: residual and rounding.
    """

    value: float
    standard_error: float
    deviation: float
    confidence: float
    shots: int
    exact: float
    radius: float

    @property
    def interval(self) -> tuple[float, float]:
        """value +- z standard errors.

        It covers the sampling error of v^T H v. It does not cover the bias of the order 1 / M: of
        the estimator (``LossEstimates``), and upwards of the largest eigenvalue of any noisy
        matrix, sum_j Var(v_j^T H v) / (lambda - lambda_j).
        """
        half = NormalDist().inv_cdf((1 + self.confidence) / 2) * self.standard_error
        return self.value - half, self.value + half

    @property
    def wide_interval(self) -> tuple[float, float]:
        """value +- (sum_ij Var H_ij / (1 - confidence))^(1/2), by Weyl and Markov.

        |lambda_max(H') - lambda_max(H)| <= ||H' - H|| <= ||H' - H||_F, whose mean square is the sum
        of the entries' variances. It covers the noisy matrix' bias too, that of the estimator not.
        """
        return self.value - self.deviation, self.value + self.deviation


def sampled_eigenvalue(
    model: DistributedQNN,
    images: Tensor | ArrayLike,
    labels: Tensor | ArrayLike,
    shots: int,
    *,
    seed: int = 0,
    confidence: float = 0.95,
    tol: float = 1e-6,
) -> SampledEigenvalue:
    """lambda_max of H over the angles by parameter shift from shots, beside the certified one.

    Args:
        model: small, with angles of each patch's own; its noise is in the outputs.
        images: shape (N, side, side), radians.
        labels: classes, shape (N,).
        shots: M, of every observable at every shifted point of every circuit on every image.
        seed: of the shots.
        confidence: of the intervals.
        tol: of the certified one, relative.

    Raises:
        TypeError, ValueError: as ``ShiftedOutputs``, or a confidence outside (0, 1).
    """
    what = "the share of cases that an interval is to cover"
    finite_number("confidence", confidence, what=what, above=0)
    if confidence >= 1:
        raise ValueError(f"confidence: expected {what}, below 1, got {confidence}")
    outputs = ShiftedOutputs.exact(model, images).sampled(shots, np.random.default_rng(seed))
    found = LossEstimates.of_model(model, outputs, labels)
    values, vectors = np.linalg.eigh(found.hessian)
    hessian = CurvatureProblem(model, images, labels).hessian
    top = top_eigenpairs(RestrictedOperator(hessian, "angles"), k=1, tol=tol)
    return SampledEigenvalue(
        float(values[-1]),
        float(np.sqrt(found.form_variance(vectors[:, -1]))),
        float(np.sqrt(found.hessian_variance.sum() / (1 - confidence))),
        confidence,
        shots,
        float(top.values[0]),
        float(top.residual_norms[0] + top.rounding),
    )
