"""What a table says, once: columns, rows of typed cells, notes, and the records behind them."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from patchlaw.paper_figures.recipes import FOLDER
from patchlaw.paper_figures.records import Source
from patchlaw.verification.cells import Cell


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: its name in the CSV file.
        heading: text shown above it.
        latex: the same in LaTeX; the heading, escaped, if left out.
        uncertainty_key: name in the CSV file of the column of its cells' uncertainties.
        group: heading over it and its neighbours of the same group; empty for none.
        group_latex: the same in LaTeX; the heading, escaped, if left out.
    """

    key: str
    heading: str
    latex: str = ""
    uncertainty_key: str | None = None
    group: str = ""
    group_latex: str = ""


@dataclass(frozen=True)
class Panel:
    """A part of the table that is set as a block of its own; its rows are the table's.

    Attributes:
        columns: from left to right.
        heading: line above it; empty for none.
        shown: whether Markdown and LaTeX show it; the CSV file always has its columns.
    """

    columns: tuple[Column, ...]
    heading: str = ""
    shown: bool = True


@dataclass(frozen=True)
class Row:
    """One configuration: P, d, and its cells by the column's key."""

    patches: int
    depth: int
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class TableContent:
    """A table before it is rendered.

    Attributes:
        number: in the paper.
        title: what it shows, one line.
        panels: its blocks.
        rows: one a configuration, the same for every panel.
        notes: below it; commands stand in backquotes, with FOLDER for the records' folder.
        sources: records behind our numbers.
        missing: command lines that compute what is missing, likewise.
        n_found: numbers of ours that are there, counted by configuration and seed.
        n_missing: those that are not.

    Raises:
        ValueError: a row lacks a column's cell, or has one of no column.
    """

    number: int
    title: str
    panels: tuple[Panel, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    sources: tuple[Source, ...]
    missing: tuple[str, ...]
    n_found: int
    n_missing: int

    def __post_init__(self) -> None:
        """Check that every row fits the columns."""
        keys = [column.key for panel in self.panels for column in panel.columns]
        for row in self.rows:
            if sorted(row.cells) != sorted(keys):
                raise ValueError(
                    f"P = {row.patches}, d = {row.depth}: expected cells {sorted(keys)}, got "
                    f"{sorted(row.cells)}"
                )

    def shown_panels(self) -> Iterator[Panel]:
        """The panels that Markdown and LaTeX show."""
        return (panel for panel in self.panels if panel.shown)

    def at(self, folder: str) -> "TableContent":
        """The table with the records' folder named in its commands."""
        name = shlex.quote(folder)
        return replace(
            self,
            notes=tuple(note.replace(FOLDER, name) for note in self.notes),
            missing=tuple(command.replace(FOLDER, name) for command in self.missing),
        )
