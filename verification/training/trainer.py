"""The training loop: author's batches, Adam, cosine annealing, minimum of the training loss."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from patchlaw.simulators import PatchModel
from patchlaw.verification.training.objective import Evaluation, Objective
from patchlaw.verification.training.protocol import TrainingConfig, epoch_batches


@dataclass(frozen=True)
class StepRecord:
    """One mini-batch: its loss before the update."""

    epoch: int
    batch: int
    loss: float


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: the rate it ran at and the loss over all training samples at its end."""

    epoch: int
    learning_rate: float
    train: Evaluation


@dataclass(frozen=True, eq=False)
class TrainingMinimum:
    """Parameters at the end of the epoch of least loss over all training samples.

    Attributes:
        epoch: counted from 0.
        train: evaluation over the training samples there.
        parameters: shape (D,), a copy in the model's flat order.
    """

    epoch: int
    train: Evaluation
    parameters: Tensor


class Trainer:
    """Trains a model in place; the state is ``model``, ``optimiser``, ``scheduler`` and records.

    Args:
        model: a model of patches.
        images: training images (N, side, side), radians.
        labels: shape (N,), int64.
        config: the protocol.
        evaluate_epochs: whether every epoch ends with an evaluation over all training samples;
            without it there are no epoch records and no minimum.

    Attributes:
        epoch: epochs done so far.
        steps: losses of all steps so far.
        epochs: records of all evaluated epochs so far.
        minimum: the best epoch's end so far; None before the first.

    Raises:
        ValueError: images that the model refuses, too few samples of a class for the batches.
    """

    def __init__(
        self,
        model: PatchModel,
        images: Tensor,
        labels: Tensor,
        config: TrainingConfig,
        *,
        evaluate_epochs: bool = True,
    ) -> None:
        self.model = model
        self.images = model.check_images(images)
        self.labels = labels.to(self.images.device)
        if len(self.labels) != len(self.images):
            raise ValueError(
                f"labels: expected {len(self.images)}, one an image, got {len(self.labels)}"
            )
        self.config = config
        self.objective = Objective(model)
        self.optimiser = torch.optim.Adam(
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimiser, T_max=config.annealing_epochs
        )
        self.evaluate_epochs = evaluate_epochs
        self.epoch = 0
        self.steps: list[StepRecord] = []
        self.epochs: list[EpochRecord] = []
        self.minimum: TrainingMinimum | None = None
        self._targets = np.asarray(labels.cpu())
        self._layout = model.layout
        self._seeds = config.shuffle_seeds()

    def run_epoch(self) -> Iterator[StepRecord]:
        """Run the next epoch, one step an item; its evaluation follows the last step.

        Raises:
            ValueError: all epochs of the configuration are done.
            FloatingPointError: the loss is NaN or infinite; the parameters are then those that
                gave it, not yet updated with its gradient.
        """
        epoch = self.epoch
        if epoch >= self.config.epochs:
            raise ValueError(f"epoch: all {self.config.epochs} epochs are done")
        rate = float(self.scheduler.get_last_lr()[0])
        batches = epoch_batches(self._targets, self.config.n_batches, int(self._seeds[epoch]))
        for number, batch in enumerate(batches):
            step = StepRecord(epoch, number, self._step(torch.from_numpy(batch)))
            self.steps.append(step)
            yield step
        self.scheduler.step()
        self.epoch += 1
        if not self.evaluate_epochs:
            return
        train = self.objective.evaluate(self.images, self.labels)
        self.epochs.append(EpochRecord(epoch, rate, train))
        if self.minimum is None or train.loss < self.minimum.train.loss:
            self.minimum = TrainingMinimum(epoch, train, self.model.flat_parameters())

    def run(self) -> Iterator[StepRecord]:
        """Run all remaining epochs, one step an item."""
        while self.epoch < self.config.epochs:
            yield from self.run_epoch()

    def _step(self, batch: Tensor) -> float:
        loss, gradient = self.objective.loss_and_gradient(self.images[batch], self.labels[batch])
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"loss: expected a finite number, got {loss} in epoch {self.epoch}; "
                "lower learning_rate"
            )
        gradients = self._layout.split(gradient)
        for parameter, part in zip(self.model.parameters(), gradients, strict=True):
            parameter.grad = part
        self.optimiser.step()
        return loss
