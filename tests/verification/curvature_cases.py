"""Small models and independent dense matrices for the tests of the curvature operators."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, jacrev

from patchlaw.simulators import DistributedQNN

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A model with samples."""

    model: torch.nn.Module
    images: Tensor
    labels: Tensor


def qnn_case(
    n_patches: int = 4,
    depth: int = 1,
    n_samples: int = 5,
    seed: int = 3,
    scale: float = 10.0,
    image_side: int = 4,
) -> Case:
    """A two-qubit distributed QNN in double precision away from its initial point."""
    generator = torch.Generator().manual_seed(seed)
    model = DistributedQNN(
        n_patches,
        depth,
        n_qubits=2,
        image_side=image_side,
        n_classes=4,
        scale=scale,
        seed=seed,
        dtype=torch.float64,
    )
    with torch.no_grad():
        bias = torch.randn(image_side, image_side, generator=generator, dtype=torch.float64)
        model.pixel_bias.copy_(bias)
    shape = (n_samples, image_side, image_side)
    images = 2 * torch.rand(shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 4, (n_samples,), generator=generator)
    return Case(model, images, labels)


def mlp_case(n_samples: int = 6) -> Case:
    """A tanh network: a module that has nothing to do with circuits."""
    generator = torch.Generator().manual_seed(5)
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 3)
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    images = torch.randn(n_samples, 2, 2, generator=generator, dtype=torch.float64)
    return Case(model, images, torch.randint(0, 3, (n_samples,), generator=generator))


def logits_of_flat(case: Case, flat: Tensor) -> Tensor:
    """Logits as a function of the flat parameter vector."""
    named = dict(case.model.named_parameters())
    parts = flat.split([p.numel() for p in named.values()])
    values = {n: v.reshape(p.shape) for (n, p), v in zip(named.items(), parts, strict=True)}
    result: Tensor = functional_call(case.model, values, (case.images,))
    return result


def flat_parameters(case: Case) -> Tensor:
    return torch.cat([p.detach().reshape(-1) for p in case.model.parameters()])


def dense_hessian(case: Case) -> Matrix:
    """Mean-loss Hessian by torch.autograd.functional.hessian on one flat vector."""

    def loss(flat: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits_of_flat(case, flat), case.labels)

    return torch.autograd.functional.hessian(loss, flat_parameters(case), vectorize=True).numpy()


def dense_gauss_newton(case: Case) -> Matrix:
    """<J^T S J> from explicit Jacobians and explicit S, sample by sample."""
    flat = flat_parameters(case)
    jacobian = jacrev(lambda t: logits_of_flat(case, t))(flat).detach().numpy()
    probabilities = torch.softmax(logits_of_flat(case, flat), dim=1).detach().numpy()
    terms = [
        j.T @ (np.diag(pi) - np.outer(pi, pi)) @ j
        for j, pi in zip(jacobian, probabilities, strict=True)
    ]
    return np.mean(terms, axis=0)


def noise_floor(model: DistributedQNN) -> float:
    """What rounding alone leaves in an element of H, G or R, eps (1 + s P)^2.

    g and S are differences of probabilities: where these are 0 and 1 to the last bit, g and S are
    right to eps, and of their own size of exp(-s P) nothing is left. s P bounds the logits.
    """
    largest = abs(model.output_scale) * model.n_patches
    return float(torch.finfo(model.angles.dtype).eps * (1 + largest) ** 2)


def relative_difference(measured: Matrix, reference: Matrix) -> float:
    return float(np.abs(measured - reference).max() / np.abs(reference).max())
