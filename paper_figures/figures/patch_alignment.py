"""Ours: how far the patches' top directions are aligned, and who holds the top eigenvector.

Left, the alignment A = lambda_max(G over the angles) / sum_p lambda_max(G_pp) against P, between
1/P (orthogonal, the paper's law) and 1 (aligned). Right, the squared norm of the top eigenvector
of H on every patch's angles and, hatched, on the pixel bias.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet, gap_of
from patchlaw.paper_figures.recipes import analyse
from patchlaw.paper_figures.study import Study, StudyRun
from patchlaw.verification.records import TrainedModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_HEIGHT = 2.9
_WIDTHS = (1.0, 2.0)
_MATRIX = "H"  # whose eigenvector
_BAR = 0.8  # of the distance between bars
_NEXT_DEPTH = 1.5  # distance to the first bar of the next depth
_SIDE = 0.75  # between the outer bars and the panel's edge
_HATCH = "//////"


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    study, sheet = inputs.paper, Sheet(inputs, _HEIGHT)
    alignment, shares = sheet.figure.subplots(1, 2, width_ratios=_WIDTHS)
    runs, found = study.representatives(), {}
    for run in runs:
        record = inputs.records.analyses.get(run.run_id)
        known = record and (record.alignment is not None, _MATRIX in record.shares)
        if not known or not all(known):
            sheet.gaps.append(gap_of(run, inputs.records, analyse))
        if record and known and any(known):
            found[run] = record
            sheet.sources.append(inputs.records.source(record))
            sheet.numbers.append(_numbers(record))
    panels.title(alignment, 0, "alignment of the patches")
    panels.title(shares, 1, "top eigenvector of $H$")
    if found:
        _alignment(alignment, found, study)
        _shares(shares, runs, found)
    elif sheet.gaps:
        for axes in (alignment, shares):
            sheet.not_run(axes, sheet.gaps)
    sheet.legend(columns=7)
    return sheet.drawing()


def _alignment(axes: "Axes", found: dict[StudyRun, TrainedModel], study: Study) -> None:
    for rank, depth in enumerate(study.depths):
        of_depth = [
            (run.n_patches, record.alignment)
            for run, record in found.items()
            if run.depth == depth and record.alignment is not None
        ]
        if not of_depth:
            continue
        p = [n_patches for n_patches, _ in of_depth]
        values = np.array([(a.value, a.low, a.high) for _, a in of_depth]).T
        bars = np.maximum([values[0] - values[1], values[2] - values[0]], 0)
        look = style.depth_style(rank).plot()
        axes.errorbar(p, values[0], yerr=bars, label=f"$d = {depth}$", **look)
    panels.patch_axis(axes, study.patches)
    low, high = axes.get_xlim()
    line = np.array([low, high])
    axes.plot(line, 1 / line, color=style.FAINT, label="$1/P$, orthogonal")
    axes.plot(line, [1, 1], color=style.FAINT, linestyle=style.DASHED, label="1, aligned")
    axes.set(yscale="log", ylabel="alignment $A$", xlim=(low, high))
    panels.decimal_ticks(axes, "y")


def _shares(axes: "Axes", runs: Sequence[StudyRun], found: dict[StudyRun, TrainedModel]) -> None:
    ordered = sorted(runs, key=lambda run: (run.depth, run.n_patches))
    places, place, previous = [], 0.0, ordered[0].depth
    for run in ordered:
        place += 1.0 if run.depth == previous else _NEXT_DEPTH
        places.append(place)
        previous = run.depth
    for at, run in zip(places, ordered, strict=True):
        record = found.get(run)
        if record is None or _MATRIX not in record.shares:
            axes.bar(at, 1, _BAR, color=style.PANEL_GREY)
            axes.text(
                at, 0.5, "not run", rotation=90, ha="center", va="center", fontsize=style.SMALL_TEXT
            )
            continue
        entry, colour = record.shares[_MATRIX], style.patch_style(run.n_patches).colour
        base = np.cumsum([0, *entry.patches])
        look: dict[str, Any] = {"edgecolor": "white", "linewidth": style.HAIR_LINE}
        axes.bar(at, entry.patches, _BAR, base[:-1], color=colour, **look)
        look = {"edgecolor": colour, "linewidth": style.THIN_LINE, "hatch": _HATCH}
        axes.bar(at, entry.bias, _BAR, base[-1], color="white", **look)
    for n_patches in sorted({run.n_patches for run in found}):
        colour = style.patch_style(n_patches).colour
        axes.fill_between([], [], color=colour, label=f"patches, $P = {n_patches}$")
    look = {"edgecolor": style.INK, "linewidth": style.THIN_LINE, "hatch": _HATCH}
    axes.fill_between([], [], facecolor="white", label="pixel bias", **look)
    axes.set(
        ylim=(0, 1),
        ylabel="share of the squared norm",
        xlim=(places[0] - _SIDE, places[-1] + _SIDE),
    )
    axes.set_xticks(places, [str(run.n_patches) for run in ordered])
    axes.tick_params(axis="x", length=0)
    for depth in sorted({run.depth for run in ordered}):
        of_depth = [at for at, run in zip(places, ordered, strict=True) if run.depth == depth]
        axes.annotate(
            f"$d = {depth}$",
            (float(np.mean(of_depth)), 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -2 * style.TICK_TEXT),
            textcoords="offset points",
            ha="center",
            va="top",
        )


def _numbers(record: TrainedModel) -> dict[str, Any]:
    alignment, shares = record.alignment, record.shares.get(_MATRIX)
    return {
        **record.run.place,
        "alignment": alignment and alignment.value,
        "alignment_interval": alignment and (alignment.low, alignment.high),
        "matrix": _MATRIX,
        "patch_shares": shares and shares.patches.tolist(),
        "bias_share": shares and shares.bias,
    }
