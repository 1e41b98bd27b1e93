"""Ours: how far each law is from measurement, every pair of P at equal depth and seed a point.

For the README. Rows are laws, points the predicted over the measured ratio of the largest Hessian
eigenvalue: right of 1 a law promises too little flattening, left of it too much. At the right the
median factor between prediction and measurement, and in brackets the number of pairs.
"""

import math
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.hessian_theory.predictions import LAWS
from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet
from patchlaw.paper_figures.law_pairs import LawPairs, all_pairs, numbers_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_LANE_HEIGHT = 0.13  # inches, for each law and origin
_AROUND = 1.0  # inches, above and below the lanes
_GAP = 0.6  # of a lane, between laws
_LEAST_RANGE = (0.5, 2.0)  # of the axis, however right the laws are
_POWERS = range(-6, 7)  # of two, where there are ticks
_LOOKS = (
    style.SeriesStyle("", "o", filled=False),
    style.SeriesStyle("", "o"),
    style.SeriesStyle("", "D"),
)


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    groups = all_pairs(inputs)
    present = [group for group in groups if group.rows]
    laws = [law for law in LAWS if any(law in group.laws for group in present)]
    lanes = len(laws) * len(present)
    sheet = Sheet(inputs, _AROUND + _LANE_HEIGHT * (lanes + _GAP * len(laws)))
    axes = sheet.figure.subplots()
    for group in groups:
        sheet.sources += group.sources
        sheet.gaps += group.gaps
    height, centres = 0.0, []
    for law in laws:
        first = height
        for group in present:
            if law in group.laws:
                look = _LOOKS[groups.index(group)]
                sheet.numbers.append(_lane(axes, height, law, group, look))
                height += 1
        centres.append((first + height - 1) / 2)
        if law != laws[-1]:
            axes.axhline(height - (1 - _GAP) / 2, color=style.FAINT, linewidth=style.HAIR_LINE)
        height += _GAP
    good = style.GOOD_AGREEMENT
    axes.axvspan(1 / good, good, color=style.FAINT, alpha=style.BAND_ALPHA, linewidth=0)
    axes.axvline(1, color=style.INK, linewidth=style.THIN_LINE)
    axes.set(
        xscale="log",
        xlabel=(
            r"too much flattening predicted $\leftarrow$     predicted over measured ratio of "
            r"$\lambda_{\max}(H)$     $\rightarrow$ too little"
        ),
        ylim=(height - _GAP, -1),
    )
    drawn = [factor for panel in sheet.numbers for factor in panel["predicted_over_measured"]]
    ends = (*_LEAST_RANGE, *drawn)
    axes.set_xlim(min(ends) / style.LOG_MARGIN, max(ends) * style.LOG_MARGIN)
    low, high = axes.get_xlim()
    powers = [power for power in _POWERS if low <= 2.0**power <= high]
    axes.set_xticks(
        [2.0**power for power in powers],
        [f"{2**power}" if power >= 0 else f"1/{2**-power}" for power in powers],
    )
    axes.set_xticks([], minor=True)
    axes.set_yticks(centres, [LAWS[law].label for law in laws])
    axes.tick_params(axis="y", length=0)
    axes.set_title("median factor (pairs)", loc="right", fontsize=style.SMALL_TEXT)
    for look, group in zip(_LOOKS, groups, strict=False):
        axes.plot([], [], label=group.label, **_points(look, style.INK))
    sheet.legend(columns=1 if any(group.n_not_run for group in groups) else 3)
    return sheet.drawing()


def _lane(
    axes: "Axes",
    height: float,
    law: str,
    group: LawPairs,
    look: style.SeriesStyle,
) -> dict[str, Any]:
    rows = group.of_law(law)
    factors = [float(row.predicted or 0) / row.measured for row in rows]
    axes.plot(factors, np.full(len(factors), height), **_points(look, style.law_style(law).colour))
    typical = math.exp(median(abs(math.log(factor)) for factor in factors))
    axes.annotate(
        f"{typical:.2f} ({len(factors)})",
        (1, height),
        xycoords=("axes fraction", "data"),
        xytext=(style.REMARK_MARGIN, 0),
        textcoords="offset points",
        va="center",
        fontsize=style.SMALL_TEXT,
    )
    return {
        "law": law,
        "origin": group.name,
        "predicted_over_measured": factors,
        "median_factor": typical,
        "rows": [numbers_of(row) for row in rows],
    }


def _points(look: style.SeriesStyle, colour: str) -> dict[str, Any]:
    return replace(look, colour=colour).plot(line=False) | {"alpha": style.POINT_ALPHA}
