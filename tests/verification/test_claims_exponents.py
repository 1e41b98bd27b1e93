"""Exponents as evidence: when they speak for a statement, when against, and when not at all."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from patchlaw.verification.claims import CLAIMS, Evidence, Grade, Outcome, Verdict
from patchlaw.verification.claims.pooled import says
from patchlaw.verification.comparison import FittedExponent, fitted_exponents
from patchlaw.verification.power_law import PowerLawFit
from patchlaw.verification.records import TrainedModel, author_models
from tests.strategies import examples
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
    assert verdict(part, scattered(-1.5, 4)) is Verdict.UNDECIDED


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


def of_seeds(offsets: dict[int, float], bend: float = 0.0) -> tuple[TrainedModel, ...]:
    """lambda_max(H) ~ P^(-1 + offset of the seed), bent alike for every seed."""
    found = []
    for seed, offset in offsets.items():
        for model in world(seed=seed, depths=(50, 100)):
            p = model.run.n_patches
            value = 50.0 * seed * p ** (offset - 1) * math.exp(bend * math.log(p) ** 2)
            found.append(replace(model, eigenvalues={"H": (eigenvalue(value),)}))
    return tuple(found)


def together(models: tuple[TrainedModel, ...]) -> FittedExponent:
    return next(found for found in fitted_exponents(models) if found.seed is None)


@examples(10)
@given(st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=6))
def test_the_interval_over_seeds_is_that_of_their_own_exponents(offsets: list[float]) -> None:
    """Beside scipy's one-sample t interval. Only this catches seeds that are not kept apart."""
    seeds = together(of_seeds(dict(enumerate(offsets, 7)))).over_seeds
    assert seeds is not None
    expected = [offset - 1 for offset in offsets]
    assert list(seeds.exponents.values()) == pytest.approx(expected, abs=1e-9)
    if max(offsets) - min(offsets) > 1e-6:
        low, high = stats.ttest_1samp(expected, 0).confidence_interval(0.95)
        assert seeds.interval == pytest.approx((low, high), abs=1e-8)


def test_a_misfit_that_seeds_share_widens_the_fits_interval_alone() -> None:
    """No power law, the same bend for every seed: only this catches the two intervals mixed up."""
    found = together(of_seeds({7: 0.0, 8: 0.0, 9: 0.0}, bend=0.3))
    assert found.over_seeds is not None
    low, high = found.over_seeds.interval
    assert high - low < 1e-9
    assert found.fit.interval[1] - found.fit.interval[0] > 0.1
    # and the other way round: exact power laws that differ
    spread = together(of_seeds({7: -0.4, 8: 0.0, 9: 0.4}))
    low, high = spread.over_seeds.interval
    assert high - low == pytest.approx(2 * 4.302652729911275 * 0.4 / math.sqrt(3))  # t table, 2 dof


def test_seeds_are_compared_over_the_models_that_all_have() -> None:
    """A bend makes an exponent depend on its P: only this catches seeds of unequal designs."""
    models = of_seeds({7: 0.0, 8: 0.1, 9: 0.2}, bend=0.3)
    whole = together(models).over_seeds
    lacking = together(
        tuple(m for m in models if (m.run.seed, m.run.n_patches, m.run.depth) != (8, 16, 100))
    ).over_seeds
    assert whole.where == lacking.where == "3 seeds, P 4, 9, 16, d 50, 100"
    steps = [b - a for a, b in pairwise(lacking.exponents.values())]
    assert steps == pytest.approx([0.1, 0.1], abs=1e-9)
    assert lacking.mean != pytest.approx(whole.mean, abs=1e-3)
    two_seeds = tuple(m for m in models if m.run.seed != 9)
    assert together(two_seeds).over_seeds is None
    (piece,) = pieces("4e", models)
    assert f"over {whole.where}: mean {whole.mean:.2f}" in piece.note
    assert piece.interval == together(models).fit.interval


@examples(10)
@given(st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=5), st.integers(1, 4))
def test_what_seeds_of_a_depth_share_counts_once(offsets: list[float], n_seeds: int) -> None:
    """Beside scipy's t interval of the depths. Only this catches seeds taken for more depths."""
    models = tuple(
        replace(model, eigenvalues={"H": (eigenvalue(model.run.n_patches ** (offset - 1)),)})
        for depth, offset in enumerate(offsets, 2)
        for seed in range(n_seeds)
        for model in world(seed=seed, depths=(depth,))
    )
    depths = together(models).over_depths
    assert depths is not None
    assert list(depths.exponents) == list(range(2, 2 + len(offsets)))
    if max(offsets) - min(offsets) > 1e-6:
        ends = stats.ttest_1samp([offset - 1 for offset in offsets], 0).confidence_interval(0.95)
        assert depths.interval == pytest.approx(tuple(ends), abs=1e-8)
