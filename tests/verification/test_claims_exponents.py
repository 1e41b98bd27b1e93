"""Exponents as evidence: when they speak for a statement, when against, and when not at all."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.verification.claims import CLAIMS, Evidence, Grade, Outcome, Verdict
from patchlaw.verification.claims.measures import says
from patchlaw.verification.comparison import fitted_exponents
from patchlaw.verification.power_law import PowerLawFit
from patchlaw.verification.records import TrainedModel, author_models
from tests.verification.claim_worlds import eigenvalue, proved_everything, world

PARTS = {part.id: part for claim in CLAIMS for part in claim.parts}


def pieces(part: str, models: tuple[TrainedModel, ...]) -> tuple[Evidence, ...]:
    return PARTS[part].gather(proved_everything(models=models))


def verdict(part: str, models: tuple[TrainedModel, ...]) -> Verdict:
    return PARTS[part].judge(pieces(part, models)).verdict


def scattered(exponent: float, scatter: float, **changes: Any) -> tuple[TrainedModel, ...]:
    """Models of a world whose H, G and largest R_pp fall with one exponent, up to scatter."""
    rng = np.random.default_rng(0)
    found = []
    for model in world(**changes):
        run = model.run
        value = 50 * run.depth * run.n_patches**exponent * rng.lognormal(sigma=scatter)
        eigen = {name: (eigenvalue(value),) for name in ("H", "G")}
        eigen |= {f"R_{p}{p}": (eigenvalue(value),) for p in range(run.n_patches)}
        found.append(replace(model, eigenvalues=eigen))
    return tuple(found)


def as_run(models: tuple[TrainedModel, ...], **changes: Any) -> tuple[TrainedModel, ...]:
    """The models as of runs of another protocol."""
    return tuple(replace(model, run=replace(model.run, **changes)) for model in models)


@pytest.mark.parametrize("part", ["3c", "4e", "4f"])
def test_the_verdict_turns_with_the_data(part: str) -> None:
    """The same scatter of 10 %, another exponent: the statement's, its rival's, one between."""
    stated, rival = (-1, -2) if part == "3c" else (-2, -1)
    assert verdict(part, scattered(stated, 0.1)) is Verdict.CONFIRMED
    assert verdict(part, scattered(rival, 0.1)) is Verdict.REFUTED
    assert verdict(part, scattered(-1.5, 0.1)) is Verdict.REFUTED
    # so much scatter that neither law is left out
    (piece,) = pieces(part, scattered(-1.5, 4))
    assert piece.interval is not None
    assert piece.interval[0] < -2 < -1 < piece.interval[1]
    assert piece.outcome is Outcome.OPEN
    assert verdict(part, scattered(-1.5, 4)) is Verdict.NOT_MEASURED


@given(st.floats(-4, 0), st.floats(0, 2), st.sampled_from([-2, -1]), st.integers(2, 5))
def test_what_an_interval_says(centre: float, radius: float, expected: int, n_patches: int) -> None:
    """By the criterion's words: it holds the exponent and none a whole power away."""
    interval = (centre - radius, centre + radius)
    fit = PowerLawFit(centre, interval, 0.95, 3, 9, 3, 0.1)
    holds = interval[0] <= expected <= interval[1]
    powers_away = [e for e in (expected - 1, expected + 1) if interval[0] <= e <= interval[1]]
    found = says(fit, expected, n_patches)
    if n_patches < 3:
        assert found is Outcome.OPEN
    elif not holds:
        # roundings are let pass
        assert found is Outcome.AGAINST or min(abs(expected - e) for e in interval) < 1e-8
    else:
        assert found is (Outcome.OPEN if powers_away else Outcome.FOR)
    bare = replace(fit, interval=None, dof=0, residual_std=None)
    assert says(bare, expected, n_patches) is Outcome.OPEN


def test_too_little_to_say_anything() -> None:
    """Two values of P at four depths: an interval, and still no power law."""
    (piece,) = pieces("4e", scattered(-2, 0.05, patches=(4, 9)))
    assert piece.interval is not None
    assert piece.outcome is Outcome.OPEN
    assert "two values of P" in piece.note
    (piece,) = pieces("4e", scattered(-2, 0.05, patches=(4, 9), depths=(50,)))
    assert piece.interval is None
    assert "no degree of freedom" in piece.note
    assert verdict("4e", world(patches=(4,))) is Verdict.NOT_MEASURED


def test_a_depth_with_one_p_does_not_lend_its_p() -> None:
    """P = 16 at another depth than P = 4 and 9: the fit is over two values of P, not three."""
    models = (
        *scattered(-2, 0.05, patches=(4, 9), depths=(50, 100)),
        *scattered(-2, 0.05, patches=(16,), depths=(150,)),
    )
    (piece,) = pieces("4e", models)
    assert piece.label.endswith("P 4, 9, d 50, 100")
    assert piece.outcome is Outcome.OPEN


def test_protocols_are_fitted_apart() -> None:
    """Only this catches a slope between short runs at large P and long ones at small P."""
    long = scattered(-2, 0.05)
    short = as_run(scattered(-1, 0.05), images=2000)
    other = as_run(scattered(-1, 0.05), images=12_000)
    found = pieces("4e", (*long, *short, *other))
    assert [round(piece.value or 0) for piece in found] == [-1, -1, -2]
    assert [piece.grade for piece in found] == [Grade.SMALL, Grade.SMALL, Grade.SCALE]
    assert [piece.outcome for piece in found] == [Outcome.AGAINST, Outcome.AGAINST, Outcome.FOR]
    assert "12 minima, 4 of (d, seed), 7 dof, 60,000 images" in found[2].samples
    # small runs are a lead for the paper's scale, and count for statements about any size
    assert verdict("4e", (*long, *short)) is Verdict.CONFIRMED
    assert verdict("3c", (*scattered(-1, 0.05), *short)) is Verdict.CONFIRMED
    worse = as_run(scattered(0, 0.05), epochs=15)
    assert verdict("3c", (*scattered(-1, 0.05), *worse)) is Verdict.QUALIFIED


def test_seeds_have_prefactors_of_their_own() -> None:
    """Only this catches one intercept a depth: seeds of another size would drown the slope."""
    models = scattered(-2, 0.02)
    doubled = tuple(
        replace(
            m,
            run=replace(m.run, seed=2),
            eigenvalues={n: (eigenvalue(100 * v[0].value),) for n, v in m.eigenvalues.items()},
        )
        for m in models
        if m.run.n_patches > 4
    )
    (piece,) = pieces("4e", (*models, *doubled))
    assert piece.value == pytest.approx(-2, abs=0.1)
    assert "20 minima, 8 of (d, seed), 11 dof" in piece.samples


def test_runs_that_cannot_be_told_apart_are_left_out() -> None:
    models = scattered(-2, 0.05)
    twin = replace(models[0], eigenvalues={"H": (eigenvalue(1e6),)})
    (piece,) = pieces("4e", (*models, twin))
    assert piece.value == pytest.approx(-2, abs=0.2)
    assert "11 minima" in piece.samples


def test_unconverged_values_are_left_out_and_counted() -> None:
    models = list(scattered(-2, 0.05))
    models[5] = replace(models[5], eigenvalues={"H": (eigenvalue(1e9, converged=False),)})
    models[6] = replace(models[6], eigenvalues={"H": (eigenvalue(-1.0),)})
    (piece,) = pieces("4e", tuple(models))
    assert piece.value == pytest.approx(-2, abs=0.2)
    assert "2 left out: not converged or not positive" in piece.note
    assert piece.samples.startswith("10 minima")


def test_a_verification_is_fitted_apart_and_reproduced_from_its_folder() -> None:
    """Its models are not among the records that ``patchlaw compare`` reads by itself."""
    own = tuple(replace(model, origin="verify") for model in scattered(-1, 0.05))
    found = pieces("4e", (*scattered(-2, 0.05), *own))
    assert [round(piece.value or 0) for piece in found] == [-2, -1]
    commands = [piece.reproduce for piece in found]
    assert commands == [f"patchlaw compare{r} --matrix 'H'" for r in ("", " --records analyses")]


def test_the_authors_table_has_one_exponent() -> None:
    """The ledger's number is that of ``patchlaw compare``, and -2 is outside its interval."""
    (piece,) = pieces("4e", author_models())
    fit = fitted_exponents(author_models())[0].fit
    assert (piece.value, piece.interval) == (fit.exponent, fit.interval)
    assert piece.grade is Grade.AUTHOR
    assert piece.reproduce == "patchlaw compare --matrix 'H'"
    assert piece.outcome is Outcome.AGAINST
    assert verdict("4e", author_models()) is Verdict.REFUTED
    assert verdict("4e", (*author_models(), *scattered(-2, 0.05))) is Verdict.QUALIFIED
    assert pieces("4f", author_models()) == ()
