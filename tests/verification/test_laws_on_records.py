"""Analysed runs against every law: formulas by hand, who is paired with whom, what is left out."""

import math
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.verification.comparison import LawComparison, compare_author, compare_models
from patchlaw.verification.comparison.ratios import law_inputs
from patchlaw.verification.records import TERMS, indistinct, ratio_interval
from tests.verification.comparison_cases import analysed, solved

positive = st.floats(0.1, 10)


def cells(rows: list[LawComparison]) -> dict[tuple[str, str], LawComparison]:
    return {(row.matrix, row.law): row for row in rows}


@st.composite
def numbers(draw: st.DrawFn, n_patches: int) -> dict[str, Any]:
    """Numbers of one model that no theorem forbids."""
    loss = draw(st.floats(0.005, 2))
    blocks = draw(st.lists(positive, min_size=n_patches, max_size=n_patches))
    where = draw(st.floats(0, 1))
    angles = max(blocks) + where * (sum(blocks) - max(blocks))
    h, g, r, bias = (draw(positive) for _ in range(4))
    return {
        "loss": loss,
        # <tr S> <= 1 - exp(-2 L)
        "curvature": draw(st.floats(0.1, 0.9)) * -math.expm1(-2 * loss),
        "top": {"H": h, "G": g, "R": r, "G over the angles": angles, "G over the bias": bias},
        "blocks": blocks,
        "residual_blocks": draw(st.lists(positive, min_size=n_patches, max_size=n_patches)),
    }


@given(st.sampled_from(list(combinations((2, 4, 9, 16), 2))), st.data())
def test_every_law_by_hand(pair: tuple[int, int], data: st.DataObject) -> None:
    """Independent: the laws' formulas with plain arithmetic, from the numbers put in.

    Only this catches a law fed with another quantity of the record, or with P1 and P2 swapped.
    """
    p1, p2 = pair
    one, two = data.draw(numbers(p1)), data.draw(numbers(p2))
    rows = compare_models([analysed(p2, **two), analysed(p1, **one)])
    found = cells(rows)
    blocks = sum(two["blocks"]) / sum(one["blocks"])
    by_hand = {
        "elementwise": (p1 / p2) ** 2,
        "aligned": p1 / p2,
        "aligned_loss": p1 / p2 * two["loss"] / one["loss"],
        "aligned_curvature": p1 / p2 * two["curvature"] / one["curvature"],
        "blocks": blocks,
        "exact": two["top"]["G over the angles"] / one["top"]["G over the angles"],
    }
    residual = {
        "residual_elementwise": p1 / p2,
        "residual_loss": p1 / p2 * two["loss"] / one["loss"],
        "residual_blocks": max(two["residual_blocks"]) / max(one["residual_blocks"]),
    }
    angles, bias = (one["top"][f"G over the {part}"] for part in ("angles", "bias"))
    levelling = (angles * p1 / p2 + bias) / (angles + bias)
    expected = {(m, law): v for m in TERMS if m != "R" for law, v in by_hand.items()}
    for matrix in ("H", "G"):  # over the angles alone nothing levels off
        expected[matrix, "level_off"] = levelling
        expected[matrix, "level_off_loss"] = levelling * two["loss"] / one["loss"]
    expected |= {("R", law): value for law, value in residual.items()}
    assert set(found) == set(expected)
    for (matrix, law), value in expected.items():
        row = found[matrix, law]
        measured = two["top"][matrix] / one["top"][matrix]
        assert (row.n_patches, row.depth, row.seed) == (pair, 50, 1001)
        assert row.measured == pytest.approx(measured)
        assert row.predicted == pytest.approx(value, rel=1e-9)
        assert row.relative_error == pytest.approx(value / measured - 1, rel=1e-6, abs=1e-9)
        assert row.reason is None
    loss = found["H", "aligned_loss"].inputs
    assert loss == {
        "P1": p1, "P2": p2, "alpha": 1, "loss1": one["loss"], "loss2": two["loss"],
    }  # fmt: skip
    assert found["H", "level_off_loss"].inputs == {
        "P1": p1, "P2": p2, "alpha": 1, "angle_part": angles, "bias_part": bias,
        "loss1": one["loss"], "loss2": two["loss"],
    }  # fmt: skip
    exact = found["G over the angles", "exact"].inputs
    assert exact["blocks2"] == pytest.approx(sum(two["blocks"]))
    assert exact["alignment1"] == pytest.approx(
        one["top"]["G over the angles"] / sum(one["blocks"])
    )
    assert found["R", "residual_blocks"].inputs == {
        "residual_blocks1": max(one["residual_blocks"]),
        "residual_blocks2": max(two["residual_blocks"]),
    }


@pytest.mark.parametrize(
    "parts",
    [
        {"G over the angles": 2.0},
        {"G over the angles": 2.0, "G over the bias": solved(1.0, converged=False)},
        {"G over the angles": -1e-9, "G over the bias": 0.0},
    ],
)
def test_laws_that_level_off_need_both_parts_of_the_first_model(parts: dict[str, Any]) -> None:
    """A part that did not converge, or one set to zero for lack of it, would pass for measured."""
    whole = {"H": 1.0, "G over the angles": 2.0, "G over the bias": 1.0}
    for first, second, level in ((parts, whole, False), (whole, parts, True)):
        rows = compare_models(
            [analysed(4, top={"H": 1.0, **first}), analysed(9, top={"H": 1.0, **second})]
        )
        found = {row.law for row in rows if row.matrix == "H"}
        assert ("level_off" in found) == ("level_off_loss" in found) == level


# (P, depth, seed, images, epochs, suffix): what may stand beside the first
RUNS = [
    (4, 50, 1001, 60_000, 50, ""),
    (9, 50, 1001, 60_000, 50, ""),
    (16, 50, 1001, 60_000, 50, ""),
    (9, 100, 1001, 60_000, 50, ""),
    (9, 50, 1002, 60_000, 50, ""),
    (49, 50, 1001, 12_000, 50, "_01234567"),
    (49, 50, 1001, 60_000, 15, ""),
    (49, 50, 1001, 60_000, 50, "_89abcdef"),
]


def test_only_runs_that_differ_in_p_alone_are_paired() -> None:
    """Only this catches a run of another depth, seed, number of images or epochs, or protocol."""
    records = [
        analysed(p, depth=d, seed=s, images=i, epochs=e, suffix=x, top={"H": 1.0})
        for p, d, s, i, e, x in RUNS
    ]
    pairs = {row.runs for row in compare_models(records[::-1])}
    first, second, third = (record.run.id for record in records[:3])
    assert pairs == {(first, second), (first, third), (second, third)}


@given(st.lists(st.sampled_from(RUNS), unique=True), st.randoms())
def test_pairs_are_of_one_protocol_whatever_there_is(
    runs: list[tuple[Any, ...]], random: Any
) -> None:
    random.shuffle(runs)
    records = {
        (
            record := analysed(p, depth=d, seed=s, images=i, epochs=e, suffix=x, top={"H": 1.0})
        ).run.id
        + f" {i} {e}": record
        for p, d, s, i, e, x in runs
    }
    for row in compare_models(list(records.values())):
        assert row.n_patches[0] < row.n_patches[1]
        assert row.depth == 50
        assert row.protocol == "60,000 images, 50 epochs"


def test_the_scaling_study_is_compared_within_itself() -> None:
    records = [
        analysed(p, depth=5, images=2000, epochs=15, suffix=f"_{p:08x}", top={"H": 1.0 / p})
        for p in (4, 9, 16, 49)
    ]
    rows = [row for row in compare_models(records) if row.law == "aligned"]
    assert [row.n_patches for row in rows] == list(combinations((4, 9, 16, 49), 2))
    assert {row.protocol for row in rows} == {"2,000 images, 15 epochs, other settings"}
    assert all(row.relative_error == pytest.approx(0) for row in rows)


def test_runs_that_cannot_be_told_apart_are_not_paired() -> None:
    """Only this catches a run paired with one of two that differ in, say, the learning rate."""
    twins = [analysed(4, depth=5, suffix=f"_{i}1234567", top={"H": 1.0}) for i in (1, 2)]
    others = [analysed(p, depth=5, suffix=f"_0000000{p}", top={"H": 1.0}) for p in (8, 9)]
    records = [*twins, *others]
    assert {row.n_patches for row in compare_models(records)} == {(8, 9)}
    models = records
    assert indistinct(models) == [record.run.id for record in twins]


def test_matrices_on_one_record_only_have_no_row() -> None:
    rows = compare_models([analysed(4, top={"H": 2.0, "G": 1.0}), analysed(9, top={"H": 1.0})])
    assert {row.matrix for row in rows} == {"H"}
    assert cells(rows)["H", "blocks"].reason == "needs blocks1 and blocks2"


def test_unconverged_eigenvalues_give_a_row_that_says_so() -> None:
    """Only this catches a ratio of numbers that the solver does not vouch for."""
    loose = {"H": solved(1.0, converged=False), "G": 1.0}
    rows = compare_models([analysed(4, top={"H": 2.0, "G": 2.0}), analysed(9, top=loose)])
    row = cells(rows)["H", "elementwise"]
    assert math.isnan(row.measured)
    assert row.measured_interval is None
    assert row.relative_error is None
    assert row.predicted == pytest.approx(16 / 81)
    assert row.reason == "lambda_max(H) at P = 9 did not converge"
    assert cells(rows)["G", "elementwise"].measured == 0.5
    both = compare_models([analysed(4, top=loose), analysed(9, top=loose)])
    assert cells(both)["H", "blocks"].reason == (
        "lambda_max(H) at P = 4 and 9 did not converge; needs blocks1 and blocks2"
    )


@pytest.mark.parametrize("term", ["blocks", "residual_blocks"])
def test_one_unconverged_block_feeds_no_law(term: str) -> None:
    matrix, law = {"blocks": ("G", "blocks"), "residual_blocks": ("R", "residual_blocks")}[term]
    top = {"G": 3.0, "R": 3.0}
    good: dict[str, Any] = {term: [1.0] * 4}
    bad: dict[str, Any] = {term: [*[1.0] * 8, solved(1.0, converged=False)]}
    rows = compare_models([analysed(4, top=top, **good), analysed(9, top=top, **bad)])
    row = cells(rows)[matrix, law]
    assert row.predicted is None
    assert row.reason == f"needs {term}2"
    assert row.measured == 1.0


@given(*(st.tuples(st.floats(-5, 5), st.floats(0, 2), st.floats(0, 1)) for _ in range(2)))
def test_ratio_intervals_are_the_extremes_of_all_quotients(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> None:
    """Independent: every corner of the box, residual norm and rounding both counted."""
    one, two = solved(*first), solved(*second)
    low, high = (first[0] + sign * (first[1] + first[2]) for sign in (-1, 1))
    found = ratio_interval(one, two)
    if low <= 0 <= high:
        assert found == (-math.inf, math.inf)
        return
    assert found is not None
    ends = [second[0] + sign * (second[1] + second[2]) for sign in (-1, 1)]
    corners = [b / a for a, b in product((low, high), ends)]
    assert found == pytest.approx((min(corners), max(corners)), rel=1e-9, abs=1e-12)
    rows = compare_models([analysed(4, top={"H": one}), analysed(9, top={"H": two})])
    assert rows[0].measured_interval == found


def test_alignment_above_one_by_the_eigenvalues_error_is_one() -> None:
    """P = 1: both matrices are the same, and two solves differ in the last digits."""
    record = analysed(1, top={"G over the angles": solved(2.0 + 1e-6, 1e-5)}, blocks=[2.0])
    assert law_inputs(record).alignment == 1.0
    wrong = analysed(1, top={"G over the angles": solved(2.1, 1e-5)}, blocks=[2.0])
    with pytest.raises(ValueError, match=r"P1_d50_s1001.json: alignment: expected"):
        compare_models([wrong])


def test_a_contradiction_names_the_record() -> None:
    """<tr S> = 0.9 at L = 0.02 is above what any distribution allows."""
    with pytest.raises(ValueError, match=r"P4_d50_s1001.json: curvature"):
        compare_models([analysed(4, curvature=0.9)])


def test_zero_and_negative_eigenvalues() -> None:
    rows = compare_models([analysed(4, top={"R": 0.0}), analysed(9, top={"R": 1.0})])
    assert math.isnan(rows[0].measured)
    assert rows[0].reason == "lambda_max(R) at P = 4 is zero"
    rows = compare_models([analysed(4, top={"R": 1.0}), analysed(9, top={"R": 0.0})])
    assert (rows[0].measured, rows[0].relative_error) == (0.0, None)


def test_every_pair_of_the_authors_table() -> None:
    """Twelve pairs; 4 to 16 is the product of the two steps."""
    rows = [row for row in compare_author(every_pair=True) if row.law == "aligned_loss"]
    by_place = {(row.depth, row.n_patches): row for row in rows}
    assert len(rows) == len(by_place) == 12
    for depth in (50, 100, 150, 200):
        whole, *steps = (by_place[depth, pair] for pair in ((4, 16), (4, 9), (9, 16)))
        assert whole.measured == pytest.approx(steps[0].measured * steps[1].measured)
        assert (whole.seed, whole.protocol) == (1001, "60,000 images, 50 epochs")
