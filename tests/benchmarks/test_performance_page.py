"""docs/performance.md: in step with the committed results, and honest about what is missing."""

import pytest

from benchmarks.performance_page import ORDER, PAGE, render
from benchmarks.record import Agreement, Figure, Measurement, Record, read_records
from benchmarks.run import NAMES
from benchmarks.timing import Timing

ENVIRONMENT = {
    "time": "2030-01-01T00:00:00+00:00",
    "cpu": "a processor",
    "cores": 2,
    "python": "3.11",
    "versions": {"numpy": "2"},
    "commit": "0123456789abcdef",
    "simulators_changed_since": False,
    "load_average_before": 0.1,
    "load_average_after": 0.9,
}


def make_record(figure, scale="full", **changes):
    return Record(
        benchmark="training_step",
        claim="A claim.",
        scale=scale,
        figures=[figure],
        measurements=[Measurement.of("step", Timing((0.5,), 1), samples=1000)],
        profile={figure.what: {"encodings": 3.0, "dense products": 1.0}},
        environment=ENVIRONMENT,
        **changes,
    )


def test_the_page_is_in_step_with_the_results():
    assert PAGE.read_text() == render(read_records())


def test_every_benchmark_has_its_place_on_the_page():
    assert sorted(ORDER) == sorted(NAMES)


def test_what_was_not_run_is_said_so():
    page = render({})
    assert page.count("| not measured |") == len(ORDER)


def test_a_missed_target_is_marked_and_explained():
    page = render({"training_step": make_record(Figure("step", 5.0, "times", "at most", 4.0))})
    assert "| step | at most 4 | 5 times | **no** |" in page
    assert "What stands in the way, step: encodings 75%, dense products 25%." in page


def test_a_fast_peer_with_other_numbers_does_not_count():
    figure = Figure("step", 900.0, "times faster", "at least", 150.0, agrees=False)
    agreement = Agreement("peer", {"logits": 0.5}, {"logits": 1e-3})
    page = render({"training_step": make_record(figure, agreements=[agreement])})
    assert "| no: the numbers disagree |" in page
    assert "| peer | logits 5.0e-01 (1e-03) | **no** |" in page


def test_an_unavailable_peer_is_listed():
    figure = Figure("step", None, "times faster", "at least", 150.0)
    page = render({"training_step": make_record(figure, unavailable={"peer": "no wheel"})})
    assert "| step | at least 150 | not measured | not measured |" in page
    assert "Unavailable: peer: no wheel" in page


def test_tiny_and_unknown_records_are_refused():
    figure = Figure("step", 1.0, "times")
    with pytest.raises(ValueError, match="training_step: expected a record at full scale"):
        render({"training_step": make_record(figure, scale="tiny")})
    with pytest.raises(ValueError, match="other: expected one of"):
        render({"other": make_record(figure)})
