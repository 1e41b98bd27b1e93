"""Parts of panels: letters, ticks, remarks, scales in common."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.paper_figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from patchlaw.paper_figures.study import StudyRun
    from patchlaw.verification.records import TrainedModel


def title(axes: "Axes", index: int | None, text: str = "") -> None:
    """A bold letter at the upper left of a panel, and a title in its middle."""
    if index is not None:
        axes.set_title(chr(ord("a") + index), loc="left", fontweight="bold")
    if text:
        axes.set_title(text)


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


def few_ticks(axes: "Axes", which: str = "xy", most: int = style.FEW_TICKS) -> None:
    """Whole numbers, few enough for a small panel, on linear axes."""
    from matplotlib.ticker import MaxNLocator

    for name in which:
        getattr(axes, f"{name}axis").set_major_locator(MaxNLocator(most, integer=True))


def remark(
    axes: "Axes", text: str, *, left: bool = False, bottom: bool = False, boxed: bool = False
) -> None:
    """Words, if any, in a corner of a panel, the upper right by default; boxed on filled ones."""
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
        bbox=style.REMARK_BOX if boxed else None,
    )


def common_scale(axes: "Sequence[Axes]", labels: bool = False) -> None:
    """The same vertical limits on panels of a row; with ``labels`` all keep their tick labels."""
    limits = [panel.get_ylim() for panel in axes]
    for index, panel in enumerate(axes):
        panel.set_ylim(min(a for a, _ in limits), max(b for _, b in limits))
        if index > 0 and not labels:
            panel.tick_params(which="both", labelleft=False)


def plot_tops(axes: "Axes", models: "Iterable[TrainedModel]", matrix: str, units: Any = 1) -> Any:
    """Largest eigenvalues, in units of each model, against P with bars, where they are on record.

    Returns:
        P, values and radii, shape (3, n).
    """
    known = [(m.run.n_patches, top.value, top.radius) for m in models if (top := m.top(matrix))]
    p, values, radii = np.array(known, dtype=np.float64).reshape(-1, 3).T
    values, radii = values / units, radii / units
    label, look = style.MATRIX_LABELS[matrix], style.MATRICES[matrix].plot()
    axes.errorbar(p, values, yerr=radii, label=label, **look)
    return p, values, radii


def label_rows(rows: Any, labels: Iterable[str]) -> None:
    """A common scale for every row of panels, and a label at its left."""
    for row, label in zip(rows, labels, strict=True):
        common_scale(row)
        for first in row[:1]:
            first.set_ylabel(label)


def label_outside(drawn: "dict[StudyRun, Axes]", xlabel: str, ylabel: str) -> None:
    """Labels at the lowest panel of each d and the first of each P, of panels row by row."""
    for axes in {run.depth: axes for run, axes in drawn.items()}.values():
        axes.set_xlabel(xlabel)
    for axes in {run.n_patches: axes for run, axes in reversed(drawn.items())}.values():
        axes.set_ylabel(ylabel)


def place_of_minimum(axes: "Axes", x: float, y: float, text: str = "") -> None:
    """The marker of the minimum, with room and a few words below it."""
    look = style.landmark(style.MINIMUM, halo=False)
    axes.plot(x, y, clip_on=False, label="minimum of the training loss", **look)
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
