"""Progress of an analysis: the present solve on a terminal, one line a result in a log."""

import time
from typing import Self

from rich.console import Console
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from patchlaw.verification.console_progress import ConsoleProgress
from patchlaw.verification.solvers import EigenResult
from patchlaw.verification.solvers.result import format_value

_SHOWN = 3  # values of a solve on its line


class AnalysisProgress(ConsoleProgress):
    """A ``Reporter`` that prints; a context manager, so that the spinner goes when it does.

    How many products a solve will need is not known beforehand, so there is no time left to show.

    Args:
        console: where to; the present solve is drawn only if it is a terminal.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(
            console,
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )

    def __enter__(self) -> Self:
        """Show the spinner."""
        super().__enter__()
        self._task = self._bar.add_task("")
        return self

    def stage(self, name: str, done: bool) -> None:
        """Say what begins, or that it is on record."""
        minutes = (time.perf_counter() - self._begin) / 60
        self._print(f"[{minutes:6.1f} min] {name}{': on record' if done else ''}")
        self._bar.reset(self._task, description=name)

    def product(self, matrix: str, n_samples: int, count: int) -> None:
        """Count it."""
        self._bar.update(self._task, description=f"{matrix}, {n_samples:,} images: {count} vectors")

    def solved(self, matrix: str, result: EigenResult) -> None:
        """Print the first values with their error bounds."""
        rows = list(zip(result.values, result.radii, result.converged, strict=True))[:_SHOWN]
        values = ", ".join(format_value(*row) for row in rows)
        more = f" and {len(result.values) - _SHOWN} more" if len(result.values) > _SHOWN else ""
        end = "" if result.which == "LA" else " (smallest)"
        self._print(
            f"  {matrix}{end}, {result.n_samples or 0:,} images: {values}{more}; "
            f"{result.matvecs} vectors, {result.seconds:.0f} s"
        )
