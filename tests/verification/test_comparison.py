"""Measured against predicted ratios, with the arithmetic redone by hand."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from patchlaw.verification.comparison import compare_author, compare_models
from patchlaw.verification.records import (
    BIAS_BLOCK,
    TERMS,
    Eigenvalue,
    TrainedModel,
    ratio_interval,
)
from patchlaw.verification.solvers import top_eigenpairs
from tests.verification.comparison_cases import analysed, solved


def measurement(patches: int, loss: float = 0.5, block: float = 2.0) -> TrainedModel:
    """All blocks equal, A = 1/2."""
    total = patches * block
    values = {"H": 1.1 * total, "G": total, "R": 0.1 * total, "G over the angles": total / 2}
    return analysed(
        patches, depth=3, loss=loss, curvature=0.3 * loss, top=values, blocks=[block] * patches
    )


def having(model: TrainedModel, matrix: str, top: Eigenvalue) -> TrainedModel:
    """The model with another top eigenvalue of one matrix."""
    return dataclasses.replace(model, eigenvalues={**model.eigenvalues, matrix: (top,)})


def test_laws_stand_beside_the_ratio_they_speak_of() -> None:
    """Only this catches P1 and P2 swapped, or an error relative to the prediction."""
    rows = compare_models([measurement(9, loss=0.25, block=1.0), measurement(4)])
    cell = {(r.matrix, r.law): r for r in rows}
    h = cell["H", "elementwise"]
    assert h.n_patches == (4, 9)
    assert h.measured == pytest.approx(9 / 8)
    assert h.predicted == pytest.approx(16 / 81)
    assert h.relative_error == pytest.approx((16 / 81) / (9 / 8) - 1)
    assert cell["H", "aligned_loss"].predicted == pytest.approx(4 / 9 * 0.5)
    assert cell["H", "aligned_curvature"].predicted == pytest.approx(4 / 9 * 0.5)
    assert cell["G", "blocks"].predicted == pytest.approx(9 / 8)
    assert cell["G over the angles", "exact"].relative_error == pytest.approx(0, abs=1e-12)
    assert cell["R", "residual_elementwise"].predicted == pytest.approx(4 / 9)
    assert {law for matrix, law in cell if matrix == "R"} == {
        "residual_elementwise",
        "residual_loss",
    }


def test_the_bias_block_feeds_the_laws_that_level_off() -> None:
    """Only this catches a comparison without them, or the bias block taken for a term."""
    without = [measurement(4), measurement(9, loss=0.25)]
    first = having(without[0], BIAS_BLOCK, solved(1.0))
    rows = compare_models([first, without[1]])
    cell = {(r.matrix, r.law): r for r in rows}
    by_hand = (4 / 9 * 4.0 + 1.0) / (4.0 + 1.0)  # the angles' part at P = 4 is 4 * 2 / 2
    assert cell["H", "level_off"].predicted == pytest.approx(by_hand)
    assert cell["G", "level_off_loss"].predicted == pytest.approx(by_hand / 2)
    assert {matrix for matrix, _ in cell} == set(TERMS)
    assert not [r for r in compare_models(without) if r.law.startswith("level_off")]


def test_every_pair_at_equal_depth_only() -> None:
    deep = dataclasses.replace(
        measurement(16), run=dataclasses.replace(measurement(16).run, depth=9)
    )
    rows = compare_models([measurement(4), measurement(9), deep])
    assert {r.n_patches for r in rows} == {(4, 9)}


def test_unconverged_blocks_feed_no_law() -> None:
    """Only this catches a law fed with numbers that the solver does not vouch for."""
    loose = having(measurement(9), "G_00", solved(2.0, converged=False))
    rows = compare_models([measurement(4), loose])
    blocks = next(r for r in rows if (r.matrix, r.law) == ("H", "blocks"))
    assert blocks.predicted is None
    assert blocks.relative_error is None
    assert blocks.reason == "needs blocks2"


def quotients(first: tuple[float, float], second: tuple[float, float]) -> np.ndarray:
    """Every quotient of a grid over the two intervals."""
    return np.linspace(*second, 9)[:, None] / np.linspace(*first, 9)[None, :]


@pytest.mark.parametrize(
    ("first", "second"),
    [((4.0, 0.5), (1.0, 0.25)), ((4.0, 0.5), (-1.0, 0.25)), ((-4.0, 0.5), (1.0, 2.0))],
)
def test_a_ratios_interval_holds_every_quotient(
    first: tuple[float, float], second: tuple[float, float]
) -> None:
    """Of any sign, a wholly negative divisor included: only its zero makes a quotient unbounded."""
    one, two = solved(*first), solved(*second)
    assert one.interval is not None
    assert two.interval is not None
    every = quotients(one.interval, two.interval)
    assert ratio_interval(one, two) == pytest.approx((every.min(), every.max()))


@pytest.mark.parametrize("value", [0.1, 0.0, -0.1, 0.2, -0.2])
def test_over_what_may_be_zero_a_ratio_is_anything(value: float) -> None:
    """Only this catches 'no bounds known', which is taken as it stands, for 'no bounds at all'."""
    doubtful = solved(value, 0.2)
    assert ratio_interval(doubtful, solved(1.0)) == (-math.inf, math.inf)
    bare = dataclasses.replace(solved(1.0), residual_norm=None)
    assert ratio_interval(bare, solved(1.0)) is ratio_interval(solved(1.0), bare) is None
    assert (bare.interval, bare.radius) == (None, math.inf)


def test_authors_table_gives_the_known_leads() -> None:
    """The eight ratios of Table 3 with the errors that can be checked by hand."""
    rows = compare_author()
    assert len({(r.depth, r.n_patches) for r in rows}) == 8
    first = next(r for r in rows if (r.depth, r.n_patches, r.law) == (50, (4, 9), "aligned_loss"))
    assert first.measured == pytest.approx(4.482332 / 15.987028)
    assert first.predicted == pytest.approx(4 / 9 * 0.012646 / 0.022878)
    assert first.measured_interval is None
    worst = max(abs(r.relative_error or 0) for r in rows if r.law == "aligned_loss")
    assert 0.17 < worst < 0.18


def test_a_measured_interval_allows_for_the_rounding_of_the_products() -> None:
    """Only this catches a bar of 1e-7 on an eigenvalue whose products are right to 1e-5."""
    op = aslinearoperator(np.diag(np.arange(1.0, 401.0)).astype(np.float32))
    result = top_eigenpairs(op, k=1, tol=1e-6, seed=0)
    (record,) = Eigenvalue.all_of(result)
    assert record.rounding == result.rounding > 1e-4
    assert record.interval is not None
    assert record.residual_norm is not None
    low, high = record.interval
    assert (low, high) == pytest.approx(tuple(result.intervals()[0]), rel=1e-12)
    assert high - low > 2 * record.residual_norm
