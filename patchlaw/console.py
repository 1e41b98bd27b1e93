"""The console of every command: nothing printed on it is read as markup or as an emoji's name."""

import os
from dataclasses import replace
from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from patchlaw.terminal import printable

# narrower than this rich drops columns of ours, and wider than any screen it pads for ever
NARROWEST, WIDEST = 80, 500


class PlainConsole(Console):
    """A console that prints paths as they are, brackets and all, at a width that can be.

    Styles are those of ``rich.text.Text``. Where the stream's encoding is not a Unicode one,
    tables are laid out in the ASCII that will be printed, so that their columns stay straight.

    Args:
        stderr: print there in place of stdout.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(
            stderr=stderr,
            markup=False,
            emoji=False,
            highlight=False,
            width=width_asked(),
            # rich would take a superscript two in them for a number
            _environ={k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")},
        )

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich's."""
        super().print(*(self._laid_out(each) for each in objects), **options)

    def say(self, text: str, style: str = "") -> None:
        """Print a line as it is, however long."""
        self.print(Text(text, style=style), soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Leave it to ``patchlaw.terminal``."""
        raise

    def _laid_out(self, shown: Any) -> Any:
        if self.encoding.startswith("utf"):
            return shown
        match shown:
            case str():
                return printable(shown, self.encoding)
            case Text() if (plain := printable(shown.plain, self.encoding)) != shown.plain:
                return Text(plain, style=shown.style)
            case Table():
                for part in ("title", "caption"):
                    setattr(shown, part, self._laid_out(getattr(shown, part)))
                shown.columns = [
                    replace(
                        column,
                        header=self._laid_out(column.header),
                        _cells=[self._laid_out(cell) for cell in column._cells],
                    )
                    for column in shown.columns
                ]
            case Group():
                return Group(*map(self._laid_out, shown.renderables))
            case Padding():
                shown.renderable = self._laid_out(shown.renderable)
        return shown


def width_asked() -> int | None:
    """COLUMNS, as far as it can be a width; None where it is not set and rich may measure."""
    columns = os.environ.get("COLUMNS")
    if columns is None:
        return None
    if not (columns.isascii() and columns.isdigit()) or not columns.strip("0"):
        return NARROWEST
    # no number of digits that int() refuses
    return WIDEST if len(columns) > 9 else min(max(int(columns), NARROWEST), WIDEST)
