"""A quantity that the author and we measured, as columns and cells of a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from patchlaw.paper_figures.tables.content import Column
from patchlaw.verification.cells import NO_NUMBER, NOT_RUN, Cell, Count, Gap, Number
from patchlaw.verification.records import AuthorResult


@dataclass(frozen=True)
class Quantity:
    """Something that the author and we measured.

    Attributes:
        key: stem of its columns' names in the CSV file.
        name: in headings.
        decimals: shown of a value without uncertainty; 0 for a whole number.
        author: the author's value.
        ours: our value, of what a record holds.
        radius: half-width of our value's certified interval, which the CSV file gives; None where
            there is none.
        latex: the name in LaTeX; the name, escaped, if left out.
        relative: whether the difference is shown relative to the author's value as well.
    """

    key: str
    name: str
    decimals: int
    author: Callable[[AuthorResult], float]
    ours: Callable[[Any], float]
    radius: Callable[[Any], float] | None = None
    latex: str = ""
    relative: bool = False

    def comparison(self) -> tuple[Column, ...]:
        """Author, ours, difference."""
        radius = f"{self.key}_radius" if self.radius else None
        columns = (
            self._column("author", "author"),
            self._column("ours", "ours", uncertainty_key=radius),
            self._column("difference", "difference"),
            self._column("relative_difference", "relative"),
        )
        return columns if self.relative else columns[:-1]

    def compared(self, result: AuthorResult, found: Any) -> dict[str, Cell]:
        """The cells of ``comparison``; nothing of ours where ``found`` is None."""
        author = self.author(result)
        ours: Cell = NOT_RUN
        difference: Cell = NO_NUMBER
        relative: Cell = NO_NUMBER
        if found is not None:
            value = self.ours(found)
            ours = self._cell(value, self.radius(found) if self.radius else None)
            difference = self._cell(value - author, signed=True)
            relative = Number(value / author - 1, decimals=1, signed=True, percent=True)
        cells = (self._cell(author), ours, difference, relative)
        return {c.key: cell for c, cell in zip(self.comparison(), cells, strict=False)}

    def over_seeds(self, *, lost: bool = False) -> tuple[Column, ...]:
        """Mean and standard deviation over seeds.

        Args:
            lost: with a column that says that the author's value is lost.
        """
        deviation = f"{self.key}_standard_deviation"
        mean = self._column("mean", "mean ± s.d.", r"mean $\pm$ s.d.", deviation)
        return (self._column("author", "author"), mean) if lost else (mean,)

    def averaged(self, found: Sequence[Any], *, lost: bool = False) -> dict[str, Cell]:
        """The cells of ``over_seeds``; one value has no deviation."""
        values = [self.ours(each) for each in found]
        cells: dict[str, Cell] = {f"{self.key}_author": Gap("not read")} if lost else {}
        # n - 1 in the denominator: the seeds are a sample
        deviation = stdev(values) if len(values) > 1 else None
        mean = Number(fmean(values), self.decimals, deviation) if values else NOT_RUN
        return cells | {f"{self.key}_mean": mean}

    def _column(
        self, part: str, heading: str, latex: str = "", uncertainty_key: str | None = None
    ) -> Column:
        key = f"{self.key}_{part}"
        return Column(key, heading, latex, uncertainty_key, self.name, self.latex)

    def _cell(self, value: float, radius: float | None = None, *, signed: bool = False) -> Cell:
        if self.decimals == 0:
            return Count(round(value), signed)
        return Number(value, self.decimals, radius, signed, bound=radius is not None)
