"""The training loop: author's batches, Adam, cosine annealing, minimum of the training loss."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators import PatchModel
from patchlaw.simulators.engine_choice import steps_on_a_device
from patchlaw.verification.ranks.ranks import ALONE, Ranks
from patchlaw.verification.training.device_steps import DeviceSteps
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
        ranks: who share the samples of every batch and evaluation.

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
        ranks: Ranks = ALONE,
    ) -> None:
        self.model = model
        self.images = model.check_images(images)
        self.labels = labels.to(self.images.device)
        if len(self.labels) != len(self.images):
            raise ValueError(
                f"labels: expected {len(self.images)}, one an image, got {len(self.labels)}"
            )
        self.config = config
        self.objective = Objective(model, config.loss, ranks)
        self.optimiser = torch.optim.Adam(
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimiser, T_max=config.annealing_epochs
        )
        self.evaluate_epochs = evaluate_epochs
        self._alone: Lockstep | None = None
        self.stacked_in: DeviceSteps | None = None  # whose rows parameters and moments are
        self.epoch = 0
        self.steps: list[StepRecord] = []
        self.epochs: list[EpochRecord] = []
        self.minimum: TrainingMinimum | None = None
        self._targets = np.asarray(labels.cpu())
        self._seeds = config.shuffle_seeds()

    def run_epoch(self) -> Iterator[StepRecord]:
        """Run the next epoch, one step an item; its evaluation follows the last step.

        On a device all steps are done before the first item.

        Raises:
            ValueError: all epochs of the configuration are done.
            FloatingPointError: the loss or its gradient is NaN or infinite; the parameters are then
                those that gave it, not yet updated.
        """
        self._alone = self._alone or Lockstep([self])
        for (step,) in self._alone.run_epoch():
            yield step

    def run(self) -> Iterator[StepRecord]:
        """Run all remaining epochs, one step an item."""
        while self.epoch < self.config.epochs:
            yield from self.run_epoch()

    def batches(self, epoch: int) -> Iterator[NDArray[np.int64]]:
        """Sample indices of an epoch's mini-batches."""
        return epoch_batches(self._targets, self.config.n_batches, int(self._seeds[epoch]))

    def step(self, batch: NDArray[np.int64]) -> float:
        """One update; the loss before it, or NaN, without one, where the gradient is not finite."""
        of = torch.from_numpy(batch)
        loss, gradient = self.objective.loss_and_gradient(self.images[of], self.labels[of])
        if not (np.isfinite(loss) and bool(gradient.isfinite().all())):
            return math.nan
        gradients = self.model.layout.split(gradient)
        for parameter, part in zip(self.model.parameters(), gradients, strict=True):
            parameter.grad = part
        self.optimiser.step()
        return loss

    def recorded(self, batch: int, loss: float) -> StepRecord:
        """A step of the present epoch, put on record.

        Raises:
            FloatingPointError: see ``run_epoch``.
        """
        self.check_finite(loss, f"in epoch {self.epoch}")
        self.steps.append(StepRecord(self.epoch, batch, loss))
        return self.steps[-1]

    def check_finite(self, loss: float, where: str) -> None:
        """Refuse a loss that is NaN or infinite.

        Raises:
            DivergedError: saying where it was.
        """
        if not np.isfinite(loss):
            raise DivergedError(
                self,
                f"loss: expected a finite number, got {loss} {where} (batch seed "
                f"{self.config.batch_seed}); lower learning_rate or scale",
            )

    def end_epoch(self) -> None:
        """Move the rate, evaluate, and remember the parameters of the least loss.

        Raises:
            FloatingPointError: the loss over all training samples is NaN or infinite.
        """
        epoch, rate = self.epoch, float(self.scheduler.get_last_lr()[0])
        self.scheduler.step()
        self.epoch += 1
        if not self.evaluate_epochs:
            return
        train = self.objective.evaluate(self.images, self.labels)
        self.check_finite(train.loss, f"over all training samples after {self.epoch} epochs")
        self.epochs.append(EpochRecord(epoch, rate, train))
        if self.minimum is None or train.loss < self.minimum.train.loss:
            self.minimum = TrainingMinimum(epoch, train, self.model.flat_parameters())


class DivergedError(FloatingPointError):
    """A loss that is NaN or infinite; ``trainer`` is whose."""

    def __init__(self, trainer: Trainer, message: str) -> None:
        super().__init__(message)
        self.trainer = trainer


class Lockstep:
    """Trains runs that differ in their seeds alone side by side, an epoch at a time.

    Each has the losses and parameters of a run alone: its own batches, gradient and Adam. On a
    device they are one pass (``DeviceSteps``) and agree to rounding; on the CPU they take turns,
    step by step, and agree to the bit.

    Args:
        trainers: of one configuration but for the seeds, at the same epoch, on the same samples.

    Raises:
        ValueError: other epochs, configurations or samples.
    """

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        self._trainers = tuple(trainers)
        first = self._trainers[0]
        same = (t.images.equal(first.images) and t.labels.equal(first.labels) for t in trainers)
        self._check(all(same))
        self._device: DeviceSteps | None = None
        self._next: tuple[int, list[NDArray[np.int64]]] | None = None

    def run_epoch(self) -> Iterator[tuple[StepRecord, ...]]:
        """The next epoch of all, an item a step; see ``Trainer.run_epoch``."""
        first = self._trainers[0]
        self._check()  # one of them may have gone on alone
        if first.epoch >= first.config.epochs:
            raise ValueError(f"epoch: all {first.config.epochs} epochs are done")
        for number, losses in enumerate(self._losses(first.epoch)):
            yield tuple(
                trainer.recorded(number, loss)
                for trainer, loss in zip(self._trainers, losses, strict=True)
            )
        for trainer in self._trainers:
            trainer.end_epoch()

    def _check(self, same_samples: bool = True) -> None:
        kinds = {replace(trainer.config, batch_seed=0) for trainer in self._trainers}
        epochs = [trainer.epoch for trainer in self._trainers]
        if len(set(epochs)) > 1 or len(kinds) > 1 or not same_samples:
            raise ValueError(
                "trainers: expected one configuration but for the seeds, the same samples and one "
                f"epoch, got {len(kinds)} configurations at epochs {epochs}"
            )

    def _losses(self, epoch: int) -> Iterator[Sequence[float]]:
        """Of each step those of all trainers."""
        models = [trainer.model for trainer in self._trainers]
        alone = [t.model for t in self._trainers if t.objective.ranks is ALONE]
        known = [model for model in alone if steps_on_a_device(model)]  # no sum over ranks in these
        if len(known) < len(models):
            for batches in zip(
                *(trainer.batches(epoch) for trainer in self._trainers), strict=True
            ):
                yield [t.step(batch) for t, batch in zip(self._trainers, batches, strict=True)]
            return
        first = self._trainers[0]
        device, stacked = self._device, {trainer.stacked_in for trainer in self._trainers}
        if device is None or not device.holds or stacked != {device}:
            optimisers = [trainer.optimiser for trainer in self._trainers]
            self._device = device = DeviceSteps(
                known, optimisers, first.images, first.labels, first.config.loss
            )
            for trainer in self._trainers:
                trainer.stacked_in = device
        losses = device.start(self._batches(epoch))
        if epoch + 1 < first.config.epochs:  # while the device works
            self._next = epoch + 1, self._batches(epoch + 1)
        yield from torch.stack(losses).tolist()

    def _batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """Of each step, shape (R, B)."""
        if self._next is not None and self._next[0] == epoch:
            return self._next[1]
        each = zip(*(trainer.batches(epoch) for trainer in self._trainers), strict=True)
        return [np.stack(batches) for batches in each]
