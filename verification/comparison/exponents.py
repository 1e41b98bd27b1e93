"""Exponents of P fitted to largest eigenvalues: lambda_max ~ P^e at fixed depth."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from patchlaw.verification.power_law import CONFIDENCE, PowerLawFit, PowerLawPoint, fit_power_law
from patchlaw.verification.records import TERMS, TrainedModel, alike_but_for, all_converged

SUM_OF_BLOCKS = "sum of G_pp"  # sum_p lambda_max(G_pp)
LARGEST_RESIDUAL_BLOCK = "largest R_pp"  # lambda_max of R over the angles, exactly
QUANTITIES = (*TERMS, SUM_OF_BLOCKS, LARGEST_RESIDUAL_BLOCK)

LEAST_PATCHES = 3  # values of P: two always lie on a power law


@dataclass(frozen=True)
class FittedExponent:
    """The exponent of one quantity in P.

    Attributes:
        quantity: one of QUANTITIES.
        depth: d; None for all depths and seeds together, one intercept each.
        seed: likewise.
        left_out: models whose eigenvalue did not converge or is not positive.
        fit: exponent, interval, scatter.
    """

    quantity: str
    protocol: str
    depth: int | None
    seed: int | None
    patches: tuple[int, ...]
    depths: tuple[int, ...]
    left_out: int
    fit: PowerLawFit


def fitted_exponents(
    models: Iterable[TrainedModel], confidence: float = CONFIDENCE
) -> list[FittedExponent]:
    """Every quantity's exponent: all runs of a protocol together, then each (depth, seed).

    Together they have one intercept for each (depth, seed) and a common slope. A single (depth,
    seed) is fitted where it has three values of P; with two there is nothing to fit.

    Raises:
        ValueError: a confidence out of range.
    """
    protocols: dict[str, list[list[TrainedModel]]] = {}
    for group in alike_but_for("n_patches", models):
        protocols.setdefault(group[0].run.protocol, []).append(group)
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
    points, places, left_out = [], [], 0
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
            points += usable
            places.append(place)
    fit = fit_power_law(points, confidence)
    if fit is None:
        return None
    depth, seed = places[0] if len(places) == 1 else (None, None)
    return FittedExponent(
        quantity=quantity,
        protocol=groups[0][0].run.protocol,
        depth=depth,
        seed=seed,
        patches=tuple(sorted({int(point.x) for point in points})),
        depths=tuple(sorted({depth for depth, _ in places})),
        left_out=left_out,
        fit=fit,
    )


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
