"""Dense derivatives of a small torch model, assembled from its definition.

G and R are put together from patch outputs, their derivatives and explicit softmax formulas, not
by the operators that verification builds, so the two can be held against each other.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.torch_engine import circuit_outputs


@dataclass(frozen=True)
class DenseModel:
    """A model at its current parameters, on given images and labels."""

    model: DistributedQNN
    images: Tensor
    labels: Tensor

    def outputs_at(self, flat: Tensor) -> Tensor:
        """Patch outputs (N, P, C) as a function of the flat parameters (D,)."""
        angles, bias = self.model.layout.split(flat)
        features = self.model.patch_features(self.images, bias)
        values = circuit_outputs(self.model.ansatz, angles, features, self.model.n_classes)
        return values.permute(2, 0, 1)

    @cached_property
    def flat(self) -> Tensor:
        """Current parameters (D,)."""
        return self.model.flat_parameters()

    @cached_property
    def s(self) -> float:
        """Prefactor s = c P^(-alpha)."""
        return self.model.output_scale

    @cached_property
    def probabilities(self) -> Tensor:
        """pi, shape (N, C)."""
        return torch.softmax(self.s * self.outputs_at(self.flat).sum(dim=1), dim=1).detach()

    @cached_property
    def losses(self) -> Tensor:
        """Per-sample cross-entropy (N,)."""
        logits = self.s * self.outputs_at(self.flat).sum(dim=1)
        return torch.nn.functional.cross_entropy(logits, self.labels, reduction="none").detach()

    @cached_property
    def g(self) -> Tensor:
        """dl/dz = pi - e_y, shape (N, C)."""
        one_hot = torch.nn.functional.one_hot(self.labels, self.model.n_classes)
        return self.probabilities - one_hot.to(self.probabilities)

    @cached_property
    def curvature(self) -> Tensor:
        """S = diag(pi) - pi pi^T, shape (N, C, C)."""
        pi = self.probabilities
        return torch.diag_embed(pi) - pi[:, :, None] * pi[:, None, :]

    @cached_property
    def jacobian(self) -> Tensor:
        """d f_pk / d theta_i, shape (N, P, C, D)."""
        return torch.autograd.functional.jacobian(self.outputs_at, self.flat, vectorize=True)

    @cached_property
    def gradient(self) -> Tensor:
        """Eq. (4), assembled: s < sum_k g_k sum_p d_i f_pk >."""
        total = torch.einsum("nk,npki->i", self.g, self.jacobian)
        return self.s * total / len(self.images)

    @cached_property
    def gauss_newton(self) -> Tensor:
        """G of Eq. (5), assembled from the Jacobian and S, shape (D, D)."""
        summed = self.jacobian.sum(dim=1)
        return (
            self.s**2
            * torch.einsum("nki,nkl,nlj->ij", summed, self.curvature, summed)
            / len(self.images)
        )

    @cached_property
    def residual(self) -> Tensor:
        """R of Eq. (5): Hessian of s < sum_k g_k F_k > with g held fixed, shape (D, D)."""

        def weighted(flat: Tensor) -> Tensor:
            return self.s * (self.g * self.outputs_at(flat).sum(dim=1)).sum() / len(self.images)

        return torch.autograd.functional.hessian(weighted, self.flat, vectorize=True)

    @cached_property
    def hessian(self) -> Tensor:
        """Hessian of the loss by autograd, shape (D, D): knows nothing of the split."""

        def loss(flat: Tensor) -> Tensor:
            logits = self.s * self.outputs_at(flat).sum(dim=1)
            return torch.nn.functional.cross_entropy(logits, self.labels)

        return torch.autograd.functional.hessian(loss, self.flat, vectorize=True)

    @property
    def n_angles(self) -> int:
        """Number of angles over all patches; the bias follows them in the flat order."""
        return self.model.angles.numel()

    def patch_of(self) -> Tensor:
        """Patch index of every angle."""
        patches, each = self.model.angles.shape
        return torch.arange(patches).repeat_interleave(each)

    def membership(self) -> Tensor:
        """(P, D): 1 where parameter i enters patch p (angles: their own, biases: coverage)."""
        patches, each = self.model.angles.shape
        own = torch.eye(patches, dtype=torch.float64).repeat_interleave(each, dim=1)
        pixels = torch.zeros(patches, self.model.pixel_bias.numel(), dtype=torch.float64)
        pixels.scatter_(1, self.model.pixel_indices.long(), 1.0)
        return torch.cat([own, pixels], dim=1)


def top(matrix: Tensor) -> float:
    """Largest eigenvalue of a symmetric matrix."""
    return float(torch.linalg.eigvalsh((matrix + matrix.T) / 2)[-1])
