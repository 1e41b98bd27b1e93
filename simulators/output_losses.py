"""Losses of the aggregated output: value, gradient g and curvature S of each sample.

Of labels y, e_y the one-hot row, and logits z = s sum_p f_p, s = c P^(-alpha):

    cross_entropy    l = -log pi_y, pi = softmax(z):   g = pi - e_y,   S = diag(pi) - pi pi^T,
    squared_error    l = |z - e_y|^2 / 2:              g = z - e_y,    S = 1.

So H = G + R with G = s^2 <J^T S J>, R = s <sum_k g_k Hess f_k> for either; under the squared error
an element of G carries s^2, so P^(-2 alpha), exactly in f. z is the mean of the outputs where
alpha = 1 and c = 1.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


class OutputLoss(Protocol):
    """A loss l(z, y) of the logits, convex in z, for chunks of m samples."""

    def check_targets(self, targets: NDArray[np.generic], n_classes: int) -> None:
        """Raise ValueError unless the targets fit the loss."""

    def value_and_gradient(self, z: Float, targets: NDArray[np.generic]) -> tuple[Float, Float]:
        """(l, g = dl/dz) of logits (C, m): shapes (m,) and (C, m)."""

    def curvature_product(self, z: Float, targets: NDArray[np.generic], z_dot: Float) -> Float:
        """S z_dot, S = d2l/dz2, shape (C, m)."""


def softmax(z: Float) -> Float:
    """pi_k = exp(z_k) / sum_l exp(z_l) over axis 0."""
    shifted = np.exp(z - z.max(axis=0))
    return np.asarray(shifted / shifted.sum(axis=0))


@dataclass(frozen=True)
class CrossEntropy:
    """Softmax cross-entropy: l = -log pi_y, g = pi - e_y, S = diag(pi) - pi pi^T."""

    def check_targets(self, targets: NDArray[np.generic], n_classes: int) -> None:
        """Labels are integers from 0 to C - 1."""
        if targets.ndim != 1 or not np.issubdtype(targets.dtype, np.integer):
            raise ValueError(
                f"labels: expected a vector of integers, got {targets.dtype} {targets.shape}"
            )
        if targets.size and not 0 <= int(targets.min()) <= int(targets.max()) < n_classes:
            raise ValueError(
                f"labels: expected values from 0 to {n_classes - 1}, got "
                f"{targets.min()} to {targets.max()}"
            )

    def value_and_gradient(self, z: Float, targets: NDArray[np.generic]) -> tuple[Float, Float]:
        """Log-sum-exp form, exact also where pi_y underflows."""
        columns = np.arange(z.shape[1])
        shifted = z - z.max(axis=0)
        normaliser = np.log(np.exp(shifted).sum(axis=0))
        gradient = np.exp(shifted - normaliser)
        gradient[targets, columns] -= 1
        return normaliser - shifted[targets, columns], gradient

    def curvature_product(self, z: Float, targets: NDArray[np.generic], z_dot: Float) -> Float:
        """Pi * (z_dot - <z_dot>_pi), columnwise."""
        pi = softmax(z)
        return np.asarray(pi * (z_dot - (pi * z_dot).sum(axis=0)))


@dataclass(frozen=True)
class SquaredError:
    """l = |z - y|^2 / 2 over the classes, g = z - y, S = 1; y real (N, C), or labels' e_y."""

    def check_targets(self, targets: NDArray[np.generic], n_classes: int) -> None:
        """Targets are real vectors, one a sample, or labels."""
        if targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer):
            CrossEntropy().check_targets(targets, n_classes)
            return
        if targets.ndim != 2 or targets.shape[1] != n_classes:
            raise ValueError(f"targets: expected shape (N, {n_classes}), got {targets.shape}")
        if not np.isfinite(targets.astype(np.float64)).all():
            raise ValueError("targets: expected finite numbers, got NaN or infinity")

    def value_and_gradient(self, z: Float, targets: NDArray[np.generic]) -> tuple[Float, Float]:
        """Half the squared distance, and the difference."""
        if targets.ndim == 1:
            gradient = np.array(z, dtype=np.float64)
            gradient[targets, np.arange(len(targets))] -= 1
        else:
            gradient = z - targets.T.astype(np.float64)
        return 0.5 * (gradient**2).sum(axis=0), gradient

    def curvature_product(self, z: Float, targets: NDArray[np.generic], z_dot: Float) -> Float:
        """The identity."""
        return z_dot


LossName: TypeAlias = Literal["cross_entropy", "squared_error"]
LOSSES: dict[LossName, OutputLoss] = {
    "cross_entropy": CrossEntropy(),
    "squared_error": SquaredError(),
}
