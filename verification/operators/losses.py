"""Losses of the logits for the autodiff backend: value, gradient g and curvature S."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias, get_args

import torch
from numpy.typing import ArrayLike
from torch import Tensor

LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]
LossName: TypeAlias = Literal["cross_entropy", "squared_error"]


class TorchLoss(Protocol):
    """A loss l(z, y) of the logits z (n, C), one number a sample.

    Attributes:
        name: what checkpoints call it.
    """

    @property
    def name(self) -> str:
        """What checkpoints call it."""
        ...

    def check_targets(self, targets: Tensor | ArrayLike, n_samples: int, like: Tensor) -> Tensor:
        """Targets as a tensor that fits logits like ``like`` (1, C).

        Raises:
            TypeError, ValueError: targets that do not fit.
        """
        ...

    def total(self, z: Tensor, targets: Tensor) -> Tensor:
        """Sum of l over the samples, with its graph."""
        ...

    def gradient(self, z: Tensor, targets: Tensor) -> Tensor:
        """g = dl/dz, shape (n, C)."""
        ...

    def curvature(self, z: Tensor, targets: Tensor, directions: Tensor) -> Tensor:
        """S u for directions u (m, n, C), S = d2l/dz2."""
        ...


class CrossEntropyLoss:
    """Softmax cross-entropy, labels (N,): g = pi - e_y, S = diag(pi) - pi pi^T."""

    name = "cross_entropy"

    def check_targets(self, targets: Tensor | ArrayLike, n_samples: int, like: Tensor) -> Tensor:
        """Labels as int64, every one in [0, C)."""
        return check_labels(targets, n_samples, like.shape[1]).to(like.device)

    def total(self, z: Tensor, targets: Tensor) -> Tensor:
        """Sum of -log pi_y."""
        return torch.nn.functional.cross_entropy(z, targets, reduction="sum")

    def gradient(self, z: Tensor, targets: Tensor) -> Tensor:
        """Pi minus one-hot."""
        g = torch.softmax(z, dim=1)
        g[torch.arange(len(targets)), targets] -= 1
        return g

    def curvature(self, z: Tensor, targets: Tensor, directions: Tensor) -> Tensor:
        """Pi * (u - <u>_pi)."""
        pi = torch.softmax(z, dim=1)
        return pi * directions - pi * (pi * directions).sum(dim=-1, keepdim=True)


class SquaredErrorLoss:
    """l = |z - y|^2 / 2 with real targets (N, C): g = z - y, S = I."""

    name = "squared_error"

    def check_targets(self, targets: Tensor | ArrayLike, n_samples: int, like: Tensor) -> Tensor:
        """Targets in the logits' dtype and on their device."""
        tensor = torch.as_tensor(targets)
        if not tensor.is_floating_point():
            raise TypeError(
                f"targets: expected floating-point targets for the squared error, got "
                f"{tensor.dtype}; for labels use torch.nn.functional.one_hot(labels, C).double()"
            )
        if tensor.shape != (n_samples, like.shape[1]):
            raise ValueError(
                f"targets: expected shape ({n_samples}, {like.shape[1]}), got {tuple(tensor.shape)}"
            )
        if not torch.isfinite(tensor).all():
            raise ValueError("targets: expected finite numbers, got NaN or infinity")
        return tensor.to(like)

    def total(self, z: Tensor, targets: Tensor) -> Tensor:
        """Half the squared distance."""
        return (z - targets).square().sum() / 2

    def gradient(self, z: Tensor, targets: Tensor) -> Tensor:
        """The difference."""
        return z - targets

    def curvature(self, z: Tensor, targets: Tensor, directions: Tensor) -> Tensor:
        """The identity."""
        return directions


class CustomLoss:
    """Any loss, differentiated by autograd: ``function(z, targets)`` gives (n,) losses.

    G = J^T S J is positive semidefinite only if the loss is convex in z.

    Args:
        function: called with logits (n, C) and targets (n, ...).
    """

    def __init__(self, function: LossFunction) -> None:
        self.function = function
        self.name = f"{function.__module__}.{getattr(function, '__qualname__', repr(function))}"

    def check_targets(self, targets: Tensor | ArrayLike, n_samples: int, like: Tensor) -> Tensor:
        """Targets as a tensor; what the loss makes of them is tried at the door.

        Raises:
            ValueError: another number than the images.
        """
        tensor = torch.as_tensor(targets).to(like.device)
        if tensor.ndim < 1 or len(tensor) != n_samples:
            raise ValueError(
                f"targets: expected {n_samples}, one an image, got shape {tuple(tensor.shape)}"
            )
        return tensor

    def total(self, z: Tensor, targets: Tensor) -> Tensor:
        """Sum of the losses."""
        return self.function(z, targets).sum()

    def gradient(self, z: Tensor, targets: Tensor) -> Tensor:
        """By autograd."""
        with torch.enable_grad():
            at = z.detach().requires_grad_(True)
            (g,) = torch.autograd.grad(self.total(at, targets), at)
        return g

    def curvature(self, z: Tensor, targets: Tensor, directions: Tensor) -> Tensor:
        """By double backward."""
        with torch.enable_grad():
            at = z.detach().requires_grad_(True)
            (g,) = torch.autograd.grad(self.total(at, targets), at, create_graph=True)
            if not g.requires_grad:
                return torch.zeros_like(directions)
            (s_u,) = torch.autograd.grad(g, at, directions, is_grads_batched=True)
        return s_u


def make_loss(loss: LossName | LossFunction) -> TorchLoss:
    """The loss of a name, or a function of one's own.

    Raises:
        ValueError: an unknown name.
        TypeError: neither a name nor a function.
    """
    if loss == "cross_entropy":
        return CrossEntropyLoss()
    if loss == "squared_error":
        return SquaredErrorLoss()
    if isinstance(loss, str):
        raise ValueError(f"loss: expected one of {list(get_args(LossName))}, got {loss!r}")
    if not callable(loss):
        raise TypeError(f"loss: expected a name or a function, got {type(loss).__name__}")
    return CustomLoss(loss)


def check_labels(labels: Tensor | ArrayLike, n_images: int, n_classes: int) -> Tensor:
    """Labels as an int64 tensor (N,), every one in [0, C).

    Raises:
        TypeError: labels that are not integers.
        ValueError: another number than the images, another shape, or out of range.
    """
    tensor = torch.as_tensor(labels)
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"labels: expected integers, got {tensor.dtype}")
    if tensor.shape != (n_images,):
        raise ValueError(
            f"labels: expected shape ({n_images},), one an image, got {tuple(tensor.shape)}"
        )
    low, high = int(tensor.min()), int(tensor.max())
    if low < 0 or high >= n_classes:
        raise ValueError(
            f"labels: expected integers from 0 to {n_classes - 1} (the model has {n_classes} "
            f"classes), got values from {low} to {high}"
        )
    return tensor.to(torch.int64)
