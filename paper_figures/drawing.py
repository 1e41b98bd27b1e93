"""Figures in the making: their panels, the numbers drawn, the sources behind them, the gaps."""

import textwrap
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.recipes import Recipe, analyse, train
from patchlaw.paper_figures.records import Records, Source
from patchlaw.paper_figures.study import Study, StudyRun, paper_study, scaling_study
from patchlaw.verification.landscape.record import LandscapeRecord
from patchlaw.verification.records import TrainedModel
from patchlaw.verification.runs import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS_PER_INCH = 72
# Mean width of a character over the font's size, and the part of a panel that text may fill:
# what the text of a grey panel is wrapped by.
_CHARACTER, _TEXT_SHARE, _LEAST_CHARACTERS = 0.5, 0.78, 16

_Record = TypeVar("_Record", Run, TrainedModel, LandscapeRecord)


@dataclass(frozen=True)
class Gap:
    """A panel, or a part of one, that could not be drawn.

    Attributes:
        panel: which.
        recipes: commands that make what is missing, in the order in which they must run.
        reason: what is the matter.
    """

    panel: str
    recipes: tuple[Recipe, ...]
    reason: str = "not run"


def gap_of(
    run: StudyRun,
    records: Records,
    command: Callable[[str], Recipe] | None = None,
    reason: str = Gap.reason,
) -> Gap:
    """What a run lacks: the record that ``command`` makes, or itself, and what comes before."""
    wanted = run.request is not None and (command is None or run.run_id not in records.runs)
    training = (train(run.request),) if wanted and run.request else ()
    return Gap(run.label, training + ((command(run.run_id),) if command else ()), reason)


@dataclass(frozen=True, eq=False)
class Drawing:
    """One figure, drawn.

    Attributes:
        figure: matplotlib's.
        numbers: what was drawn, as JSON, one entry a panel.
        sources: every file behind the numbers.
        gaps: what is missing.
    """

    figure: "Figure"
    numbers: Mapping[str, Any]
    sources: tuple[Source, ...]
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a figure is drawn from.

    Attributes:
        records: all of them.
        paper: the paper's runs or, in small mode, those that have records.
        scaling: the scaling study's, or the same small ones.
        small: whether curves are drawn with fewer points.
    """

    records: Records
    paper: Study
    scaling: Study
    small: bool = False

    @classmethod
    def of(cls, records: Records, *, small: bool = False) -> "Inputs":
        """All records with the plans' studies; if ``small``, whatever is there in both places."""
        if small:
            return cls(records, records.study(), records.study(), small=True)
        return cls(records, paper_study(), scaling_study())


class Sheet:
    """A figure of two columns' width, laid out so that nothing overlaps, and what is drawn on it.

    Args:
        inputs: the records.
        height: inches, cut to a page's.
    """

    def __init__(self, inputs: Inputs, height: float) -> None:
        # no pyplot: no global state, no window system
        from matplotlib.figure import Figure

        size = style.TWO_COLUMNS, min(height, style.PAGE_HEIGHT)
        self.figure = Figure(figsize=size, layout="constrained")
        self.records = inputs.records
        self.numbers: list[dict[str, Any]] = []
        self.sources: list[Source] = []
        self.gaps: list[Gap] = []

    @classmethod
    def of_grid(
        cls,
        inputs: Inputs,
        row_height: float,
        study: Study | None = None,
        preferred: Container[str] = (),
    ) -> "tuple[Sheet, dict[StudyRun, Axes]]":
        """One panel for each run of a grid, the paper's if none is given, P down and d across.

        Where there is no run, there is no panel; where there are several, the first of those whose
        names are ``preferred``, else the first, has it.
        """
        study = inputs.paper if study is None else study
        rows, columns = max(1, len(study.patches)), max(1, len(study.depths))
        sheet = cls(inputs, row_height * rows)
        axes = sheet.figure.subplots(rows, columns, squeeze=False)
        places = {}
        for panel in axes.flat:
            panel.set_axis_off()
        for run in study.representatives(preferred):
            panel = axes[study.patches.index(run.n_patches), study.depths.index(run.depth)]
            panel.set_axis_on()
            places[run] = panel
        return sheet, places

    def recorded(
        self,
        places: "Mapping[StudyRun, Axes]",
        kept: Mapping[str, _Record],
        command: Callable[[str], Recipe] | None = None,
        enough: Callable[[_Record], bool] = lambda _: True,
    ) -> "Iterator[tuple[StudyRun, Axes, _Record]]":
        """Each run with its titled panel and record; without one the panel turns grey.

        Args:
            places: panels, from the upper left.
            kept: records by the run's name.
            command: that makes such a record of a trained run; None for the run itself.
            enough: whether a record holds what is drawn.
        """
        for index, (run, axes) in enumerate(places.items()):
            panels.title(axes, index, run.title)
            found = kept.get(run.run_id)
            if found is None or not enough(found):
                gap = gap_of(run, self.records, command)
                self.gaps.append(gap)
                self.not_run(axes, [gap])
            else:
                self.sources.append(self.records.source(found))
                yield run, axes, found

    def analysed(
        self,
        axes: "Axes",
        runs: Iterable[StudyRun],
        enough: Callable[[TrainedModel], bool],
        reason: str = Gap.reason,
    ) -> tuple[list[TrainedModel], list[Gap]]:
        """Analyses for one panel, which turns grey without any, and a gap for each that is missing.

        Args:
            axes: the panel.
            runs: whose.
            enough: whether an analysis holds what is drawn.
            reason: said of one that does not.
        """
        found, gaps = [], []
        for run in runs:
            record = self.records.analyses.get(run.run_id)
            if record is not None and enough(record):
                found.append(record)
            else:
                why = Gap.reason if record is None else reason
                gaps.append(gap_of(run, self.records, analyse, why))
        self.sources += map(self.records.source, found)
        self.gaps += gaps
        if gaps and not found:
            self.not_run(axes, gaps)
        return found, gaps

    def columns(
        self,
        axes: Any,
        study: Study,
        enough: Callable[[TrainedModel], bool],
        labels: Sequence[str],
        first: int = 0,
    ) -> "Iterator[tuple[int, tuple[Axes, Axes], list[TrainedModel], list[Gap]]]":
        """A column of two panels for each d: d, the panels, analyses and gaps, where any are there.

        Args:
            axes: two rows of panels.
            study: whose runs.
            enough: whether an analysis holds what is drawn.
            labels: of the rows, each of which gets a scale in common in the end.
            first: index of the first column's letter.
        """
        drawn = []
        for index, depth in enumerate(study.depths):
            above, below = axes[:, index]
            panels.title(above, first + index, f"$d = {depth}$")
            runs = (run for run in study.representatives() if run.depth == depth)
            found, gaps = self.analysed(above, runs, enough)
            if found:
                drawn.append(index)
                yield depth, (above, below), found, gaps
            else:
                below.set_axis_off()
        panels.label_rows(axes[:, drawn], labels)

    def not_run(self, axes: "Axes", gaps: Sequence[Gap]) -> None:
        """A grey panel with the commands that fill its first gap; the sidecar lists all gaps."""
        gap, others = gaps[0], len(gaps) - 1
        spec = axes.get_subplotspec()
        assert spec is not None
        share = len(spec.colspan) / spec.get_gridspec().ncols
        points = _POINTS_PER_INCH * self.figure.get_size_inches()[0] * share * _TEXT_SHARE
        width = max(_LEAST_CHARACTERS, int(points / (_CHARACTER * style.TINY_TEXT)))
        lines = [f"{gap.reason}:" if gap.recipes else gap.reason]
        for recipe in gap.recipes:
            lines += _wrapped(recipe.text(self.records.label), width)
        if others:
            lines.append(f"likewise {others} more: see the .json file")
        axes.set_facecolor(style.PANEL_GREY)
        axes.grid(False)
        # the axes themselves stay: without them the grey would go too
        axes.set(xlabel="", ylabel="")
        axes.tick_params(which="both", left=False, bottom=False, labelleft=False, labelbottom=False)
        for spine in axes.spines.values():
            spine.set_color(style.FAINT)
        axes.text(
            0.5,
            0.5,
            "\n".join(lines),
            transform=axes.transAxes,
            ha="center",
            va="center",
            fontsize=style.TINY_TEXT,
            in_layout=False,
        )

    def legend(self, columns: int) -> None:
        """One legend for everything labelled in any panel, below all of them."""
        entries: dict[str, Any] = {}
        for panel in self.figure.axes:
            for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
                entries.setdefault(str(label), handle)
        if entries:
            self.figure.legend(
                list(entries.values()),
                list(entries),
                loc="outside lower center",
                ncols=min(columns, len(entries)),
            )

    def drawing(self, **more: Any) -> Drawing:
        """The drawing, every source once."""
        unique = tuple({source.file: source for source in self.sources}.values())
        return Drawing(self.figure, {"panels": self.numbers, **more}, unique, tuple(self.gaps))


def missing_remark(axes: "Axes", gaps: Sequence[Gap], partial: Sequence[Gap] = ()) -> None:
    """Says in a panel of several series which are not there, and which only in part."""
    lines = []
    for words, some in (("not run", gaps), ("in part", partial)):
        if some:
            names = ", ".join(gap.panel.split(",")[0].removeprefix("P = ") for gap in some)
            lines.append(f"{words}: $P$ = {names}")
    panels.remark(axes, "\n".join(lines), left=True, bottom=True)


def _wrapped(command: str, width: int) -> list[str]:
    """A command over several lines; a path longer than one is broken after a slash."""
    lines: list[str] = []
    for piece in textwrap.wrap(command, width, break_long_words=False, break_on_hyphens=False):
        rest = piece
        while len(rest) > width and "/" in rest[1:width]:
            cut = rest.rindex("/", 1, width) + 1
            lines.append(rest[:cut])
            rest = rest[cut:]
        lines.append(rest)
    return lines
