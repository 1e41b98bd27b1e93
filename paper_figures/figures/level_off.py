"""Ours: whether the largest eigenvalue levels off at many patches in shallow circuits.

One column for each d of the scaling study. Above: largest eigenvalues of H, G, G over the angles
and G over the bias against P. Below: the same divided by the run's training loss, because models of
more patches also end at another loss, and the curvature falls with it. The band is
hessian_theory's two-term law a/P + b through the parts at the smallest P; dotted, the elementwise
law 1/P^2 from there.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.hessian_theory.predictions import LevelOffLaw
from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Parts, analysis_gap
from patchlaw.paper_figures.panels import (
    common_scale,
    legend_below,
    missing_remark,
    new_figure,
    not_run,
    patch_axis,
    power_ticks,
    title,
)
from patchlaw.paper_figures.provenance import Caption
from patchlaw.verification.records import TrainedModel

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

CAPTION = Caption("level-off", "largest eigenvalues against P in shallow circuits", "ours")

_HEIGHT = 4.0
_PARTS = ("G over the angles", "G over the bias")
_MATRICES = ("H", "G", *_PARTS)
_LABELS = (r"$\lambda_{\max}$", r"$\lambda_{\max}$ / training loss")


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    study, records = inputs.scaling, inputs.records
    figure = new_figure(style.TWO_COLUMNS, _HEIGHT)
    axes = figure.subplots(2, max(1, len(study.depths)), squeeze=False)
    parts, drawn = Parts(), []
    for index, depth in enumerate(study.depths):
        above, below = axes[:, index]
        title(above, index, f"$d = {depth}$")
        gaps, found = [], []
        for run in (run for run in study.representatives() if run.depth == depth):
            record = records.analyses.get(run.run_id)
            if record is None or any(record.top(name) is None for name in _MATRICES):
                gaps.append(analysis_gap(run, records))
            else:
                found.append(record)
        parts.gaps += gaps
        if not found:
            not_run(above, gaps, records.label)
            below.set_axis_off()
            continue
        parts.sources += [records.analysis_source(record) for record in found]
        loss = np.array([record.minimum.train.loss for record in found])
        parts.panels.append(
            {
                "depth": depth,
                "runs": [record.run.id for record in found],
                "seeds": [record.run.seed for record in found],
                "n_patches": [record.run.n_patches for record in found],
                "images": found[0].run.images,
                "train_loss": loss,
                **_panel(above, found, np.ones_like(loss)),
                "per_unit_of_loss": _panel(below, found, loss),
            }
        )
        for panel in (above, below):
            patch_axis(panel, study.patches)
        above.set(xlabel="", xticklabels=[])
        missing_remark(above, gaps)
        drawn.append((above, below))
    for row, label in zip(zip(*drawn, strict=True), _LABELS, strict=False):
        common_scale(row)
        row[0].set_ylabel(label)
    if drawn:
        legend_below(figure, [above for above, _ in drawn], columns=6)
    return parts.drawing(figure)


def _panel(
    axes: "Axes", found: list[TrainedModel], unit: "npt.NDArray[np.float64]"
) -> dict[str, Any]:
    """Eigenvalues, each in its run's unit, and the laws through the first run's."""
    p = np.array([record.run.n_patches for record in found])
    values, radii = {}, {}
    for name in _MATRICES:
        tops = [top for record in found if (top := record.top(name)) is not None]
        values[name] = np.array([top.value for top in tops]) / unit
        radii[name] = np.array([top.radius for top in tops]) / unit
        axes.errorbar(
            p,
            values[name],
            yerr=radii[name],
            label=style.MATRIX_LABELS[name],
            **style.MATRICES[name].plot(),
        )
    law = LevelOffLaw.from_parts(int(p[0]), *(max(0.0, float(values[name][0])) for name in _PARTS))
    ends = [law.interval_at(int(n_patches)) for n_patches in p]
    low, high = [float(end.low) for end in ends], [float(end.high) for end in ends]
    axes.fill_between(
        p,
        low,
        high,
        color=style.FAINT,
        alpha=style.PALE_ALPHA,
        linewidth=0,
        label="$a/P + b$ from the first $P$",
    )
    elementwise = values["G"][0] * (p[0] / p) ** 2
    axes.plot(p, elementwise, color=style.FAINT, linestyle=style.DOTTED, zorder=1, label="$1/P^2$")
    axes.set_yscale("log")
    power_ticks(axes, "y", decimal=True)
    return {
        "largest_eigenvalues": values,
        "radii": radii,
        "law": {
            "angle_coefficient": float(law.angle_coefficient),
            "bias_coefficient": float(law.bias_coefficient),
            "low": low,
            "high": high,
        },
        "elementwise": elementwise,
    }
