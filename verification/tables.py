"""A table, and how it looks on a terminal and in Markdown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from patchlaw.verification.cells import Cell, cell_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

_MANY = 8  # columns, from which on a terminal has no room to spare between them
_BARE_BAR, _BAR = re.compile(r"(?<!\\)\|"), r"\\|"


@dataclass(frozen=True)
class Table:
    """A titled table of text cells, the same for every renderer.

    Attributes:
        title: above it.
        header: headings of the columns.
        rows: of cells, as many as there are headings.
        note: below it, a sentence or two.
        whole: headings of columns whose cells a terminal does not break over lines.
        right: headings of columns set to the right.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    whole: Sequence[str] = ()
    right: Sequence[str] = ()


def markdown_lines(
    header: Iterable[str], rows: Iterable[Iterable[Cell | str]], rule: str = "---"
) -> list[str]:
    """The lines of a table whose cells are Markdown already; a "|" in them is escaped if need be.

    Args:
        header: headings of the columns.
        rows: cells.
        rule: below each heading; "---:" sets the columns to the right.
    """
    heads = list(header)
    lines = (heads, [rule] * len(heads), *([cell_text(cell) for cell in row] for row in rows))
    return [f"| {' | '.join(_BARE_BAR.sub(_BAR, cell) for cell in line)} |" for line in lines]


def print_table(table: Table, console: "Console", styles: Mapping[str, str] | None = None) -> None:
    """Print a table, its note and an empty line; see ``as_rich``."""
    from rich.text import Text

    console.print(as_rich(table, styles))
    if table.note:
        console.print(Text(table.note, style="dim"))
    console.print()


def as_rich(
    table: Table, styles: Mapping[str, str] | None = None, *, framed: bool = True
) -> "RichTable":
    """The table without its note for ``rich``.

    Args:
        table: what it says.
        styles: of cells, by their text.
        framed: with lines between the columns and around them.
    """
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(
        title=table.title or None,
        title_justify="left",
        title_style="bold",
        box=box.HEAVY_HEAD if framed else None,
        padding=(0, 1, 0, 0) if not framed else (0, 1) if len(table.header) < _MANY else (0, 0),
        pad_edge=framed,
    )
    for name in table.header:
        shown.add_column(
            name,
            justify="right" if name in table.right else "left",
            no_wrap=name in table.whole,
            overflow="fold",
        )
    for row in table.rows:
        shown.add_row(*(Text(cell, style=(styles or {}).get(cell, "")) for cell in row))
    return shown
