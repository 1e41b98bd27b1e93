"""Evidence from exponents: how a largest eigenvalue falls with P over all P, depths and seeds."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from patchlaw.verification.claims.claim import Measure
from patchlaw.verification.claims.evidence import Evidence, Grade, Outcome
from patchlaw.verification.claims.findings import Eigenvalue, Findings, ModelFindings
from patchlaw.verification.power_law import PowerLawFit, PowerLawPoint, fit_power_law

LEAST = 3  # values of P: any two values lie on a power law

Value = Callable[[ModelFindings], Sequence[Eigenvalue]]


def exponents(quantity: str, name: str, value: Value, expected: int) -> Measure:
    """The exponent of P in lambda_max ~ P^e, one piece a protocol, beside an expected one.

    One prefactor for each (depth, seed), one exponent for all: see ``fit_power_law``. A piece
    speaks for the expected exponent if the interval contains it and no exponent a whole power
    away, against it if the interval leaves it out, and is undecided otherwise, also with fewer
    than three values of P.

    Args:
        quantity: as labels show it.
        name: as ``patchlaw compare --matrix`` knows it.
        value: the eigenvalues whose largest is the quantity; empty where it is not known.
        expected: the exponent that the statement names.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        pools: dict[tuple[Grade, str], list[ModelFindings]] = {}
        for model in _distinct(findings.models):
            if value(model):
                pools.setdefault((model.grade, model.protocol), []).append(model)
        for pool in pools.values():
            usable = [
                m for m in pool if all(v.converged for v in value(m)) and _largest(value(m)) > 0
            ]
            places = Counter(map(_place, usable))
            fitted = [m for m in usable if places[_place(m)] > 1]
            fit = fit_power_law(
                PowerLawPoint(_place(m), m.n_patches, _largest(value(m))) for m in fitted
            )
            if fit is not None:
                yield _piece(quantity, name, expected, fit, fitted, len(pool) - len(usable))

    return measure


def says(fit: PowerLawFit, expected: int, n_patches: int) -> Outcome:
    """What a fit says of an exponent.

    Args:
        fit: over ``n_patches`` values of P.
        expected: the exponent.
        n_patches: how many values of P there are.
    """
    if n_patches < LEAST or fit.interval is None:
        return Outcome.OPEN
    if not fit.contains(expected):
        return Outcome.AGAINST
    if expected - 1 < fit.interval[0] and fit.interval[1] < expected + 1:
        return Outcome.FOR
    return Outcome.OPEN


def _piece(
    quantity: str,
    name: str,
    expected: int,
    fit: PowerLawFit,
    models: Sequence[ModelFindings],
    left_out: int,
) -> Evidence:
    patches = sorted({m.n_patches for m in models})
    depths = sorted({m.depth for m in models})
    # the protocol of a verification is its command, which trains and measures all of its models
    verified = models[0].protocol == models[0].reproduce
    if fit.interval is None:
        notes = ["no degree of freedom left for an interval"]
    else:
        notes = [f"interval: Student's t, scatter {fit.residual_std:.2g} of log lambda"]
    if len(patches) < LEAST:
        notes.append("two values of P lie on any power law")
    if left_out:
        notes.append(f"{left_out} left out: not converged or not positive")
    behind = sorted({m.n_train for m in models if m.n_train is not None})
    images = f", {' and '.join(f'{n:,}' for n in behind)} images" if behind else ""
    return Evidence(
        label=f"exponent of {quantity} in P, P {_list(patches)}, d {_list(depths)}",
        grade=models[0].grade,
        outcome=says(fit, expected, len(patches)),
        value=fit.exponent,
        interval=fit.interval,
        criterion=f"{100 * fit.confidence:g} % interval holds {expected}, no exponent a power away",
        samples=f"{fit.n_points} minima, {fit.n_groups} of (d, seed), {fit.dof} dof{images}",
        reproduce=models[0].reproduce if verified else f"patchlaw compare --matrix '{name}'",
        note="; ".join(notes),
    )


def _distinct(models: Sequence[ModelFindings]) -> list[ModelFindings]:
    """Models that no other shares P, depth, seed and protocol with; see Findings.neighbours."""

    def key(model: ModelFindings) -> tuple[object, ...]:
        return model.grade, model.protocol, model.seed, model.depth, model.n_patches

    count = Counter(map(key, models))
    return [model for model in models if count[key(model)] == 1]


def _place(model: ModelFindings) -> tuple[int, int | None]:
    return model.depth, model.seed


def _largest(values: Sequence[Eigenvalue]) -> float:
    return max(v.value for v in values)


def _list(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))
