"""Exponents of P fitted to largest eigenvalues: lambda_max ~ P^e at fixed depth.

Three intervals answer three questions. That of the fit takes the models as they are: how far the
points lie off one power law, misfit and seeds together, each model as an independent one. That over
seeds asks what other initial angles would give: each seed has an exponent of its own, from its own
models alone, and a misfit that all seeds share does not widen it. That over depths asks what other
depths would give: a misfit that the seeds of one depth share counts once.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from patchlaw.verification.power_law import CONFIDENCE, PowerLawFit, PowerLawPoint, fit_power_law
from patchlaw.verification.records import TERMS, TrainedModel, alike_but_for, all_converged

SUM_OF_BLOCKS = "sum of G_pp"  # sum_p lambda_max(G_pp)
LARGEST_RESIDUAL_BLOCK = "largest R_pp"  # lambda_max of R over the angles, exactly
QUANTITIES = (*TERMS, SUM_OF_BLOCKS, LARGEST_RESIDUAL_BLOCK)

LEAST_PATCHES = 3  # values of P: two always lie on a power law
LEAST_UNITS = 3  # ours, seeds or depths: of two the interval is 25 times their difference
DEPTH, SEED = 0, 1  # places in the key (d, seed)


@dataclass(frozen=True)
class ExponentSpread:
    """The exponents of single seeds or depths, each over the same models, and their mean.

    Attributes:
        exponents: by seed, or by d.
        where: how many of what, and every P, d and seed behind each.
        mean: of the exponents.
        interval: mean +- t s / sqrt(n), s their standard deviation over n seeds or depths, t the
            quantile of Student's distribution with n - 1 degrees of freedom.
        confidence: of the interval.
    """

    exponents: Mapping[int, float]
    where: str
    mean: float
    interval: tuple[float, float]
    confidence: float


@dataclass(frozen=True)
class FittedExponent:
    """The exponent of one quantity in P.

    Attributes:
        quantity: one of QUANTITIES.
        study: what the models have in common beside the protocol, see ``TrainedModel.study``.
        depth: d; None for all depths and seeds together, one intercept each.
        seed: likewise.
        left_out: models whose eigenvalue did not converge or is not positive.
        fit: exponent, interval, scatter.
        over_seeds: what single seeds give; None with fewer than three.
        over_depths: what single depths give; likewise.
    """

    quantity: str
    protocol: str
    study: str
    depth: int | None
    seed: int | None
    patches: tuple[int, ...]
    depths: tuple[int, ...]
    left_out: int
    fit: PowerLawFit
    over_seeds: ExponentSpread | None = None
    over_depths: ExponentSpread | None = None


def fitted_exponents(
    models: Iterable[TrainedModel], confidence: float = CONFIDENCE
) -> list[FittedExponent]:
    """Every quantity's exponent: all runs of a protocol together, then each (depth, seed).

    Together they have one intercept for each (depth, seed) and a common slope. A single (depth,
    seed) is fitted where it has three values of P; with two there is nothing to fit.

    Raises:
        ValueError: a confidence out of range.
    """
    protocols: dict[tuple[str, ...], list[list[TrainedModel]]] = {}
    for group in alike_but_for("n_patches", models):
        protocols.setdefault(group[0].kind(), []).append(group)
    found = []
    for groups in protocols.values():
        for quantity in QUANTITIES:
            together = fit_exponent(quantity, groups, confidence)
            if together is None:
                continue
            found.append(together)
            if together.fit.n_groups > 1:
                alone = (fit_exponent(quantity, [group], confidence) for group in groups)
                found += [one for one in alone if one and len(one.patches) >= LEAST_PATCHES]
    return found


def fit_exponent(
    quantity: str, groups: Sequence[Sequence[TrainedModel]], confidence: float = CONFIDENCE
) -> FittedExponent | None:
    """The exponent of one of QUANTITIES over groups of ``alike_but_for``, with one prefactor each.

    Returns:
        None where no group has two values of P that can be used.
    """
    points: dict[tuple[int, int], list[PowerLawPoint]] = {}
    left_out = 0
    for group in groups:
        known = [
            (model.run, number)
            for model in group
            if (number := _value(quantity, model)) is not None
        ]
        place = (group[0].run.depth, group[0].run.seed)
        usable = [
            PowerLawPoint(place, run.n_patches, number) for run, number in known if number > 0
        ]
        left_out += len(known) - len(usable)
        if len(usable) > 1:
            points.setdefault(place, []).extend(usable)
    every = [point for group in points.values() for point in group]
    fit = fit_power_law(every, confidence)
    if fit is None:
        return None
    depth, seed = next(iter(points)) if len(points) == 1 else (None, None)
    return FittedExponent(
        quantity=quantity,
        protocol=groups[0][0].run.protocol,
        study=groups[0][0].study(),
        depth=depth,
        seed=seed,
        patches=tuple(sorted({int(point.x) for point in every})),
        depths=tuple(sorted({depth for depth, _ in points})),
        left_out=left_out,
        fit=fit,
        over_seeds=_over(SEED, points, confidence),
        over_depths=_over(DEPTH, points, confidence),
    )


def _over(
    unit: int, points: Mapping[tuple[int, int], Sequence[PowerLawPoint]], confidence: float
) -> ExponentSpread | None:
    """The exponents of single seeds or depths, over the models that each of them has.

    Args:
        unit: DEPTH or SEED, by its place in a key of ``points``.
        points: lambda_max at P, by (depth, seed).
        confidence: of the interval.

    Returns:
        None with fewer than ``LEAST_UNITS``, or where they have no group with two P in common.
    """
    of_unit: dict[int, dict[tuple[int, int], PowerLawPoint]] = defaultdict(dict)
    for place, group in points.items():
        of_unit[place[unit]] |= {(place[1 - unit], int(point.x)): point for point in group}
    common = set.intersection(*map(set, of_unit.values()))
    fits = {
        name: fit_power_law((own[place] for place in sorted(common)), confidence)
        for name, own in sorted(of_unit.items())
    }
    exponents = {name: fit.exponent for name, fit in fits.items() if fit is not None}
    n = len(exponents)
    if n < LEAST_UNITS:
        return None
    mean, half = fmean(exponents.values()), half_width([*exponents.values()], confidence)
    others, patches = (
        ", ".join(map(str, sorted({*column}))) for column in zip(*common, strict=True)
    )
    units, other = ("seeds", "d") if unit == SEED else ("depths", "seed")
    where = f"{n} {units}, P {patches}, {other} {others}"
    return ExponentSpread(exponents, where, mean, (mean - half, mean + half), confidence)


def standard_error(numbers: Sequence[float]) -> float:
    """Of the mean of two numbers or more, from their scatter."""
    return stdev(numbers) / math.sqrt(len(numbers))


def half_width(numbers: Sequence[float], confidence: float) -> float:
    """Of the interval of their mean: Student's t with len(numbers) - 1 degrees of freedom."""
    from scipy.stats import t  # half a second to import, and not every caller gets here

    return float(t.ppf((1 + confidence) / 2, len(numbers) - 1)) * standard_error(numbers)


def _value(quantity: str, model: TrainedModel) -> float | None:
    """The quantity; -1, which no fit takes, where an eigenvalue behind it did not converge."""
    if quantity == SUM_OF_BLOCKS:
        values = model.blocks("G")
    elif quantity == LARGEST_RESIDUAL_BLOCK:
        values = model.blocks("R")
    else:
        values = model.eigenvalues.get(quantity, ())[:1]
    if not values:
        return None
    if not all_converged(values):
        return -1.0
    numbers = [value.value for value in values]
    return math.fsum(numbers) if quantity == SUM_OF_BLOCKS else max(numbers)
