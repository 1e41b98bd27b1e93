"""A table, and how it looks on a terminal and in Markdown."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from patchlaw.verification.cells import Cell, cell_text
from patchlaw.verification.printable import printable

if TYPE_CHECKING:
    from rich.console import Console, Group
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
        keys: first columns that say which row it is; a table too wide for a terminal has them
            again in every part.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    whole: Sequence[str] = ()
    right: Sequence[str] = ()
    keys: int = 1


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


def print_table(
    table: Table,
    console: "Console",
    styles: Mapping[str, str] | None = None,
    *,
    framed: bool = True,
) -> None:
    """Print a table, its note and an empty line; see ``as_rich``."""
    from rich.text import Text

    console.print(as_rich(table, console, styles, framed=framed))
    if table.note:
        console.print(Text(table.note, style="dim"))
    console.print()


def as_rich(
    table: Table,
    console: "Console",
    styles: Mapping[str, str] | None = None,
    *,
    framed: bool = True,
    indent: int = 0,
) -> "Group":
    """The table without its note for ``rich``, laid out so that no word is broken over lines.

    A column is as wide as its longest word at least. Where the console has no room for that, the
    columns left over follow in a table below, after the first ones again (``Table.keys``). Cells
    are as they will be printed in the console's encoding, so that columns stay straight.

    Args:
        table: what it says.
        console: where it will be printed.
        styles: of cells, by their text.
        framed: with lines between the columns and around them.
        indent: columns of the console that are taken.
    """
    from rich.console import Group
    from rich.text import Text

    def plain(text: str) -> str:
        return printable(text, console.encoding)

    columns = [
        _Column(plain(name), [plain(row[j]) for row in table.rows], name in table.whole)
        for j, name in enumerate(table.header)
    ]
    keys, rest = columns[: table.keys], columns[table.keys :]
    room = console.width - indent
    parts = [[*keys, *rest[:1]]]
    for column in rest[1:]:
        if _fits([*parts[-1], column], room, framed):
            parts[-1].append(column)
        else:
            parts.append([*keys, column])
    look = {plain(text): style for text, style in (styles or {}).items()}
    right = {plain(name) for name in table.right}
    title = [Text(plain(table.title), style="bold")] if table.title else []
    return Group(*title, *(_grid(part, room, framed, look, right) for part in parts))


class _Column:
    """A column's texts, the width of its longest word and that of its longest line."""

    def __init__(self, head: str, cells: list[str], whole: bool) -> None:
        from rich.cells import cell_len

        self.head, self.cells, self.whole = head, cells, whole
        lines = [line for text in (head, *cells) for line in text.splitlines()]
        # rich keeps the blanks at a line's beginning with its first word
        words = [word for line in lines for word in re.findall(r"^\s*\S+|\S+", line)]
        self.natural = max(map(cell_len, lines), default=0)
        self.least = self.natural if whole else max(map(cell_len, words), default=0)


def _padding(n_columns: int, framed: bool) -> int:
    """Blanks on either side of a cell."""
    return int(framed and n_columns < _MANY)


def _taken(n_columns: int, framed: bool) -> int:
    """What lines and blanks take of the width."""
    between = 1 + 2 * _padding(n_columns, framed)
    return between * n_columns + (1 if framed else -1)


def _fits(columns: Sequence[_Column], room: int, framed: bool) -> bool:
    return sum(c.least for c in columns) + _taken(len(columns), framed) <= room


def _grid(
    columns: Sequence[_Column],
    room: int,
    framed: bool,
    styles: Mapping[str, str],
    right: Collection[str],
) -> "RichTable":
    """One table; its widest columns are cut to one width, as wide as there is room for."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    def widths(level: int) -> list[int]:
        return [min(max(level, c.least), c.natural) for c in columns]

    free, level = room - _taken(len(columns), framed), 0
    while level < free and sum(widths(level + 1)) <= free:
        level += 1
    pad = _padding(len(columns), framed)
    shown = RichTable(
        box=box.HEAVY_HEAD if framed else None,
        padding=(0, pad) if framed else (0, 1, 0, 0),
        pad_edge=framed,
    )
    for column, width in zip(columns, widths(level), strict=True):
        shown.add_column(
            Text(column.head),
            justify="right" if column.head in right else "left",
            no_wrap=column.whole,
            overflow="fold",
            width=width,
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        shown.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in cells))
    return shown
