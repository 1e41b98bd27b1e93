"""Training steps of several models on a device: recorded once, and read back once an epoch."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators.circuit_model import CircuitModel
from patchlaw.simulators.output_losses import LOSSES, LossName
from patchlaw.simulators.torch_engine.recordings import Recordings, default_recorder
from patchlaw.simulators.torch_engine.training_pass import TrainingPass
from patchlaw.verification.training.stacked_adam import StackedAdam


class DeviceSteps:
    """Steps of R models, each on batches of its own: gradient and Adam as one recorded pass.

    Args:
        models: replicas, on their device.
        optimisers: of each.
        images: training images (N, side, side), radians.
        labels: shape (N,), int64.
        loss: of the logits.
    """

    def __init__(
        self,
        models: Sequence[CircuitModel],
        optimisers: Sequence[torch.optim.Adam],
        images: Tensor,
        labels: Tensor,
        loss: LossName = "cross_entropy",
    ) -> None:
        self._adam = StackedAdam(models, optimisers)
        self._pass = TrainingPass(models, images, labels, loss=LOSSES[loss])
        self._stopped = torch.zeros(len(models), 1, dtype=torch.bool, device=self._pass.device)
        self.recordings = Recordings(default_recorder(self._pass.device))

    @property
    def holds(self) -> bool:
        """Whether the models' parameters and moments are still those that the steps change."""
        return self._adam.holds

    def start(self, batches: Sequence[NDArray[np.int64]]) -> list[Tensor]:
        """Start an epoch's steps and return at once: losses (R,) before each update.

        A model whose loss or gradient is NaN or infinite keeps its parameters to the epoch's end;
        its loss is NaN then.

        Args:
            batches: of each step, shape (R, B).
        """
        device, sizes = self._pass.device, [batch.shape[1] for batch in batches]
        factors = self._adam.factors(len(batches)).to(device)  # one copy an epoch, as each waits
        index = torch.from_numpy(np.concatenate(batches, axis=1)).to(device)
        changes = (*self._adam.state, self._stopped)
        self._stopped.zero_()
        name = "step", self._pass.model.output_scale, self._adam.settings
        return [
            self.recordings.call(name, self._step, batch, row, changes=changes)[0]
            for batch, row in zip(index.split(sizes, dim=1), factors, strict=True)
        ]

    def _step(self, batch: Tensor, factors: Tensor) -> tuple[Tensor]:
        losses, gradients = self._pass.losses_and_gradients(batch)
        losses = torch.where(torch.isfinite(gradients).all(dim=1), losses, torch.nan)
        self._stopped.logical_or_(~torch.isfinite(losses)[:, None])
        self._adam.update(gradients, factors, self._stopped)
        return (losses,)
