"""Fig. 3 of the paper: the loss over the plane of PC1 and PC2, as contours and as surfaces.

One panel for each P (rows) and d (columns); a contour line every half unit of loss; contribution
ratios of the components in the axis labels; red cross: start, dark blue: end, orange: minimum.
Surfaces are the same losses in perspective; below them, on the floor, their contours and the
trajectory's projection with the same landmarks.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet, gap_of
from patchlaw.paper_figures.panels import few_ticks, remark
from patchlaw.paper_figures.recipes import landscape
from patchlaw.verification.landscape.record import LandscapeRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_Levels: TypeAlias = NDArray[np.float64]
_DrawPanel: TypeAlias = "Callable[[Axes, LandscapeRecord, _Levels], tuple[Axes, Any]]"

_CONTOUR_HEIGHT, _SURFACE_HEIGHT = 1.9, 1.95  # of a row
_FLOOR = 0.6  # of the loss' range below zero
_VIEW = {"elev": 26.0, "azim": -52.0}  # degrees
_BOX = (1.0, 1.0, 0.85)  # of the axes' lengths
_ZOOM = 0.92  # of the box in its panel; the rest is for its labels
_LABEL_PADS, _TICK_PAD = {"x": -11.0, "y": -11.0}, -4.5  # points: mplot3d's own are for large ones
_TICKS = 3


def draw_contours(inputs: Inputs) -> Drawing:
    """Contours with the trajectory."""
    return _draw(inputs, _CONTOUR_HEIGHT, _contours, contour_step=style.CONTOUR_STEP)


def draw_surfaces(inputs: Inputs) -> Drawing:
    """Surfaces above their contours and the trajectory."""
    return _draw(inputs, _SURFACE_HEIGHT, _surface)


def _draw(inputs: Inputs, row_height: float, draw_panel: _DrawPanel, **more: float) -> Drawing:
    from matplotlib.ticker import MaxNLocator

    kept, mapped = inputs.records.landscapes, None
    whole = {name for name, record in kept.items() if record.complete}
    sheet, places = Sheet.of_grid(inputs, row_height, preferred=whole)
    first = inputs.paper.representatives()
    levels = _levels([kept[run.run_id] for run in places if run.run_id in kept])
    for run, axes, record in sheet.recorded(places, kept, landscape):
        # another seed, how many images, if not all training images, and what is missing
        said = [] if run in first else [f"seed {run.seed}"]
        if not record.covers_training_set:
            said.append(f"{record.n_samples:,} images")
        if not record.complete:
            said.append(f"{record.grid.n_done} of {record.grid.loss.size} losses")
            rest = partial(landscape, options=record.reproduce.split()[3:])
            sheet.gaps.append(gap_of(run, inputs.records, rest, said[-1]))
        panel, mapped = draw_panel(axes, record, levels)
        remark(panel, "\n".join(said), boxed=panel is axes)
        sheet.numbers.append({**run.place, **_numbers(record), **more})
    if mapped is not None:
        sheet.figure.colorbar(
            mapped,
            ax=sheet.figure.axes,
            label="loss (nats)",
            aspect=style.COLOUR_BAR_ASPECT,
            pad=style.COLOUR_BAR_PAD,
            ticks=MaxNLocator(integer=True),
        )
    sheet.legend(columns=4)
    return sheet.drawing()


def _levels(records: list[LandscapeRecord]) -> _Levels:
    """Contour levels common to all panels: every half unit from 0 to above the largest loss."""
    losses = [float(np.nanmax(record.grid.loss)) for record in records if record.grid.n_done]
    count = max(1, math.ceil(max(losses, default=0.0) / style.CONTOUR_STEP))
    return np.asarray(style.CONTOUR_STEP * np.arange(count + 1), dtype=np.float64)


def _contours(axes: "Axes", record: LandscapeRecord, levels: _Levels) -> "tuple[Axes, Any]":
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
        path_effects=style.rim(),
        label="trajectory (epoch ends)",
    )
    for label, look, x, y in _landmarks(record):
        axes.plot(x, y, label=label, **style.landmark(look))
    axes.set(
        xlabel=_ratio_label(record, 0),
        ylabel=_ratio_label(record, 1),
        xlim=(grid.x[0], grid.x[-1]),
        ylim=(grid.y[0], grid.y[-1]),
    )
    few_ticks(axes)
    return axes, filled


def _surface(flat: "Axes", record: LandscapeRecord, levels: _Levels) -> "tuple[Axes, Any]":
    axes = _in_perspective(flat)
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
    axes.plot(
        trajectory.x,
        trajectory.y,
        np.full(len(trajectory.x), floor),
        color=style.TRAJECTORY,
        linewidth=style.THIN_LINE,
        label="trajectory (epoch ends)",
        zorder=1,
    )
    for label, look, at_x, at_y in _landmarks(record):
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
        label(_ratio_label(record, component), fontsize=style.SMALL_TEXT, labelpad=pad)
    axes.tick_params(labelsize=style.TINY_TEXT, pad=_TICK_PAD)
    few_ticks(axes, "xyz", _TICKS)
    axes.set_zticks([tick for tick in axes.get_zticks() if 0 <= tick <= levels[-1]])
    return axes, surface


def _in_perspective(flat: "Axes") -> Any:
    """The panel's place with three axes; matplotlib's stubs do not know them."""
    figure, spec = flat.get_figure(root=True), flat.get_subplotspec()
    assert figure is not None
    assert spec is not None
    flat.remove()
    solid: Any = figure.add_subplot(spec, projection="3d", computed_zorder=False)
    solid.set_title(flat.get_title("left"), loc="left", fontweight="bold")
    solid.set_title(flat.get_title())
    return solid


def _landmarks(record: LandscapeRecord) -> tuple[tuple[str, style.SeriesStyle, float, float], ...]:
    """Minimum (the origin), start and end: label, style, x and y; later ones on top."""
    x, y = record.trajectory.x, record.trajectory.y
    return (
        ("minimum of the training loss", style.MINIMUM, 0.0, 0.0),
        ("start", style.START, float(x[0]), float(y[0])),
        ("end", style.END, float(x[-1]), float(y[-1])),
    )


def _ratio_label(record: LandscapeRecord, component: int) -> str:
    """An axis label with the component's contribution ratio."""
    return f"PC{component + 1} ({record.pca.ratios[component]:.4f}), rad"


def _numbers(record: LandscapeRecord) -> dict[str, Any]:
    return {
        "images": record.n_samples,
        "minimum_epoch": record.minimum_epoch,
        "pc_ratios": record.pca.ratios[:2],
        "x": record.grid.x,
        "y": record.grid.y,
        "loss": record.grid.loss,
        "trajectory_x": record.trajectory.x,
        "trajectory_y": record.trajectory.y,
        "loss_at_minimum": record.loss_at_minimum,
    }
