"""Ours: predicted against measured ratios of the largest Hessian eigenvalue, under each law.

One panel for the author's Table 3, one for our runs by the author's protocol and one for our
shallow circuits. On the line a law is right; the band is 20 %. Horizontal bars are what the
eigenvalues' residual bounds leave open; the author's values carry none.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.hessian_theory.predictions import find_law
from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet
from patchlaw.paper_figures.law_pairs import all_pairs, numbers_of
from patchlaw.verification.comparison import LawComparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_HEIGHT = 3.1


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    groups = all_pairs(inputs)
    sheet = Sheet(inputs, _HEIGHT)
    drawn = []
    for index, group in enumerate(groups):
        panel = sheet.figure.add_subplot(1, len(groups), index + 1)
        panels.title(panel, index, group.name)
        sheet.sources += group.sources
        sheet.gaps += group.gaps
        if not group.rows:
            sheet.not_run(panel, group.gaps)
            continue
        for law in group.laws:
            look = style.law_style(law).plot(line=False) | {"label": find_law(law).label}
            plot_ratios(panel, group.of_law(law), {"elinewidth": style.THIN_LINE}, **look)
        panels.remark(panel, f"{group.n_pairs} pairs of $P$", left=True)
        if group.n_not_run:
            plural = "s" * (group.n_not_run > 1)
            panels.remark(panel, f"not run: {group.n_not_run} configuration{plural}", bottom=True)
        rows = [numbers_of(row) for row in group.rows]
        sheet.numbers.append({"name": group.name, "pairs": group.n_pairs, "rows": rows})
        drawn.append(panel)
    limits = [end for panel in drawn for end in (*panel.get_xlim(), *panel.get_ylim())]
    for panel in drawn:
        show_agreement(panel, min(limits), max(limits), style.INK, style.FAINT, style.HAIR_LINE)
    panels.label_rows([drawn], ["predicted ratio"])
    sheet.legend(columns=3)
    return sheet.drawing()


def plot_ratios(
    axes: "Axes", rows: Sequence[LawComparison], bars: dict[str, Any], **look: Any
) -> None:
    """One law's predicted against measured ratios, with what the measurements leave open.

    Args:
        axes: a panel, whose axes become logarithmic.
        rows: with a prediction.
        bars: widths of the bars where there are intervals, as ``Axes.errorbar`` takes them.
        look: of the markers, as ``Axes.plot`` takes it.
    """
    axes.set(xscale="log", yscale="log")
    measured = np.array([row.measured for row in rows])
    predicted = [float(row.predicted or 0) for row in rows]
    if any(row.measured_interval for row in rows):
        ends = np.array([row.measured_interval or (row.measured,) * 2 for row in rows])
        # an end below zero has no place on a logarithmic axis
        open_ends = np.maximum([measured - np.maximum(ends[:, 0], 0), ends[:, 1] - measured], 0)
        axes.errorbar(measured, predicted, xerr=open_ends, fmt="none", color=look["color"], **bars)
    axes.plot(measured, predicted, **look)


def show_agreement(
    axes: "Axes", low: float, high: float, ink: str, faint: str, linewidth: float
) -> None:
    """The line of equal ratios, a band of good agreement around it, both axes from low to high."""
    line, good = np.array([low, high]), style.GOOD_AGREEMENT
    axes.fill_between(
        line, line / good, line * good, color=faint, alpha=style.BAND_ALPHA, linewidth=0
    )
    axes.plot(line, line, color=ink, linewidth=linewidth)
    axes.set(xlim=(low, high), ylim=(low, high), xlabel="measured ratio")
    panels.decimal_ticks(axes)
