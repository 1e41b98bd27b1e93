"""Exponents as evidence: when they speak for a statement, when against, and when not at all."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.verification.claims import (
    CLAIMS,
    Evidence,
    Grade,
    ModelFindings,
    Outcome,
    Verdict,
    author_models,
    findings_from_report,
)
from patchlaw.verification.claims.exponents import says
from patchlaw.verification.claims.sources import verify_command
from patchlaw.verification.comparison import exponents_of_author
from patchlaw.verification.power_law import PowerLawFit
from tests.verification.claim_worlds import eigenvalue, proved_everything, world
from tests.verification.report_cases import finished_report

PARTS = {part.id: part for claim in CLAIMS for part in claim.parts}


def pieces(part: str, models: tuple[ModelFindings, ...]) -> tuple[Evidence, ...]:
    return PARTS[part].gather(proved_everything(models=models))


def verdict(part: str, models: tuple[ModelFindings, ...]) -> Verdict:
    return PARTS[part].judge(pieces(part, models)).verdict


def scattered(exponent: float, scatter: float, **changes: Any) -> tuple[ModelFindings, ...]:
    """Models of a world whose H, G and largest R_pp fall with one exponent, up to scatter."""
    rng = np.random.default_rng(0)
    found = []
    for model in world(**changes):
        value = 50 * model.depth * model.n_patches**exponent * rng.lognormal(sigma=scatter)
        eigen = {name: (eigenvalue(value),) for name in ("H", "G")}
        eigen |= {f"R_{p}{p}": (eigenvalue(value),) for p in range(model.n_patches)}
        found.append(replace(model, eigenvalues=eigen))
    return tuple(found)


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
    short = tuple(
        replace(m, grade=Grade.SMALL, protocol="2,000 images", n_train=2000, depth=m.depth // 10)
        for m in scattered(-1, 0.05)
    )
    other = tuple(replace(m, protocol="12,000 images", n_train=12_000) for m in short)
    found = pieces("4e", (*long, *short, *other))
    assert [round(piece.value or 0) for piece in found] == [-2, -1, -1]
    assert [piece.grade for piece in found] == [Grade.SCALE, Grade.SMALL, Grade.SMALL]
    assert [piece.outcome for piece in found] == [Outcome.FOR, Outcome.AGAINST, Outcome.AGAINST]
    assert "12 minima, 4 of (d, seed), 7 dof, 60,000 images" in found[0].samples
    # small runs are a lead for the paper's scale, and count for statements about any size
    assert verdict("4e", (*long, *short)) is Verdict.CONFIRMED
    assert verdict("3c", (*scattered(-1, 0.05), *short)) is Verdict.CONFIRMED
    worse = tuple(replace(m, grade=Grade.SMALL, protocol="p") for m in scattered(0, 0.05))
    assert verdict("3c", (*scattered(-1, 0.05), *worse)) is Verdict.QUALIFIED


def test_seeds_have_prefactors_of_their_own() -> None:
    """Only this catches one intercept a depth: seeds of another size would drown the slope."""
    models = scattered(-2, 0.02)
    doubled = tuple(
        replace(
            m,
            seed=2,
            eigenvalues={n: (eigenvalue(100 * v[0].value),) for n, v in m.eigenvalues.items()},
        )
        for m in models
        if m.n_patches > 4
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


def test_a_verification_is_reproduced_by_its_command() -> None:
    """Its models are not among the records that ``patchlaw compare`` reads."""
    report = json.loads(finished_report().to_json())
    (piece,) = pieces("4e", findings_from_report(report).models)
    assert piece.reproduce == verify_command(report["config"])
    assert piece.value == pytest.approx(-1)  # every eigenvalue there is 1/P
    assert (piece.grade, piece.outcome) == (Grade.SMALL, Outcome.AGAINST)


def test_the_authors_table_has_one_exponent() -> None:
    """The ledger's number is that of ``patchlaw compare``, and -2 is outside its interval."""
    (piece,) = pieces("4e", author_models())
    fit = exponents_of_author()[0].fit
    assert (piece.value, piece.interval) == (fit.exponent, fit.interval)
    assert piece.grade is Grade.AUTHOR
    assert piece.reproduce == "patchlaw compare --matrix 'H'"
    assert piece.outcome is Outcome.AGAINST
    assert verdict("4e", author_models()) is Verdict.REFUTED
    assert verdict("4e", (*author_models(), *scattered(-2, 0.05))) is Verdict.QUALIFIED
    assert pieces("4f", author_models()) == ()
