"""Ours: the trace of G over the angles against the trace law, in which nothing is fitted.

tr G over the angles (tr G less the bias block's) over s^2 P n_p v <tr S>, with the mean square
slope v of two-sided 2-designs (theorem trace-law): 1 where trained circuits have the slopes of
random ones. Left the paper's runs, right the shallow circuits of the scaling study. Bars are one
standard error over the probes, of both traces as if they were independent.
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from patchlaw.hessian_theory.predictions import Architecture, gauss_newton_trace
from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Parts, analysis_gap
from patchlaw.paper_figures.panels import (
    common_scale,
    new_figure,
    not_run,
    patch_axis,
    remark,
    title,
)
from patchlaw.paper_figures.provenance import Caption
from patchlaw.verification.records import TrainedModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAPTION = Caption("trace-law", "trace of the first term over the trace law", "ours")

_HEIGHT = 2.7


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    records, parts, drawn = inputs.records, Parts(), []
    figure = new_figure(style.TWO_COLUMNS, _HEIGHT)
    studies = {"the paper's runs": inputs.paper, "shallow circuits": inputs.scaling}
    for index, (name, study) in enumerate(studies.items()):
        panel = figure.add_subplot(1, len(studies), index + 1)
        title(panel, index, name)
        found, gaps = [], []
        for run in study.representatives():
            record = records.analyses.get(run.run_id)
            if record is None or record.traces is None:
                gap = analysis_gap(run, records)
                gaps.append(gap if record is None else replace(gap, reason="no traces"))
            else:
                found.append(record)
        parts.gaps += gaps
        if not found:
            not_run(panel, gaps, records.label)
            continue
        parts.sources += [records.analysis_source(record) for record in found]
        numbers = [_numbers(record) for record in found]
        for rank, depth in enumerate(study.depths):
            if same := [each for each in numbers if each["depth"] == depth]:
                _line(panel, same, style.depth_style(rank))
        parts.panels += numbers
        panel.axhline(1, color=style.FAINT, linewidth=style.THIN_LINE, zorder=0)
        patch_axis(panel, study.patches)
        remark(panel, f"no traces: {len(gaps)} configurations" if gaps else "", bottom=True)
        drawn.append(panel)
    if drawn:
        for panel in drawn:
            panel.set_ylim(bottom=0)
            panel.legend(loc="lower left", ncols=2)
        common_scale(drawn)
        drawn[0].set_ylabel(r"$\mathrm{tr}\,G$ over the trace law")
    return parts.drawing(figure)


def _line(axes: "Axes", numbers: list[dict[str, Any]], look: style.SeriesStyle) -> None:
    axes.errorbar(
        [each["n_patches"] for each in numbers],
        [each["measured_over_predicted"] for each in numbers],
        yerr=[each["standard_error"] for each in numbers],
        label=f"$d = {numbers[0]['depth']}$",
        **look.plot(),
    )


def _numbers(record: TrainedModel) -> dict[str, Any]:
    traces, run = record.traces, record.run
    assert traces is not None
    architecture = Architecture(run.n_patches, run.depth, n_classes=run.n_classes)
    predicted = gauss_newton_trace(
        architecture, curvature=record.minimum.train.mean_softmax_trace
    ).value
    assert predicted is not None
    error = math.hypot(traces.total.standard_error, traces.bias.standard_error)
    return {
        **run.place,
        "images": traces.n_samples,
        "measured_over_predicted": (traces.total.value - traces.bias.value) / predicted,
        "standard_error": error / predicted,
    }
