"""Predicted beside measured ratios of lambda_max(H), from the author's table and from our runs."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from patchlaw.hessian_theory.predictions import KERNEL_EIGENVALUE
from patchlaw.paper_figures.drawing import Gap, Inputs, gap_of
from patchlaw.paper_figures.recipes import analyse
from patchlaw.paper_figures.records import Records, Source, author_source
from patchlaw.paper_figures.study import Study, StudyRun
from patchlaw.verification.comparison import LawComparison, compare_author, compare_models

MATRIX = "H"


@dataclass(frozen=True)
class LawPairs:
    """Every law at every pair of P at equal depth and seed, of one origin.

    Attributes:
        name: whose measurements.
        rows: those with a measured and a predicted ratio, both positive.
        sources: behind them.
        gaps: runs of the study whose analysis, or the part of it that a law needs, is missing.
        wanted: runs that represent a P and d in the study.
    """

    name: str
    rows: tuple[LawComparison, ...]
    sources: tuple[Source, ...]
    gaps: tuple[Gap, ...] = ()
    wanted: int = 0

    @property
    def label(self) -> str:
        """Name and, if some are missing, how many configurations there are."""
        if not self.n_not_run:
            return self.name
        return f"{self.name}: {self.wanted - self.n_not_run} of {self.wanted} configurations run"

    @property
    def n_not_run(self) -> int:
        """Configurations without lambda_max; the other gaps are inputs of single laws."""
        return sum(gap.reason == Gap.reason for gap in self.gaps)

    @property
    def laws(self) -> tuple[str, ...]:
        """Names of the laws in their order."""
        return tuple(dict.fromkeys(row.law for row in self.rows))

    @property
    def n_pairs(self) -> int:
        """Pairs of models."""
        return len(
            {(row.depth, row.n_patches, row.seed, row.protocol, row.study) for row in self.rows}
        )

    def of_law(self, law: str) -> tuple[LawComparison, ...]:
        """The rows of one law."""
        return tuple(row for row in self.rows if row.law == law)


def author_pairs(records: Records) -> LawPairs:
    """The author's Table 3, every pair of P at equal depth; kernels are those of our runs."""
    kernels = records.kernels.values()
    rows = tuple(_usable(compare_author(kernels, every_pair=True)))
    used = {row.depth for row in rows if row.note}
    his = (r for r in kernels if r.run.of_paper_size and not r.run.other_settings)
    sources = (records.source(r) for r in his if r.run.depth in used)
    return LawPairs("author's Table 3", rows, (author_source("results"), *sources))


def all_pairs(inputs: Inputs) -> tuple[LawPairs, ...]:
    """The author's, our runs by the author's protocol (all seeds on record), our shallow circuits.

    In small mode the author's and whatever runs are on record.
    """
    if inputs.small:
        return author_pairs(inputs.records), study_pairs(
            "runs on record", inputs.paper, inputs.records
        )
    return (
        author_pairs(inputs.records),
        study_pairs("our runs, author's protocol", inputs.paper, inputs.records),
        study_pairs("our runs, shallow circuits", inputs.scaling, inputs.records),
    )


def numbers_of(row: LawComparison) -> dict[str, Any]:
    """What is drawn of a pair."""
    names = ("law", "depth", "n_patches", "seed", "runs")
    values = ("measured", "measured_interval", "predicted")
    return {name: getattr(row, name) for name in (*names, *values)}


def study_pairs(name: str, study: Study, records: Records) -> LawPairs:
    """Every pair of P at equal depth and seed among a study's analysed runs."""
    found = records.analyses_of(study)
    rows = tuple(_usable(compare_models(found, records.kernels.values())))
    used = {run for row in rows for run in row.runs or ()}
    sources = [records.source(r) for r in found if r.run.id in used]
    used = {
        run for row in rows for run in row.runs or () if KERNEL_EIGENVALUE.names[0] in row.inputs
    }
    sources += [records.source(r) for r in records.kernels.values() if r.run.id in used]
    gaps = tuple(gap for run in study.representatives() for gap in _gaps(run, records))
    if not rows and not gaps:
        gaps = (Gap(name, (), "no two runs that differ in P only"),)
    return LawPairs(name, rows, tuple(sources), gaps, len(study.representatives()))


def _gaps(run: StudyRun, records: Records) -> tuple[Gap, ...]:
    record = records.analyses.get(run.run_id)
    if record is None or record.top(MATRIX) is None:
        return (gap_of(run, records, analyse),)
    if not record.blocks("G") or record.top("G over the angles") is None:
        return (gap_of(run, records, analyse, "no eigenvalues of blocks"),)
    return ()


def _usable(rows: Iterable[LawComparison]) -> Iterable[LawComparison]:
    for row in rows:
        measured = row.matrix == MATRIX and math.isfinite(row.measured) and row.measured > 0
        if measured and row.predicted is not None and row.predicted > 0:
            yield row
