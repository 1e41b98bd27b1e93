"""Measured pieces of evidence: each function turns findings into numbers held against a band."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from patchlaw.verification.claims.claim import Measure
from patchlaw.verification.claims.evidence import Band, Evidence, Grade, Outcome
from patchlaw.verification.claims.findings import (
    Eigenvalue,
    Findings,
    ModelFindings,
    ratio_interval,
)

Pair = tuple[ModelFindings, ModelFindings]
Keep = Callable[[Pair], bool]
PairBand = Callable[[ModelFindings, ModelFindings], Band]


def eigenvalue_ratios(matrix: str, along: str, band: PairBand, pairs: str = "all") -> Measure:
    """lambda_max of neighbouring models, second over first, beside a band.

    Args:
        matrix: "H", "G", ...
        along: "n_patches" or "depth", in which the two differ.
        band: what the ratio must lie in.
        pairs: "all", or "4→9" for that step only.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        for first, second in findings.neighbours(along):
            if pairs not in ("all", _step(first, second, along)):
                continue
            one, two = first.top(matrix), second.top(matrix)
            if one is not None and two is not None and one.value != 0:
                yield _eigenvalue_piece(
                    f"lambda_max({matrix}) ratio, {_where(first, second, along)}",
                    (first, second),
                    (one, two),
                    two.value / one.value,
                    ratio_interval(one, two),
                    band(first, second),
                )

    return measure


def quantity_ratios(name: str, symbol: str, along: str, band: PairBand) -> Measure:
    """A mean over the training samples (a field of ModelFindings), second over first."""

    def measure(findings: Findings) -> Iterator[Evidence]:
        for first, second in findings.neighbours(along):
            one, two = getattr(first, name), getattr(second, name)
            if one and two is not None:
                yield _piece(
                    f"{symbol} ratio, {_where(first, second, along)}",
                    (first, second),
                    two / one,
                    None,
                    band(first, second),
                    images(first.n_train),
                )

    return measure


def changes_of_test_loss(along: str, keep: Keep = lambda pair: True) -> Measure:
    """Test loss of neighbouring models, second over first, beside 1."""

    def measure(findings: Findings) -> Iterator[Evidence]:
        for first, second in findings.neighbours(along):
            if first.test_loss and second.test_loss is not None and keep((first, second)):
                yield _piece(
                    f"test loss ratio, {_where(first, second, along)}",
                    (first, second),
                    second.test_loss / first.test_loss,
                    None,
                    Band.below(1.0, "below 1"),
                    images(first.n_test),
                )

    return measure


def changes_of_test_accuracy(along: str, keep: Keep = lambda pair: True) -> Measure:
    """Test accuracy, second minus first, with twice the binomial standard error of a difference.

    Both models see the same images, so the true error is smaller: undecided pieces err on the
    side of caution.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        for first, second in findings.neighbours(along):
            one, two, n = first.test_accuracy, second.test_accuracy, first.n_test
            if one is None or two is None or not n or not keep((first, second)):
                continue
            error = 2 * math.sqrt((one * (1 - one) + two * (1 - two)) / n)
            difference = two - one
            yield _piece(
                f"test accuracy difference, {_where(first, second, along)}",
                (first, second),
                difference,
                (difference - error, difference + error),
                Band.above(0.0, "above 0"),
                images(n),
                "interval: two binomial standard errors",
            )

    return measure


def per_model(
    label: str,
    value: Callable[[ModelFindings], tuple[float, tuple[float, float] | None] | None],
    band: Callable[[ModelFindings], Band],
    samples: Callable[[ModelFindings], str] | None = None,
    note: Callable[[ModelFindings], str] | None = None,
) -> Measure:
    """One number a model, where it is known.

    Args:
        label: what the number is.
        value: the number with its interval; None where the model does not give it.
        band: what it must lie in.
        samples: what is behind it; the training images by default.
        note: what a reader must know besides.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        for model in findings.models:
            found = value(model)
            if found is not None:
                behind = samples(model) if samples else images(model.n_train)
                more = note(model) if note else ""
                yield _piece(
                    f"{label}, {_name(model)}", (model,), *found, band(model), behind, more
                )

    return measure


def along_training(
    label: str, number: Callable[[ModelFindings], float | None], band: Band
) -> Measure:
    """A number read off a model's training, such as the exponent of R : G in the loss."""

    def value(model: ModelFindings) -> tuple[float, None] | None:
        found = number(model)
        return None if found is None else (found, None)

    return per_model(
        label,
        value,
        lambda model: band,
        lambda model: f"{len(model.training)} moments of training, {images(_behind(model))}",
    )


def on_subset(model: ModelFindings) -> str:
    """The images behind the numbers that are measured on a subset."""
    return images(model.n_train if model.n_subset is None else model.n_subset)


def subset_note(model: ModelFindings) -> str:
    """How far the subset is from all images, by the one number that is known of both."""
    whole, part = model.top("H"), model.subset_top
    if whole is None or part is None or not whole.value or model.n_subset == model.n_train:
        return ""
    return f"on a subset, whose lambda_max(H) is {part.value / whole.value:.3f} of all images'"


def _behind(model: ModelFindings) -> int | None:
    """Samples behind the eigenvalues along training, the fewest."""
    return min((v.n_samples for point in model.training for v in point.top.values()), default=None)


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


def quotient(
    one: Eigenvalue | None, two: Eigenvalue | None
) -> tuple[float, tuple[float, float] | None] | None:
    """two / one with its interval; NaN, which decides nothing, where one is not converged."""
    if one is None or two is None or one.value == 0:
        return None
    if not (one.converged and two.converged):
        return math.nan, None
    return two.value / one.value, ratio_interval(one, two)


def _eigenvalue_piece(
    label: str,
    models: Pair,
    values: tuple[Eigenvalue, Eigenvalue],
    ratio: float,
    interval: tuple[float, float] | None,
    band: Band,
) -> Evidence:
    behind = images(min(v.n_samples for v in values))
    piece = _piece(label, models, ratio, interval, band, behind)
    if all(v.converged for v in values):
        return piece
    return _undecided(piece, "an eigenvalue did not converge")


def _undecided(piece: Evidence, note: str) -> Evidence:
    return replace(piece, outcome=Outcome.OPEN, note=note)


def _piece(
    label: str,
    models: tuple[ModelFindings, ...],
    value: float,
    interval: tuple[float, float] | None,
    band: Band,
    samples: str,
    note: str = "",
) -> Evidence:
    commands = list(dict.fromkeys(m.reproduce for m in models))
    return Evidence(
        label=label,
        grade=models[0].grade,
        outcome=band.judge(value, interval),
        value=value,
        interval=interval,
        criterion=band.text,
        samples=samples,
        reproduce="; ".join(commands),
        note=note,
    )


def _step(first: ModelFindings, second: ModelFindings, along: str) -> str:
    return f"{getattr(first, along)}→{getattr(second, along)}"


def _where(first: ModelFindings, second: ModelFindings, along: str) -> str:
    step = _step(first, second, along)
    place = (
        f"P {step}, d {first.depth}" if along == "n_patches" else f"d {step}, P {first.n_patches}"
    )
    return place + (f", seed {first.seed}" if first.seed is not None else "")


def _name(model: ModelFindings) -> str:
    seed = f", seed {model.seed}" if model.seed is not None else ""
    return f"P {model.n_patches}, d {model.depth}{seed}"


def images(count: int | None) -> str:
    """A number of images in words."""
    return "unknown number of images" if count is None else f"{count:,} images"
