"""The records as a page to explore in a browser: laws, spectra and landscapes, no network needed.

plotly's script is in the page, so its file has some five megabytes. Everything drawn is in a table
beside it too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from patchlaw.hessian_theory.predictions import LAWS
from patchlaw.paper_figures.drawing import Inputs
from patchlaw.paper_figures.law_pairs import LawPairs, all_pairs
from patchlaw.paper_figures.outcome import Outcome, write_files
from patchlaw.paper_figures.provenance import Format
from patchlaw.paper_figures.report.page import page_part, template
from patchlaw.verification.comparison import LawComparison
from patchlaw.verification.kernels.record import KernelMoment, KernelRecord
from patchlaw.verification.landscape.record import LandscapeRecord
from patchlaw.verification.store.json_files import plain
from patchlaw.verification.tables import Table

_DIGITS = 5  # significant, of what is drawn; the records have all
_ALL = "all of them"


@dataclass(frozen=True)
class Explorer:
    """The page, among the figures: its name there, and how it is written."""

    name: str = "explorer"
    shows: str = "the laws, spectra and landscapes as a page to explore in a browser"

    @property
    def title(self) -> str:
        """What it shows, one line."""
        return f"{self.shows} (ours)"

    def write(self, inputs: Inputs, out: Path, formats: Sequence[Format]) -> Outcome:
        """Write it to a folder, which exists; ``formats`` are those of drawings.

        Raises:
            ValueError: records whose numbers contradict each other.
            OSError: the file cannot be written.
        """
        return Outcome(
            self.name, write_files(out, self.name, {"html": explorer(inputs)}), "complete"
        )


def explorer(inputs: Inputs) -> str:
    """The page of whatever is on record, as one HTML file."""
    groups = [group for group in all_pairs(inputs) if group.rows]
    known = inputs.paper.ids | inputs.scaling.ids
    kernels = [r for name, r in sorted(inputs.records.kernels.items()) if name in known]
    landscapes = [r for name, r in sorted(inputs.records.landscapes.items()) if name in known]
    spectra = [
        (record, name, moment)
        for record in kernels
        for name, moment in record.moments.items()
        if moment.measured
    ]
    pairs = {(row.depth, row.n_patches, row.seed) for group in groups for row in group.rows}
    data = {
        "origins": [_ALL, *(group.name for group in groups)],
        "laws": [_label(law) for law in LAWS if any(law in group.laws for group in groups)],
        "ratios": [_ratio(group, row) for group in groups for row in group.rows],
        "patches": sorted({record.run.n_patches for record, _, _ in spectra}),
        "depths": sorted({record.run.depth for record, _, _ in spectra}),
        "spectra": [_spectrum(*each) for each in spectra],
        "landscapes": [_landscape(record) for record in landscapes],
    }
    return template("explorer.html.jinja").render(
        css=page_part("page.css"),
        script=page_part("explorer.js"),
        plotly=_plotly(),
        data=data,
        json=json.dumps(plain(data), allow_nan=False).replace("<", "\\u003c"),
        label=inputs.records.label,
        counts=(
            f"{len(pairs)} pairs of models, {len(spectra)} spectra, {len(landscapes)} landscapes"
        ),
        ratio_table=_ratio_table(groups),
        spectrum_table=_spectrum_table(spectra),
        landscape_table=_landscape_table(landscapes),
    )


def _label(law: str) -> str:
    """A law's name, short enough for an axis on a telephone."""
    return law.replace("_", " ")


def _rounded(values: Any) -> Any:
    """Numbers as drawn; NaN, which JSON has not, is null."""
    if isinstance(values, float):
        return float(f"{values:.{_DIGITS}g}") if values == values else None
    return [_rounded(each) for each in values]


def _pair(row: LawComparison) -> str:
    seed = "" if row.seed is None else f", seed {row.seed}"
    return f"P {row.n_patches[0]}→{row.n_patches[1]}, d {row.depth}{seed}"


def _ratio(group: LawPairs, row: LawComparison) -> dict[str, Any]:
    predicted = float(row.predicted or 0)
    lines = [
        f"<b>{_label(row.law)}</b>",
        f"{group.name}: {_pair(row)}",
        f"measured {row.measured:.4g}{_interval(row)}",
        f"predicted {predicted:.4g}",
        *(row.runs or ()),
    ]
    return {
        "origin": group.name,
        "law": _label(row.law),
        "factor": _rounded(predicted / row.measured),
        "text": "<br>".join(lines),
    }


def _interval(row: LawComparison) -> str:
    if row.measured_interval is None:
        return ""
    low, high = row.measured_interval
    return f" [{low:.5g}, {high:.5g}]"


def _ratio_table(groups: Sequence[LawPairs]) -> Table:
    rows = tuple(
        (
            group.name,
            _pair(row),
            _label(row.law),
            f"{row.measured:.4g}{_interval(row)}",
            f"{float(row.predicted or 0):.4g}",
        )
        for group in groups
        for row in group.rows
    )
    head = ("whose", "pair", "law", "measured [interval]", "predicted")
    return Table("Ratios of λ_max(H) beside every law", head, rows)


def _place(record: KernelRecord | LandscapeRecord) -> str:
    return f"P = {record.run.n_patches}, d = {record.run.depth}, seed {record.run.seed}"


_WHEN = {"start": "before training", "minimum": "at the minimum"}


def _quotients(moment: KernelMoment) -> list[float]:
    return [p / m.value for p, m in zip(moment.predicted, moment.measured, strict=True)]


def _spectrum(record: KernelRecord, name: str, moment: KernelMoment) -> dict[str, Any]:
    quotients = _quotients(moment)
    return {
        "patches": record.run.n_patches,
        "depth": record.run.depth,
        "seed": record.run.seed,
        "moment": name,
        "measured": _rounded([each.value for each in moment.measured]),
        "radius": _rounded([each.radius for each in moment.measured]),
        "predicted": _rounded(moment.predicted),
        "commutator": _rounded(moment.commutator),
        "text": (
            f"{_place(record)}, {_WHEN.get(name, name)}: largest eigenvalue "
            f"{moment.measured[0].value:.4g} measured, {moment.predicted[0]:.4g} predicted; over "
            f"{len(quotients)} eigenvalues the median of predicted over measured is "
            f"{median(quotients):.3f}. {record.n_samples:,} images."
        ),
    }


def _spectrum_table(spectra: Sequence[tuple[KernelRecord, str, KernelMoment]]) -> Table:
    rows = tuple(
        (
            _place(record),
            _WHEN.get(name, name),
            f"{moment.measured[0].value:.4g} ± {moment.measured[0].radius:.1g}",
            f"{moment.predicted[0]:.4g}",
            f"{median(_quotients(moment)):.3f}",
        )
        for record, name, moment in spectra
    )
    head = ("model", "when", "largest, measured", "predicted", "median of predicted / measured")
    return Table("Largest eigenvalues of G over the angles", head, rows)


def _landscape(record: LandscapeRecord) -> dict[str, Any]:
    grid, path = record.grid, record.trajectory
    return {
        "label": _place(record),
        "x": _rounded(grid.x.tolist()),
        "y": _rounded(grid.y.tolist()),
        "loss": _rounded(grid.loss.tolist()),
        "trajectory": {
            "x": _rounded(path.x.tolist()),
            "y": _rounded(path.y.tolist()),
            "loss": _rounded(path.train_loss.tolist()),
            "minimum": record.minimum_epoch,
        },
    }


def _landscape_table(landscapes: Sequence[LandscapeRecord]) -> Table:
    rows = []
    for record in landscapes:
        losses = [x for x in record.grid.loss.ravel().tolist() if x == x]
        spread = f"{min(losses):.3g} to {max(losses):.3g}" if losses else "none yet"
        path = record.trajectory.train_loss
        ratios = record.pca.ratios
        rows.append(
            (
                _place(record),
                spread,
                f"{path[0]:.3g}",
                f"{record.loss_at_minimum:.4g} after epoch {record.minimum_epoch}",
                f"{path[-1]:.4g}",
                f"{ratios[0]:.3f}, {ratios[1]:.3f}",
            )
        )
    head = ("run", "loss on the plane", "at the start", "minimum", "at the end", "PC1, PC2")
    return Table("Loss landscapes", head, tuple(rows))


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script.replace("</script", "<\\/script")
