"""Ours: bulk and outliers of the Hessian's spectrum along training, moment by moment.

One panel for each P (down) and d (across). Dots are the largest eigenvalues at one moment, each
with its error bound, dark where they lie beyond the bulk's edge; the grey ground ends at that edge.
The numbers count the outliers, as far as the evidence decides.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet
from patchlaw.paper_figures.recipes import spectra_along_training
from patchlaw.paper_figures.study import Study, evolution_study
from patchlaw.verification.records import SpectrumMoment, TrainedModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_HEIGHT = 1.9
_WIDE_COLUMNS = 3  # so many leave room for words at every moment
_BESIDE = 0.5  # moments, to the left of the first and to the right of the last


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    kept = inputs.records.analyses
    study = evolution_study()
    if inputs.small:
        found = inputs.records.study().runs
        study = Study(tuple(r for r in found if r.run_id in kept and _enough(kept[r.run_id])))
    sheet, places = Sheet.of_grid(inputs, _ROW_HEIGHT, study)
    drawn = {}
    for run, panel, record in sheet.recorded(places, kept, spectra_along_training, _enough):
        sheet.numbers.append(_panel(panel, record, narrow=len(study.depths) > _WIDE_COLUMNS))
        drawn[run] = panel
    panels.label_outside(drawn, "epoch; loss (nats)", "eigenvalue")
    sheet.legend(columns=3)
    return sheet.drawing()


def _enough(record: TrainedModel) -> bool:
    return len(record.spectra_along_training) > 1


def _panel(axes: "Axes", record: TrainedModel, *, narrow: bool) -> dict[str, Any]:
    """One run; a narrow panel has words at the first and the last moment only."""
    look, moments = style.patch_style(record.run.n_patches), record.spectra_along_training
    edge = np.array([moment.outliers.edge for moment in moments])
    places = np.arange(len(moments))
    values = [value.value for moment in moments for value in moment.top if value.value > 0]
    floor = min([*edge[edge > 0], *values]) / style.LOG_MARGIN**2
    axes.fill_between(
        places,
        floor,
        edge,
        color=style.FAINT,
        alpha=style.BAND_ALPHA,
        linewidth=0,
        label="bulk, up to its edge",
    )
    for name, wanted in (("outliers", True), ("others of the largest", False)):
        chosen = [
            (place, value)
            for place, moment in zip(places, moments, strict=True)
            for value in moment.top
            if (value.value > moment.outliers.edge) is wanted
        ]
        axes.errorbar(
            [place for place, _ in chosen],
            [value.value for _, value in chosen],
            [value.radius for _, value in chosen],
            label=name,
            elinewidth=style.HAIR_LINE,
            capsize=0,
            markersize=style.SMALL_MARKER,
            **style.SeriesStyle(look.colour, look.marker, filled=wanted).plot(line=False),
        )
    named = [
        (place, moments[place]) for place in (places[:: len(places) - 1] if narrow else places)
    ]
    for place, moment in named:
        axes.annotate(
            _count(moment),
            (place, moment.top[0].value),
            xytext=(0, style.REMARK_MARGIN),
            textcoords="offset points",
            ha="center",
            fontsize=style.TINY_TEXT,
        )
    axes.set(yscale="log", ylim=(floor, max(values) * style.LABEL_ROOM))
    axes.set_xlim(-_BESIDE, len(moments) - 1 + _BESIDE)
    axes.set_xticks(places, [""] * len(places), minor=True)
    ticks = [f"{moment.epoch}\n{moment.loss:.2g}" for _, moment in named]
    axes.set_xticks([place for place, _ in named], ticks)
    panels.power_ticks(axes, "y", decimal=True)
    return {
        **record.run.place,
        "images": moments[0].top[0].n_samples,
        "epoch": [moment.epoch for moment in moments],
        "loss": [moment.loss for moment in moments],
        "eigenvalues": [[value.value for value in moment.top] for moment in moments],
        "radii": [[value.radius for value in moment.top] for moment in moments],
        "edge": edge,
        "edge_standard_error": [moment.outliers.edge_error for moment in moments],
        "outliers": [moment.outliers.count for moment in moments],
        "outliers_low": [moment.outliers.low for moment in moments],
        "outliers_high": [moment.outliers.high for moment in moments],
        "near_zero": [moment.near_zero.value for moment in moments],
    }


def _count(moment: SpectrumMoment) -> str:
    found = moment.outliers
    if found.high is None:
        return f"{found.low} or more"
    return f"{found.count}" if found.decided else f"{found.low} to {found.high}"
