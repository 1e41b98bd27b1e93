"""What the reporters of long commands share: a console, and rich columns on a terminal."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn
from rich.text import Text


class ConsoleProgress:
    """A context manager, so that what is redrawn goes when the work ends or fails.

    Args:
        console: where to; the columns are drawn only if it is a terminal.
        columns: of the bar.
    """

    def __init__(self, console: Console, *columns: ProgressColumn) -> None:
        self._console = console
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._begin = time.perf_counter()

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

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)
        self._console.file.flush()  # so that a log in a file is never behind
