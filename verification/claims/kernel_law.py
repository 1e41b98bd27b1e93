"""Parts of claim 4, ours: what G's largest eigenvalues over the angles follow instead.

The criterion is ``verification.kernels.criterion``; its limits are taken from there.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from statistics import median

from patchlaw.verification.claims.claim import Findings, Measure, Part
from patchlaw.verification.claims.piece_of_evidence import Band, Evidence, Grade
from patchlaw.verification.claims.verdict import Reach, Role
from patchlaw.verification.kernels.criterion import CRITERIA, LEAST_DEPTH, ON_AXES, Criterion
from patchlaw.verification.kernels.record import KernelRecord
from patchlaw.verification.records import Eigenvalue, all_converged, author_results

_WHY = (
    "The criterion of verification/kernels/criterion.py, committed (871b292) before the spectra "
    "were measured; known then were the start and the minimum of (4, 50) and that d = 2 fails. "
    "Nothing is fitted: the prediction takes the data, the encodings' angles, the pixel bias and "
    "the softmax outputs. Both sides are of the same images. The law for the circuit's own "
    "(orthogonal) group came later, from a proof, and replaces the unitary one that the criterion "
    "was written for; the two differ by terms of order 1/2^n."
)
_WHY_COMMUTATOR = (
    "The criterion of verification/kernels/criterion.py, committed (0fd1f3a) before the commutator "
    "kernel was computed for any record. It takes the trained states and averages over the "
    "generators within a block only, fits nothing, and costs as much as a product with G: it "
    "explains what 4h leaves over and predicts nothing before training. (4, 50), seed 1001, on "
    "whose images it was found, does not count."
)


_WHY_ON_AXES = (
    "The criterion of verification/kernels/criterion.py, committed before the spectrum of any of "
    "these models was measured; known then were the paper's model at P = 4, d = 5 and 10. Limits "
    "are those of 4h, at both moments, as circuits of this depth miss those of 4g already in the "
    "paper's model. An axis is judged by all of its eigenvalues on record."
)


def law_errors(criterion: Criterion) -> Measure:
    """Median and worst over all eigenvalues, by which the criterion judges, and every record's."""

    def measure(findings: Findings) -> Iterator[Evidence]:
        full = {model.run.id for model in findings.models if model.at_paper_scale}
        for axis, records in criterion.groups(findings.kernels):
            yield from _of_group(criterion, axis, records, full)

    return measure


def _of_group(
    criterion: Criterion, axis: str, records: Sequence[KernelRecord], full: Collection[str]
) -> Iterator[Evidence]:
    runs = [record.run for record in records]
    at_scale = [r.of_paper_size and (r.id in full or not r.other_settings) for r in runs]
    errors, loose, moment = [], False, criterion.moment
    when = "during training" if moment == "training" else f"at the {moment}"
    for record, large in zip(records, at_scale, strict=True):
        known = [found for found in record.at(moment) if found.errors_of(criterion.law)]
        own = [e for m in known for e in _errors(getattr(m, criterion.law), m.measured)]
        errors += own
        open_one = not all(all_converged(found.measured) for found in known)
        loose |= open_one
        n = max(len(found.measured) for found in known)
        label = f"worst error of lambda_1 to lambda_{n} {when}, {record.run.where}"
        if axis:
            label = f"{label}, {record.run.protocol}"
        yield _piece(label, (record,), large, own, max, criterion.worst, open_one)
    every = f"error of all {len(errors)} eigenvalues {when}" + (axis and f", {axis}")
    n = sum(at_scale)
    yield _piece(f"median {every}", records, n, errors, median, criterion.median, loose)
    yield _piece(f"worst {every}", records, n, errors, max, criterion.worst, loose)


def _errors(
    predicted: Sequence[float], measured: Sequence[Eigenvalue]
) -> Iterator[tuple[float, float, float]]:
    """|predicted / measured - 1| of every eigenvalue: as it stands, and its interval."""
    for law, found in zip(predicted, measured, strict=True):
        if abs(found.value) <= found.radius:  # it may be zero, and the error anything
            yield abs(law / found.value - 1) if found.value else math.inf, 0.0, math.inf
            continue
        ends = [law / (found.value + sign * found.radius) - 1 for sign in (1, 0, -1)]
        sizes = sorted(map(abs, ends))
        yield abs(ends[1]), 0.0 if ends[0] <= 0 <= ends[2] else sizes[0], sizes[2]


def _piece(
    label: str,
    records: Sequence[KernelRecord],
    at_scale: int,
    errors: Sequence[tuple[float, float, float]],
    of: Callable[[Iterable[float]], float],
    limit: float,
    loose: bool,
) -> Evidence:
    value, low, high = (of(column) for column in zip(*errors, strict=True))
    band = Band.below(limit, f"below {limit:.0%}")
    images = sorted({record.n_samples for record in records})
    notes = [f"{len(records)} models, {at_scale} at the paper's scale"] * (len(records) > 1)
    notes += ["an eigenvalue did not converge"] * loose
    return Evidence(
        label=label,
        grade=Grade.SCALE if at_scale else Grade.SMALL,
        outcome=band.judge(math.nan if loose else value, (low, high)),
        value=value,
        interval=(low, high),
        criterion=band.text,
        samples=f"{' to '.join(f'{n:,}' for n in dict.fromkeys((images[0], images[-1])))} images",
        reproduce="; ".join(dict.fromkeys(record.reproduce for record in records)),
        note="; ".join(notes),
    )


def _part(part: str, statement: str, criterion: Criterion, why: str) -> Part:
    median_, worst = f"{criterion.median:.0%}", f"{criterion.worst:.0%}"
    return Part(
        part,
        statement if criterion.axes else f"{statement}, from depth {LEAST_DEPTH} on",
        "ours: what the largest eigenvalue follows in place of 1/P^2",
        f"The median error over all eigenvalues on record{' of one axis' * criterion.axes} is "
        f"{median_} or more, or the worst {worst} or more.",
        why,
        reach=Reach.ANY_SIZE,
        measures=(law_errors(criterion),),
        # one a model, and two of all together: of the paper's twelve, or of one an axis
        complete=15 if criterion.axes else len(author_results()) + 2 - len(criterion.made_on),
        role=Role.ASIDE,
        variants=criterion.axes,
        since="2026-11-27",
    )


_OTHERS = (
    "without a bias, with other alpha, c and data, shared angles and one QNN, the largest "
    "eigenvalues of G over the angles are the expected tangent kernel's"
)
_ARE = "the largest eigenvalues of G over the angles are"
PARTS = (
    _part("4g", f"Before training {_ARE} the expected tangent kernel's", CRITERIA[0], _WHY),
    _part("4h", f"At the minima {_ARE} the expected tangent kernel's", CRITERIA[1], _WHY),
    _part(
        "4i",
        f"At the minima {_ARE} the commutator kernel's of the trained states",
        CRITERIA[2],
        _WHY_COMMUTATOR,
    ),
)
OTHERS = (
    *(
        _part(part, f"One formula carries all axes: {where}, {_OTHERS}", criterion, _WHY_ON_AXES)
        for part, where, criterion in zip(
            ("4m", "4n"), ("before training", "at the minima"), ON_AXES, strict=True
        )
    ),
    _part(
        "4o",
        f"Between start and minimum {_ARE} the expected tangent kernel's",
        CRITERIA[3],
        "The limits of 4h, at every other moment on record; committed before any was measured. "
        "Known then: start and minimum of every run on record.",
    ),
)
