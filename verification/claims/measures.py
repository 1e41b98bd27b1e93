"""Measured pieces of evidence: each function turns findings into numbers held against a band."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from patchlaw.verification.claims.claim import Findings, Measure
from patchlaw.verification.claims.piece_of_evidence import Band, Evidence, Grade, Outcome
from patchlaw.verification.records import Eigenvalue, TrainedModel, all_converged, ratio_interval
from patchlaw.verification.records.trained_model import Along

Pair = tuple[TrainedModel, TrainedModel]


class Number(NamedTuple):
    """A measured number.

    Attributes:
        value: the number.
        interval: contains it, where an error bound is known.
        note: what a reader must know besides.
        loose: whether it decides nothing, as it comes from an eigenvalue that did not converge.
        samples: images behind it; None for the model's training images.
    """

    value: float
    interval: tuple[float, float] | None = None
    note: str = ""
    loose: bool = False
    samples: int | None = None


PairBand: TypeAlias = Band | Callable[[TrainedModel, TrainedModel], Band]
ModelBand: TypeAlias = Band | Callable[[TrainedModel], Band]


def per_pair(
    label: str,
    along: Along,
    number: Callable[[TrainedModel, TrainedModel], Number | None],
    band: PairBand,
    *,
    keep: Callable[[Pair], bool] = lambda pair: True,
) -> Measure:
    """One number for every two neighbouring models, where it is known.

    Args:
        label: what the number is.
        along: "n_patches" or "depth", in which the two differ.
        number: of the first and the second.
        band: what it must lie in.
        keep: which pairs count.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        for first, second in filter(keep, findings.neighbours(along)):
            found = number(first, second)
            if found is not None:
                where = f"{pair_text(first, second, along)}, seed {first.run.seed}"
                held = band if isinstance(band, Band) else band(first, second)
                yield piece(f"{label}, {where}", (first, second), found, held)

    return measure


def eigenvalue_ratios(matrix: str, along: Along, band: PairBand, pairs: str = "all") -> Measure:
    """lambda_max of neighbouring models, second over first, beside a band.

    Args:
        matrix: "H", "G", ...
        along: "n_patches" or "depth", in which the two differ.
        band: what the ratio must lie in.
        pairs: "all", or "4→9" for that step only.
    """
    return per_pair(
        f"lambda_max({matrix}) ratio",
        along,
        lambda first, second: quotient(first.top(matrix), second.top(matrix)),
        band,
        keep=lambda pair: pairs in ("all", step_text(*pair, along)),
    )


def ratios_of_means(
    symbol: str,
    along: Along,
    mean: Callable[[TrainedModel], float | None],
    band: PairBand,
    *,
    of_test: bool = False,
    keep: Callable[[Pair], bool] = lambda pair: True,
) -> Measure:
    """A mean over the training samples (or the test samples), second model over first."""

    def ratio(first: TrainedModel, second: TrainedModel) -> Number | None:
        one, two = mean(first), mean(second)
        if not one or two is None or (of_test and not same_test_images(first, second)):
            return None
        n = first.minimum.test.n_samples if of_test else first.run.images
        return Number(two / one, samples=n)

    return per_pair(f"{symbol} ratio", along, ratio, band, keep=keep)


def same_test_images(first: TrainedModel, second: TrainedModel) -> bool:
    """Whether both were tested on as many, as far as is on record."""
    return first.minimum.test.n_samples == second.minimum.test.n_samples


def per_model(
    label: str,
    number: Callable[[TrainedModel], Number | float | None],
    band: ModelBand,
    samples: Callable[[TrainedModel], str] | None = None,
) -> Measure:
    """One number a model, where it is known.

    Args:
        label: what the number is.
        number: of a model.
        band: what it must lie in.
        samples: what is behind it, if not images alone.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        for model in findings.models:
            found = number(model)
            if found is not None:
                known = found if isinstance(found, Number) else Number(found)
                name = f"{label}, {model.run.where}"
                held = band if isinstance(band, Band) else band(model)
                yield piece(name, (model,), known, held, samples(model) if samples else "")

    return measure


def along_training(
    label: str, number: Callable[[TrainedModel], float | None], band: Band
) -> Measure:
    """A number read off a model's training, such as the exponent of R : G in the loss."""

    def behind(model: TrainedModel) -> str:
        counts = (v.n_samples for moment in model.along_training for v in moment.top.values())
        fewest = images(min(counts, default=None))
        return f"{len(model.along_training)} moments of training, {fewest}"

    return per_model(label, number, band, behind)


def on_subset(model: TrainedModel, found: Number | None) -> Number | None:
    """A number that is measured on the subset, with how far that is from all images.

    That is known of one number: the largest eigenvalue.
    """
    whole, subset = model.top("H"), model.subset
    if found is None or subset is None:
        return found
    note = found.note
    if whole is not None and whole.value and subset.top and subset.n_samples != model.run.images:
        ratio = subset.top[0].value / whole.value
        text = f"on a subset, whose lambda_max(H) is {ratio:.3f} of all images'"
        note = "; ".join(filter(None, (note, text)))
    return found._replace(note=note, samples=subset.n_samples)


def counted(label: str, numbers: Iterable[tuple[str, float, Band]], reproduce: str) -> Measure:
    """Integers that follow from the geometry alone: exact, whatever was trained."""
    fixed = tuple(numbers)

    def measure(findings: Findings) -> Iterator[Evidence]:
        for name, number, band in fixed:
            yield Evidence(
                label=f"{label} ({name})",
                grade=Grade.EXACT,
                outcome=band.judge(number),
                value=number,
                interval=None,
                criterion=band.text,
                samples="exact count",
                reproduce=reproduce,
            )

    return measure


def quotient(one: Eigenvalue | None, two: Eigenvalue | None) -> Number | None:
    """two / one with its interval."""
    if one is None or two is None or one.value == 0:
        return None
    loose = not all_converged((one, two))
    return Number(
        two.value / one.value,
        ratio_interval(one, two),
        "an eigenvalue did not converge" if loose else "",
        loose,
        min(one.n_samples, two.n_samples),
    )


def piece(
    label: str, models: tuple[TrainedModel, ...], found: Number, band: Band, samples: str = ""
) -> Evidence:
    """A number of some models, held against a band; the first one's grade is the piece's."""
    behind = models[0].run.images if found.samples is None else found.samples
    return Evidence(
        label=label,
        grade=Grade.of(models[0]),
        outcome=Outcome.OPEN if found.loose else band.judge(found.value, found.interval),
        value=found.value,
        interval=found.interval,
        criterion=band.text,
        samples=samples or images(behind),
        reproduce="; ".join(dict.fromkeys(model.reproduce for model in models)),
        note=found.note,
    )


def pair_text(first: TrainedModel, second: TrainedModel, along: Along) -> str:
    """What two neighbours differ in, and where: "P 4→9, d 50"."""
    step, run = step_text(first, second, along), first.run
    return f"P {step}, d {run.depth}" if along == "n_patches" else f"d {step}, P {run.n_patches}"


def step_text(first: TrainedModel, second: TrainedModel, along: Along) -> str:
    """From which P (or d) to which."""
    return f"{getattr(first.run, along)}→{getattr(second.run, along)}"


def images(count: int | None) -> str:
    """A number of images in words."""
    return "unknown number of images" if count is None else f"{count:,} images"
