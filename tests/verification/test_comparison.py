"""Measured against predicted ratios, with the arithmetic redone by hand."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from patchlaw.verification.comparison import compare_author, compare_measured, ratio_interval
from patchlaw.verification.measurement import (
    BIAS_BLOCK,
    TERMS,
    MinimumMeasurement,
    TopEigenvalue,
    top_eigenvalue,
)
from patchlaw.verification.report import as_html
from patchlaw.verification.training import Evaluation
from tests.verification.report_cases import finished_report


def top(matrix: str, value: float, residual: float = 1e-4, converged: bool = True) -> TopEigenvalue:
    return TopEigenvalue(matrix, value, residual, converged, 20, 100, "float32", 0, 1.0)


def measurement(patches: int, loss: float = 0.5, block: float = 2.0) -> MinimumMeasurement:
    """All blocks equal, A = 1/2."""
    total = patches * block
    train = Evaluation(loss, 0.8, 0.3 * loss, loss, 100)
    values = {"H": 1.1 * total, "G": total, "R": 0.1 * total, "G over the angles": total / 2}
    return MinimumMeasurement(
        n_patches=patches,
        depth=3,
        n_parameters=100,
        epoch=1,
        start_loss=3.0,
        train=train,
        test=train,
        top={term: top(term, values[term]) for term in TERMS},
        blocks=tuple(top(f"G_{p}{p}", block) for p in range(patches)),
        bias_share=0.1,
    )


def test_laws_stand_beside_the_ratio_they_speak_of() -> None:
    """Only this catches P1 and P2 swapped, or an error relative to the prediction."""
    rows = compare_measured([measurement(9, loss=0.25, block=1.0), measurement(4)])
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
    """Only this catches `verify` without them, or the bias block compared as if it were a term."""
    without = [measurement(4), measurement(9, loss=0.25)]
    first = dataclasses.replace(without[0], top=without[0].top | {BIAS_BLOCK: top(BIAS_BLOCK, 1.0)})
    rows = compare_measured([first, without[1]])
    cell = {(r.matrix, r.law): r for r in rows}
    by_hand = (4 / 9 * 4.0 + 1.0) / (4.0 + 1.0)  # the angles' part at P = 4 is 4 * 2 / 2
    assert cell["H", "level_off"].predicted == pytest.approx(by_hand)
    assert cell["G", "level_off_loss"].predicted == pytest.approx(by_hand / 2)
    assert {matrix for matrix, _ in cell} == set(TERMS)
    assert not [r for r in compare_measured(without) if r.law.startswith("level_off")]


def test_every_pair_at_equal_depth_only() -> None:
    deep = dataclasses.replace(measurement(16), depth=9)
    rows = compare_measured([measurement(4), measurement(9), deep])
    assert {r.n_patches for r in rows} == {(4, 9)}


def test_unconverged_blocks_feed_no_law() -> None:
    """Only this catches a law fed with numbers that the solver does not vouch for."""
    model = measurement(9)
    loose = dataclasses.replace(
        model, blocks=(top("G_00", 2.0, converged=False), *model.blocks[1:])
    )
    rows = compare_measured([measurement(4), loose])
    blocks = next(r for r in rows if (r.matrix, r.law) == ("H", "blocks"))
    assert blocks.predicted is None
    assert blocks.relative_error is None
    assert blocks.reason == "needs blocks2"


def test_a_report_shows_a_ratio_that_was_not_measured() -> None:
    """Only this catches a page that stops at a missing ratio, or one taken from a loose value."""
    loose = top("H", 1.0, converged=False)
    second = dataclasses.replace(measurement(9), top=measurement(9).top | {"H": loose})
    rows = compare_measured([measurement(4), second])
    assert {row.matrix for row in rows if np.isnan(row.measured)} == {"H"}
    report = dataclasses.replace(
        finished_report(), comparisons=tuple(rows), models=(measurement(4), second)
    )
    assert "lambda_max(H) at P = 9 did not converge" in as_html(report)
    (row, *_) = json.loads(report.to_json())["comparisons"]
    assert (row["measured"], row["relative_error"]) == ("nan", None)


def test_ratio_interval_holds_every_quotient() -> None:
    low_high = ratio_interval(top("H", 4.0, 0.5), top("H", 1.0, 0.25))
    assert low_high is not None
    quotients = [b / a for a in np.linspace(3.5, 4.5, 9) for b in np.linspace(0.75, 1.25, 9)]
    assert low_high == pytest.approx((min(quotients), max(quotients)))
    negative = ratio_interval(top("R", 4.0, 0.5), top("R", -1.0, 0.25))
    assert negative == pytest.approx((-1.25 / 3.5, -0.75 / 4.5))
    assert ratio_interval(top("R", 0.1, 0.2), top("R", 1.0)) is None


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
    record, result = top_eigenvalue("H", op, 1e-6, 0)
    assert record.rounding == result.rounding > 1e-4
    low, high = record.interval
    assert (low, high) == pytest.approx(tuple(result.intervals()[0]), rel=1e-12)
    assert high - low > 2 * record.residual_norm
