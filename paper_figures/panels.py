"""Panels: grids of them, their letters, the grey ones that say what to run, axes in common."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Gap
from patchlaw.paper_figures.study import Study, StudyRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS_PER_INCH = 72
# Mean width of a character over the font's size, and the part of a panel that text may fill:
# what the text of a grey panel is wrapped by.
_CHARACTER = 0.5
_TEXT_SHARE = 0.78
_LEAST_CHARACTERS = 16


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of a printed size in inches, laid out so that nothing overlaps."""
    # no pyplot: no global state, no window system
    from matplotlib.figure import Figure

    return Figure(figsize=(width, min(height, style.PAGE_HEIGHT)), layout="constrained")


def study_grid(
    study: Study, row_height: float, **options: Any
) -> "tuple[Figure, list[tuple[StudyRun, Axes]]]":
    """One panel for each P (rows) and d (columns), over two columns' width.

    Args:
        study: gives rows and columns.
        row_height: inches.
        options: of ``Figure.subplots``.

    Returns:
        The figure and, row by row, each run that represents a P and d with its panel. A place
        that no run belongs to stays empty.
    """
    rows, columns = max(1, len(study.patches)), max(1, len(study.depths))
    figure = new_figure(style.TWO_COLUMNS, row_height * rows)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    panels = []
    for i, p in enumerate(study.patches):
        for j, d in enumerate(study.depths):
            run = study.representative(p, d)
            if run is None:
                axes[i, j].set_axis_off()
            else:
                panels.append((run, axes[i, j]))
    if not panels:
        axes[0, 0].set_axis_off()
    return figure, panels


def title(axes: "Axes", index: int | None, text: str = "") -> None:
    """A bold letter at the upper left of a panel, and a title in its middle."""
    if index is not None:
        axes.set_title(chr(ord("a") + index), loc="left", fontweight="bold")
    if text:
        axes.set_title(text)


def not_run(axes: "Axes", gaps: Sequence[Gap], records_label: str) -> None:
    """A grey panel in place of a drawing, with the commands that make its records.

    Args:
        axes: the panel.
        gaps: what it lacks; commands are shown for the first, the sidecar lists them all.
        records_label: what the commands call the records' folder.
    """
    gap, others = gaps[0], len(gaps) - 1
    figure = axes.get_figure(root=True)
    spec = axes.get_subplotspec()
    assert figure is not None
    assert spec is not None
    share = len(spec.colspan) / spec.get_gridspec().ncols
    points = _POINTS_PER_INCH * figure.get_size_inches()[0] * share * _TEXT_SHARE
    width = max(_LEAST_CHARACTERS, int(points / (_CHARACTER * style.TINY_TEXT)))
    lines = [f"{gap.reason}:" if gap.recipes else gap.reason]
    for recipe in gap.recipes:
        lines += _wrapped(recipe.text(records_label), width)
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


def legend_below(figure: "Figure", axes: "Sequence[Axes]", columns: int) -> None:
    """One legend for everything labelled in any panel, below all of them."""
    entries: dict[str, Any] = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(str(label), handle)
    if entries:
        figure.legend(
            list(entries.values()),
            list(entries),
            loc="outside lower center",
            ncols=min(columns, len(entries)),
        )


def patch_axis(axes: "Axes", patches: Sequence[int]) -> None:
    """A logarithmic x axis with a tick at every P that occurs."""
    axes.set(xscale="log", xlabel=r"number of patches $P$")
    axes.set_xticks(list(patches), [str(p) for p in patches])
    axes.set_xticks([], minor=True)
    if patches:
        margin = style.LOG_MARGIN
        axes.set_xlim(min(patches) / margin, max(patches) * margin)


def decimal_ticks(axes: "Axes", which: str = "xy") -> None:
    """Ticks at 1, 2, 5 times powers of ten, written as decimals, on logarithmic axes."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    for name in which:
        axis = getattr(axes, f"{name}axis")
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


def power_ticks(axes: "Axes", which: str = "xy", *, decimal: bool = False) -> None:
    """Few powers of ten and nothing between them, on logarithmic axes of small panels."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    for name in which:
        axis = getattr(axes, f"{name}axis")
        axis.set_major_locator(LogLocator(numticks=style.FEW_TICKS + 1))
        axis.set_minor_locator(NullLocator())
        if decimal:
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def missing_remark(axes: "Axes", gaps: Sequence[Gap], partial: Sequence[Gap] = ()) -> None:
    """Says in a panel of several series which are not there, and which only in part."""
    lines = []
    for words, some in (("not run", gaps), ("in part", partial)):
        if some:
            names = ", ".join(gap.panel.split(",")[0].removeprefix("P = ") for gap in some)
            lines.append(f"{words}: $P$ = {names}")
    remark(axes, "\n".join(lines), left=True, bottom=True)


def few_ticks(axes: "Axes", which: str = "xy", most: int = style.FEW_TICKS) -> None:
    """Whole numbers, few enough for a small panel, on linear axes."""
    from matplotlib.ticker import MaxNLocator

    for name in which:
        getattr(axes, f"{name}axis").set_major_locator(MaxNLocator(most, integer=True))


def remark(
    axes: "Axes", text: str, *, left: bool = False, bottom: bool = False, boxed: bool = False
) -> None:
    """A few words in a corner of a panel, inside; at the upper right by default.

    Args:
        axes: the panel.
        text: the words; nothing is written for none.
        left: at the left.
        bottom: at the bottom.
        boxed: on a pale ground, where the panel is filled.
    """
    if not text:
        return
    margin = style.REMARK_MARGIN
    axes.annotate(
        text,
        (0 if left else 1, 0 if bottom else 1),
        xycoords="axes fraction",
        xytext=(margin if left else -margin, margin if bottom else -margin),
        textcoords="offset points",
        ha="left" if left else "right",
        va="bottom" if bottom else "top",
        fontsize=style.SMALL_TEXT,
        bbox=style.remark_box() if boxed else None,
    )


def common_scale(axes: "Sequence[Axes]", labels: bool = False) -> None:
    """The same vertical limits on every panel; tick labels on the first only, unless on all.

    Args:
        axes: panels of one row.
        labels: whether all keep their tick labels.
    """
    limits = [panel.get_ylim() for panel in axes]
    for index, panel in enumerate(axes):
        panel.set_ylim(min(a for a, _ in limits), max(b for _, b in limits))
        if index > 0 and not labels:
            panel.tick_params(which="both", labelleft=False)


def place_of_minimum(axes: "Axes", x: float, y: float, text: str = "") -> None:
    """The marker of the minimum, with room and a few words below it."""
    look = style.MINIMUM
    axes.plot(
        x,
        y,
        color=look.colour,
        marker=look.marker,
        markersize=style.BIG_MARKER,
        markeredgecolor=style.INK,
        markeredgewidth=style.THIN_LINE,
        linestyle="none",
        zorder=style.FRONT,
        clip_on=False,
        label="minimum of the training loss",
    )
    if text:
        axes.annotate(
            text,
            (x, y),
            xytext=(0, -style.BIG_MARKER),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=style.SMALL_TEXT,
        )
        axes.set_ylim(bottom=y / style.LABEL_ROOM)


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
