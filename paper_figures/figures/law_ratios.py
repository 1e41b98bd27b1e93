"""Ours: predicted against measured ratios of the largest Hessian eigenvalue, under each law.

One panel for the author's Table 3, one for our runs by the author's protocol and one for our
shallow circuits. On the line a law is right; the band is 20 %. Horizontal bars are what the
eigenvalues' residual bounds leave open; the author's values carry none.
"""

from typing import TYPE_CHECKING

import numpy as np

from patchlaw.hessian_theory.predictions import find_law
from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Parts
from patchlaw.paper_figures.law_pairs import LawPairs, all_pairs, numbers_of
from patchlaw.paper_figures.panels import (
    common_scale,
    decimal_ticks,
    legend_below,
    new_figure,
    not_run,
    remark,
    title,
)
from patchlaw.paper_figures.provenance import Caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAPTION = Caption("law-ratios", "predicted against measured eigenvalue ratios", "ours")

_HEIGHT = 3.1


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    groups = all_pairs(inputs)
    figure = new_figure(style.TWO_COLUMNS, _HEIGHT)
    axes = figure.subplots(1, len(groups))
    parts, drawn = Parts(), []
    for index, (group, panel) in enumerate(zip(groups, axes, strict=True)):
        title(panel, index, group.name)
        parts.sources += group.sources
        parts.gaps += group.gaps
        if not group.rows:
            not_run(panel, group.gaps, inputs.records.label)
            continue
        _panel(panel, group)
        parts.panels.append(
            {
                "name": group.name,
                "pairs": group.n_pairs,
                "rows": [numbers_of(row) for row in group.rows],
            }
        )
        drawn.append(panel)
    limits = [end for panel in drawn for end in (*panel.get_xlim(), *panel.get_ylim())]
    for panel in drawn:
        panel.set(xlim=(min(limits), max(limits)), ylim=(min(limits), max(limits)))
        line = np.array([min(limits), max(limits)])
        good = style.GOOD_AGREEMENT
        panel.fill_between(
            line, line / good, line * good, color=style.FAINT, alpha=style.BAND_ALPHA, linewidth=0
        )
        panel.plot(line, line, color=style.INK, linewidth=style.HAIR_LINE)
        decimal_ticks(panel)
        panel.set_xlabel("measured ratio")
    common_scale(drawn)
    drawn[0].set_ylabel("predicted ratio")
    legend_below(figure, drawn, columns=3)
    return parts.drawing(figure)


def _panel(axes: "Axes", group: LawPairs) -> None:
    for law in group.laws:
        rows, look = group.of_law(law), style.law_style(law)
        measured = np.array([row.measured for row in rows])
        ends = np.array([row.measured_interval or (row.measured,) * 2 for row in rows])
        predicted = [float(row.predicted or 0) for row in rows]
        axes.errorbar(
            measured,
            predicted,
            # an end below zero has no place on a logarithmic axis
            xerr=np.maximum([measured - np.maximum(ends[:, 0], 0), ends[:, 1] - measured], 0),
            fmt="none",
            ecolor=look.colour,
            elinewidth=style.THIN_LINE,
        )
        axes.plot(measured, predicted, label=find_law(law).label, **look.plot(line=False))
    axes.set(xscale="log", yscale="log")
    remark(axes, f"{group.n_pairs} pairs of $P$", left=True)
    if group.n_not_run:
        remark(axes, f"not run: {group.n_not_run} configurations", bottom=True)
