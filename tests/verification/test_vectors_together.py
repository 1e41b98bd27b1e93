"""Several vectors in one backward pass where that works, one at a time where it does not."""

import logging

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from patchlaw import top_eigenpairs
from patchlaw.verification.operators import GaussNewtonOperator, HessianOperator
from patchlaw.verification.operators.autodiff import _say_one_by_one
from tests.verification.difference_oracle import assert_right

_DRAW = torch.Generator().manual_seed(9)
PICTURES = torch.randn(10, 1, 5, 5, generator=_DRAW, dtype=torch.float64)
LABELS = torch.randint(0, 3, (10,), generator=_DRAW)


def group_norm(groups: int = 2) -> nn.Module:
    torch.manual_seed(1)
    layers = (nn.Conv2d(1, 4, 3), nn.GroupNorm(groups, 4), nn.SiLU(), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(36, 3)).double()


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("chunk_size", [None, 3])
def test_group_norm_is_multiplied_one_vector_at_a_time(groups: int, chunk_size: int | None) -> None:
    """torch's double backward of it fails under vmap: only this catches the crash it was."""
    assert_right(group_norm(groups), PICTURES, LABELS, chunk_size=chunk_size, step=1e-6)


def test_the_default_top_eigenpairs_and_g_work_as_well() -> None:
    hessian = HessianOperator(group_norm(), PICTURES, LABELS)
    matrix = np.stack([hessian @ e for e in np.eye(hessian.shape[0])], axis=1)
    found = top_eigenpairs(hessian, k=1, tol=1e-6)
    assert abs(found.values[0] - np.linalg.eigvalsh(matrix)[-1]) < 1e-6
    gauss_newton = GaussNewtonOperator(group_norm(), PICTURES, LABELS)
    together = gauss_newton @ np.eye(len(matrix))
    apart = np.stack([gauss_newton @ e for e in np.eye(len(matrix))], axis=1)
    np.testing.assert_allclose(together, apart, atol=1e-13)


def test_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A log line and no warning: the values are right, and a warning may be an error somewhere."""
    _say_one_by_one.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            operator = HessianOperator(group_norm(), PICTURES, LABELS)
            operator @ np.eye(operator.shape[0])[:, :3]
    said = [r.getMessage() for r in caplog.records if "one at a time" in r.getMessage()]
    assert len(said) == 1
    assert operator.caveats == ()


class WrongTogether(torch.autograd.Function):
    """Sine whose rule for several gradients at once forgets one of them."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        """Sine."""
        return x.sin()

    @staticmethod
    def setup_context(ctx: torch.autograd.function.FunctionCtx, inputs: tuple, output: Tensor):
        """Keep the argument."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        """Cosine times the gradient, twice as much of it under vmap."""
        (x,) = ctx.saved_tensors
        return WrongProduct.apply(gradient, x.cos())


class WrongProduct(torch.autograd.Function):
    """g c, with another answer under vmap."""

    @staticmethod
    def forward(g: Tensor, c: Tensor) -> Tensor:
        """The product."""
        return g * c

    @staticmethod
    def setup_context(ctx: torch.autograd.function.FunctionCtx, inputs: tuple, output: Tensor):
        """Keep both."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, up: Tensor) -> tuple[Tensor, Tensor]:
        """Right for one vector."""
        g, c = ctx.saved_tensors
        factor = 2.0 if torch._C._functorch.is_batchedtensor(up) else 1.0
        return factor * up * c, factor * up * g


def test_vectors_together_that_come_out_wrong_are_multiplied_apart() -> None:
    """Only this catches a vectorised backward that does not fail but differs."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.a, self.b = nn.Linear(25, 3).double(), nn.Linear(3, 3).double()

        def forward(self, x: Tensor) -> Tensor:
            return self.b(WrongTogether.apply(self.a(x.flatten(1))))

    assert_right(Model(), PICTURES, LABELS)
