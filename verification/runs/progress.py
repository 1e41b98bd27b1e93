"""Progress of a training run: a bar on a terminal, one line an epoch in a log."""

import math
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from patchlaw.verification.console_progress import ConsoleProgress
from patchlaw.verification.runs.checkpoint import EpochEntry
from patchlaw.verification.runs.config import RunConfig


class TrainingProgress(ConsoleProgress):
    """A ``Reporter`` that prints; a context manager, so that the bar goes when the run does.

    Args:
        console: where to; a bar is drawn only if it is a terminal.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(
            console,
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
        )
        self._epochs = self._n_batches = self._first = 0

    def begin(self, folder: Path, config: RunConfig, epochs_done: int) -> None:
        """Say what starts, or that nothing is left to do."""
        self._epochs, self._n_batches = config.training.epochs, config.training.n_batches
        self._first, self._begin = epochs_done, time.perf_counter()
        if epochs_done >= self._epochs:
            self._print(f"{folder}: finished, {epochs_done} epochs are done")
            return
        state = f"resumed after epoch {epochs_done}" if epochs_done else "started"
        self._print(f"{folder}: {state}, goal {self._epochs} epochs")
        for task in self._bar.task_ids:
            self._bar.remove_task(task)
        total = self._epochs * self._n_batches
        self._bar.add_task(
            folder.name, total=total, completed=epochs_done * self._n_batches, detail=""
        )

    def step(self, epoch: int, batch: int, loss: float) -> None:
        """Move the bar."""
        detail = f"epoch {epoch}/{self._epochs}, mini-batch loss {loss:.4f}"
        for task in self._bar.task_ids:
            self._bar.update(task, advance=1, detail=detail)

    def epoch(self, entry: EpochEntry) -> None:
        """Print the epoch's line."""
        rate = "start   " if entry.learning_rate is None else f"{entry.learning_rate:<8.2g}"
        done = entry.epoch - self._first
        left = ""
        if done > 0:
            seconds = (time.perf_counter() - self._begin) / done * (self._epochs - entry.epoch)
            left = f"  left {_duration(seconds)}"
        self._print(
            f"epoch {entry.epoch:>3}/{self._epochs}  rate {rate}  "
            f"train {entry.train.loss:.5f} {entry.train.accuracy:7.2%}  "
            f"test {entry.test.loss:.5f} {entry.test.accuracy:7.2%}  {entry.seconds:.1f} s{left}"
        )

    def note(self, message: str) -> None:
        """Print it."""
        self._print(f"note: {message}")


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
