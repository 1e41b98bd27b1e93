"""Progress of an analysis: the present solve on a terminal, one line a result in a log."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from verification.solvers import EigenResult
from verification.solvers.result import format_value

_SHOWN = 3  # values of a solve on its line


class AnalysisProgress:
    """A ``Reporter`` that prints; a context manager, so that the spinner goes when it does.

    How many products a solve will need is not known beforehand, so there is no time left to show.

    Args:
        console: where to; the present solve is drawn only if it is a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._begin = time.perf_counter()

    def __enter__(self) -> "AnalysisProgress":
        """Show the spinner."""
        self._bar.start()
        self._task = self._bar.add_task("")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop redrawing."""
        self._bar.stop()

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

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
        self._console.file.flush()  # so that a log in a file is never behind
