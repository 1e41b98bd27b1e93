"""Evidence from exponents: how a largest eigenvalue falls with P over all P, depths and seeds."""

from collections.abc import Iterator

from patchlaw.verification.claims.claim import Findings, Measure
from patchlaw.verification.claims.piece_of_evidence import Evidence, Grade, Outcome
from patchlaw.verification.comparison import FittedExponent, fit_exponent
from patchlaw.verification.comparison.exponents import LEAST_PATCHES
from patchlaw.verification.power_law import PowerLawFit
from patchlaw.verification.records import TrainedModel, alike_but_for


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
                yield _piece(quantity, expected, found, pool[0][0])

    return measure


def says(fit: PowerLawFit, expected: int, n_patches: int) -> Outcome:
    """What a fit says of an exponent.

    Args:
        fit: over ``n_patches`` values of P.
        expected: the exponent.
        n_patches: how many values of P there are.
    """
    if n_patches < LEAST_PATCHES or fit.interval is None:
        return Outcome.OPEN
    if not fit.contains(expected):
        return Outcome.AGAINST
    if expected - 1 < fit.interval[0] and fit.interval[1] < expected + 1:
        return Outcome.FOR
    return Outcome.OPEN


def _piece(quantity: str, expected: int, found: FittedExponent, first: TrainedModel) -> Evidence:
    fit = found.fit
    if fit.interval is None:
        notes = ["no degree of freedom left for an interval"]
    else:
        notes = [f"interval: Student's t, scatter {fit.residual_std:.2g} of log lambda"]
    if len(found.patches) < LEAST_PATCHES:
        notes.append("two values of P lie on any power law")
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
