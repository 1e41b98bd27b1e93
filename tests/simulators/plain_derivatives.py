"""Logits by numpy gate by gate; loss, gradient and curvature products by autograd."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from patchlaw.simulators import DistributedQNN, reference

KINDS = ("hessian", "gauss_newton", "residual")


def reference_logits(
    model: DistributedQNN,
    image: np.ndarray,
    angles: np.ndarray | None = None,
    pixel_bias: np.ndarray | None = None,
) -> np.ndarray:
    """Logits (C,) of one image, of the model's own parameters where none are given."""
    return reference.model_logits(
        model.ansatz,
        model.grid.pixel_indices,
        model.angles.detach().numpy() if angles is None else angles,
        model.pixel_bias.detach().numpy() if pixel_bias is None else pixel_bias,
        image,
        n_classes=model.n_classes,
        scale=model.scale,
        aggregation_exponent=model.aggregation_exponent,
        noise=model.noise,
    )


def flat(parts: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """One vector (D,) in the model's order."""
    return torch.cat([part.reshape(-1) for part in parts])


def autograd_gradient(loss: torch.Tensor, model: DistributedQNN) -> np.ndarray:
    """Gradient (D,) of a scalar."""
    return flat(torch.autograd.grad(loss, [model.angles, model.pixel_bias])).numpy()


def probes(count: int) -> np.ndarray:
    """Vectors (D, k): single parameters from everywhere, and all of them at once."""
    vectors = np.eye(count)[:, :: max(1, count // 5)]
    return np.column_stack([vectors, np.cos(np.arange(count))])


def derivatives(
    outputs: torch.Tensor, model: DistributedQNN, vectors: torch.Tensor
) -> torch.Tensor:
    """Gradients (k, D) of the k sums that the vectors (k, ...) weigh the outputs to."""
    parts = torch.autograd.grad(
        outputs, [model.angles, model.pixel_bias], vectors, retain_graph=True, is_grads_batched=True
    )
    return torch.cat([part.flatten(1) for part in parts], dim=1)


def hessian_products(
    model: DistributedQNN, scalar: torch.Tensor, vectors: np.ndarray
) -> np.ndarray:
    """Products (D, k) of a scalar's Hessian, by differentiating it twice."""
    parameters = [model.angles, model.pixel_bias]
    gradient = flat(torch.autograd.grad(scalar, parameters, create_graph=True))
    return derivatives(gradient, model, torch.from_numpy(vectors.T.copy())).T.numpy()


def plain_products(
    model: DistributedQNN, images: torch.Tensor, labels: torch.Tensor, vectors: np.ndarray
) -> dict[str, np.ndarray]:
    """H by differentiating the loss twice, R with the output gradient frozen, G as J^T S (J v)."""
    logits = model.autograd_logits(images)
    pi = torch.softmax(logits, dim=1).detach()
    g = pi - torch.nn.functional.one_hot(labels, model.n_classes)
    dummy = torch.zeros_like(logits, requires_grad=True)
    parameters = [model.angles, model.pixel_bias]
    transposed = flat(torch.autograd.grad(logits, parameters, dummy, create_graph=True))
    (along,) = torch.autograd.grad(
        transposed, dummy, torch.from_numpy(vectors.T.copy()), is_grads_batched=True
    )
    curved = pi * (along - (pi * along).sum(dim=2, keepdim=True)) / len(images)
    return {
        "hessian": hessian_products(model, cross_entropy(logits, labels), vectors),
        "gauss_newton": derivatives(logits, model, curved).T.numpy(),
        "residual": hessian_products(model, (g * logits).sum() / len(images), vectors),
    }
