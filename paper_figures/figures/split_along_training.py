"""Ours: the two terms of the Hessian along training, against the loss.

One column for each d. Above, the largest eigenvalues of G (filled, solid) and R (hollow, dashed)
on the stratified subset at epochs along training; below, their ratio. What carries each
term, <tr S> and <|g|_1>, is bounded by twice the loss (theorem curvature-and-loss), so theory has
no reason for the ratio to follow the loss; the thin line is what it would be if it did.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Parts, analysis_gap
from patchlaw.paper_figures.panels import (
    common_scale,
    decimal_ticks,
    legend_below,
    missing_remark,
    new_figure,
    not_run,
    power_ticks,
    title,
)
from patchlaw.paper_figures.provenance import Caption
from patchlaw.verification.records import SplitMoment, TrainedModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAPTION = Caption("split-along-training", "the terms G and R along training", "ours")

_HEIGHT = 3.7
_SIZE_TO_RATIO = (1.6, 1.0)  # heights


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    depths = inputs.paper.depths
    figure = new_figure(style.TWO_COLUMNS, _HEIGHT)
    axes = figure.subplots(2, max(1, len(depths)), squeeze=False, height_ratios=_SIZE_TO_RATIO)
    parts, drawn = Parts(), []
    for column, depth in enumerate(depths):
        sizes, ratios = axes[:, column]
        title(sizes, column, f"$d = {depth}$")
        gaps, found = [], []
        for run in (run for run in inputs.grid if run.depth == depth):
            record = inputs.records.analyses.get(run.run_id)
            if record is None or not record.along_training:
                gaps.append(analysis_gap(run, inputs.records))
            else:
                found.append(record)
        parts.gaps += gaps
        if not found:
            not_run(sizes, gaps, inputs.records.label)
            ratios.set_axis_off()
            continue
        for record in found:
            parts.sources.append(inputs.records.analysis_source(record))
            parts.panels.append(_panel(sizes, ratios, record))
        _proportional(sizes, parts.panels[-len(found) :])
        missing_remark(ratios, gaps)
        drawn.append(column)
    if drawn:
        for row, label in enumerate(
            (r"$\lambda_{\max}$", r"$\lambda_{\max}(R)/\lambda_{\max}(G)$")
        ):
            common_scale(list(axes[row, drawn]))
            axes[row, drawn[0]].set_ylabel(label)
        figure.align_ylabels(list(axes[:, drawn[0]]))
        legend_below(figure, list(axes[0]), columns=4)
    return parts.drawing(figure)


def _panel(sizes: "Axes", ratios: "Axes", record: TrainedModel) -> dict[str, Any]:
    look = style.patch_style(record.run.n_patches)
    moments = sorted(record.along_training, key=lambda moment: moment.epoch)
    loss = np.array([moment.loss for moment in moments])
    values = {name: _top(moments, name) for name in ("G", "R")}
    p = record.run.n_patches
    for name, filled, line in (("G", True, "-"), ("R", False, style.DASHED)):
        sizes.plot(
            loss,
            [value for value, _ in values[name]],
            label=f"$\\lambda_{{\\max}}({name})$, $P = {p}$",
            linewidth=style.THIN_LINE,
            **style.SeriesStyle(look.colour, look.marker, line, filled).plot(),
        )
    share = np.array([r / g for (g, _), (r, _) in zip(values["G"], values["R"], strict=True)])
    ratios.plot(loss, share, linewidth=style.THIN_LINE, **look.plot())
    for axes in (sizes, ratios):
        axes.set(xscale="log", yscale="log")
        axes.xaxis.set_inverted(True)  # training runs to the right
        power_ticks(axes)
    decimal_ticks(ratios, "y")
    sizes.tick_params(labelbottom=False)
    ratios.set_xlabel("loss (nats)")
    return {
        **record.run.place,
        "images": moments[0].top["G"].n_samples,
        "epoch": [moment.epoch for moment in moments],
        "loss": loss,
        "G": [value for value, _ in values["G"]],
        "G_radius": [radius for _, radius in values["G"]],
        "R": [value for value, _ in values["R"]],
        "R_radius": [radius for _, radius in values["R"]],
        "R_over_G": share,
    }


def _top(moments: list[SplitMoment], matrix: str) -> list[tuple[float, float]]:
    """Values with the radii of their intervals."""
    found = (moment.top[matrix] for moment in moments)
    return [(entry.value, entry.radius) for entry in found]


def _proportional(axes: "Axes", panels: list[dict[str, Any]]) -> None:
    """A line proportional to the loss, through the start of the first run."""
    loss = np.array([panels[0]["loss"].max(), min(panel["loss"].min() for panel in panels)])
    first = panels[0]["G"][int(np.argmax(panels[0]["loss"]))]
    axes.plot(
        loss,
        first * loss / loss[0],
        color=style.FAINT,
        linewidth=style.THIN_LINE,
        zorder=1,
        label="proportional to the loss",
    )
