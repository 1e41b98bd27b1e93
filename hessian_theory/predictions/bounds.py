"""Rigorous upper bounds on lambda_max of G, R and H from the architecture and the loss.

They rest on |d_i f_k| <= 1 and |d_i d_j f_k| <= 1 for every angle and every encoded feature
(parameter shift for Pauli rotations and observables of norm one), on each feature being encoded
once, and on the ceilings of ``loss_factors``. Within these constraints the bounds on G and on R
are attained, so nothing smaller follows from them alone; a trained model lies far below.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from patchlaw.hessian_theory.coverage import PatchCoverage
from patchlaw.hessian_theory.predictions.architecture import Architecture
from patchlaw.hessian_theory.predictions.evidence import Interval, Number, Status
from patchlaw.hessian_theory.predictions.loss_factors import (
    check_curvature,
    gradient_norm_ceiling,
    variance_ceiling,
)
from patchlaw.hessian_theory.predictions.measured_model import MeasuredModel

# finer than the digits anybody prints; any positive integer vector gives a valid bound
_PERRON_RESOLUTION = 10**9


@dataclass(frozen=True)
class UpperBound:
    """An upper bound, correct up to the rounding of the last float operations (1e-14).

    Attributes:
        quantity: what is bounded.
        value: the bound.
        formula: how it is computed.
        used: inputs beyond the architecture.
        status: always ``proven``.
    """

    quantity: str
    value: float
    formula: str
    used: tuple[str, ...]
    status: Status = "proven"


@dataclass(frozen=True)
class CurvatureBounds:
    """Upper bounds for one architecture, over the angles or over angles and pixel bias.

    Attributes:
        includes_bias: whether the bias is among the parameters.
        gauss_newton: on lambda_max(G) and on tr G.
        residual: on the spectral norm of R.
        hessian: on lambda_max(H).
        gauss_newton_element: on |G_ij| between angles.
        residual_element: on |R_ij| between angles.
    """

    includes_bias: bool
    gauss_newton: UpperBound
    residual: UpperBound
    hessian: UpperBound
    gauss_newton_element: UpperBound
    residual_element: UpperBound

    def all(self) -> tuple[UpperBound, ...]:
        """Every bound, eigenvalues first."""
        return (
            self.gauss_newton,
            self.residual,
            self.hessian,
            self.gauss_newton_element,
            self.residual_element,
        )


def curvature_bounds(
    architecture: Architecture,
    *,
    loss: Number | None = None,
    curvature: Number | None = None,
    include_bias: bool = True,
) -> CurvatureBounds:
    """Upper bounds on lambda_max(G), lambda_max(R) and lambda_max(H).

    With s = c P^(-alpha), n_p angles a patch, m_b patches over pixel b, phi and gamma the
    ceilings ``variance_ceiling`` and ``gradient_norm_ceiling``:

    - lambda_max(G) <= tr G <= s^2 phi (P n_p + sum_b m_b^2). Proof: G is positive
      semi-definite, and G_ii = <d_i z^T S d_i z> with d_i z = s d_i f_p for an angle and a sum
      of m_b such terms for pixel b, so |d_i z_k| <= s or s m_b.
    - |G_ij| <= sqrt(G_ii G_jj) <= s^2 phi between angles (Cauchy-Schwarz).
    - |R_ij| <= s gamma within a patch's angles, as |sum_k g_k d_i d_j f_k| <= |g|_1.
    - ||R|| <= s gamma (n_p + rho), rho the largest eigenvalue of the P x P matrix of pixels
      shared by patches p and q. Proof: entrywise |R| <= s gamma sum_p 1_p 1_p^T, 1_p the
      indicator of patch p's angles and pixels; the norm of a symmetric matrix is at most the
      Perron root of a matrix that dominates it entrywise; and sum_p 1_p 1_p^T shares its
      non-zero spectrum with its Gram matrix 1_p . 1_q = n_p [p = q] + |pixels of p and of q|.
      Over the angles alone rho = 0: R's largest eigenvalue is the largest of its blocks'.
    - lambda_max(H) <= lambda_max(G) + lambda_max(R) (Weyl).

    For alpha = 1 and P growing on a fixed image the angles' share of each bound vanishes like
    1/P, while sum_b m_b^2 / P^2 and rho / P tend to positive constants.

    Args:
        architecture: sizes, c and alpha.
        loss: mean cross-entropy L in nats over the samples; without it phi = 1 and gamma = 2.
        curvature: <tr S> over the samples; lowers phi to at most 2 <tr S>.
        include_bias: count the pixel bias among the parameters.

    Raises:
        TypeError: a value is not a number of the right kind.
        ValueError: the loss or curvature is out of range or they contradict each other, or the
            bias is included and the patches form no regular grid over the image.
    """
    known = MeasuredModel(architecture.n_patches, loss=loss, curvature=curvature)
    if known.curvature is not None:
        check_curvature(known.curvature, loss=known.loss, n_classes=architecture.n_classes)
    s, angles = architecture.logit_factor, architecture.angles_per_patch
    phi = variance_ceiling(known.loss, known.curvature)
    gamma = gradient_norm_ceiling(known.loss)
    of_loss = () if loss is None else ("loss",)
    of_both = of_loss if curvature is None else (*of_loss, "curvature")

    squares = architecture.coverage.sum_of_squares if include_bias else 0
    overlap = overlap_radius(architecture.coverage) if include_bias else Fraction(0)
    gauss_newton = s * s * phi * (architecture.n_angles + squares)
    residual = s * gamma * float(angles + overlap)
    return CurvatureBounds(
        includes_bias=include_bias,
        gauss_newton=UpperBound(
            "lambda_max(G), tr G",
            gauss_newton,
            "s^2 phi (P n_p + sum m^2)" if include_bias else "s^2 phi P n_p",
            of_both,
        ),
        residual=UpperBound(
            "||R||",
            residual,
            "s gamma (n_p + rho)" if include_bias else "s gamma n_p",
            of_loss,
        ),
        hessian=UpperBound(
            "lambda_max(H)", gauss_newton + residual, "sum of the two above", of_both
        ),
        gauss_newton_element=UpperBound("|G_ij|, angles", s * s * phi, "s^2 phi", of_both),
        residual_element=UpperBound("|R_ij|, angles", s * gamma, "s gamma", of_loss),
    )


def block_bounds(model: MeasuredModel) -> Interval:
    """[max_p lambda_max(G_pp), sum_p lambda_max(G_pp)], which contains lambda_max(G).

    Proof: see ``MeasuredModel.top_eigenvalue_range``. Angles only; A narrows it to a point.

    Raises:
        ValueError: the model has no blocks.
    """
    bounds = model.top_eigenvalue_range()
    if bounds is None:
        raise ValueError(
            "blocks: expected lambda_max(G_pp) of every patch, got none; "
            "pass MeasuredModel(..., blocks=...)"
        )
    return Interval(*bounds)


def overlap_radius(coverage: PatchCoverage) -> Fraction:
    """Rational upper bound on the spectral radius rho of the patches' overlap matrix.

    The P x P matrix is the Kronecker square of ``coverage.axis_overlaps`` K, so rho = rho(K)^2.
    For any positive v, rho(K) <= max_i (K v)_i / v_i (Collatz-Wielandt); v is the Perron vector
    rounded to integers, evaluated exactly, so the bound holds whatever the rounding and exceeds
    rho by a relative 1e-6 at most in practice.

    Args:
        coverage: the grid.
    """
    overlaps = coverage.axis_overlaps
    perron = np.abs(np.linalg.eigh(np.array(overlaps, dtype=np.float64)).eigenvectors[:, -1])
    rounded = [max(1, round(float(entry) * _PERRON_RESOLUTION)) for entry in perron]
    return min(_collatz_wielandt(overlaps, v) for v in (rounded, [1] * len(overlaps))) ** 2


def _collatz_wielandt(matrix: tuple[tuple[int, ...], ...], vector: list[int]) -> Fraction:
    """max_i (K v)_i / v_i."""
    return max(
        Fraction(sum(a * b for a, b in zip(row, vector, strict=True)), entry)
        for row, entry in zip(matrix, vector, strict=True)
    )
