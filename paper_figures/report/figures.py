"""The report's figures: inline SVG in the page's colours, from the report's numbers alone."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.paper_figures import style
from patchlaw.paper_figures.figures.law_ratios import plot_ratios, show_agreement
from patchlaw.paper_figures.panels import decimal_ticks
from patchlaw.verification.comparison import LawComparison
from patchlaw.verification.records import TERMS, TrainedModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Drawn in these colours, which nothing else uses, and replaced by the page's variables, so that
# one drawing serves light, dark and paper.
INK, FAINT = "#000101", "#000102"
SERIES = tuple(f"#0002{index:02x}" for index in range(8))
_VARIABLES = {INK: "var(--ink)", FAINT: "var(--faint)"} | {
    colour: f"var(--series-{index})" for index, colour in enumerate(SERIES)
}
_MARKERS = "osD^vPX*"
_SIZE = (5.2, 4.2)  # inches: text keeps its size on a telephone


@dataclass(frozen=True)
class Drawing:
    """A figure for the page: its id there, one <svg> element, a caption with sample counts."""

    name: str
    svg: str
    caption: str


def law_figure(name: str, subject: str, rows: Sequence[LawComparison]) -> Drawing:
    """Predicted against measured ratios of the subject, one marker a law that has a prediction."""
    drawn = [row for row in rows if row.predicted is not None and row.measured > 0]
    figure, axes = _axes()
    laws = list(dict.fromkeys(row.law for row in drawn))
    for index, law in enumerate(laws):
        group = [row for row in drawn if row.law == law]
        plot_ratios(
            axes,
            group,
            {"capsize": 3, "elinewidth": 1},
            marker=_MARKERS[index % len(_MARKERS)],
            color=SERIES[index % len(SERIES)],
            markersize=6,
            linestyle="none",
            # an identity, not a prediction: drawn hollow
            markerfacecolor="none" if group[0].status == "proven" else None,
            label=law.replace("_", " "),
        )
    ends = [v for row in drawn for v in (row.measured, row.predicted or row.measured)]
    low, high = min(ends) / style.LOG_MARGIN, max(ends) * style.LOG_MARGIN
    show_agreement(axes, low, high, INK, FAINT, 0.8)
    axes.set_ylabel("predicted ratio")
    _legend(axes, loc="upper left")
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
    decimal_ticks(axes, "y")
    _legend(axes)
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
    _legend(axes)
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


def _legend(axes: "Axes", **options: Any) -> None:
    axes.legend(frameon=False, fontsize=9, labelcolor=INK, **options)


def inline_svg(figure: "Figure", prefix: str, label: str) -> str:
    """The figure as one <svg> element for HTML.

    Args:
        figure: drawn in the colours above, on no background.
        prefix: put before every id, so that figures of one page do not clash.
        label: what a screen reader says.

    Raises:
        ValueError: an address is left in the drawing.
    """
    from html import escape

    from matplotlib import rc_context

    buffer = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "patchlaw"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = text[text.index("<svg") :]
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = text.replace("xlink:href", "href")
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r"url\(#", f"url(#{prefix}-", text)
    text = re.sub(r'href="#', f'href="#{prefix}-', text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    # the page sets the size; the viewBox keeps the proportions
    text = re.sub(r'\s(width|height)="[\d.]+pt"', "", text, count=2)
    text = text.replace("<svg", f'<svg role="img" aria-label="{escape(label, quote=True)}"', 1)
    if "://" in text:
        raise ValueError(f"{prefix}: expected a drawing without addresses, got one with '://'")
    return text.strip()
