"""H by central differences of first derivatives, the module's own parameters moved in place.

Shares nothing with the operators but autograd's gradient: whatever the module computes with is
what is differentiated.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.operators.losses import LossFunction, LossName
from tests.verification.curvature_cases import Matrix, relative_difference

# A step of 1e-5 in double precision: h^2 = 1e-10 times a third derivative, 1e-16 / h of rounding.
DIFFERENCES = 1e-7


def hessian_by_differences(
    model: torch.nn.Module, loss: Callable[[], Tensor], step: float = 1e-5
) -> Matrix:
    """Symmetric part of d gradient / dt, column by column."""
    parameters = [p for p in model.parameters() if p.requires_grad]

    def gradient() -> Tensor:
        parts = torch.autograd.grad(loss(), parameters, allow_unused=True)
        pairs = zip(parts, parameters, strict=True)
        filled = [torch.zeros_like(p) if g is None else g for g, p in pairs]
        return torch.cat([g.reshape(-1) for g in filled]).detach()

    columns = []
    for parameter in parameters:
        flat = parameter.data.view(-1)
        for i in range(flat.numel()):
            value = float(flat[i])
            flat[i] = value + step
            ahead = gradient()
            flat[i] = value - step
            behind = gradient()
            flat[i] = value
            columns.append((ahead - behind) / (2 * step))
    matrix = torch.stack(columns, dim=1).double().numpy()
    return np.asarray((matrix + matrix.T) / 2)


def assert_right(
    model: torch.nn.Module,
    images: Tensor,
    labels: Tensor,
    loss: LossName | LossFunction = "cross_entropy",
    chunk_size: int | None = None,
    step: float = 1e-5,
    tolerance: float = DIFFERENCES,
) -> CurvatureProblem:
    """H against the differences, H = G + R, several vectors against one at a time."""
    problem = CurvatureProblem(model, images, labels, loss=loss, chunk_size=chunk_size)
    size = problem.hessian.shape[0]

    def total() -> Tensor:
        if callable(loss):
            return loss(model(images), labels).mean()
        return torch.nn.functional.cross_entropy(model(images), labels)

    h, g, r = (
        op @ np.eye(size) for op in (problem.hessian, problem.gauss_newton, problem.residual)
    )
    assert relative_difference(h, hessian_by_differences(model, total, step)) < tolerance
    assert np.abs(h - g - r).max() < 1e-10 * np.abs(h).max()
    vector = np.linspace(-1, 1, size)
    alone = problem.hessian @ vector
    np.testing.assert_allclose(alone, h @ vector, atol=1e-10 * np.abs(h).max())
    assert problem.hessian.caveats == ()
    return problem
