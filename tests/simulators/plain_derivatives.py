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


def dense_by_double_backward(model: DistributedQNN, scalar: torch.Tensor) -> np.ndarray:
    """Hessian (D, D) of a scalar."""
    parameters = [model.angles, model.pixel_bias]
    gradient = flat(torch.autograd.grad(scalar, parameters, create_graph=True))
    rows = [flat(torch.autograd.grad(entry, parameters, retain_graph=True)) for entry in gradient]
    return torch.stack(rows).numpy()


def plain_products(
    model: DistributedQNN, images: torch.Tensor, labels: torch.Tensor, vectors: np.ndarray
) -> dict[str, np.ndarray]:
    """H by differentiating the loss twice, R with the output gradient frozen, G as J^T S (J v)."""
    parameters = [model.angles, model.pixel_bias]
    logits = model.autograd_logits(images)
    pi = torch.softmax(logits, dim=1).detach()
    g = pi - torch.nn.functional.one_hot(labels, model.n_classes)

    def gradient(scalar: torch.Tensor) -> torch.Tensor:
        return flat(torch.autograd.grad(scalar, parameters, create_graph=True))

    of_loss, of_residual = (
        gradient(cross_entropy(logits, labels)),
        gradient((g * logits).sum() / len(images)),
    )
    dummy = torch.zeros_like(logits, requires_grad=True)
    transposed = flat(torch.autograd.grad(logits, parameters, dummy, create_graph=True))
    columns: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    for vector in torch.from_numpy(vectors.T.copy()):
        for kind, start in (("hessian", of_loss), ("residual", of_residual)):
            product = torch.autograd.grad(start, parameters, vector, retain_graph=True)
            columns[kind].append(flat(product).numpy())
        (along,) = torch.autograd.grad(transposed, dummy, vector, retain_graph=True)
        curved = pi * (along - (pi * along).sum(dim=1, keepdim=True)) / len(images)
        product = torch.autograd.grad(logits, parameters, curved, retain_graph=True)
        columns["gauss_newton"].append(flat(product).numpy())
    return {kind: np.stack(values, axis=1) for kind, values in columns.items()}
