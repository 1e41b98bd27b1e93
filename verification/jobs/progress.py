"""What a job reports: lines for the log, and how far it is; and the console that shows it."""

import math
import time
from types import TracebackType
from typing import Self

from rich import progress as rich
from rich.console import Console
from rich.text import Text


class Progress:
    """What every job reports to; this one shows nothing."""

    def say(self, line: str) -> None:
        """A line: what begins, a result, or a note."""

    def begin(self, name: str, total: int | None = None, done: int = 0) -> None:
        """A part of the work begins or goes on; ``total`` units, None where nobody knows."""

    def advance(self, done: int, detail: str) -> None:
        """So many of its units are done."""


SILENT = Progress()


class ConsoleProgress(Progress):
    """Prints the lines and, on a terminal, draws a bar for the present part of the work.

    A context manager, so that the bar goes when the work ends or fails.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = rich.Progress(
            rich.TextColumn("{task.description}", markup=False),
            rich.BarColumn(bar_width=24),
            rich.TaskProgressColumn(),
            rich.TimeElapsedColumn(),
            rich.TimeRemainingColumn(),
            rich.TextColumn("{task.fields[detail]}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        """Start redrawing."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop redrawing."""
        self._bar.stop()

    def say(self, line: str) -> None:
        """Print it as it is, however long."""
        self._console.print(Text(line), soft_wrap=True)
        self._console.file.flush()  # so that a log in a file is never behind

    def begin(self, name: str, total: int | None = None, done: int = 0) -> None:
        """Draw its bar in place of the former one."""
        for task in self._bar.task_ids:
            self._bar.remove_task(task)
        self._bar.add_task(name, total=total, completed=done, detail="")

    def advance(self, done: int, detail: str) -> None:
        """Move the bar."""
        for task in self._bar.task_ids:
            self._bar.update(task, completed=done, detail=detail)


class Pace:
    """How long one of ``total`` units takes, some done before this session; the time left."""

    def __init__(self, total: int, done: int) -> None:
        self._total, self._first, self._begin = total, done, time.perf_counter()

    def seconds(self, done: int) -> float:
        """A unit of this session, of which at least one is done."""
        return (time.perf_counter() - self._begin) / (done - self._first)

    def left(self, done: int) -> str:
        """The time left, in the unit that fits."""
        seconds = self.seconds(done) * (self._total - done)
        if seconds < 100:
            return f"{seconds:.0f} s"
        minutes = math.ceil(seconds / 60)
        return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
