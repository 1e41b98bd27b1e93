"""Ours: predicted against measured eigenvalues 1 to 12 of G over the angles, of every model.

For the README. Left before training, right at the minima, above the eigenvalues and below their
quotients. Open: the tangent kernel, from data, encodings and softmax outputs. Filled: the
commutator kernel of the trained states. Nothing is fitted. Pale: circuits shallower than the laws
speak of. The band is 20 %; the words in a panel are of the deep models.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import median
from typing import TYPE_CHECKING, Any

from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.drawing import Drawing, Gap, Inputs, Sheet, gap_of
from patchlaw.paper_figures.recipes import kernel
from patchlaw.verification.kernels.criterion import LEAST_DEPTH
from patchlaw.verification.kernels.record import KernelRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT = 3.8
_SHARES = (2.6, 1.0)  # of the rows
_MOMENTS = {"start": "before training", "minimum": "at the minimum of the training loss"}
_LEAST_QUOTIENTS = (0.75, 1.4)  # of the lower axis, however right the laws are
_QUOTIENTS = (0.2, 0.5, 0.7, 1.0, 1.4, 2.0, 5.0)  # where it has ticks


@dataclass(frozen=True)
class _Law:
    field: str  # of a record's moment
    label: str
    filled: bool


_LAWS = (
    _Law("predicted", "tangent kernel", False),
    _Law("commutator", "commutator kernel", True),
)


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    sheet = Sheet(inputs, _HEIGHT)
    axes = sheet.figure.subplots(2, 2, sharex="col", height_ratios=_SHARES)
    kept = inputs.records.of_the_paper.kernels
    records = sorted(kept.values(), key=lambda r: (r.run.n_patches, r.run.depth, r.run.seed))
    for index, (moment, title) in enumerate(_MOMENTS.items()):
        above, below = axes[:, index]
        panels.title(above, index, title)
        found = [r for r in records if moment in r.moments and r.moments[moment].measured]
        runs = chain(inputs.paper.representatives(), inputs.scaling.representatives())
        known = {record.run.id for record in found}
        gaps = [gap_of(run, inputs.records, kernel) for run in runs if run.run_id not in known]
        sheet.gaps += gaps
        if not found:
            none = Gap(title, (), "no spectra on record")
            sheet.not_run(above, gaps or [none])
            below.set_axis_off()
            continue
        sheet.sources += map(inputs.records.source, found)
        numbers = [_numbers(record, moment) for record in found]
        _draw_spectra(above, below, numbers)
        panels.remark(above, _summary(numbers), left=True)
        sheet.numbers.append({"moment": moment, "models": numbers})
    _label(axes[0, 0], [model for panel in sheet.numbers for model in panel["models"]])
    axes[0, 0].set_ylabel("predicted eigenvalue")
    axes[1, 0].set_ylabel("over measured")
    sheet.legend(columns=len(_LAWS) + 5)
    return sheet.drawing()


def _numbers(record: KernelRecord, moment: str) -> dict[str, Any]:
    found = record.moments[moment]
    return {
        **record.run.place,
        "images": record.n_samples,
        "measured": [each.value for each in found.measured],
        "radius": [each.radius for each in found.measured],
        **{law.field: list(getattr(found, law.field)) for law in _LAWS},
    }


def _draw_spectra(above: "Axes", below: "Axes", models: Sequence[dict[str, Any]]) -> None:
    ends = [x for model in models for name in ("measured", *_fields(model)) for x in model[name]]
    low, high = min(ends) / style.LOG_MARGIN, max(ends) * style.LOG_MARGIN
    good = style.GOOD_AGREEMENT
    for panel, line in ((above, (low, high)), (below, (1.0, 1.0))):
        least, most = ([end * factor for end in line] for factor in (1 / good, good))
        panel.set(xscale="log", yscale="log")
        faint, alpha = style.FAINT, style.BAND_ALPHA
        panel.fill_between((low, high), least, most, color=faint, alpha=alpha, linewidth=0)
        panel.plot((low, high), line, color=style.INK, linewidth=style.HAIR_LINE)
    for model in models:
        p, measured = model["n_patches"], model["measured"]
        shallow = model["depth"] < LEAST_DEPTH
        for law in _LAWS:
            if law.field not in _fields(model):
                continue
            look = replace(style.patch_style(p), filled=law.filled).plot(line=False)
            look |= {"alpha": style.PALE_ALPHA / 2 if shallow else style.POINT_ALPHA}
            if law.filled:
                look |= {"markersize": style.SMALL_MARKER}
            above.plot(measured, model[law.field], **look)
            quotients = [x / y for x, y in zip(model[law.field], measured, strict=True)]
            below.plot(measured, quotients, **look)
    above.set(xlim=(low, high), ylim=(low, high))
    low_end, high_end = below.get_ylim()
    below.set(
        xlabel=r"measured eigenvalue of $G$ over the angles",
        ylim=(min(low_end, _LEAST_QUOTIENTS[0]), max(high_end, _LEAST_QUOTIENTS[1])),
    )
    panels.power_ticks(above, decimal=True)
    panels.power_ticks(below, "x", decimal=True)
    low_end, high_end = below.get_ylim()
    ticks = [tick for tick in _QUOTIENTS if low_end <= tick <= high_end]
    below.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    below.set_yticks([], minor=True)


def _label(axes: "Axes", models: Sequence[dict[str, Any]]) -> None:
    """What the legend names: every P, the kernels, the pale ones."""
    for p in sorted({model["n_patches"] for model in models}):
        look = replace(style.patch_style(p), filled=False).plot(line=False)
        axes.plot([], [], label=f"$P = {p}$", **look)
    used = [law for law in _LAWS if any(law.field in _fields(model) for model in models)]
    for law in used:
        look = style.SeriesStyle(style.INK, "o", filled=law.filled).plot(line=False)
        axes.plot([], [], label=f"{'filled' if law.filled else 'open'}: {law.label}", **look)
    if any(model["depth"] < LEAST_DEPTH for model in models):
        look = style.SeriesStyle(style.FAINT, "o", filled=False).plot(line=False)
        axes.plot([], [], label=f"pale: $d < {LEAST_DEPTH}$", **look)


def _fields(model: dict[str, Any]) -> list[str]:
    return [law.field for law in _LAWS if model[law.field]]


def _summary(models: Sequence[dict[str, Any]]) -> str:
    """Median and worst error of each law over the deep models."""
    deep = [model for model in models if model["depth"] >= LEAST_DEPTH]
    lines = [f"{len(deep)} models of $d \\geq {LEAST_DEPTH}$"]
    for law in _LAWS:
        errors = [
            100 * abs(x / y - 1)
            for model in deep
            if law.field in _fields(model)
            for x, y in zip(model[law.field], model["measured"], strict=True)
        ]
        if errors:
            word = "filled" if law.filled else "open"
            lines.append(f"{word}: median {median(errors):.1f} %, worst {max(errors):.0f} %")
    return "\n".join(lines) if deep else ""
