"""Random small distributed QNNs with their dense curvature matrices."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.verification.operators import (
    CurvatureOperator,
    GaussNewtonOperator,
    HessianOperator,
    ResidualOperator,
)

Matrix = NDArray[np.float64]

# (qubits, depth, image side, P): up to 169 parameters; P = 1, 4 and 9 all occur.
SIZES = ((2, 1, 4, 4), (2, 2, 4, 1), (2, 1, 4, 9), (3, 1, 5, 4), (2, 2, 6, 4), (3, 1, 6, 1))


@dataclass(frozen=True, eq=False)
class Instance:
    """A model in float64, images (N, side, side) in radians, labels (N,), and dense matrices."""

    model: DistributedQNN
    images: Tensor
    labels: Tensor

    @cached_property
    def hessian(self) -> Matrix:
        """H, shape (D, D)."""
        return self._dense(HessianOperator)

    @cached_property
    def gauss_newton(self) -> Matrix:
        """G, shape (D, D)."""
        return self._dense(GaussNewtonOperator)

    @cached_property
    def residual(self) -> Matrix:
        """R, shape (D, D)."""
        return self._dense(ResidualOperator)

    def _dense(self, operator: type[CurvatureOperator]) -> Matrix:
        # autograd multiplies all columns of so small a matrix at once
        op = operator(self.model, self.images, self.labels, backend="autodiff")
        return np.asarray(op @ np.eye(self.model.n_parameters))

    @property
    def patches(self) -> list[slice]:
        """Rows of each patch's angles."""
        n = self.model.ansatz.n_angles
        return [slice(n * p, n * (p + 1)) for p in range(self.model.n_patches)]

    @property
    def operations(self) -> int:
        """Rounded terms behind one matrix element: gates x amplitudes x samples x D."""
        ansatz = self.model.ansatz
        gates = sum(1 for _ in ansatz.gates())
        return gates * ansatz.dimension * len(self.labels) * self.model.n_parameters


def random_instances(count: int, seed: int) -> list[Instance]:
    """``count`` instances cycling through SIZES, every number drawn from one seeded generator."""
    rng = np.random.default_rng(seed)
    return [_draw(*SIZES[i % len(SIZES)], rng) for i in range(count)]


def _draw(n: int, depth: int, side: int, patches: int, rng: np.random.Generator) -> Instance:
    n_samples, n_classes = int(rng.integers(2, 7)), 2 * n
    model = DistributedQNN(
        patches,
        depth,
        n_qubits=n,
        image_side=side,
        n_classes=n_classes,
        scale=float(rng.uniform(1, 20)),
        aggregation_exponent=float(rng.choice([0.5, 1.0])),
        dtype=torch.float64,
    )
    model.load_flat_parameters(rng.uniform(-np.pi, np.pi, model.n_parameters))
    images = torch.from_numpy(rng.uniform(0, np.pi, (n_samples, side, side)))
    return Instance(model, images, torch.from_numpy(rng.integers(0, n_classes, n_samples)))


def replicated(n: int, depth: int, patches: int, alpha: float, seed: int) -> Instance:
    """P copies of one QNN on P equal patches, so that F / P, and with alpha = 1 also z, is fixed.

    Images are constant in space (a different value each) and the bias is zero, so every patch of
    the grid sees the same features; all angles are patch 0's. The same ``seed`` with another P
    gives the same QNN, images and labels.
    """
    rng = np.random.default_rng(seed)
    side = n + 2  # P = 1, 4 (stride 2) and 9 (stride 1) all fit
    model = DistributedQNN(
        patches,
        depth,
        n_qubits=n,
        image_side=side,
        n_classes=2 * n,
        # with alpha other than 1 the scale makes up for it, so that z never moves with P
        scale=5.0 * patches ** (alpha - 1),
        aggregation_exponent=alpha,
        dtype=torch.float64,
    )
    angles = rng.uniform(-np.pi, np.pi, model.ansatz.n_angles)
    values = rng.uniform(0, np.pi, 5)
    labels = torch.from_numpy(rng.integers(0, 2 * n, 5))
    model.load_flat_parameters(np.concatenate([np.tile(angles, patches), np.zeros(side**2)]))
    images = torch.from_numpy(np.broadcast_to(values[:, None, None], (5, side, side)).copy())
    return Instance(model, images, labels)
