"""Exponents of P fitted to largest eigenvalues: lambda_max ~ P^e at fixed depth."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from patchlaw.verification.analysis.record import AnalysisRecord
from patchlaw.verification.comparison.compared_model import (
    ComparedModel,
    SolvedEigenvalue,
    alike_but_for_patches,
)
from patchlaw.verification.measurement import TERMS
from patchlaw.verification.power_law import CONFIDENCE, PowerLawFit, PowerLawPoint, fit_power_law
from patchlaw.verification.records import author_results

SUM_OF_BLOCKS = "sum of G_pp"  # sum_p lambda_max(G_pp)
LARGEST_RESIDUAL_BLOCK = "largest R_pp"  # lambda_max of R over the angles, exactly
QUANTITIES = (*TERMS, SUM_OF_BLOCKS, LARGEST_RESIDUAL_BLOCK)

_LEAST = 3  # values of P: two always lie on a power law


@dataclass(frozen=True)
class FittedExponent:
    """The exponent of one quantity in P.

    Attributes:
        quantity: one of QUANTITIES.
        protocol: data and training of the runs.
        depth: d; None for all depths and seeds together, one intercept each.
        seed: likewise.
        patches: the values of P.
        left_out: models whose eigenvalue did not converge or is not positive.
        fit: exponent, interval, scatter.
    """

    quantity: str
    protocol: str
    depth: int | None
    seed: int | None
    patches: tuple[int, ...]
    left_out: int
    fit: PowerLawFit


def exponents_of_records(
    records: Sequence[AnalysisRecord], confidence: float = CONFIDENCE
) -> list[FittedExponent]:
    """Exponents of analysed runs; see ``fitted_exponents``.

    Raises:
        ValueError: a record whose numbers contradict each other, a confidence out of range.
    """
    return fitted_exponents([ComparedModel.of_record(record) for record in records], confidence)


def exponents_of_author(confidence: float = CONFIDENCE) -> list[FittedExponent]:
    """Exponents of the author's Table 3: twelve values of lambda_max(H)."""
    return fitted_exponents([ComparedModel.of_author(r) for r in author_results()], confidence)


def fitted_exponents(
    models: Sequence[ComparedModel], confidence: float = CONFIDENCE
) -> list[FittedExponent]:
    """Every quantity's exponent: all runs of a protocol together, then each (depth, seed).

    Together they have one intercept for each (depth, seed) and a common slope. A single (depth,
    seed) is fitted where it has three values of P; with two there is nothing to fit.
    """
    protocols: dict[str, list[list[ComparedModel]]] = {}
    for group in alike_but_for_patches(models):
        if group:
            protocols.setdefault(group[0].protocol, []).append(group)
    found = []
    for protocol, groups in protocols.items():
        for quantity, value in _VALUES.items():
            together = _fit(quantity, protocol, groups, value, confidence)
            if together is None:
                continue
            found.append(together)
            if together.fit.n_groups > 1:
                alone = (_fit(quantity, protocol, [g], value, confidence) for g in groups)
                found += [one for one in alone if one and len(one.patches) >= _LEAST]
    return found


def _fit(
    quantity: str,
    protocol: str,
    groups: Iterable[Sequence[ComparedModel]],
    value: Callable[[ComparedModel], float | None],
    confidence: float,
) -> FittedExponent | None:
    """The fit; None where no group has two values of P that can be used."""
    points, places, left_out = [], [], 0
    for group in groups:
        known = [(model, number) for model in group if (number := value(model)) is not None]
        place = (group[0].depth, group[0].seed)
        usable = [PowerLawPoint(place, m.n_patches, number) for m, number in known if number > 0]
        left_out += len(known) - len(usable)
        if len(usable) > 1:
            points += usable
            places.append(place)
    fit = fit_power_law(points, confidence)
    if fit is None:
        return None
    depth, seed = places[0] if len(places) == 1 else (None, None)
    patches = tuple(sorted({int(point.x) for point in points}))
    return FittedExponent(quantity, protocol, depth, seed, patches, left_out, fit)


def _top(matrix: str) -> Callable[[ComparedModel], float | None]:
    def value(model: ComparedModel) -> float | None:
        top = model.top.get(matrix)
        return None if top is None else _converged([top], math.fsum)

    return value


def _converged(
    values: Sequence[SolvedEigenvalue], reduce: Callable[[list[float]], float]
) -> float | None:
    """The sum or maximum; -1, which no fit takes, where one did not converge."""
    if not values:
        return None
    if not all(value.converged for value in values):
        return -1.0
    return reduce([value.value for value in values])


_VALUES: Mapping[str, Callable[[ComparedModel], float | None]] = {
    **{matrix: _top(matrix) for matrix in TERMS},
    SUM_OF_BLOCKS: lambda model: _converged(model.blocks, math.fsum),
    LARGEST_RESIDUAL_BLOCK: lambda model: _converged(model.residual_blocks, max),
}
