"""The recurring columns: author's value, ours, the difference; mean and deviation over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from patchlaw.paper_figures.tables.cells import NO_NUMBER, NOT_RUN, Cell, Count, Gap, Number
from patchlaw.paper_figures.tables.content import Column, Group


@dataclass(frozen=True)
class Quantity:
    """Something that the author and we measured.

    Attributes:
        key: stem of its columns' names in the CSV file.
        name: in headings.
        decimals: shown of a value without uncertainty; 0 for a whole number.
        latex: the name in LaTeX; the name, escaped, if left out.
        relative: whether the difference is shown relative to the author's value as well.
    """

    key: str
    name: str
    decimals: int
    latex: str = ""
    relative: bool = False

    def comparison(self, *, radius: bool = False) -> Group:
        """Author, ours, difference.

        Args:
            radius: our values have certified intervals, whose half-width the CSV file gives.
        """
        ours = Column(
            f"{self.key}_ours", "ours", uncertainty_key=f"{self.key}_radius" if radius else None
        )
        columns = [
            Column(f"{self.key}_author", "author"),
            ours,
            Column(f"{self.key}_difference", "difference"),
        ]
        if self.relative:
            columns.append(Column(f"{self.key}_relative_difference", "relative"))
        return Group(self.name, tuple(columns), self.latex)

    def compared(
        self, author: float, ours: float | None, radius: float | None = None
    ) -> dict[str, Cell]:
        """The cells of ``comparison``."""
        cells: dict[str, Cell] = {f"{self.key}_author": self._cell(author)}
        if ours is None:
            cells |= {f"{self.key}_ours": NOT_RUN, f"{self.key}_difference": NO_NUMBER}
        else:
            difference = ours - author
            cells[f"{self.key}_ours"] = self._cell(ours, radius)
            cells[f"{self.key}_difference"] = self._cell(difference, signed=True)
        if self.relative:
            cells[f"{self.key}_relative_difference"] = (
                NO_NUMBER
                if ours is None
                else Number(ours / author - 1, decimals=1, signed=True, percent=True)
            )
        return cells

    def over_seeds(self, *, lost: bool = False) -> Group:
        """Mean and standard deviation over seeds.

        Args:
            lost: with a column that says that the author's value is lost.
        """
        author = (Column(f"{self.key}_author", "author"),) if lost else ()
        mean = Column(
            f"{self.key}_mean", "mean ± s.d.", r"mean $\pm$ s.d.", f"{self.key}_standard_deviation"
        )
        return Group(self.name, (*author, mean), self.latex)

    def averaged(self, values: Sequence[float], *, lost: bool = False) -> dict[str, Cell]:
        """The cells of ``over_seeds``; one value has no deviation."""
        cells: dict[str, Cell] = {f"{self.key}_author": Gap("lost")} if lost else {}
        cells[f"{self.key}_mean"] = self._mean(values)
        return cells

    def _mean(self, values: Sequence[float]) -> Cell:
        if not values:
            return NOT_RUN
        # n - 1 in the denominator: the seeds are a sample
        deviation = stdev(values) if len(values) > 1 else None
        return Number(fmean(values), self.decimals, deviation)

    def _cell(self, value: float, radius: float | None = None, *, signed: bool = False) -> Cell:
        if self.decimals == 0:
            return Count(round(value), signed)
        return Number(value, self.decimals, radius, signed, bound=radius is not None)


N_SEEDS = Group("", (Column("n_seeds", "seeds"),))


def n_seeds(count: int) -> dict[str, Cell]:
    """The cell of ``N_SEEDS``."""
    return {"n_seeds": Count(count)}
