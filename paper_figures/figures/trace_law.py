"""Ours: the trace of G over the angles against the trace law, in which nothing is fitted.

tr G over the angles (tr G less the bias block's) over s^2 P n_p v <tr S>, with the mean square
slope v of two-sided 2-designs (theorem trace-law): 1 where trained circuits have the slopes of
random ones. Left the paper's runs, right the shallow circuits of the scaling study. Bars are one
standard error over the probes, of both traces as if they were independent.
"""

import math
from typing import Any

from patchlaw.hessian_theory.predictions import gauss_newton_trace
from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet
from patchlaw.verification.records import TrainedModel

_HEIGHT = 2.7


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    sheet, drawn = Sheet(inputs, _HEIGHT), []
    studies = {"the paper's runs": inputs.paper, "shallow circuits": inputs.scaling}
    for index, (name, study) in enumerate(studies.items()):
        panel = sheet.figure.add_subplot(1, len(studies), index + 1)
        panels.title(panel, index, name)
        found, gaps = sheet.analysed(panel, study.representatives(), _has_both, "no traces")
        if not found:
            continue
        numbers = [_numbers(record) for record in found]
        for rank, depth in enumerate(study.depths):
            names = ("n_patches", "measured_over_predicted", "standard_error")
            known = [[each[name] for name in names] for each in numbers if each["depth"] == depth]
            if known:
                p, ratios, errors = zip(*known, strict=True)
                look = style.depth_style(rank).plot()
                panel.errorbar(p, ratios, yerr=errors, label=f"$d = {depth}$", **look)
        sheet.numbers += numbers
        panel.axhline(1, color=style.FAINT, linewidth=style.THIN_LINE, zorder=0)
        panels.patch_axis(panel, study.patches)
        missing = f"no traces: {len(gaps)} configurations" if gaps else ""
        panels.remark(panel, missing, bottom=True)
        panel.set_ylim(bottom=0)
        panel.legend(loc="lower left", ncols=2)
        drawn.append(panel)
    panels.label_rows([drawn], [r"$\mathrm{tr}\,G$ over the trace law"])
    return sheet.drawing()


def _has_both(record: TrainedModel) -> bool:
    """Traces, and the law's sizes."""
    return record.traces is not None and record.run.architecture is not None


def _numbers(record: TrainedModel) -> dict[str, Any]:
    traces, run = record.traces, record.run
    assert traces is not None
    assert run.architecture is not None
    predicted = gauss_newton_trace(
        run.architecture, curvature=record.minimum.train.mean_softmax_trace
    ).value
    assert predicted is not None
    error = math.hypot(traces.total.standard_error, traces.bias.standard_error)
    return {
        **run.place,
        "images": traces.n_samples,
        "measured_over_predicted": (traces.total.value - traces.bias.value) / predicted,
        "standard_error": error / predicted,
    }
