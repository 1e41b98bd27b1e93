"""When the tangent kernel's law counts as met: fixed before the spectra were measured.

Error of an eigenvalue: |predicted / measured - 1|, lambda_1 .. lambda_12 of G over the angles, both
on the same stratified subset of training images, with the model's own softmax outputs, encoding
angles and pixel bias, every trained angle counted and nothing fitted. Over all records with
d >= 20:

    at the start:    median below 3 %, worst below 15 %;
    at the minimum:  median below 10 %, worst below 30 %.

Depths below 20 are reported beside them and not judged: the smallest depth from which on every
lambda_1 at the start is within 10 % is the shallow end. Known when this was written, and so no
test: the start of (4, 50) is met, its minimum's lambda_1 is 18 % too high on these images, and at
d = 2 the law is far too low (20 % at least).

For the commutator kernel (``CommutatorKernel``), fixed before its spectrum was computed for any
record: at the minimum, d >= 20, over all records but (4, 50) of seed 1001, on whose images it was
found,

    median below 5 %, worst below 15 %.

Known then: along the law's twelve top eigenvectors at that one minimum, on 300 images, measured
quadratic forms are 0.93 to 1.005 of the commutator kernel's.

Between start and minimum (every other moment on record, d >= 20) the law's limits are those of the
minimum, fixed before any such moment was measured. Known then: every start and minimum on record.

**One formula for all axes** (``ON_AXES``), fixed before any spectrum of these models was measured:
records of models that are not the paper's (another alpha and c, no pixel bias, shared angles, other
data, one QNN on the whole image), of every depth, judged axis by axis with the limits above for the
minimum, at both moments:

    median below 10 %, worst below 30 %.

All but two of these circuits have d = 5 or 10, where the paper's model does not meet the limits at
the start above. Known then: there its errors are 4.8 and 5.9 % (median), 11.1 and 13.3 % (worst) at
the start, 2.0 and 8.9, 14.7 and 15.7 % at the minimum, all at P = 4. Patches that share their
angles were to be refused until then; their law, all pairs of patches in place of equal ones, was
derived and tested on random circuits the same day.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from patchlaw.verification.kernels.record import KernelRecord
from patchlaw.verification.records.run_facts import OTHER

LEAST_DEPTH = 20
SHALLOW_END = 0.1  # of lambda_1 at the start


@dataclass(frozen=True)
class Criterion:
    """Limits of the relative error at one moment.

    Attributes:
        moment: "start", "minimum" or "training", see ``KernelRecord.at``.
        median: over all eigenvalues of all records.
        worst: of any.
        law: whose predictions: a field of ``KernelMoment``.
        made_on: runs that do not count, as the law was found there.
        axes: whether it speaks of the other models, of any depth and axis by axis.
    """

    moment: str
    median: float
    worst: float
    law: str = "predicted"
    made_on: tuple[str, ...] = ()
    axes: bool = False

    @property
    def scope(self) -> str:
        """Of which models it speaks."""
        return "other models" if self.axes else f"d >= {LEAST_DEPTH}"

    def groups(self, records: Iterable[KernelRecord]) -> Iterator[tuple[str, list[KernelRecord]]]:
        """Records that are judged together, by axis ("" for the paper's model)."""
        found: dict[str, list[KernelRecord]] = {}
        for record in records:
            run = record.run
            if run.axis == OTHER or bool(run.axis) is not self.axes:
                continue
            if not (self.axes or run.depth >= LEAST_DEPTH):
                continue
            known = any(found.errors_of(self.law) for found in record.at(self.moment))
            if known and run.id not in self.made_on:
                found.setdefault(run.axis, []).append(record)
        yield from found.items()


CRITERIA = (
    Criterion("start", 0.03, 0.15),
    Criterion("minimum", 0.10, 0.30),
    Criterion("minimum", 0.05, 0.15, "commutator", ("P4_d50_s1001",)),
    Criterion("training", 0.10, 0.30),
)
ON_AXES = tuple(Criterion(moment, 0.10, 0.30, axes=True) for moment in ("start", "minimum"))


@dataclass(frozen=True)
class Finding:
    """A criterion beside what was found.

    Attributes:
        criterion: the limits.
        median: found.
        worst: found.
        worst_at: run and number of the eigenvalue, counted from 1.
        n_models: records behind it.
        n_values: eigenvalues behind it.
        axis: in which the models are not the paper's.
    """

    criterion: Criterion
    median: float
    worst: float
    worst_at: str
    n_models: int
    n_values: int
    axis: str = ""

    @property
    def met(self) -> bool:
        """Whether median and worst are both below their limits."""
        return self.median < self.criterion.median and self.worst < self.criterion.worst


def findings(
    records: Iterable[KernelRecord], criteria: Iterable[Criterion] = (*CRITERIA, *ON_AXES)
) -> tuple[Finding, ...]:
    """Every criterion, for each axis, for which a record is measured and predicted."""
    records, judged = list(records), []
    for criterion in criteria:
        for axis, group in criterion.groups(records):
            errors = {}
            for record in group:
                for found in record.at(criterion.moment):
                    after = f", epoch {found.epoch}" if criterion.moment == "training" else ""
                    for j, error in enumerate(found.errors_of(criterion.law), 1):
                        errors[f"{record.run.id}{after}, lambda_{j}"] = abs(error)
            worst, n = max(errors, key=lambda place: errors[place]), len(group)
            median = float(np.median(list(errors.values())))
            judged.append(Finding(criterion, median, errors[worst], worst, n, len(errors), axis))
    return tuple(judged)


def shallow_end(records: Iterable[KernelRecord]) -> int | None:
    """Smallest depth of the paper's model from which on lambda_1 at the start is that near."""
    by_depth: dict[int, float] = {}
    for record in records:
        if record.run.axis:
            continue
        if "start" in record.moments and (errors := record.moments["start"].errors):
            error = abs(errors[0])
            by_depth[record.run.depth] = max(by_depth.get(record.run.depth, 0.0), error)
    end = None
    for depth in sorted(by_depth, reverse=True):
        if by_depth[depth] > SHALLOW_END:
            break
        end = depth
    return end
