"""The report's figures, drawn by matplotlib from the report's numbers alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchlaw.paper_figures.report.svg import FAINT, INK, SERIES, inline_svg
from patchlaw.verification.comparison import LawComparison
from patchlaw.verification.records import TERMS, TrainedModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "osD^vPX*"
_SIZE = (5.2, 4.2)  # inches: text keeps its size on a telephone


@dataclass(frozen=True)
class Drawing:
    """A figure ready for the page.

    Attributes:
        name: id on the page.
        svg: one <svg> element.
        caption: what is drawn, sample counts included.
    """

    name: str
    svg: str
    caption: str


def law_figure(name: str, subject: str, rows: Sequence[LawComparison]) -> Drawing:
    """Predicted against measured ratios, log-log, one marker a law, error bars where there are.

    Args:
        name: id on the page.
        subject: whose eigenvalues of which matrix.
        rows: laws without a prediction are left out.
    """
    drawn = [row for row in rows if row.predicted is not None and row.measured > 0]
    figure, axes = _axes()
    ends = [v for row in drawn for v in (row.measured, row.predicted or row.measured)]
    low, high = min(ends) / 1.25, max(ends) * 1.25
    line = np.array([low, high])
    axes.fill_between(line, line / 1.2, line * 1.2, color=FAINT, alpha=0.25, linewidth=0)
    axes.plot(line, line, color=INK, linewidth=0.8)
    laws = list(dict.fromkeys(row.law for row in drawn))
    for index, law in enumerate(laws):
        group = [row for row in drawn if row.law == law]
        measured = np.array([row.measured for row in group])
        predicted = np.array([float(row.predicted or 0) for row in group])
        axes.errorbar(
            measured,
            predicted,
            xerr=_error_bars(group, measured),
            fmt=_MARKERS[index % len(_MARKERS)],
            color=SERIES[index % len(SERIES)],
            markersize=6,
            capsize=3,
            elinewidth=1,
            linestyle="none",
            # an identity, not a prediction: drawn hollow
            markerfacecolor="none" if group[0].status == "proven" else None,
            label=law.replace("_", " "),
        )
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    axes.set(xlabel="measured ratio", ylabel="predicted ratio")
    _plain_ticks(axes)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK, loc="upper left")
    pairs = len({(row.depth, row.n_patches) for row in drawn})
    bars = any(row.measured_interval is not None for row in drawn)
    caption = (
        f"{subject}: each law's ratio against the measured one, {pairs} ratios. On the line a law "
        "is right; the band is 20 %. "
        + (
            "Horizontal bars are the eigenvalues' error bounds, often smaller than the markers."
            if bars
            else "No error bounds were recorded."
        )
    )
    return Drawing(name, inline_svg(figure, name, caption), caption)


def eigenvalue_figure(name: str, models: Sequence[TrainedModel]) -> Drawing:
    """Top eigenvalues of H, G, R and of every block against P, with error bars."""
    figure, axes = _axes()
    models = sorted(models, key=lambda model: model.run.n_patches)
    for index, term in enumerate(TERMS):
        tops = [(m.run.n_patches, top) for m in models if (top := m.top(term)) and top.value > 0]
        if not tops:
            continue
        axes.errorbar(
            [p for p, _ in tops],
            [top.value for _, top in tops],
            # a bar must stay positive on a logarithmic axis
            yerr=[min(top.radius, 0.999 * top.value) for _, top in tops],
            fmt=_MARKERS[index] + "-",
            color=SERIES[index],
            markersize=6,
            linewidth=1,
            capsize=3,
            label=term,
        )
    blocks = [(m.run.n_patches, b.value) for m in models for b in m.blocks("G") if b.value > 0]
    if blocks:
        x, y = zip(*blocks, strict=True)
        axes.plot(x, y, ".", color=INK, markersize=4, alpha=0.6, label="blocks of G")
    axes.set(xscale="log", yscale="log", xlabel="number of patches P", ylabel="largest eigenvalue")
    patches = [model.run.n_patches for model in models]
    axes.set_xticks(patches, list(map(str, patches)))
    axes.minorticks_off()
    _plain_ticks(axes, only_y=True)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    images = max((model.run.images for model in models), default=0)
    caption = (
        f"Largest eigenvalues at the minimum of the training loss, {images:,} images; bars are "
        "error bounds, often smaller than the markers. Dots: every patch's block of G."
    )
    return Drawing(name, inline_svg(figure, name, caption), caption)


def density_figure(name: str, depth: int, models: Sequence[TrainedModel]) -> Drawing:
    """Densities of H's eigenvalues at one depth on a logarithmic scale, with standard errors.

    Ticks at the bottom are outliers: the eigenvalues on record above the counting rule's edge.
    """
    figure, axes = _axes()
    spectra = [(model, model.density) for model in models if model.density is not None]
    found = [(grid := s.grid(), *s.density(grid)) for _, s in spectra]
    floor = 1e-6 * max(float(density.max()) for _, density, _ in found)
    for index, ((model, spectrum), (grid, density, error)) in enumerate(
        zip(spectra, found, strict=True)
    ):
        run, colour = model.run, SERIES[index % len(SERIES)]
        seen = density > floor
        label = f"P = {run.n_patches}, seed {run.seed}, {spectrum.n_samples or 0:,} images"
        axes.plot(grid[seen], density[seen], color=colour, label=label)
        low, high = np.maximum(density - error, floor), np.maximum(density + error, floor)
        axes.fill_between(grid, low, high, color=colour, alpha=0.25)
        edge = np.inf if model.outliers is None else model.outliers.edge
        for top in () if model.subset is None else model.subset.top:
            if top.value > edge:
                axes.axvline(top.value, ymax=0.05, color=colour, linewidth=1.2)
    axes.set(yscale="log", xlabel="eigenvalue", ylabel="density")
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    caption = (
        f"Eigenvalue densities, depth {depth}, on a logarithmic scale; bands are standard errors, "
        "ticks at the bottom outliers."
    )
    return Drawing(name, inline_svg(figure, name, caption), caption)


def _axes() -> "tuple[Figure, Axes]":
    # no pyplot: no global state, no window system
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_axisbelow(True)
    axes.grid(color=FAINT, linewidth=0.5, alpha=0.5)
    axes.tick_params(which="both", color=INK, labelcolor=INK)
    for part in (axes.xaxis.label, axes.yaxis.label):
        part.set_color(INK)
    for spine in axes.spines.values():
        spine.set_color(INK)
    return figure, axes


def _plain_ticks(axes: "Axes", only_y: bool = False) -> None:
    """Decimal tick labels: matplotlib's powers of ten need a mathematical font."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    for axis in (axes.yaxis,) if only_y else (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


def _error_bars(rows: Sequence[LawComparison], measured: NDArray[np.float64]) -> Any:
    """Distances to the intervals' ends, shape (2, n); None where no row has one."""
    intervals = [row.measured_interval for row in rows]
    if all(interval is None for interval in intervals):
        return None
    ends = np.array(
        [(v, v) if i is None else i for v, i in zip(measured, intervals, strict=True)]
    ).T
    # a bar must stay positive on a logarithmic axis
    return np.maximum([measured - np.maximum(ends[0], 1e-3 * measured), ends[1] - measured], 0)
