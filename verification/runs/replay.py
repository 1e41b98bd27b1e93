"""A run beside the author's recorded one: how long do the losses stay together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patchlaw.verification.records import AuthorRun
from patchlaw.verification.runs.run import Run, RunError

# The author's losses are printed to 5 decimals. Rounding, amplified by training, carries the runs
# apart in the end; until it does they agree to these.
LOSS_TOLERANCE = 1e-3
TEST_LOSS_TOLERANCE = 5.5e-5  # equal to 4 decimals: half a unit and the rounding of the record
JUDGED_EPOCHS = 5


@dataclass(frozen=True)
class EpochDifference:
    """One epoch of both runs; differences are absolute, in nats.

    Attributes:
        epoch: epochs done at its end.
        learning_rate: the rate of this epoch.
        largest: largest |difference| of its mini-batch losses.
        recorded_test_loss: the author's, after the epoch.
        test_loss: ours.
    """

    epoch: int
    learning_rate: float
    largest: float
    recorded_test_loss: float
    test_loss: float


@dataclass(frozen=True)
class Departure:
    """The first step whose loss differs by more than a tolerance, counted from 1 as is the epoch.

    Attributes:
        step: of the whole run.
        epoch: that it is in.
        learning_rate: the rate there.
        recorded: the author's mini-batch loss.
        replayed: ours.
    """

    step: int
    epoch: int
    learning_rate: float
    recorded: float
    replayed: float


@dataclass(frozen=True, eq=False)
class ReplayComparison:
    """Mini-batch losses before each update and test losses after each epoch, recorded and ours.

    Args:
        run: ours; P, d, seed and batches must be the author's.
        author: the recorded run.
        epochs: epochs to compare.

    Raises:
        RunError: the run is another configuration or has fewer epochs.
    """

    run: Run
    author: AuthorRun
    epochs: int

    def __post_init__(self) -> None:
        """Refuse runs that cannot be compared."""
        expected = f"P{self.author.n_patches}_d{self.author.depth}_s1001"
        if self.run.config.run_id != expected:
            raise RunError(
                f"{self.run.path}: expected the author's configuration {expected}, "
                f"got {self.run.config.run_id}; a suffix says that something besides P, d and the "
                "seed was changed"
            )
        most = min(self.run.epochs_done, len(self.author.epoch_test_loss))
        if not 1 <= self.epochs <= most:
            raise RunError(f"epochs: expected 1 to {most} (done and recorded), got {self.epochs}")

    @property
    def losses(self) -> NDArray[np.float64]:
        """Our mini-batch losses, shape (steps,)."""
        return np.concatenate([e.step_losses for e in self.run.history[1 : self.epochs + 1]])

    @property
    def differences(self) -> NDArray[np.float64]:
        """|ours - recorded| of the mini-batch losses, shape (steps,)."""
        losses = self.losses
        return np.abs(losses - self.author.iteration_train_loss[: len(losses)])

    def by_epoch(self) -> list[EpochDifference]:
        """One entry an epoch."""
        largest = self.differences.reshape(self.epochs, -1).max(axis=1)
        return [
            EpochDifference(
                entry.epoch,
                entry.learning_rate or 0.0,
                float(largest[entry.epoch - 1]),
                float(self.author.epoch_test_loss[entry.epoch - 1]),
                entry.test.loss,
            )
            for entry in self.run.history[1 : self.epochs + 1]
        ]

    def departure(self, tolerance: float) -> Departure | None:
        """Where the losses first differ by more than ``tolerance``; None if nowhere."""
        beyond = np.flatnonzero(self.differences > tolerance)
        if not len(beyond):
            return None
        step = int(beyond[0])
        epoch = step // len(self.run.history[1].step_losses) + 1
        return Departure(
            step + 1,
            epoch,
            self.run.history[epoch].learning_rate or 0.0,
            float(self.author.iteration_train_loss[step]),
            float(self.losses[step]),
        )

    @property
    def agrees(self) -> bool:
        """Whether the judged epochs, the first five or fewer, hold both tolerances."""
        return all(
            each.largest <= LOSS_TOLERANCE
            and abs(each.test_loss - each.recorded_test_loss) <= TEST_LOSS_TOLERANCE
            for each in self.by_epoch()[:JUDGED_EPOCHS]
        )
