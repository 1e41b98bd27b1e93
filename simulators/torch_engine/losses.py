"""Losses of the logits where the logits lie: no copy to the host for the library's own losses.

Logits are (R, m, C): R replicas with samples of their own, one wherever there are none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators.output_losses import CrossEntropy, OutputLoss, SquaredError

Map: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class LossAt:
    """A loss at m logits a replica: float64, on their device.

    Attributes:
        total: sum of the samples' losses, shape (R,).
        gradient: g, shape (R, m, C).
        curvature_product: z_dot (R, m, C) to S z_dot.
    """

    total: Tensor
    gradient: Tensor
    curvature_product: Map


class SampleLoss(Protocol):
    """A loss with the targets of a data set."""

    def at(self, z: Tensor, samples: slice) -> LossAt:
        """The loss of these samples at logits (R, m, C), float64."""
        ...


@runtime_checkable
class DeviceLoss(SampleLoss, Protocol):
    """One that never waits for the device: its passes can be recorded."""

    def of(self, index: Tensor) -> SampleLoss:
        """The loss of samples by their index (R, m), each replica's own."""
        ...


@runtime_checkable
class BindsItself(Protocol):
    """An ``OutputLoss`` that knows how it is computed on a device."""

    def bind(self, targets: NDArray[np.generic], device: torch.device) -> DeviceLoss:
        """See ``bind_loss``."""
        ...


def bind_loss(loss: OutputLoss, targets: NDArray[np.generic], device: torch.device) -> SampleLoss:
    """The loss on a device, with checked targets.

    Cross-entropy, squared error and what binds itself are computed on the device. Any other loss
    runs on the host in numpy, which copies m x C numbers there and back, and waits, once or twice a
    chunk.
    """
    if type(loss) is CrossEntropy:
        return CrossEntropyOf(torch.as_tensor(targets.astype(np.int64), device=device)[None])
    if type(loss) is SquaredError:
        kind = np.int64 if targets.ndim == 1 else np.float64
        return _SquaredError(torch.as_tensor(targets.astype(kind), device=device)[None])
    if isinstance(loss, BindsItself):
        return loss.bind(targets, device)
    return _OnHost(loss, targets)


@dataclass(frozen=True)
class CrossEntropyOf:
    """Softmax cross-entropy of z + o.

    Attributes:
        labels: shape (R, N), or (1, N) for all replicas.
        offsets: o, shape (1, N, C); None for 0.
    """

    labels: Tensor
    offsets: Tensor | None = None

    def of(self, index: Tensor) -> "CrossEntropyOf":
        """See DeviceLoss."""
        offsets = None if self.offsets is None else self.offsets[0][index]
        return CrossEntropyOf(self.labels[0][index], offsets)

    def at(self, z: Tensor, samples: slice) -> LossAt:
        """See SampleLoss."""
        labels = self.labels[:, samples, None].expand(len(z), -1, -1)
        if self.offsets is not None:
            z = z + self.offsets[:, samples]
        log_pi = torch.log_softmax(z, dim=-1)
        pi = log_pi.exp()

        def curvature_product(z_dot: Tensor) -> Tensor:
            return pi * (z_dot - (pi * z_dot).sum(dim=-1, keepdim=True))

        return LossAt(
            -log_pi.gather(-1, labels).sum(dim=(1, 2)),
            pi.scatter_add(-1, labels, _minus_one(labels, z)),
            curvature_product,
        )


def _minus_one(labels: Tensor, z: Tensor) -> Tensor:
    return -torch.ones((), dtype=z.dtype, device=z.device).expand(labels.shape)


@dataclass(frozen=True)
class _SquaredError:
    targets: Tensor  # (R or 1, N, C), or labels (R or 1, N)

    def of(self, index: Tensor) -> "_SquaredError":
        return _SquaredError(self.targets[0][index])

    def at(self, z: Tensor, samples: slice) -> LossAt:
        targets = self.targets[:, samples]
        if targets.ndim == 2:
            labels = targets[..., None].expand(len(z), -1, -1)
            gradient = z.scatter_add(-1, labels, _minus_one(labels, z))
        else:
            gradient = z - targets
        return LossAt(gradient.square().sum(dim=(1, 2)) / 2, gradient, lambda z_dot: z_dot)


@dataclass(frozen=True)
class _OnHost:
    """Of one replica."""

    loss: OutputLoss
    targets: NDArray[np.generic]

    def at(self, z: Tensor, samples: slice) -> LossAt:
        host = np.ascontiguousarray(z[0].cpu().numpy().T)
        targets = self.targets[samples]
        losses, gradient = self.loss.value_and_gradient(host, targets)

        def to_device(values: NDArray[np.float64]) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values.T)).to(z.device)[None]

        def curvature_product(z_dot: Tensor) -> Tensor:
            along = z_dot[0].cpu().numpy().T
            return to_device(self.loss.curvature_product(host, targets, along))

        return LossAt(z.new_tensor([float(losses.sum())]), to_device(gradient), curvature_product)
