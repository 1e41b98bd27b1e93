"""Ours: the pixel bias, which the patches share, and how its part of the curvature scales with P.

Above, the part m/P of the patches that cover each pixel: 1 in the middle for every P. Then, one
panel for each d, the largest eigenvalues of G over the bias, of G over the angles and of R over
the bias against P; the thin lines are the paper's 1/P^2 and 1/P. Below, what lies on the bias: of
the squared norm of the top eigenvectors of H and G, and of the trace of G.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.hessian_theory.coverage import PatchCoverage
from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet, gap_of, missing_remark
from patchlaw.paper_figures.recipes import analyse
from patchlaw.simulators import PatchGrid
from patchlaw.verification.records import TrainedModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_HEIGHT = 5.4
_ROWS = (1.0, 1.15, 1.0)
_COVERAGES = (4, 9, 16, 49)  # 49 is the densest grid there is, stride 1
_MATRICES = ("G over the angles", "G over the bias", "R over the bias")
_CLAIMS = {1: style.DASHED, 2: style.DOTTED}  # exponents of 1/P in the paper (Sec. 2.2)


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    study, sheet = inputs.paper, Sheet(inputs, _HEIGHT)
    rows = sheet.figure.add_gridspec(3, 1, height_ratios=_ROWS)
    maps = rows[0].subgridspec(1, len(_COVERAGES)).subplots()
    below = rows[1:].subgridspec(2, max(1, len(study.depths))).subplots(squeeze=False)
    coverage = _coverage(sheet, maps)
    runs = {run.run_id: run for run in study.representatives()}
    for _, (sizes, shares), found, gaps in sheet.columns(
        below,
        study,
        lambda record: bool(record.shares or record.top("G over the bias")),
        (r"$\lambda_{\max}$", "part on the bias"),
        first=len(_COVERAGES),
    ):
        partial = [
            gap_of(runs[record.run.id], inputs.records, analyse)
            for record in found
            if any(record.top(name) is None for name in _MATRICES)
        ]
        sheet.gaps += partial
        sheet.numbers += [_numbers(record) for record in found]
        _sizes(sizes, found)
        _shares(shares, found)
        for axes in (sizes, shares):
            panels.patch_axis(axes, study.patches)
        sizes.tick_params(labelbottom=False)
        sizes.set_xlabel("")
        missing_remark(sizes, gaps, partial)
    sheet.legend(columns=4)
    return sheet.drawing(coverage=coverage)


def _coverage(sheet: Sheet, maps: Any) -> list[dict[str, Any]]:
    shown: Any = None
    numbers = []
    for index, (n_patches, axes) in enumerate(zip(_COVERAGES, maps, strict=True)):
        grid = PatchGrid(n_patches=n_patches)
        counts = PatchCoverage(grid.image_side, grid.patch_side, n_patches).counts
        shown = axes.imshow(counts / n_patches, cmap=style.COUNT_MAP, vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        panels.title(axes, index, f"$P = {n_patches}$")
        numbers.append({"n_patches": n_patches, "counts": counts})
    sheet.figure.colorbar(shown, ax=list(maps), label="$m/P$", pad=style.COLOUR_BAR_PAD)
    return numbers


def _sizes(axes: "Axes", found: list[TrainedModel]) -> None:
    drawn = {name: panels.plot_tops(axes, found, name) for name in _MATRICES}
    axes.set_yscale("log")
    axes.margins(y=style.MARGIN)
    panels.power_ticks(axes, "y")
    known, values, _ = drawn["G over the bias"]
    if not len(known):
        return
    p = np.array([record.run.n_patches for record in found if record.run.n_patches >= known[0]])
    for exponent, line in _CLAIMS.items():
        axes.plot(
            p,
            values[0] * (known[0] / p) ** exponent,
            color=style.FAINT,
            linestyle=line,
            linewidth=style.THIN_LINE,
            zorder=1,
            label=f"$1/P^{exponent}$" if exponent > 1 else "$1/P$",
        )


def _shares(axes: "Axes", found: list[TrainedModel]) -> None:
    for name in ("H", "G"):
        known = [record for record in found if name in record.shares]
        axes.plot(
            [record.run.n_patches for record in known],
            [record.shares[name].bias for record in known],
            label=f"top eigenvector of ${name}$",
            **style.MATRICES[name].plot(),
        )
    known = [record for record in found if record.traces is not None]
    parts = np.array([_trace_part(record) for record in known]).reshape(-1, 2)
    axes.errorbar(
        [record.run.n_patches for record in known],
        parts[:, 0],
        yerr=parts[:, 1],
        label="trace of $G$",
        **style.MATRICES["G over the bias"].plot(),
    )
    axes.margins(y=style.MARGIN)
    axes.set_ylim(bottom=0)


def _trace_part(record: TrainedModel) -> tuple[float, float]:
    """tr G_bb / tr G with its standard error, as if the two estimates were independent."""
    traces = record.traces
    assert traces is not None
    part = traces.bias.value / traces.total.value
    errors = [each.standard_error / each.value for each in (traces.bias, traces.total)]
    return part, abs(part) * math.hypot(*errors)


def _numbers(record: TrainedModel) -> dict[str, Any]:
    tops = {name: record.top(name) for name in _MATRICES}
    return {
        **record.run.place,
        "largest_eigenvalues": {n: None if t is None else t.value for n, t in tops.items()},
        "intervals": {n: None if t is None else t.interval for n, t in tops.items()},
        "bias_shares": {name: shares.bias for name, shares in record.shares.items()},
        "trace_part": None if record.traces is None else _trace_part(record),
    }
