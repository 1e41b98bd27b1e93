"""Ours: models that differ from the paper's in one axis, beside it, against the number of patches.

Upper row, lambda_max(H) at the minima, and the same divided by the training loss there, as models
also end at another loss. Lower row, the test loss, and lambda_1 of G over the angles by the tangent
kernel's law over the measured one: filled at the minima, hollow before training.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.axes import AXES, MOMENTS, Axis, Member, members, series
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet, gap_of
from patchlaw.paper_figures.provenance import PaperFigure
from patchlaw.paper_figures.recipes import analyse, kernel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT = 5.0
_TICKS = (0.1, 0.2, 0.5, 0.7, 1, 1.4, 2, 5, 10)  # of law over measured
_BESIDE = 1.04  # of P, so that hollow and filled points of one model stay apart


def draw(inputs: Inputs, axis: Axis) -> Drawing:
    """Draw the figure of one axis."""
    sheet, records = Sheet(inputs, _HEIGHT), inputs.records
    study = axis.study(records, inputs.small)
    found = members(records, study)
    known = {member.run.id for member in found}
    law = {member.run.id for member in found if any(map(member.errors, MOMENTS))}
    for run in study.runs:
        if run.run_id not in known:
            sheet.gaps.append(gap_of(run, records, analyse))
        elif run.changes and run.run_id not in law:  # the paper's own spectra are a figure already
            sheet.gaps.append(gap_of(run, records, kernel))
    eigenvalue, per_loss, test, quotient = sheet.figure.subplots(2, 2).flat
    if not found:
        for panel in (eigenvalue, per_loss, test, quotient):
            panel.set_axis_off()
        eigenvalue.set_axis_on()
        if sheet.gaps:
            sheet.not_run(eigenvalue, sheet.gaps)
        return sheet.drawing()
    sheet.sources += [records.source(member.model) for member in found]
    sheet.sources += [records.source(records.kernels[name]) for name in sorted(law)]
    sheet.numbers += [member.numbers() for member in found]
    depths = sorted({member.run.depth for member in found})
    words = list(dict.fromkeys(member.words for member in found))
    for curve, (what, depth, group) in enumerate(series(found)):
        look = style.model_style(words.index(what), depths.index(depth), curve)
        label = f"{what}, $d = {depth}$"
        _line(eigenvalue, group, _eigenvalue, look, label)
        _line(per_loss, group, _per_loss, look)
        _line(test, group, lambda member: (member.model.minimum.test.loss or 0.0, 0.0), look)
        for moment in MOMENTS:
            _law(quotient, group, moment, replace(look, filled=moment == "minimum"))
    titles = (
        (eigenvalue, r"$\lambda_{\max}(H)$"),
        (per_loss, r"$\lambda_{\max}(H)$ / training loss"),
        (test, "test loss (nats)"),
        (quotient, r"$\lambda_1$ of $G$, angles: law / measured (hollow: start)"),
    )
    for index, (panel, text) in enumerate(titles):
        panels.title(panel, index, text)
        panels.patch_axis(panel, study.patches)
        panel.set_yscale("log")
        panels.decimal_ticks(panel, "y")
        panel.margins(y=style.MARGIN)
    _band(quotient)
    sheet.legend(columns=3)
    return sheet.drawing()


def _eigenvalue(member: Member) -> tuple[float, float]:
    top = member.model.top("H")
    assert top is not None
    return top.value, top.radius


def _per_loss(member: Member) -> tuple[float, float]:
    value, radius = _eigenvalue(member)
    loss = member.model.minimum.train.loss or float("nan")
    return value / loss, radius / loss


def _line(
    axes: "Axes",
    group: list[Member],
    number: Callable[[Member], tuple[float, float]],
    look: style.SeriesStyle,
    label: str = "",
) -> None:
    values, radii = zip(*map(number, group), strict=True)
    p = [member.run.n_patches for member in group]
    axes.errorbar(p, values, yerr=radii, label=label, **look.plot())


def _law(axes: "Axes", group: list[Member], moment: str, look: style.SeriesStyle) -> None:
    points = [
        (member.run.n_patches, 1 + member.errors(moment)[0])
        for member in group
        if member.errors(moment)
    ]
    if points:
        p, values = zip(*points, strict=True)
        aside = [n * (1 if look.filled else _BESIDE) for n in p]
        axes.plot(aside, values, **look.plot(line=False))


def _band(axes: "Axes") -> None:
    """Where law and measurement agree, and ticks that a small range has too."""
    good = style.GOOD_AGREEMENT
    axes.axhspan(1 / good, good, color=style.FAINT, alpha=style.BAND_ALPHA, linewidth=0)
    axes.axhline(1, color=style.INK, linewidth=style.HAIR_LINE, zorder=0)
    low, high = axes.get_ylim()
    low, high = min(low, _TICKS[3]), max(high, _TICKS[5])
    axes.set_ylim(low, high)
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)


def _figure(axis: Axis) -> PaperFigure:
    return PaperFigure(lambda inputs: draw(inputs, axis), axis.name, axis.shows)


FIGURES = tuple(map(_figure, AXES))
