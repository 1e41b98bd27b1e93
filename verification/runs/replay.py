"""A run beside the author's recorded one: how long do the losses stay together."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchlaw.verification.records import AuthorRun
from patchlaw.verification.runs.config import RunConfig
from patchlaw.verification.runs.run import Run, RunError

# The author's losses are printed to 5 decimals. Rounding, amplified by training, carries the runs
# apart in the end; until it does they agree to these.
LOSS_TOLERANCE = 1e-3
TEST_LOSS_TOLERANCE = 5.5e-5  # equal to 4 decimals: half a unit and the rounding of the record
JUDGED_EPOCHS = 5


def check_author(config: RunConfig, path: Path, author: AuthorRun) -> None:
    """Refuse a run, at that path or to be trained there, that is not the author's.

    Raises:
        RunError: another configuration.
    """
    expected = f"P{author.n_patches}_d{author.depth}_s1001"
    if config.run_id != expected:
        raise RunError(
            f"{path}: expected the author's configuration {expected}, got {config.run_id}; a "
            "suffix says that something besides P, d and the seed was changed, such as the data"
        )


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
        check_author(self.run.config, self.run.path, self.author)
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

    @property
    def largest(self) -> NDArray[np.float64]:
        """Largest difference of each epoch, shape (epochs,)."""
        return np.asarray(self.differences.reshape(self.epochs, -1).max(axis=1))

    @property
    def test_differences(self) -> NDArray[np.float64]:
        """Ours - recorded of the test losses after each epoch, shape (epochs,)."""
        ours = [entry.test.loss for entry in self.run.history[1 : self.epochs + 1]]
        return np.asarray(ours - self.author.epoch_test_loss[: self.epochs])

    def departure(self, tolerance: float) -> int | None:
        """First step, from 0, whose losses differ by more than ``tolerance``; None if none does."""
        return next(iter(np.flatnonzero(self.differences > tolerance).tolist()), None)

    @property
    def agrees(self) -> bool:
        """Whether the judged epochs, the first five or fewer, hold both tolerances."""
        steps, tests = self.largest[:JUDGED_EPOCHS], np.abs(self.test_differences[:JUDGED_EPOCHS])
        return bool((steps <= LOSS_TOLERANCE).all() and (tests <= TEST_LOSS_TOLERANCE).all())
