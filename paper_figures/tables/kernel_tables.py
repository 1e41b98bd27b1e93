"""The tangent kernel's law beside measured spectra, as tables of docs/findings-laws.md."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from patchlaw.paper_figures.law_pairs import LawPairs
from patchlaw.verification.cells import NO_NUMBER, Number, cell_text
from patchlaw.verification.comparison import compare_models, on_their_images
from patchlaw.verification.kernels.criterion import CRITERIA, Criterion, findings
from patchlaw.verification.kernels.record import ENDS, KernelMoment, KernelRecord
from patchlaw.verification.records import ANGLE_BLOCK, TrainedModel
from patchlaw.verification.records.run_facts import AUTHOR_SEED
from patchlaw.verification.tables import markdown_lines

_MOMENTS = (*ENDS, "training")
_KERNELS = {"predicted": "tangent kernel", "commutator": "commutator kernel"}


def spectra_table(records: Iterable[KernelRecord]) -> str:
    """Every measured spectrum: lambda_1, and the errors of both kernels, in per cent.

    An error is predicted over measured less 1; a cell has that of lambda_1, then median and worst
    of all.
    """
    kept = sorted(records, key=lambda r: (-r.run.depth, r.run.n_patches, r.run.seed))
    rows = [
        (
            _place(record),
            f"{record.n_samples:,}",
            name if name in ENDS else f"epoch {moment.epoch}",
            *_cells(moment),
        )
        for name in _MOMENTS
        for record in kept
        for moment in record.at(name)
        if moment.measured
    ]
    heads = (f"{kernel}: λ₁, median, worst" for kernel in _KERNELS.values())
    return "\n".join(markdown_lines(("P, d", "images", "moment", "λ₁ measured", *heads), rows))


def criteria_table(
    records: Iterable[KernelRecord], criteria: Sequence[Criterion] = CRITERIA
) -> str:
    """The criteria of ``verification.kernels.criterion`` beside what the records give."""
    rows = []
    for found in findings(records, criteria):
        limits = found.criterion
        pairs = ((found.median, limits.median), (found.worst, limits.worst))
        cells = (f"{100 * value:.1f} % (below {limit:.0%})" for value, limit in pairs)
        word, of = "met" if found.met else "not met", found.axis or _KERNELS[limits.law]
        rows.append((of, limits.moment, *cells, f"{found.n_models}", found.worst_at, word))
    first = "axis" if any(found.axes for found in criteria) else "kernel"
    head = (first, "moment", "median error", "worst", "models", "worst at", "criterion")
    return "\n".join(markdown_lines(head, rows))


def whole_table(records: Iterable[KernelRecord], models: Mapping[str, TrainedModel]) -> str:
    """lambda_1 over the angles and all training images at the minima: measured, and by the law.

    The plus-minus is the law's standard error from its draws of images.
    """
    kept = sorted(records, key=lambda r: (-r.run.depth, r.run.n_patches, r.run.seed))
    rows = []
    for record in kept:
        model, moment = models.get(record.run.id), record.moments.get("minimum")
        top = model and model.top(ANGLE_BLOCK)
        if top and moment and moment.whole:
            law, off = moment.whole[0], moment.whole[0] / top.value - 1
            error = f" ± {100 * moment.whole_error:.1f} %" if moment.whole_error else ""
            percent = cell_text(Number(off, 1, signed=True, percent=True))
            images = f"{record.run.images:,}"
            rows.append((_place(record), images, f"{top.value:.4g}", f"{law:.4g}{error}", percent))
    head = ("P, d", "images", "λ_max(G), angles", "tangent kernel", "error")
    return "\n".join(markdown_lines(head, rows))


def pairs_on_their_images(records: Iterable[KernelRecord], trained: bool) -> LawPairs:
    """Ratios of lambda_1, measured and predicted on the same images, beside every law.

    Args:
        records: of any runs.
        trained: at the minima, in place of before training.
    """
    kept = tuple(records)
    models = [m for m in on_their_images(kept) if bool(m.run.epochs) is trained]
    rows = compare_models(models, kept)
    usable = (row for row in rows if row.matrix == ANGLE_BLOCK and row.predicted is not None)
    return LawPairs("on the records' images", tuple(usable), ())


def _place(record: KernelRecord) -> str:
    run = record.run
    seed = "" if run.seed == AUTHOR_SEED else f", seed {run.seed}"
    return f"{run.n_patches}, {run.depth}{seed}"


def _cells(moment: KernelMoment) -> tuple[str, ...]:
    errors = (moment.errors_of(law) for law in _KERNELS)
    return f"{moment.measured[0].value:.4g}", *map(_errors, errors)


def _errors(errors: tuple[float, ...]) -> str:
    if not errors:
        return NO_NUMBER.text
    sizes = [100 * abs(error) for error in errors]
    first = cell_text(Number(errors[0], 1, signed=True, percent=True))
    return f"{first}, {median(sizes):.1f} %, {max(sizes):.1f} %"
