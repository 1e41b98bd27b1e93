"""The largest eigenvalue of a positive semi-definite operator between a lower and an upper bound.

Lanczos gives values from below, with a residual that says how near *some* eigenvalue is. Here the
top of the spectrum is bounded from above as well: a subspace V that holds most of it is multiplied
exactly, and what is left in its complement is seen by Gaussian probes. Theorems two-block-bound,
sketch-bound and deflated-bounds.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator
from scipy.special import gammaincinv, lambertw

from patchlaw.hessian_theory.predictions.spectral_bounds import (
    deflated_bound,
    orthonormal_combinations,
    two_block_bound,
)
from patchlaw.verification.settings import check_integer
from patchlaw.verification.solvers.probe import check_symmetric_forms, check_unchanged
from patchlaw.verification.solvers.probe_vectors import NEEDS_TWO, mean_and_error, probe_vectors
from patchlaw.verification.solvers.products import (
    DEFAULT_SAVE_EVERY,
    Products,
    check_operator,
    check_vectors_fit,
    names_way_out,
)
from patchlaw.verification.solvers.result import SolverResult
from patchlaw.verification.solvers.trace import Estimate

Float = NDArray[np.float64]

DEFAULT_CONFIDENCE = 0.95  # ours

# Ours: a form this far below zero, relative to the largest, is no rounding of a float32 product.
_NEGATIVE = 1e-3


@dataclass(frozen=True)
class EigenvalueInterval(SolverResult):
    """lambda_max(G) >= ``lower`` for certain, <= ``upper`` with ``confidence``.

    Certain (up to the rounding of the products): ``ritz``, ``coupling``, ``lower``. With
    confidence 1 - delta, each for itself, over the draw of the probes and for every G: ``upper``,
    ``trace_upper``, ``frobenius_upper``, ``deflated_upper``. Without any guarantee: the standard
    errors of ``trace`` and ``frobenius``, which judge the draw by itself.

    Attributes:
        ritz: Ritz values theta_j on the directions' span, descending.
        coupling: b, the norm of the part of G V that leaves the span.
        tail: e, at least the largest eigenvalue in the complement, with confidence: |E Z| over the
            square root of chi^2's delta quantile.
        upper: top of [[theta_1, b], [b, e]].
        trace: tr G, the part in the span exact.
        trace_upper: bound on it by Chernoff's inequality for Gaussian forms.
        frobenius: |G|_F, likewise.
        frobenius_upper: bound on it, likewise.
        deflated_upper: sqrt(frobenius_upper^2 - sum_(j>1) theta_j^2).
        confidence: 1 - delta.
        n_probes: m, Gaussian vectors.
        seed: of the probes.
    """

    ritz: tuple[float, ...]
    coupling: float
    tail: float
    upper: float
    trace: Estimate
    trace_upper: float
    frobenius: Estimate
    frobenius_upper: float
    deflated_upper: float
    confidence: float
    n_probes: int
    seed: int

    @property
    def lower(self) -> float:
        """theta_1."""
        return self.ritz[0]

    def __str__(self) -> str:
        text = (
            f"lambda_max in [{self.lower:.6g}, {self.upper:.6g}], the upper end with confidence "
            f"{self.confidence:g}; {self.matvecs} products"
        )
        return self.with_caveats(text)


@names_way_out("fewer directions or n_probes")
def eigenvalue_interval(
    op: LinearOperator,
    directions: ArrayLike,
    n_probes: int = 16,
    seed: int = 0,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    checkpoint: Path | str | None = None,
    save_every: int = DEFAULT_SAVE_EVERY,
) -> EigenvalueInterval:
    """Bounds on the largest eigenvalue of a positive semi-definite operator, such as G.

    q + m + 1 products for q independent directions and m probes. Memory: 3 q + 4 m vectors (D,).

    Args:
        op: real symmetric positive semi-definite LinearOperator, shape (D, D).
        directions: columns (D, q') near the top of the spectrum, such as ``class_directions``, or
            eigenvectors that Lanczos found; dependent ones are left out.
        n_probes: m; more of them bring the tail's bound nearer.
        seed: of the probes, which must not depend on the directions.
        confidence: 1 - delta, in (0, 1).
        checkpoint: folder for the state of this one computation.
        save_every: passes between two writes to it.

    Raises:
        ValueError: directions of another shape, not finite or all zero; numbers out of range; an
            operator that is not symmetric, not repeatable or shows a negative form (H and R have
            negative eigenvalues, of which these bounds say nothing).
        CheckpointError: a checkpoint of another computation, or damaged.
    """
    check_integer("n_probes", n_probes, 2, note=NEEDS_TWO)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
    size = check_operator(op)
    basis = _orthonormal(directions, size)
    count = basis.shape[1]
    check_vectors_fit(
        f"eigenvalue_interval with {count} directions and {n_probes} probes",
        3 * count + 4 * n_probes,
        size,
        "fix: fewer of either",
    )
    products = Products(
        op,
        {"solver": "eigenvalue_interval", "directions": count, "n_probes": n_probes, "seed": seed},
        checkpoint,
        save_every,
    )
    images = products(basis)
    check_symmetric_forms(products, basis, images)
    head = basis.T @ images
    values = np.linalg.eigvalsh((head + head.T) / 2)
    leaving = images - basis @ head
    coupling = float(np.linalg.norm(leaving, 2))

    # a stream of its own: Lanczos of the same seed starts from the first vector of the plain one,
    # and its eigenvectors would not be independent of probes that begin with that
    probes = probe_vectors("normal", size, n_probes, np.random.default_rng([seed, 3]))
    probes -= basis @ (basis.T @ probes)
    seen = products(probes)
    check_symmetric_forms(products, basis, images, probes, seen)
    check_unchanged(products, basis[:, 0], images[:, 0], recalled=products.replayed > 0)
    products.save()
    forms = np.einsum("ij,ij->j", probes, seen)
    seen -= basis @ (basis.T @ seen)
    squares = np.einsum("ij,ij->j", seen, seen)
    if min(values[0], forms.min() / size) < -_NEGATIVE * max(values[-1], forms.max() / size):
        raise ValueError(
            "op: expected a positive semi-definite operator such as G, got a form of "
            f"{min(values[0], forms.min()):.3g}; for H or R use top_eigenpairs"
        )
    delta = 1 - confidence
    tail = float(np.linalg.norm(seen, 2) / np.sqrt(_chi_square_quantile(delta, n_probes)))
    shrink = _chernoff_factor(delta, n_probes)
    known_trace = float(values.sum())
    known_square = float((values**2).sum() + 2 * (leaving**2).sum())
    trace, frobenius = (mean_and_error(samples) for samples in (forms, squares))
    norm = float(np.sqrt(known_square + frobenius[0]))
    norm_upper = float(np.sqrt(known_square + frobenius[0] / shrink))
    ritz = np.maximum(values[::-1], 0.0)
    return EigenvalueInterval(
        ritz=tuple(ritz.tolist()),
        coupling=coupling,
        tail=tail,
        upper=two_block_bound(float(ritz[0]), coupling, tail),
        trace=Estimate(known_trace + float(trace[0]), float(trace[1])),
        # a trace of G >= 0 is not negative, its rounding may be, and 1 / u is large
        trace_upper=known_trace + max(0.0, float(trace[0])) / shrink,
        frobenius=Estimate(norm, float(frobenius[1]) / (2 * norm) if norm else 0.0),
        frobenius_upper=norm_upper,
        deflated_upper=deflated_bound(norm_upper, ritz),
        confidence=confidence,
        n_probes=n_probes,
        seed=seed,
        **products.spent(checks=1),
    )


def _orthonormal(directions: ArrayLike, size: int) -> Float:
    vectors = np.asarray(directions, dtype=np.float64)
    if vectors.ndim != 2 or vectors.shape[0] != size or not vectors.shape[1]:
        raise ValueError(f"directions: expected shape ({size}, q), got {vectors.shape}")
    if not np.isfinite(vectors).all() or not vectors.any():
        raise ValueError("directions: expected finite numbers, not all zero, got NaN or zeros")
    lengths = np.linalg.norm(vectors, axis=0)
    vectors = vectors[:, lengths > 0] / lengths[lengths > 0]
    vectors = vectors @ orthonormal_combinations(vectors.T @ vectors)
    return np.asarray(np.linalg.qr(vectors)[0])  # once more: near dependence costs digits


def _chernoff_factor(delta: float, n_probes: int) -> float:
    """u in (0, 1) with (u e^(1 - u))^(m / 2) = delta.

    The mean of m independent forms z^T B z, z standard normal and B >= 0, is at least u tr B with
    probability 1 - delta: E exp(-t z^T B z) = prod_j (1 + 2 t b_j)^(-1/2) <= (1 + 2 t tr B)^(-1/2),
    and the best t gives (u e^(1 - u))^(m / 2).
    """
    return float(-lambertw(-(delta ** (2 / n_probes)) / np.e).real)


def _chi_square_quantile(delta: float, degrees: int) -> float:
    """What chi^2 with so many degrees of freedom stays below with probability delta."""
    return float(2 * gammaincinv(degrees / 2, delta))
