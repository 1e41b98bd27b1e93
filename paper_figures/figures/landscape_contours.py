"""Fig. 3 of the paper: loss contours over the plane of PC1 and PC2, with the trajectory.

One panel for each P (rows) and d (columns); a contour line every half unit of loss; contribution
ratios of the components in the axis labels; red cross: start, dark blue: end, orange: minimum.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Parts, landscape_gap
from patchlaw.paper_figures.landscapes import (
    gap_of_partial,
    landmarks,
    loss_bar,
    loss_levels,
    numbers_of,
    ratio_label,
    remarks,
)
from patchlaw.paper_figures.panels import (
    few_ticks,
    legend_below,
    not_run,
    remark,
    study_grid,
    title,
)
from patchlaw.paper_figures.provenance import Caption
from patchlaw.verification.landscape.record import LandscapeRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAPTION = Caption(
    "figure-3", "loss contours over the trajectory's plane of principal components", "Fig. 3"
)

_ROW_HEIGHT = 1.9


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    figure, panels = study_grid(inputs.paper, _ROW_HEIGHT)
    records = inputs.records
    levels = loss_levels([records.landscapes.get(run.run_id) for run, _ in panels])
    parts = Parts()
    filled = None
    for index, (run, axes) in enumerate(panels):
        title(axes, index, run.title)
        found = records.landscapes.get(run.run_id)
        if found is None:
            gap = landscape_gap(run, records)
            parts.gaps.append(gap)
            not_run(axes, [gap], records.label)
            continue
        gaps = gap_of_partial(run, found, records)
        parts.gaps += gaps
        parts.sources.append(records.landscape_source(found))
        filled = _panel(axes, found, levels)
        remark(axes, remarks(found, gaps), boxed=True)
        parts.panels.append(numbers_of(found) | {"contour_step": style.CONTOUR_STEP})
    if filled is not None:
        loss_bar(figure, filled, [axes for _, axes in panels])
        legend_below(figure, [axes for _, axes in panels], columns=4)
    return parts.drawing(figure)


def _panel(axes: "Axes", record: LandscapeRecord, levels: "np.ndarray[Any, Any]") -> Any:
    grid, trajectory = record.grid, record.trajectory
    loss = np.ma.masked_invalid(grid.loss)
    axes.set_facecolor(style.PANEL_GREY)  # losses that are not computed yet
    filled = axes.contourf(grid.x, grid.y, loss, levels=levels, cmap=style.LOSS_MAP)
    axes.contour(grid.x, grid.y, loss, levels=levels, colors=style.INK, linewidths=style.HAIR_LINE)
    axes.plot(
        trajectory.x,
        trajectory.y,
        color=style.TRAJECTORY,
        marker=".",
        markersize=style.SMALL_MARKER,
        linewidth=style.THIN_LINE,
        path_effects=style.halo(),
        label="trajectory (epoch ends)",
    )
    for label, look, x, y in landmarks(record):
        axes.plot(x, y, label=label, **style.landmark(look))
    axes.set(
        xlabel=ratio_label(record, 0),
        ylabel=ratio_label(record, 1),
        xlim=(grid.x[0], grid.x[-1]),
        ylim=(grid.y[0], grid.y[-1]),
    )
    few_ticks(axes)
    return filled
