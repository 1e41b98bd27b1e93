"""Ours: the two terms of the Hessian along training, against the loss.

One column for each d. Above, the largest eigenvalues of G (filled, solid) and R (hollow, dashed)
on the stratified subset at epochs along training; below, their ratio. What carries each
term, <tr S> and <|g|_1>, is bounded by twice the loss (theorem curvature-and-loss), so theory has
no reason for the ratio to follow the loss; the thin line is what it would be if it did.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet, missing_remark
from patchlaw.verification.records import TrainedModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_HEIGHT = 3.7
_SIZE_TO_RATIO = (1.6, 1.0)  # heights


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    study, sheet = inputs.paper, Sheet(inputs, _HEIGHT)
    axes = sheet.figure.subplots(
        2, max(1, len(study.depths)), squeeze=False, height_ratios=_SIZE_TO_RATIO
    )
    labels = (r"$\lambda_{\max}$", r"$\lambda_{\max}(R)/\lambda_{\max}(G)$")
    for _, (sizes, ratios), found, gaps in sheet.columns(
        axes, study, lambda record: bool(record.along_training), labels
    ):
        numbers = [_panel(sizes, ratios, record) for record in found]
        sheet.numbers += numbers
        _proportional(sizes, numbers)
        missing_remark(ratios, gaps)
    sheet.figure.align_ylabels([panel for panel in axes.flat if panel.get_ylabel()])
    sheet.legend(columns=4)
    return sheet.drawing()


def _panel(sizes: "Axes", ratios: "Axes", record: TrainedModel) -> dict[str, Any]:
    look = style.patch_style(record.run.n_patches)
    moments = sorted(record.along_training, key=lambda moment: moment.epoch)
    loss = np.array([moment.loss for moment in moments])
    tops = {name: [moment.top[name] for moment in moments] for name in ("G", "R")}
    values = {name: np.array([top.value for top in found]) for name, found in tops.items()}
    p = record.run.n_patches
    for name, filled, line in (("G", True, "-"), ("R", False, style.DASHED)):
        sizes.plot(
            loss,
            values[name],
            label=f"$\\lambda_{{\\max}}({name})$, $P = {p}$",
            linewidth=style.THIN_LINE,
            **style.SeriesStyle(look.colour, look.marker, line, filled).plot(),
        )
    share = values["R"] / values["G"]
    ratios.plot(loss, share, linewidth=style.THIN_LINE, **look.plot())
    for axes in (sizes, ratios):
        axes.set(xscale="log", yscale="log")
        axes.xaxis.set_inverted(True)  # training runs to the right
        panels.power_ticks(axes)
    panels.decimal_ticks(ratios, "y")
    sizes.tick_params(labelbottom=False)
    ratios.set_xlabel("loss (nats)")
    return {
        **record.run.place,
        "images": tops["G"][0].n_samples,
        "epoch": [moment.epoch for moment in moments],
        "loss": loss,
        "G": values["G"],
        "G_radius": [top.radius for top in tops["G"]],
        "R": values["R"],
        "R_radius": [top.radius for top in tops["R"]],
        "R_over_G": share,
    }


def _proportional(axes: "Axes", runs: list[dict[str, Any]]) -> None:
    """A line proportional to the loss, through the start of the first run."""
    loss = np.array([runs[0]["loss"].max(), min(run["loss"].min() for run in runs)])
    first = runs[0]["G"][int(np.argmax(runs[0]["loss"]))]
    axes.plot(
        loss,
        first * loss / loss[0],
        color=style.FAINT,
        linewidth=style.THIN_LINE,
        zorder=1,
        label="proportional to the loss",
    )
