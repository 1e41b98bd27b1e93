"""Losses of the logits for the autodiff backend: value, gradient g and curvature S."""

import math
from collections.abc import Callable
from typing import TypeAlias, get_args

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.hessian_theory.input_checks import unknown
from patchlaw.simulators.output_losses import LossName
from patchlaw.verification.operators.array_kinds import as_tensor
from patchlaw.verification.operators.custom_loss import CustomLoss, custom_loss

LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]


class CrossEntropyLoss:
    """Softmax cross-entropy of logits (N, C), labels (N,).

    g = pi - e_y, S = diag(pi) - pi pi^T. Of logits (N, T, C) and labels (N, T) a sample's loss is
    the mean over its T positions, so the mean over samples is that over all N T of them.

    Attributes:
        name: for messages.
        identity: what fingerprints hold of it: another text for every other loss.
    """

    name = identity = "cross_entropy"

    def check_targets(self, targets: Tensor | ArrayLike, n_samples: int, like: Tensor) -> Tensor:
        """Targets as a tensor that fits outputs like ``like`` (1, ...): labels as int64 in [0, C).

        Raises:
            TypeError, ValueError: targets or outputs that do not fit.
        """
        tensor = as_tensor("labels", targets)
        check_logits(like, tensor)
        shape = (n_samples, *like.shape[1:-1])
        return check_labels(tensor, shape, like.shape[-1]).to(like.device)

    def total(self, z: Tensor, targets: Tensor) -> Tensor:
        """Sum of l = -log pi_y over the samples, with its graph."""
        total = torch.nn.functional.cross_entropy(
            z.reshape(-1, z.shape[-1]), targets.reshape(-1), reduction="sum"
        )
        return total / _positions(z)

    def gradient(self, z: Tensor, targets: Tensor) -> Tensor:
        """g = dl/dz, shape of z: pi minus one-hot."""
        g = torch.softmax(z, dim=-1).contiguous()
        rows = g.view(-1, g.shape[-1])
        rows[torch.arange(len(rows)), targets.reshape(-1)] -= 1
        return g / _positions(z)

    def curvature(self, z: Tensor, targets: Tensor, directions: Tensor) -> Tensor:
        """S u for directions u (m, *z.shape), S = d2l/dz2: pi * (u - <u>_pi)."""
        pi = torch.softmax(z, dim=-1)
        s_u = pi * directions - pi * (pi * directions).sum(dim=-1, keepdim=True)
        return s_u / _positions(z)


class SquaredErrorLoss:
    """l = |z - y|^2 / 2 with real targets (N, C) or, of one output, (N,): g = z - y, S = I.

    Labels (N,) of C > 1 outputs stand for their one-hot rows. Of outputs (N, T, C) a sample's loss
    is the mean over its T positions.
    """

    name = identity = "squared_error"

    def check_targets(self, targets: Tensor | ArrayLike, n_samples: int, like: Tensor) -> Tensor:
        """Targets in the outputs' shape and dtype and on their device."""
        tensor = as_tensor("targets", targets)
        if like.ndim > 3:
            raise _too_many_axes(like)
        classes = like.shape[-1] if like.ndim == 2 else 1
        if classes > 1 and tensor.ndim == 1 and not tensor.is_floating_point():
            labels = check_labels(tensor, (n_samples,), classes)
            tensor = torch.nn.functional.one_hot(labels, classes).double()
        if not tensor.is_floating_point():
            raise TypeError(
                f"targets: expected floating-point targets for the squared error, got "
                f"{tensor.dtype}; for labels use torch.nn.functional.one_hot(labels, C).double()"
            )
        shape = (n_samples, *like.shape[1:])
        if tensor.shape != shape:
            # one number a sample is the same with and without an axis of its own
            if not {tuple(tensor.shape), shape} == {(n_samples,), (n_samples, 1)}:
                raise ValueError(f"targets: expected shape {shape}, got {tuple(tensor.shape)}")
            tensor = tensor.reshape(shape)
        if not torch.isfinite(tensor).all():
            raise ValueError("targets: expected finite numbers, got NaN or infinity")
        return tensor.to(like)

    def total(self, z: Tensor, targets: Tensor) -> Tensor:
        """Half the squared distance."""
        return (z - targets).square().sum() / (2 * _positions(z))

    def gradient(self, z: Tensor, targets: Tensor) -> Tensor:
        """The difference."""
        return (z - targets) / _positions(z)

    def curvature(self, z: Tensor, targets: Tensor, directions: Tensor) -> Tensor:
        """The identity."""
        return directions / _positions(z)


TorchLoss: TypeAlias = CrossEntropyLoss | SquaredErrorLoss | CustomLoss


def _positions(z: Tensor) -> int:
    """T of outputs (n, T, C), 1 of (n, C) and (n,)."""
    return z.shape[1] if z.ndim == 3 else 1


def check_logits(like: Tensor, labels: Tensor) -> None:
    """Refuse outputs that are no logits of classes, seen by their labels.

    Raises:
        ValueError: outputs (N,), more than three axes, or as many as do not go with the labels'.
    """
    if like.ndim == 1:
        raise ValueError(
            f"model: expected logits of shape (1, C), got {tuple(like.shape)}; of one output take "
            "a binary loss (BCEWithLogitsLoss) or 'squared_error'"
        )
    if like.ndim > 3:
        raise _too_many_axes(like)
    if like.ndim == 3 and labels.ndim == 1:
        raise ValueError(
            f"model: expected logits of shape (1, C), got {tuple(like.shape)} with one label an "
            "image; logits (N, T, C) go with labels (N, T)"
        )
    if like.ndim == 3 and labels.shape[1:] == like.shape[2:] != like.shape[1:2]:
        raise ValueError(
            f"model: expected logits with the classes last, (1, T, C), got {tuple(like.shape)} for "
            f"labels {tuple(labels.shape)}; let the model return z.transpose(1, 2)"
        )


def _too_many_axes(like: Tensor) -> ValueError:
    return ValueError(
        f"model: expected outputs (N, C) or (N, T, C), got {tuple(like.shape)} for one sample; "
        "flatten the axes of a sample, classes last, or give a loss of your own"
    )


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
        raise unknown("loss", loss, get_args(LossName))
    if not callable(loss):
        raise TypeError(f"loss: expected a name or a function, got {type(loss).__name__}")
    return custom_loss(loss)


def check_labels(labels: Tensor | ArrayLike, shape: tuple[int, ...], n_classes: int) -> Tensor:
    """Labels as an int64 tensor (N,) or (N, T), every one in [0, C).

    Args:
        labels: integers of any kind; truth values where there are two classes.
        shape: the one they must have.
        n_classes: C.

    Raises:
        TypeError: labels that are not integers.
        ValueError: another shape, or out of range.
    """
    tensor = as_tensor("labels", labels)
    if tensor.dtype == torch.bool and n_classes == 2:
        tensor = tensor.to(torch.int64)
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(
            f"labels: expected integers, got {tensor.dtype}; "
            + (
                "of one-hot rows or probabilities take .argmax(1)"
                if tuple(tensor.shape) == (*shape, n_classes)
                else "convert them (.astype(int)) if they count classes, or choose another loss"
            )
        )
    if tuple(tensor.shape) != shape:
        ravel = tensor.ndim > len(shape) and tensor.numel() == math.prod(shape)
        raise ValueError(
            f"labels: expected shape {shape}, one an image, got {tuple(tensor.shape)}"
            + ("; use .reshape(-1)" if ravel and len(shape) == 1 else "")
        )
    low, high = int(tensor.min()), int(tensor.max())
    if low < 0 or high >= n_classes:
        raise ValueError(
            f"labels: expected integers from 0 to {n_classes - 1} (the model has {n_classes} "
            f"classes), got values from {low} to {high}"
            + ("; of one output take a binary loss (BCEWithLogitsLoss)" if n_classes == 1 else "")
        )
    return tensor.to(torch.int64)
