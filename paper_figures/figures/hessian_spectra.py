"""Fig. 4 of the paper: density of the Hessian's eigenvalues at the minimum, on a log scale.

One panel for each P (rows) and d (columns): the density by stochastic Lanczos quadrature on a
stratified subset of the training images, its standard error as a band. Ticks are eigenvalues by
themselves, each with a residual bound; those beyond the bulk's edge are counted.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Parts, analysis_gap
from patchlaw.paper_figures.panels import (
    legend_below,
    not_run,
    power_ticks,
    remark,
    study_grid,
    title,
)
from patchlaw.paper_figures.provenance import Caption
from patchlaw.verification.records import Eigenvalue, TrainedModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from patchlaw.verification.solvers import SpectralDensity

CAPTION = Caption("figure-4", "density of the Hessian's eigenvalues, and its outliers", "Fig. 4")

_ROW_HEIGHT = 1.75
_FLOOR = 0.1  # of the density that a single eigenvalue makes
_TICK_TOP = 0.09  # of the panel's height


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    figure, panels = study_grid(inputs.paper, _ROW_HEIGHT)
    records = inputs.records
    parts, drawn = Parts(), {}
    for index, (run, axes) in enumerate(panels):
        title(axes, index, run.title)
        found = records.analyses.get(run.run_id)
        if found is None or found.density is None:
            gap = analysis_gap(run, records)
            parts.gaps.append(gap)
            not_run(axes, [gap], records.label)
            continue
        parts.sources.append(records.analysis_source(found))
        points = style.SMALL_CURVE_POINTS if inputs.small else style.CURVE_POINTS
        parts.panels.append(_panel(axes, found, found.density, points))
        drawn[run] = axes
    for depth in {run.depth for run in drawn}:
        lowest = [axes for run, axes in drawn.items() if run.depth == depth][-1]
        lowest.set_xlabel(r"eigenvalue $\lambda$")
    for n_patches in {run.n_patches for run in drawn}:
        first = next(axes for run, axes in drawn.items() if run.n_patches == n_patches)
        first.set_ylabel("density")
    legend_below(figure, [axes for _, axes in panels], columns=4)
    return parts.drawing(figure)


def _panel(
    axes: "Axes", record: TrainedModel, density: "SpectralDensity", points: int
) -> dict[str, Any]:
    colour = style.patch_style(record.run.n_patches).colour
    grid = density.grid(points)
    height, error = density.density(grid)
    # one eigenvalue of D, smoothed by the same kernel
    single = 1 / (density.size * density.default_width * np.sqrt(2 * np.pi))
    floor = _FLOOR * single
    axes.fill_between(
        grid,
        np.maximum(height - error, floor),
        np.maximum(height + error, floor),
        color=colour,
        alpha=style.PALE_ALPHA,
        linewidth=0,
    )
    axes.plot(grid, np.maximum(height, floor), color=colour, linewidth=style.THIN_LINE)
    axes.set(yscale="log", ylim=(floor, None), xlim=(grid[0], grid[-1]))
    power_ticks(axes, "y")
    values, level = _exact(record)
    beyond = _beyond_edge(record, values)
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
        remark(axes, outlier_text(record))
    return {
        **record.run.place,
        "density_images": density.n_samples,
        "probes": density.n_probes,
        "lanczos_steps": density.n_steps,
        "kernel_width": density.default_width,
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


def _beyond_edge(record: TrainedModel, values: tuple[Eigenvalue, ...]) -> int:
    """How many of the values, descending, lie beyond the bulk's edge."""
    if record.outliers is None:
        return len(values)
    return sum(value.value > record.outliers.edge for value in values)


def outlier_text(record: TrainedModel) -> str:
    """The count of outliers, with what the evidence leaves open, and the images behind it."""
    found = record.outliers
    assert found is not None
    count = f"{found.count} outliers"
    if found.high is None:
        count = f"{found.count} or more outliers"
    elif (found.low, found.high) != (found.count, found.count):
        count += f" ({found.low} to {found.high})"
    values, level = _exact(record)
    n_samples = values[0].n_samples if values else 0
    return f"{count}\n{n_samples:,} images" + ("" if level.startswith("the subset") else " (all)")
