"""The console of every command: nothing printed on it is read as markup or as an emoji's name."""

import os

from rich.console import Console
from rich.text import Text

# narrower than this our tables break words, and wider than any screen rich pads for ever
NARROWEST, WIDEST = 80, 500


class PlainConsole(Console):
    """A console that prints paths as they are, brackets and all, at a width that can be.

    Styles are those of ``rich.text.Text``.

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

    def say(self, text: str, style: str = "") -> None:
        """Print a line as it is, however long."""
        self.print(Text(text, style=style), soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Leave it to ``patchlaw.terminal``."""
        raise


def width_asked() -> int | None:
    """COLUMNS, as far as it can be a width; None where it is not set and rich may measure."""
    columns = os.environ.get("COLUMNS")
    if columns is None:
        return None
    if not (columns.isascii() and columns.isdigit()) or not columns.strip("0"):
        return NARROWEST
    # no number of digits that int() refuses
    return WIDEST if len(columns) > 9 else min(max(int(columns), NARROWEST), WIDEST)
