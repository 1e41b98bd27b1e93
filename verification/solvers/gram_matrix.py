"""The Gram matrix of G on few images: exact norms there, and an estimate of |G|_F for many."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from patchlaw.hessian_theory.predictions.spectral_bounds import row_sum_bound
from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.output_losses import softmax
from patchlaw.verification.memory import check_memory
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.operators.jacobian import jacobian_chunks
from patchlaw.verification.solvers.trace import Estimate

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GramMatrix:
    """K = A A^T of G = A^T A, A = N^(-1/2) L^T J with L L^T = S, on the images of a problem.

    Attributes:
        matrix: shape (N C, N C), rows by image, then class; float64.
        n_samples: N.
    """

    matrix: Float
    n_samples: int

    @property
    def trace(self) -> float:
        """tr G."""
        return float(self.matrix.trace())

    @property
    def frobenius(self) -> float:
        """|G|_F."""
        return float(np.linalg.norm(self.block_norms))

    @cached_property
    def block_norms(self) -> Float:
        """Frobenius norms of the C x C blocks, shape (N, N)."""
        n = self.n_samples
        blocks = self.matrix.reshape(n, -1, n, len(self.matrix) // n)
        return np.asarray(np.sqrt(np.einsum("nkml,nkml->nm", blocks, blocks)))

    @property
    def row_sums(self) -> float:
        """Weighted row sum of the blocks' norms, a bound on lambda_max (``row_sum_bound``)."""
        return row_sum_bound(self.block_norms)

    def population_norm(
        self, n_images: int, *, confidence: float = 0.95, largest: float | None = None
    ) -> tuple[Estimate, float]:
        """|G|_F over n_images images of which those of this matrix are a simple random sample.

        |G|_F^2 is the mean of b_nm = |L_n^T J_n J_m^T L_m|_F^2 over all pairs: that over the
        sampled pairs n != m is unbiased for its part, that over n = m for the rest. Certain it
        is only as far as the range of b is known: with b_nm <= ``largest``^2, Hoeffding's
        inequality for U-statistics of M images, P(U <= E U - t) <= exp(-2 floor(M/2) t^2 / b^2),
        bounds the pairs and the plain one (M for M/2) the diagonal, each at half of delta.

        Args:
            n_images: N of the population.
            confidence: 1 - delta of the bound.
            largest: at least tr S_n J_n J_n^T of every image of the population, such as the
                architecture's s^2 (P n_p + sum m^2); without it there is no bound.

        Returns:
            The estimate with its jackknife standard error, which is no bound, and the upper bound
            (infinite without ``largest``).

        Raises:
            ValueError: fewer than three images, or more than the population has; numbers out of
                range.
        """
        m = self.n_samples
        if not 3 <= m <= n_images:
            raise ValueError(f"n_images: expected 3 <= sampled <= population, got {m}, {n_images}")
        if not 0 < confidence < 1:
            raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
        squares = (m * self.block_norms) ** 2
        if largest is not None and not squares.max() <= largest**2 * (1 + 1e-6):
            raise ValueError(
                f"largest: expected at least {math.sqrt(squares.max()):.6g}, which a sampled image "
                f"has, got {largest}"
            )
        diagonal = squares.diagonal()
        rows = squares.sum(axis=1) - diagonal

        def squared_norm(own: Float | float, pairs: Float | float, count: int) -> Float | float:
            of_pairs = pairs / (count * (count - 1))
            return own / count / n_images + (1 - 1 / n_images) * of_pairs

        whole = float(squared_norm(diagonal.sum(), rows.sum(), m))
        without = np.asarray(squared_norm(diagonal.sum() - diagonal, rows.sum() - 2 * rows, m - 1))
        spread = (m - 1) / m * float(((without - without.mean()) ** 2).sum())
        error = math.sqrt(spread * (1 - m / n_images))
        norm = math.sqrt(whole)
        estimate = Estimate(norm, error / (2 * norm) if norm else 0.0)
        if largest is None:
            return estimate, math.inf
        log = math.log(2 / (1 - confidence))
        of_pairs = largest**2 * math.sqrt(log / (2 * (m // 2)))
        of_own = largest**2 * math.sqrt(log / (2 * m))
        return estimate, math.sqrt(whole + of_own / n_images + (1 - 1 / n_images) * of_pairs)


def gram_matrix(problem: CurvatureProblem, *, max_chunk: int = 64) -> GramMatrix:
    """All entries of the Gram matrix of G, from the Jacobian by tangent passes, on the CPU.

    Args:
        problem: of a DistributedQNN on the CPU with the cross-entropy loss, few images.
        max_chunk: samples whose Jacobian (m, C, D) is made at once.

    Raises:
        TypeError: another model.
        ValueError: another loss, a model on another device, more than the memory holds.
    """
    model = problem.patch_model
    if not isinstance(model, DistributedQNN):
        raise TypeError(
            f"model: expected a DistributedQNN, got {type(model).__name__}; bound it by "
            "eigenvalue_interval"
        )
    if problem.loss != "cross_entropy":
        raise ValueError(f"loss: expected 'cross_entropy', got {problem.loss!r}")
    images = problem.images
    rows, size = len(images) * model.n_classes, problem.layout.size
    check_memory(
        f"the Gram matrix of {len(images)} images and the Jacobian of D = {size}",
        8 * (2 * rows * size + rows**2),
        "give fewer images, or use eigenvalue_interval",
    )
    factor = np.empty((len(images), model.n_classes, size))
    for chunk in jacobian_chunks(model, images, max_chunk=max_chunk):
        pi = softmax(chunk.logits.T).T[:, :, None]
        centred = chunk.jacobian - (pi * chunk.jacobian).sum(axis=1, keepdims=True)
        factor[chunk.samples] = np.sqrt(pi) * centred
    tall = factor.reshape(rows, size)
    return GramMatrix(tall @ tall.T / len(images), len(images))
