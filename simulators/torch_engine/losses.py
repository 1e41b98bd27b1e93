"""Losses of the logits where the logits lie: no copy to the host for the library's own losses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators.output_losses import CrossEntropy, OutputLoss, SquaredError

Map: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class LossAt:
    """A loss at m logits: float64, on their device.

    Attributes:
        total: sum of the samples' losses, shape ().
        gradient: g, shape (m, C).
        curvature_product: z_dot (m, C) to S z_dot.
    """

    total: Tensor
    gradient: Tensor
    curvature_product: Map


class SampleLoss(Protocol):
    """A loss with the targets of a data set."""

    def at(self, z: Tensor, samples: slice) -> LossAt:
        """The loss of these samples at logits (m, C), float64."""
        ...


def bind_loss(loss: OutputLoss, targets: NDArray[np.generic], device: torch.device) -> SampleLoss:
    """The loss on a device, with checked targets.

    Cross-entropy and squared error are computed on the device. Any other loss runs on the host
    in numpy, which copies m x C numbers there and back, and waits, once or twice a chunk.
    """
    if type(loss) is CrossEntropy:
        return _CrossEntropy(torch.as_tensor(targets.astype(np.int64), device=device))
    if type(loss) is SquaredError:
        return _SquaredError(torch.as_tensor(targets.astype(np.float64), device=device))
    return _OnHost(loss, targets)


@dataclass(frozen=True)
class _CrossEntropy:
    labels: Tensor

    def at(self, z: Tensor, samples: slice) -> LossAt:
        labels = self.labels[samples, None]
        log_pi = torch.log_softmax(z, dim=1)
        pi = log_pi.exp()
        ones = torch.ones((), dtype=z.dtype, device=z.device).expand(labels.shape)

        def curvature_product(z_dot: Tensor) -> Tensor:
            return pi * (z_dot - (pi * z_dot).sum(dim=1, keepdim=True))

        return LossAt(
            -log_pi.gather(1, labels).sum(), pi.scatter_add(1, labels, -ones), curvature_product
        )


@dataclass(frozen=True)
class _SquaredError:
    targets: Tensor

    def at(self, z: Tensor, samples: slice) -> LossAt:
        gradient = z - self.targets[samples]
        return LossAt(gradient.square().sum() / 2, gradient, lambda z_dot: z_dot)


@dataclass(frozen=True)
class _OnHost:
    loss: OutputLoss
    targets: NDArray[np.generic]

    def at(self, z: Tensor, samples: slice) -> LossAt:
        host = np.ascontiguousarray(z.cpu().numpy().T)
        targets = self.targets[samples]
        losses, gradient = self.loss.value_and_gradient(host, targets)

        def to_device(values: NDArray[np.float64]) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values.T)).to(z.device)

        def curvature_product(z_dot: Tensor) -> Tensor:
            along = z_dot.cpu().numpy().T
            return to_device(self.loss.curvature_product(host, targets, along))

        return LossAt(z.new_tensor(float(losses.sum())), to_device(gradient), curvature_product)
