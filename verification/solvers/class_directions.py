"""The class directions g_a = <J^T S e_a>, whose span nearly holds the top eigenvectors of G."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from patchlaw.hessian_theory.predictions.spectral_bounds import orthonormal_combinations
from patchlaw.simulators.engine_choice import training_engine
from patchlaw.simulators.output_losses import LOSSES
from patchlaw.verification.operators import CurvatureProblem

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassDirections:
    """Directions in the parameters, and the Ritz values that they give without a product.

    Attributes:
        vectors: g_a for all classes but the last, shape (D, C - 1), as sum_a g_a = 0; of the
            squared error for all, shape (D, C).
        curvature: <S>, shape (C, C).
        output_ritz: Ritz values of the Gram matrix, descending: eigenvalues of the pencil
            (g_a . g_b, <S>_ab). The first is a lower bound on lambda_max(G), theorem
            class-directions.
    """

    vectors: Float
    curvature: Float

    @cached_property
    def _pencil(self) -> tuple[Float, Float]:
        count = self.vectors.shape[1]
        combinations = orthonormal_combinations(self.curvature[:count, :count])
        images = self.vectors @ combinations
        if not images.size:  # every softmax saturated: S = 0
            return np.zeros(1), np.zeros(len(images))
        values, vectors = np.linalg.eigh(images.T @ images)
        return values[::-1], images @ vectors[:, -1]

    @property
    def output_ritz(self) -> Float:
        """Without a product; see the class."""
        return self._pencil[0]

    @property
    def start(self) -> Float:
        """The direction of the first of these, shape (D,): a start for ``top_eigenpairs``."""
        return self._pencil[1]


@dataclass(frozen=True)
class _WeightedOutputs:
    """l = w . z with targets w (N, C): its gradient is <J^T w>, one vector-Jacobian product."""

    def check_targets(self, targets: NDArray[np.generic], n_classes: int) -> None:
        """Weights are real vectors, one a sample."""
        if targets.ndim != 2 or targets.shape[1] != n_classes:
            raise ValueError(f"targets: expected shape (N, {n_classes}), got {targets.shape}")

    def value_and_gradient(self, z: Float, targets: NDArray[np.generic]) -> tuple[Float, Float]:
        """w . z and w."""
        weights = targets.T.astype(np.float64)
        return (weights * z).sum(axis=0), weights

    def curvature_product(self, z: Float, targets: NDArray[np.generic], z_dot: Float) -> Float:
        """Zero: linear in z."""
        return np.zeros_like(z_dot)


def class_directions(problem: CurvatureProblem) -> ClassDirections:
    """g_a = (1/N) sum_n J_n^T S_n e_a, a gradient pass each.

    Args:
        problem: of a model of patches; cross-entropy, S = diag(pi) - pi pi^T, or squared error,
            S = 1.

    Raises:
        TypeError: a model without patches, or a loader of batches.
        ValueError: another loss, whose S is not known here.
    """
    loss = problem.loss
    if not isinstance(loss, str):
        raise ValueError(
            f"loss: expected one of {list(LOSSES)}, whose S is known, got {loss!r}; bound it by "
            "eigenvalue_interval with vectors of your own"
        )
    model = problem.patch_model

    def over(rows: slice) -> Float:
        """<S> and, below it, the directions as rows, end to end."""
        images, engine = problem.images[rows], training_engine(model)
        z, labels = engine.logits(images).T, np.asarray(problem.labels)[rows]
        engine.loss = _WeightedOutputs()
        found: list[Float] = []
        curvature: list[Float] = []
        for e_a in np.eye(len(z)):
            along = np.broadcast_to(e_a[:, None], z.shape)
            weights = LOSSES[loss].curvature_product(z, labels, along).T
            curvature.append(weights.mean(axis=0))
            if loss == "squared_error" or len(found) < len(z) - 1:
                given = torch.from_numpy(np.ascontiguousarray(weights))
                found.append(engine.loss_and_gradient(images, given)[1])
        return np.concatenate([*curvature, *found])

    means = problem.ranks.mean(over, len(problem.images), problem.model.parameters())
    size, d = model.n_classes**2, model.n_parameters
    vectors = means[size:].reshape(-1, d).T
    return ClassDirections(vectors, means[:size].reshape(model.n_classes, -1))
