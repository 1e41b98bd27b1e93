"""Measured pieces of evidence of many models at once: fits and tests over depths and seeds."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from statistics import fmean
from typing import TypeAlias

from scipy import stats

from patchlaw.verification.claims.claim import Findings, Measure
from patchlaw.verification.claims.measures import (
    Number,
    Pair,
    pair_text,
    piece,
    quotient,
    same_test_images,
    step_text,
)
from patchlaw.verification.claims.piece_of_evidence import Band, Evidence, Grade, Outcome
from patchlaw.verification.comparison import FittedExponent, fit_exponent
from patchlaw.verification.comparison.exponents import (
    LEAST_PATCHES,
    LEAST_UNITS,
    half_width,
    standard_error,
)
from patchlaw.verification.power_law import PowerLawFit
from patchlaw.verification.records import TrainedModel, alike_but_for
from patchlaw.verification.records.trained_model import Along

_Kind: TypeAlias = tuple[Grade, str, str, str]

SIZE = 0.05  # of tests
PAIRED = (
    "Seeds are pairs, as both models of a seed start alike; Student's t, one-sided; 5 % by "
    "convention, Holm's over all steps of a protocol, so that many comparisons do not make one by "
    "chance. Three seeds at least."
)


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
        pools: dict[_Kind, list[list[TrainedModel]]] = {}
        for group in alike_but_for("n_patches", findings.models):
            pools.setdefault(_kind(group[0]), []).append(group)
        for pool in pools.values():
            found = fit_exponent(name, pool)
            if found is not None:
                yield _exponent(quantity, expected, found, pool[0][0])

    return measure


def joint_ratio(matrix: str, one: int, two: int, law: float, rival: float) -> Measure:
    """The mean log ratio of lambda_max from P = one to two over depths, as one test.

    Of size 5 %: exp(mean +- t s / sqrt(n)) of the n depths' means over their seeds, Student's t
    with n - 1 degrees of freedom, widened by the eigenvalues' own mean error. Depths are the units
    and not seeds: those of one depth have its deviation from the law in common, and as independent
    ones they made the interval too short. A piece a protocol speaks for the law if the interval
    holds it and not the rival, against it if the interval leaves it out, and is undecided
    otherwise, also with fewer than three depths.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        pools: dict[_Kind, list[tuple[Pair, Number]]] = {}
        for pair in findings.neighbours("n_patches"):
            found = quotient(pair[0].top(matrix), pair[1].top(matrix))
            if step_text(*pair, "n_patches") != f"{one}→{two}" or found is None:
                continue
            if not found.loose and found.value > 0:  # else no logarithm
                pools.setdefault(_kind(pair[0]), []).append((pair, found))
        for pool in pools.values():
            yield _joint(matrix, (one, two), law, rival, pool)

    return measure


def _joint(
    matrix: str, step: tuple[int, int], law: float, rival: float, pool: list[tuple[Pair, Number]]
) -> Evidence:
    of_depth: dict[int, list[float]] = {}
    for pair, found in pool:
        of_depth.setdefault(pair[0].run.depth, []).append(math.log(found.value))
    means = [fmean(logs) for logs in of_depth.values()]
    mean, outcome, ends = fmean(means), Outcome.OPEN, None
    if len(means) >= LEAST_UNITS:
        half = half_width(means, 1 - SIZE) + fmean(
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
        samples=f"{len(pool)} ratios at {len(means)} depths, {first.run.images:,} images",
        reproduce=_commands(pair for pair, _ in pool),
        note="interval: Student's t over the means of depths",
    )


def accuracy_changes(along: Along, keep: Callable[[Pair], bool] = lambda pair: True) -> Measure:
    """Test accuracy, second minus first, each comparison a paired test over the test images.

    Both models see the same n images, so those decide that one of them gets right and the other
    does not (McNemar 1947). With b that the second alone gets right and c that the first does, b is
    Binomial(b + c, 1/2) if neither is the better one, and p = P(B >= b). The interval is that of
    one comparison, two standard errors sqrt(b + c - (b - c)^2 / n) / n on either side. Where it is
    not on record which images these are, both are those of two independent sets of images, which is
    larger. A protocol's comparisons are one family, as in ``paired_over_seeds``. Models with test
    sets of different sizes are not compared.

    Args:
        along: "n_patches" or "depth", in which neighbours differ.
        keep: which pairs count.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        families: dict[_Kind, list[tuple[Pair, Number, tuple[float, float]]]] = {}
        for pair in filter(keep, findings.neighbours(along)):
            if (found := _by_images(*pair)) is not None:
                families.setdefault(_kind(pair[0]), []).append((pair, *found))
        for family in families.values():
            upper, lower = (_holm([tails[side] for _, _, tails in family]) for side in (0, 1))
            for k, (pair, number, _) in enumerate(family):
                where = f"{pair_text(*pair, along)}, seed {pair[0].run.seed}"
                note = f"{number.note}, of this one alone; p = {upper[k]:.2g} of {len(family)}"
                yield replace(
                    piece(f"test accuracy difference, {where}", pair, number, Band.above(0.0)),
                    outcome=_outcome(upper[k], lower[k]),
                    criterion=_criterion(rises=True),
                    note=note,
                )

    return measure


def _by_images(
    first: TrainedModel, second: TrainedModel
) -> tuple[Number, tuple[float, float]] | None:
    """The change of test accuracy, and p that it is above and below zero."""
    one, two = first.minimum.test, second.minimum.test
    n = one.n_samples
    if one.accuracy is None or two.accuracy is None or not n or not same_test_images(first, second):
        return None
    change = two.accuracy - one.accuracy
    wrong, others = first.misclassified, second.misclassified
    if wrong is None or others is None:
        variance = sum(a * (1 - a) for a in (one.accuracy, two.accuracy)) / n
        note = "two binomial standard errors"
        tails = _tails(change, math.sqrt(variance))
    else:
        b, c = len({*wrong} - {*others}), len({*others} - {*wrong})
        variance = (b + c - (b - c) ** 2 / n) / n**2
        note = f"two standard errors of pairs, {b + c} images differ"
        tails = _at_least(b, b + c), _at_least(c, b + c)
    error = 2 * math.sqrt(variance)
    ends = change - error, change + error
    return Number(change, ends, f"interval: {note}", samples=n), tails


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
        families: dict[_Kind, dict[str, list[tuple[Pair, float]]]] = {}
        for pair in filter(keep, findings.neighbours(along)):
            moved = change(*pair)
            if moved is None:
                continue
            family = families.setdefault(_kind(pair[0]), {})
            family.setdefault(pair_text(*pair, along), []).append((pair, moved))
        for family in families.values():
            steps = {step: found for step, found in family.items() if len(found) >= LEAST_UNITS}
            upper, lower = (
                _holm([_one_sided([sign * d for _, d in found]) for found in steps.values()])
                for sign in ((1, -1) if rises else (-1, 1))
            )
            for k, (step, found) in enumerate(steps.items()):
                first = found[0][0][0]
                changes = [d for _, d in found]
                mean, half = fmean(changes), half_width(changes, 1 - SIZE)
                yield Evidence(
                    label=f"mean change of {label}, {step}",
                    grade=Grade.of(first),
                    outcome=_outcome(upper[k], lower[k]),
                    value=mean,
                    interval=(mean - half, mean + half),
                    criterion=_criterion(rises),
                    samples=f"{len(found)} seeds, {first.run.images:,} images",
                    reproduce=_commands(pair for pair, _ in found),
                    note=f"paired by seed, p = {upper[k]:.2g} of {len(steps)} steps; interval: "
                    "Student's t over seeds, of this step alone",
                )

    return measure


def _kind(model: TrainedModel) -> _Kind:
    """What numbers must have in common to be taken together."""
    return Grade.of(model), *model.kind()


def _commands(pairs: Iterable[Pair]) -> str:
    """Those that give the numbers of all models again, each once."""
    return "; ".join(dict.fromkeys(model.reproduce for pair in pairs for model in pair))


def _outcome(upper: float, lower: float) -> Outcome:
    """By the p of what is stated and of its opposite."""
    if lower <= SIZE:
        return Outcome.AGAINST
    return Outcome.FOR if upper <= SIZE else Outcome.OPEN


def _criterion(rises: bool) -> str:
    return f"{'above' if rises else 'below'} 0 at {100 * SIZE:g} % by Holm"


def _one_sided(numbers: list[float]) -> float:
    """P(T > t) of their mean; 0 or 1 where all are the same."""
    mean, error = fmean(numbers), standard_error(numbers)
    return float(stats.t.sf(mean / error, len(numbers) - 1)) if error else float(mean <= 0)


def _at_least(count: int, of: int) -> float:
    """P(B >= count), B binomial with odds of a half."""
    return float(stats.binom.sf(count - 1, of, 0.5))


def _tails(change: float, error: float) -> tuple[float, float]:
    """P(Z > z) of a change and of its opposite, Z normal; 0 or 1 without an error."""
    if error:
        return float(stats.norm.sf(change / error)), float(stats.norm.cdf(change / error))
    return float(change <= 0), float(change >= 0)


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
    for spread in filter(None, (found.over_seeds, found.over_depths)):
        low, high = spread.interval
        notes.append(
            f"over {spread.where}: mean {spread.mean:.2f}, interval of their spread "
            f"[{low:.2f}, {high:.2f}]"
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
