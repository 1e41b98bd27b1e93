"""The generic backend: curvature products of any torch module by double backward.

For the logits z(t) of a sample and its loss l(z), g = dl/dz, S = d2l/dz2, J = dz/dt (softmax
cross-entropy: pi = softmax(z), g = pi - e_y, S = diag(pi) - pi pi^T):

    H v = d/dt [ (dl/dt) . v ],   G v = J^T S (J v),   R v = d/dt [ (J^T g) . v ] with g frozen,

so R is computed on its own and H = G + R can fail. Only reverse mode is used (J v is the
derivative of J^T u, linear in u), so any module whose operations differentiate twice will do.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.func import functional_call

from simulators import DistributedQNN
from verification.operators.backend import CurvatureKind
from verification.operators.differentiability import check_second_derivatives
from verification.operators.fingerprint import fingerprint
from verification.operators.losses import LossFunction, LossName, make_loss
from verification.operators.patch_block import PatchBlockModel
from verification.operators.problem import check_images, check_model

Multiply: TypeAlias = Callable[[list[Tensor]], NDArray[np.float64]]

# An autograd graph of the paper's model keeps some 60 complex states a patch and sample; 512
# samples of 16 patches at n = 8 then take about 2 GB. Ours, measured.
DEFAULT_CHUNK_SIZE = 512


class AutodiffBackend:
    """Curvature products of a torch module and a loss of its logits, by autograd.

    The parameters are those that require gradients, flattened in the order of
    ``model.parameters()`` (for ``DistributedQNN``: angles patch by patch, then bias). They and
    the buffers are copied, so the operator belongs to this parameter vector for good. A module
    that is not one of this package's has its second derivatives compared with finite differences
    once, on a few samples: an operation whose backward is not differentiable is found out.

    Args:
        model: maps images (n, ...) to logits (n, C).
        images: shape (N, ...).
        labels: as the loss expects; (N,) integers in [0, C) for cross-entropy.
        chunk_size: samples whose graph is held in memory at once.
        loss: "cross_entropy", "squared_error" (l = |z - y|^2 / 2, targets (N, C)), or a
            function of (logits (n, C), targets) that gives n losses.

    Raises:
        ValueError, TypeError: see check_model, check_images, TorchLoss.check_targets and
            check_second_derivatives.
    """

    name = "autodiff"
    caveats: tuple[str, ...] = ()

    def __init__(
        self,
        model: torch.nn.Module,
        images: Tensor | ArrayLike,
        labels: Tensor | ArrayLike,
        chunk_size: int = DEFAULT_CHUNK_SIZE,
        loss: LossName | LossFunction = "cross_entropy",
    ) -> None:
        self._loss = make_loss(loss)
        self._chunk_size = chunk_size
        trainable = check_model(model)
        self._model = model
        self._names = list(trainable)
        self._values = [p.detach().clone().requires_grad_(True) for p in trainable.values()]
        self._fixed = {
            name: tensor.detach().clone()
            for name, tensor in [*model.named_parameters(), *model.named_buffers()]
            if name not in trainable
        }
        self.n_parameters = sum(p.numel() for p in self._values)
        double = self._values[0].dtype == torch.float64
        self.dtype: np.dtype[np.floating] = np.dtype(np.float64 if double else np.float32)
        self.images = check_images(model, images)
        self.n_samples = len(self.images)
        with torch.no_grad():
            first = self.logits(self.images[:1])
        self.labels = self._loss.check_targets(labels, self.n_samples, first)
        self.fingerprint = fingerprint(model, self._loss.name, self.images, self.labels)
        if not isinstance(model, DistributedQNN | PatchBlockModel):
            check_second_derivatives(self._loss_of_a_few_samples, self._values)

    def logits(self, images: Tensor, at: Sequence[Tensor] | None = None) -> Tensor:
        """Logits (n, C) at the stored parameters, or at others, with their graph."""
        trained = self._values if at is None else at
        values = dict(zip(self._names, trained, strict=True)) | self._fixed
        result = functional_call(self._model, values, (images,))
        if not isinstance(result, Tensor) or result.ndim != 2 or len(result) != len(images):
            got = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
            raise ValueError(f"model: expected logits of shape ({len(images)}, C), got {got}")
        return result

    def _loss_of_a_few_samples(self, at: Sequence[Tensor]) -> Tensor:
        few = slice(0, 4)
        return self._loss.total(self.logits(self.images[few], at), self.labels[few])

    def product(self, kind: CurvatureKind, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """The mean matrix ``kind`` times each column; see CurvatureBackend."""
        total = np.zeros(vectors.shape, dtype=np.float64)
        for start in range(0, self.n_samples, self._chunk_size):
            total += self._chunk_sum(kind, slice(start, start + self._chunk_size), vectors)
        total /= self.n_samples
        return total

    def _chunk_sum(
        self, kind: CurvatureKind, samples: slice, vectors: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Sum over a slice of the samples, not divided."""
        labels = self.labels[samples]
        with torch.enable_grad():
            z = self.logits(self.images[samples])
            if kind == "hessian":
                multiply = self._second_derivative_of(self._loss.total(z, labels))
            elif kind == "residual":
                g = self._loss.gradient(z.detach(), labels)
                multiply = self._second_derivative_of((g * z).sum())
            else:
                multiply = self._gauss_newton(z, labels)
            # Several vectors in one vectorised backward pass, as far as the memory of one full
            # chunk goes; the arithmetic is that of one vector at a time.
            group = max(1, self._chunk_size // len(labels))
            columns = [
                multiply(self._split(vectors[:, i : i + group]))
                for i in range(0, vectors.shape[1], group)
            ]
        return np.concatenate(columns, axis=1)

    def _split(self, vectors: NDArray[np.floating]) -> list[Tensor]:
        """Columns (D, m) as one tensor a parameter, each of shape (m, *parameter.shape)."""
        like = self._values[0]
        rows = torch.as_tensor(
            np.ascontiguousarray(vectors.T), dtype=like.dtype, device=like.device
        )
        parts = rows.split([p.numel() for p in self._values], dim=1)
        return [part.reshape(-1, *p.shape) for part, p in zip(parts, self._values, strict=True)]

    def _join(self, parts: Sequence[Tensor | None], columns: int) -> NDArray[np.float64]:
        """The inverse of _split, shape (D, m); a parameter without a part contributes zero."""
        rows = [
            p.new_zeros(columns, p.numel()) if part is None else part.reshape(columns, -1)
            for part, p in zip(parts, self._values, strict=True)
        ]
        return torch.cat(rows, dim=1).T.to("cpu", torch.float64).numpy()

    def _second_derivative_of(self, scalar: Tensor) -> Multiply:
        """V -> (d2 scalar / dt2) V: one graph of the gradient, one more backward a group."""
        gradient = torch.autograd.grad(scalar, self._values, create_graph=True, allow_unused=True)

        def multiply(vectors: list[Tensor]) -> NDArray[np.float64]:
            # a gradient that no longer depends on the parameters (linear model) contributes zero
            pairs = [
                (g, v)
                for g, v in zip(gradient, vectors, strict=True)
                if g is not None and g.requires_grad
            ]
            columns = len(vectors[0])
            if not pairs:
                return np.zeros((self.n_parameters, columns))
            outputs, weights = zip(*pairs, strict=True)
            return self._join(_pull_back(outputs, self._values, weights), columns)

        return multiply

    def _gauss_newton(self, z: Tensor, labels: Tensor) -> Multiply:
        """V -> J^T S J V, with J V from the graph of u -> J^T u."""
        u = torch.zeros_like(z, requires_grad=True)
        pulled = torch.autograd.grad(
            z, self._values, grad_outputs=u, create_graph=True, allow_unused=True
        )

        def multiply(vectors: list[Tensor]) -> NDArray[np.float64]:
            pairs = [(w, v) for w, v in zip(pulled, vectors, strict=True) if w is not None]
            outputs, weights = zip(*pairs, strict=True)
            (jv,) = _pull_back(outputs, [u], weights)
            assert jv is not None  # J^T u depends on u
            s_jv = self._loss.curvature(z.detach(), labels, jv)
            return self._join(_pull_back([z], self._values, [s_jv]), len(s_jv))

        return multiply


def _pull_back(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor | None, ...]:
    """Vector-Jacobian products for m weights at once, each result of shape (m, *input.shape)."""
    columns = len(weights[0])
    results = torch.autograd.grad(
        outputs,
        inputs,
        grad_outputs=[w if columns > 1 else w[0] for w in weights],
        is_grads_batched=columns > 1,
        retain_graph=True,
        allow_unused=True,
    )
    return tuple(r if r is None or columns > 1 else r[None] for r in results)
