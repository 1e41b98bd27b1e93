"""Parts of claim 13: how bulk and outliers of the spectrum evolve during training."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import TypeAlias

from patchlaw.verification.claims.claim import Findings, Measure, Part, Threshold
from patchlaw.verification.claims.measures import Number, images, piece
from patchlaw.verification.claims.piece_of_evidence import Band, Evidence, Grade
from patchlaw.verification.claims.trained_models import TREND, beside_classes, counted_outliers
from patchlaw.verification.claims.verdict import Reach
from patchlaw.verification.power_law import PowerLawFit, PowerLawPoint, fit_power_law
from patchlaw.verification.records import SpectrumMoment, TrainedModel

_LEAST_RUNS = 3  # ours: of two runs the median is halfway, which no third has shown to be common
_LEAST_MOMENTS = 3  # two always lie on a power law
_LEAST_FALL = 2.0  # of the loss, for a power of it

Quantity: TypeAlias = Callable[[SpectrumMoment, int], float | None]


def _eigenvalue(moment: SpectrumMoment, number: int) -> float | None:
    """The number-th largest, counted from 1, if the solver vouches for it."""
    if number > len(moment.top) or not moment.top[number - 1].converged:
        return None
    return moment.top[number - 1].value


# Of a moment of a model with C classes.
COURSES: Mapping[str, Quantity] = {
    "lambda_1": lambda moment, _: _eigenvalue(moment, 1),
    "lambda_C": _eigenvalue,
    "the bulk's edge": lambda moment, _: moment.outliers.edge,
}


def power_of_loss(model: TrainedModel, quantity: Quantity) -> PowerLawFit | None:
    """The exponent e in quantity ~ L^e over the recorded moments, the start included.

    None with fewer than three moments where it is known and positive, or where the loss falls by
    less than a factor 2.
    """
    points = [
        PowerLawPoint(0, moment.loss, value)
        for moment in model.spectra_along_training
        if (value := quantity(moment, model.run.n_classes)) and value > 0 and moment.loss > 0
    ]
    losses = [point.x for point in points]
    if len(points) < _LEAST_MOMENTS or max(losses) < _LEAST_FALL * min(losses):
        return None
    return fit_power_law(points)


def _common_courses(tolerance: float) -> tuple[Measure, ...]:
    """Every run's exponents, beside the median over runs of one kind, three at least."""

    def measure(findings: Findings) -> Iterator[Evidence]:
        kinds = defaultdict(list)
        for model in findings.models:
            kinds[model.origin, Grade.of(model)].append(model)
        for models in kinds.values():
            for name, quantity in COURSES.items():
                fits = [(model, power_of_loss(model, quantity)) for model in models]
                known = [(model, fit) for model, fit in fits if fit is not None]
                if len(known) < _LEAST_RUNS:
                    continue
                middle = median(fit.exponent for _, fit in known)
                text = f"within {tolerance:g} of the runs' median {middle:.3f}"
                band = Band(middle - tolerance, middle + tolerance, text)
                for model, fit in known:
                    yield _exponent(name, model, fit, band)

    return (measure,)


def _exponent(name: str, model: TrainedModel, fit: PowerLawFit, band: Band) -> Evidence:
    behind = model.spectra_along_training[0].density.n_samples
    label = f"exponent of the loss in {name}, {model.run.where}"
    note = f"scatter {fit.residual_std:.2g} of its logarithm" if fit.residual_std else ""
    samples = f"{fit.n_points} moments of training, {images(behind)}"
    return piece(label, (model,), Number(fit.exponent, note=note), band, samples)


def _counts(tolerance: float) -> tuple[Measure, ...]:
    """Outliers at every recorded moment after the start, beside C."""

    def measure(findings: Findings) -> Iterator[Evidence]:
        for model in findings.models:
            band = beside_classes(tolerance)(model)
            for moment in model.spectra_along_training:
                if moment.epoch:
                    label = f"outliers after {moment.epoch} epochs, {model.run.where}"
                    found = counted_outliers(moment.outliers, moment.outliers_by_gap)
                    samples = images(moment.density.n_samples)
                    yield piece(label, (model,), found, band, samples)

    return (measure,)


_QUESTION = "how this bulk and these spikes evolve during training"
PARTS = (
    Part(
        "13d",
        "During training bulk and outliers follow the loss by the same powers in every run",
        "Sec. 4, future work",
        "Of the exponents of the training loss in lambda_1(H), in lambda_C(H) and in the bulk's "
        "upper edge, one of each a run, fewer than three quarters lie within 0.2 of the median "
        "over the runs.",
        "The paper asks and states nothing. 'Regular' is read as one course for all runs: a power "
        "of the loss, fitted over all recorded moments, the start among them. A power that is off "
        "by 0.2 is off by a factor of 2.5 where the loss falls by two decades. Known when this was "
        "written: lambda_1's power at the three runs of depth 50, about 0.6, and of shallow runs "
        "lambda_1 of G over the angles at start and minimum; nothing of lambda_C and the bulk. "
        f"{TREND} Of every size, as in 13b.",
        reach=Reach.ANY_SIZE,
        threshold=Threshold("regular", 0.2, _common_courses),
        quorum=0.75,
        complete=36,
        quote=_QUESTION,
        since="2026-11-27",
    ),
    Part(
        "13i",
        "During training, from the first epoch on, about C eigenvalues stand out of the bulk",
        "Sec. 4, future work",
        "At fewer than three quarters of the recorded moments after the start the number counted "
        "by the rule that the record states is within 20 % of C.",
        f"The criterion of 11b at other moments. {TREND} Known when this was written: 10, 11 and "
        "11 at the minima of the three runs of depth 50, none of any other moment, nor of any "
        "shallow run. Of every size, as in 13b.",
        reach=Reach.ANY_SIZE,
        threshold=Threshold("about", 0.2, _counts),
        quorum=0.75,
        complete=24,
        quote=_QUESTION,
        since="2026-11-27",
    ),
)
