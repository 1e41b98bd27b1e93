"""Fig. 4 of the paper: density of the Hessian's eigenvalues at the minimum, on a log scale.

One panel for each P (rows) and d (columns): the density by stochastic Lanczos quadrature on a
stratified subset of the training images, its standard error as a band. Ticks are eigenvalues by
themselves, each with a residual bound; those beyond the bulk's edge are counted.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet
from patchlaw.paper_figures.recipes import analyse
from patchlaw.verification.records import Eigenvalue, TrainedModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from patchlaw.verification.solvers import SpectralDensity


_ROW_HEIGHT = 1.75
_FLOOR = 0.1  # of the density that a single eigenvalue makes
_TICK_TOP = 0.09  # of the panel's height


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    sheet, places = Sheet.of_grid(inputs, _ROW_HEIGHT)
    points = style.SMALL_CURVE_POINTS if inputs.small else style.CURVE_POINTS
    drawn = {}
    for run, axes, record in sheet.recorded(
        places, inputs.records.analyses, analyse, lambda record: record.density is not None
    ):
        assert record.density is not None
        sheet.numbers.append(_panel(axes, record, record.density, points))
        drawn[run] = axes
    panels.label_outside(drawn, r"eigenvalue $\lambda$", "density")
    sheet.legend(columns=4)
    return sheet.drawing()


def _panel(
    axes: "Axes", record: TrainedModel, density: "SpectralDensity", points: int
) -> dict[str, Any]:
    colour = style.patch_style(record.run.n_patches).colour
    grid = density.grid(points)
    height, error = density.density(grid)
    # one eigenvalue of D, smoothed by the same kernel
    single = 1 / (density.size * density.kernel_width() * np.sqrt(2 * np.pi))
    floor = _FLOOR * single
    axes.fill_between(
        grid,
        np.maximum(height - error, floor),
        np.maximum(height + error, floor),
        color=colour,
        alpha=style.PALE_ALPHA,
        linewidth=0,
        label="standard error over probes",
    )
    axes.plot(grid, np.maximum(height, floor), color=colour, linewidth=style.THIN_LINE)
    axes.set(yscale="log", ylim=(floor, None), xlim=(grid[0], grid[-1]))
    panels.power_ticks(axes, "y")
    values, level = _exact(record)
    edge = -np.inf if record.outliers is None else record.outliers.edge
    beyond = sum(value.value > edge for value in values)  # they descend
    for name, group, look in (
        ("eigenvalues with error bound: outliers", values[:beyond], style.LINE),
        ("others of the largest", values[beyond:], style.HAIR_LINE),
    ):
        axes.vlines(
            [value.value for value in group],
            0,
            _TICK_TOP,
            transform=axes.get_xaxis_transform(),
            color=style.INK,
            linewidth=look,
            label=name,
        )
    if record.outliers is not None:
        axes.axvline(
            record.outliers.edge,
            color=style.FAINT,
            linestyle=style.DOTTED,
            linewidth=style.THIN_LINE,
            label="edge of the bulk",
        )
        panels.remark(axes, outlier_text(record))
    return {
        **record.run.place,
        "density_images": density.n_samples,
        "probes": density.n_probes,
        "lanczos_steps": density.n_steps,
        "kernel_width": density.kernel_width(),
        "eigenvalue": grid,
        "density": height,
        "density_standard_error": error,
        "exact_eigenvalues": [value.value for value in values],
        "exact_radius": [value.radius for value in values],
        "exact_on": level,
        "exact_images": values[0].n_samples if values else None,
        "outliers": record.outliers and asdict(record.outliers),
    }


def _exact(record: TrainedModel) -> tuple[tuple[Eigenvalue, ...], str]:
    """The largest eigenvalues of the density's matrix if they are there, else over all images."""
    if record.subset is not None and record.subset.top:
        return record.subset.top, "the subset of the density"
    return record.eigenvalues.get("H", ()), "all training images"


def outlier_text(record: TrainedModel) -> str:
    """The count of outliers, with what the evidence leaves open, and the images behind it."""
    found = record.outliers
    assert found is not None
    count = f"{found.count} outliers"
    if found.high is None:
        count += f" ({found.low} or more)"
    elif (found.low, found.high) != (found.count, found.count):
        count += f" ({found.low} to {found.high})"
    values, level = _exact(record)
    n_samples = values[0].n_samples if values else 0
    return f"{count}\n{n_samples:,} images" + ("" if level.startswith("the subset") else " (all)")
