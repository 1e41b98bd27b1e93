"""Progress of a landscape: a bar on a terminal, a line every tenth part in a log."""

import time
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from patchlaw.verification.console_progress import ConsoleProgress
from patchlaw.verification.landscape.record import LandscapeRecord

_LINES = 10


class LandscapeProgress(ConsoleProgress):
    """A ``Reporter`` that prints; a context manager, so that the bar goes when the work does.

    Args:
        console: where to; a bar is drawn if it is a terminal, else lines are printed.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(
            console,
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.completed}/{task.total}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
        )
        self._total = self._first = 0

    def begin(self, path: Path, record: LandscapeRecord) -> None:
        """Say what starts, or that nothing is left to do."""
        self._total, self._first = record.grid.loss.size, record.grid.n_done
        self._begin = time.perf_counter()
        if record.complete:
            self._print(f"{path}: finished, {self._total} losses are computed")
            return
        state = f"resumed after {self._first} of" if record.resumed else "started,"
        kind = "all" if record.covers_training_set else "a stratified subset of"
        self._print(
            f"{path}: {state} {self._total} losses, each over {record.n_samples} images ({kind} "
            f"{'the' if record.covers_training_set else record.run.images} training images)"
        )
        self._bar.add_task(record.run.id, total=self._total, completed=self._first, detail="")

    def point(self, n_done: int, loss: float) -> None:
        """Move the bar, or print a line now and then."""
        for task in self._bar.task_ids:
            self._bar.update(task, completed=n_done, detail=f"loss {loss:.4f}")
        if self._console.is_terminal:
            return
        if n_done * _LINES // self._total > (n_done - 1) * _LINES // self._total:
            seconds = (time.perf_counter() - self._begin) / (n_done - self._first)
            left = timedelta(seconds=round(seconds * (self._total - n_done)))
            self._print(
                f"{n_done:>4}/{self._total}  loss {loss:.4f}  {seconds:.2f} s a loss  left {left}"
            )

    def note(self, message: str) -> None:
        """Print it."""
        self._print(f"note: {message}")
