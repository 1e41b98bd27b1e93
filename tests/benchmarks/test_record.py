"""Records: what counts as met, and JSON that cannot claim more than its numbers give."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.record import Agreement, Figure, Measurement, Record, read_records
from benchmarks.timing import Timing

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def make_record(**changes):
    content = {
        "benchmark": "gemm_floor",
        "claim": "a claim",
        "scale": "full",
        "figures": [Figure("speed", 200.0, "times faster", "at least", 150.0)],
        "measurements": [Measurement.of("it", Timing((3.0, 1.0, 2.0), 1), samples=5)],
        "agreements": [Agreement("peer", {"logits": 1e-5}, {"logits": 1e-3})],
        "unavailable": {"other": "no wheel"},
        "profile": {"it": {"dense products": 1.5}},
        "notes": ["a note"],
        "environment": {"cores": 2},
    }
    return Record(**(content | changes))


@pytest.mark.parametrize(
    ("value", "bound", "expected"),
    [
        (150.0, "at least", True),
        (149.9, "at least", False),
        (150.0, "at most", True),
        (150.1, "at most", False),
        (150.0, "under", False),
        (149.9, "under", True),
        (None, "at least", None),
        (math.nan, "at most", False),
        (math.inf, "at least", False),
    ],
)
def test_met_follows_the_bound(value, bound, expected):
    assert Figure("x", value, "times", bound, 150.0).met is expected


def test_numbers_that_disagree_are_never_met():
    assert Figure("x", 1e9, "times faster", "at least", 150.0, agrees=False).met is False


def test_a_figure_without_target_is_neither_met_nor_missed():
    assert Figure("x", 3.0, "GFLOP/s").met is None


def test_agreement_needs_every_limit_and_refuses_nan():
    limits = {"logits": 1e-3, "loss": 1e-4}
    assert Agreement("p", {"logits": 1e-3, "loss": 0.0}, limits).holds
    assert not Agreement("p", {"logits": 1e-5, "loss": 2e-4}, limits).holds
    assert not Agreement("p", {"logits": math.nan, "loss": 0.0}, limits).holds


@given(st.lists(NUMBERS, min_size=1), NUMBERS, st.sampled_from(["at least", "at most", "under"]))
def test_a_record_survives_its_json(seconds, value, bound):
    record = make_record(
        figures=[Figure("x", value, "times", bound, 2.0), Figure("y", None, "times", bound, 2.0)],
        measurements=[Measurement.of("it", Timing(tuple(seconds), 1), samples=5)],
    )
    assert Record.from_json(record.to_json()) == record


def test_minimum_and_median_of_the_repeats():
    measurement = make_record().measurements[0]
    assert (measurement.seconds_min, measurement.seconds_median, measurement.repeats) == (1, 2, 3)


@pytest.mark.parametrize(("part", "field"), [("figures", "met"), ("agreements", "holds")])
def test_a_verdict_edited_by_hand_is_refused(part, field):
    """Only this catches a result made better in the JSON without touching its numbers."""
    content = json.loads(make_record().to_json())
    content[part][0][field] = not content[part][0][field]
    with pytest.raises(
        ValueError, match=rf"{part}\.0\.{field}: stored False, now True; run the benchmark again"
    ):
        Record.from_json(json.dumps(content))


def test_missing_and_unknown_fields_are_refused():
    content = json.loads(make_record().to_json())
    del content["environment"]
    with pytest.raises(ValueError, match=r"more or less: environment: stored None, now {}"):
        Record.from_json(json.dumps(content))
    content = json.loads(make_record().to_json())
    content["figures"][0]["extra"] = 1
    with pytest.raises(ValueError, match=r"more or less: figures\.0\.extra: stored 1, now None"):
        Record.from_json(json.dumps(content))


def test_a_damaged_file_is_named(tmp_path):
    make_record().write(tmp_path)
    (tmp_path / "growth.json").write_text("{")
    with pytest.raises(ValueError, match=r"growth\.json: "):
        read_records(tmp_path)


def test_writing_leaves_nothing_else_behind(tmp_path):
    make_record().write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["gemm_floor.json"]
