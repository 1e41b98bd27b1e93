"""Fig. 3 of the paper, as surfaces: the same losses in perspective, the trajectory on the floor.

The surface is the loss over the plane of PC1 and PC2; below it, on the floor, its contours and
the trajectory's projection with the landmarks of the contour drawing.
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
    from matplotlib.figure import Figure

CAPTION = Caption(
    "figure-3-surfaces", "loss surfaces over the trajectory's plane", "Fig. 3, as surfaces"
)

_ROW_HEIGHT = 1.95
_FLOOR = 0.6  # of the loss' range below zero
_VIEW = {"elev": 26.0, "azim": -52.0}  # degrees
_BOX = (1.0, 1.0, 0.85)  # of the axes' lengths
_ZOOM = 0.92  # of the box in its panel; the rest is for its labels
_LABEL_PADS, _TICK_PAD = {"x": -11.0, "y": -11.0}, -4.5  # points: mplot3d's own are for large ones
_TICKS = 3


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    figure, panels = study_grid(inputs.paper, _ROW_HEIGHT)
    records = inputs.records
    levels = loss_levels([records.landscapes.get(run.run_id) for run, _ in panels])
    parts = Parts()
    drawn, surface = [], None
    for index, (run, axes) in enumerate(panels):
        found = records.landscapes.get(run.run_id)
        if found is None:
            title(axes, index, run.title)
            gap = landscape_gap(run, records)
            parts.gaps.append(gap)
            not_run(axes, [gap], records.label)
            continue
        solid = _in_perspective(figure, axes)
        title(solid, index, run.title)
        gaps = gap_of_partial(run, found, records)
        parts.gaps += gaps
        parts.sources.append(records.landscape_source(found))
        surface = _panel(solid, found, levels)
        remark(solid, remarks(found, gaps))
        parts.panels.append(numbers_of(found))
        drawn.append(solid)
    if surface is not None:
        loss_bar(figure, surface, figure.axes)
        legend_below(figure, drawn, columns=4)
    return parts.drawing(figure)


def _in_perspective(figure: "Figure", axes: "Axes") -> Any:
    """The panel's place with three axes; matplotlib's stubs do not know them."""
    spec = axes.get_subplotspec()
    assert spec is not None
    axes.remove()
    return figure.add_subplot(spec, projection="3d", computed_zorder=False)


def _panel(axes: Any, record: LandscapeRecord, levels: "np.ndarray[Any, Any]") -> Any:
    grid, trajectory = record.grid, record.trajectory
    floor = -_FLOOR * levels[-1]
    x, y = np.meshgrid(grid.x, grid.y)
    axes.contour(
        x,
        y,
        np.ma.masked_invalid(grid.loss),
        levels=levels,
        zdir="z",
        offset=floor,
        cmap=style.LOSS_MAP,
        linewidths=style.HAIR_LINE,
        zorder=0,
    )
    on_floor = np.full(len(trajectory.x), floor)
    axes.plot(
        trajectory.x,
        trajectory.y,
        on_floor,
        color=style.TRAJECTORY,
        linewidth=style.THIN_LINE,
        label="trajectory (epoch ends)",
        zorder=1,
    )
    for label, look, at_x, at_y in landmarks(record):
        axes.plot([at_x], [at_y], [floor], label=label, **style.landmark(look) | {"zorder": 2})
    surface = axes.plot_surface(
        x,
        y,
        grid.loss,
        cmap=style.LOSS_MAP,
        vmin=levels[0],
        vmax=levels[-1],
        rcount=len(grid.y),
        ccount=len(grid.x),
        edgecolor=style.INK,
        linewidth=style.HAIR_LINE / 2,
        antialiased=True,
        zorder=3,
    )
    axes.set_zlim(floor, levels[-1])
    axes.view_init(**_VIEW)
    axes.set_box_aspect(_BOX, zoom=_ZOOM)
    for component, (name, pad) in enumerate(_LABEL_PADS.items()):
        label = getattr(axes, f"set_{name}label")
        label(ratio_label(record, component), fontsize=style.SMALL_TEXT, labelpad=pad)
    for name in "xyz":
        axes.tick_params(axis=name, labelsize=style.TINY_TEXT, pad=_TICK_PAD)
    few_ticks(axes, "xyz", _TICKS)
    axes.set_zticks([tick for tick in axes.get_zticks() if 0 <= tick <= levels[-1]])
    return surface
