"""Measured pieces of evidence: each function turns findings into numbers held against a band."""

import math
from collections.abc import Callable, Iterable, Iterator
from statistics import fmean, stdev
from typing import NamedTuple, TypeAlias

from scipy import stats

from patchlaw.verification.claims.claim import Findings, Measure
from patchlaw.verification.claims.piece_of_evidence import Band, Evidence, Grade, Outcome
from patchlaw.verification.comparison import FittedExponent, fit_exponent
from patchlaw.verification.comparison.exponents import LEAST_PATCHES
from patchlaw.verification.power_law import PowerLawFit
from patchlaw.verification.records import (
    Eigenvalue,
    TrainedModel,
    alike_but_for,
    all_converged,
    ratio_interval,
)
from patchlaw.verification.records.trained_model import Along

Pair = tuple[TrainedModel, TrainedModel]

LEAST_SEEDS = 3  # ours: below, a spread is no more than a guess
SIZE = 0.05  # of tests
PAIRED = (
    "Seeds are pairs, as both models of a seed start alike; Student's t, one-sided; 5 % by "
    "convention, Holm's over all steps of a protocol, so that many comparisons do not make one by "
    "chance. Three seeds at least."
)


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
                step, run = step_text(first, second, along), first.run
                place = f"d {run.depth}" if along == "n_patches" else f"P {run.n_patches}"
                where = f"{'P' if along == 'n_patches' else 'd'} {step}, {place}, seed {run.seed}"
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
        n = first.minimum.test.n_samples if of_test else first.run.images
        return Number(two / one, samples=n) if one and two is not None else None

    return per_pair(f"{symbol} ratio", along, ratio, band, keep=keep)


def accuracy_changes(along: Along, keep: Callable[[Pair], bool] = lambda pair: True) -> Measure:
    """Test accuracy, second minus first, with twice the binomial standard error of a difference.

    Both models see the same images, so the true error is smaller: undecided pieces err on the
    side of caution.
    """

    def difference(first: TrainedModel, second: TrainedModel) -> Number | None:
        one, two = first.minimum.test.accuracy, second.minimum.test.accuracy
        n = first.minimum.test.n_samples
        if one is None or two is None or not n:
            return None
        error = 2 * math.sqrt((one * (1 - one) + two * (1 - two)) / n)
        ends = two - one - error, two - one + error
        return Number(two - one, ends, "interval: two binomial standard errors", samples=n)

    above = Band.above(0.0, "above 0")
    return per_pair("test accuracy difference", along, difference, above, keep=keep)


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
                run = model.run
                name = f"{label}, P {run.n_patches}, d {run.depth}, seed {run.seed}"
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


def exponents(quantity: str, name: str, expected: int) -> Measure:
    """The exponent of P in lambda_max ~ P^e, one piece a protocol, beside an expected one.

    One prefactor for each (depth, seed), one exponent for all: see ``fit_power_law``. A piece
    speaks for the expected exponent if the interval contains it and no exponent a whole power
    away, against it if the interval leaves it out, and is undecided otherwise, also with fewer
    than three values of P.

    Args:
        quantity: as labels show it.
        name: as ``verification.comparison`` knows it.
        expected: the exponent that the statement names.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        pools: dict[tuple[str, Grade, str], list[list[TrainedModel]]] = {}
        for group in alike_but_for("n_patches", findings.models):
            first = group[0]
            key = first.origin, Grade.of(first), first.run.protocol
            pools.setdefault(key, []).append(group)
        for pool in pools.values():
            found = fit_exponent(name, pool)
            if found is not None:
                yield _exponent(quantity, expected, found, pool[0][0])

    return measure


def joint_ratio(matrix: str, one: int, two: int, law: float, rival: float) -> Measure:
    """The mean log ratio of lambda_max from P = one to two over all depths and seeds, as one test.

    Of size 5 %: exp(mean +- t s / sqrt(n)), Student's t with n - 1 degrees of freedom, widened by
    the eigenvalues' own mean error. A piece a protocol speaks for the law if the interval holds it
    and not the rival, against it if the interval leaves it out, and is undecided otherwise, also
    with fewer than three ratios.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        pools: dict[tuple[str, Grade, str], list[tuple[Pair, Number]]] = {}
        for pair in findings.neighbours("n_patches"):
            found = quotient(pair[0].top(matrix), pair[1].top(matrix))
            if step_text(*pair, "n_patches") == f"{one}→{two}" and found and not found.loose:
                key = pair[0].origin, Grade.of(pair[0]), pair[0].run.protocol
                pools.setdefault(key, []).append((pair, found))
        for pool in pools.values():
            yield _joint(matrix, (one, two), law, rival, pool)

    return measure


def _joint(
    matrix: str, step: tuple[int, int], law: float, rival: float, pool: list[tuple[Pair, Number]]
) -> Evidence:
    logs = [math.log(found.value) for _, found in pool]
    mean, outcome, ends = fmean(logs), Outcome.OPEN, None
    if len(logs) >= LEAST_PATCHES:
        half = float(stats.t.ppf(0.975, len(logs) - 1)) * stdev(logs) / math.sqrt(len(logs))
        half += fmean(
            (f.interval[1] - f.interval[0]) / (2 * f.value) if f.interval else 0 for _, f in pool
        )
        ends = math.exp(mean - half), math.exp(mean + half)
        if not ends[0] <= law <= ends[1]:
            outcome = Outcome.AGAINST
        elif not ends[0] <= rival <= ends[1]:
            outcome = Outcome.FOR
    first = pool[0][0][0]
    return Evidence(
        label=f"mean ratio of lambda_max({matrix}), P {step[0]}→{step[1]}",
        grade=Grade.of(first),
        outcome=outcome,
        value=math.exp(mean),
        interval=ends,
        criterion=f"95 % interval holds {law:.4g}, not {rival:.4g}",
        samples=f"{len(logs)} ratios, {first.run.images:,} images",
        reproduce="; ".join(dict.fromkeys(m.reproduce for pair, _ in pool for m in pair)),
        note="interval: Student's t over depths and seeds",
    )


def paired_over_seeds(
    label: str,
    along: Along,
    change: Callable[[TrainedModel, TrainedModel], float | None],
    rises: bool,
    keep: Callable[[Pair], bool] = lambda pair: True,
) -> Measure:
    """Mean changes between neighbours over the seeds that both have, each step a paired test.

    Student's t of the changes d_s of one step, at least three seeds, one-sided: p = P(T > t) with
    t = mean(d) sqrt(n) / sd(d) and n - 1 degrees of freedom. A protocol's steps are one family: p
    is Holm's, so that the odds of any false "for" among them are at most 5 %. A step speaks for the
    statement where that p is at most 0.05, against it where the opposite's is, and is undecided
    otherwise.

    Args:
        label: what changes.
        along: "n_patches" or "depth", in which neighbours differ.
        change: from the first to the second, zero for none, finite.
        rises: whether the statement says that it is positive.
        keep: which pairs count.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        families: dict[tuple[str, Grade, str], dict[str, list[tuple[Pair, float]]]] = {}
        for pair in filter(keep, findings.neighbours(along)):
            moved, run = change(*pair), pair[0].run
            if moved is None:
                continue
            place = f"d {run.depth}" if along == "n_patches" else f"P {run.n_patches}"
            step = f"{'P' if along == 'n_patches' else 'd'} {step_text(*pair, along)}, {place}"
            family = families.setdefault((pair[0].origin, Grade.of(pair[0]), run.protocol), {})
            family.setdefault(step, []).append((pair, moved))
        for family in families.values():
            steps = {step: found for step, found in family.items() if len(found) >= LEAST_SEEDS}
            upper, lower = (
                _holm([_one_sided([sign * d for _, d in found]) for found in steps.values()])
                for sign in ((1, -1) if rises else (-1, 1))
            )
            for k, (step, found) in enumerate(steps.items()):
                outcome = Outcome.FOR if upper[k] <= SIZE else Outcome.OPEN
                if lower[k] <= SIZE:
                    outcome = Outcome.AGAINST
                first = found[0][0][0]
                changes = [d for _, d in found]
                half = stats.t.ppf(1 - SIZE / 2, len(found) - 1) * _standard_error(changes)
                yield Evidence(
                    label=f"mean change of {label}, {step}",
                    grade=Grade.of(first),
                    outcome=outcome,
                    value=fmean(changes),
                    interval=(fmean(changes) - float(half), fmean(changes) + float(half)),
                    criterion=f"{'above' if rises else 'below'} 0 at {SIZE:.0%} by Holm".replace(
                        "%", " %"
                    ),
                    samples=f"{len(found)} seeds, {first.run.images:,} images",
                    reproduce="; ".join(
                        dict.fromkeys(m.reproduce for pair, _ in found for m in pair)
                    ),
                    note=f"paired by seed, p = {upper[k]:.2g} of {len(steps)} steps; interval: "
                    "Student's t over seeds, of this step alone",
                )

    return measure


def _standard_error(numbers: list[float]) -> float:
    return stdev(numbers) / math.sqrt(len(numbers))


def _one_sided(numbers: list[float]) -> float:
    """P(T > t) of their mean; 0 or 1 where all are the same."""
    mean, error = fmean(numbers), _standard_error(numbers)
    if error == 0:
        return float(mean <= 0)
    return float(stats.t.sf(mean / error, len(numbers) - 1))


def _holm(p: list[float]) -> list[float]:
    """Holm's adjusted p-values: max over the smaller ones of (m - rank) p, at most 1."""
    adjusted, largest = [1.0] * len(p), 0.0
    for rank, k in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - rank) * p[k]))
        adjusted[k] = largest
    return adjusted


def says(fit: PowerLawFit, expected: int, n_patches: int) -> Outcome:
    """What a fit over so many values of P says of an exponent."""
    if n_patches < LEAST_PATCHES or fit.interval is None:
        return Outcome.OPEN
    if not fit.contains(expected):
        return Outcome.AGAINST
    if expected - 1 < fit.interval[0] and fit.interval[1] < expected + 1:
        return Outcome.FOR
    return Outcome.OPEN


def _exponent(quantity: str, expected: int, found: FittedExponent, first: TrainedModel) -> Evidence:
    fit = found.fit
    if fit.interval is None:
        notes = ["no degree of freedom left for an interval"]
    else:
        notes = [f"interval: Student's t, scatter {fit.residual_std:.2g} of log lambda"]
    if len(found.patches) < LEAST_PATCHES:
        notes.append("two values of P lie on any power law")
    if (seeds := found.over_seeds) is not None:
        low, high = seeds.interval
        notes.append(
            f"over {len(seeds.exponents)} seeds, at P {', '.join(map(str, seeds.patches))} and d "
            f"{', '.join(map(str, seeds.depths))}: mean {seeds.mean:.2f}, interval of the seeds' "
            f"spread [{low:.2f}, {high:.2f}]"
        )
    if found.left_out:
        notes.append(f"{found.left_out} left out: not converged or not positive")
    patches, depths = (", ".join(map(str, values)) for values in (found.patches, found.depths))
    # a report's records lie beside it
    records = " --records analyses" if first.origin == "verify" else ""
    return Evidence(
        label=f"exponent of {quantity} in P, P {patches}, d {depths}",
        grade=Grade.of(first),
        outcome=says(fit, expected, len(found.patches)),
        value=fit.exponent,
        interval=fit.interval,
        criterion=f"{100 * fit.confidence:g} % interval holds {expected}, no exponent a power away",
        samples=f"{fit.n_points} minima, {fit.n_groups} of (d, seed), {fit.dof} dof"
        f", {first.run.images:,} images",
        reproduce=f"patchlaw compare{records} --matrix '{found.quantity}'",
        note="; ".join(notes),
    )


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


def step_text(first: TrainedModel, second: TrainedModel, along: Along) -> str:
    """From which P (or d) to which."""
    return f"{getattr(first.run, along)}→{getattr(second.run, along)}"


def images(count: int | None) -> str:
    """A number of images in words."""
    return "unknown number of images" if count is None else f"{count:,} images"
