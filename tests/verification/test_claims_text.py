"""Numbers of the ledger in print: an interval's printed ends contain it, and the number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.verification.claims import Evidence, Grade, Outcome
from patchlaw.verification.claims.text import number_text


def text(value: float | None, interval: tuple[float, float] | None) -> str:
    return number_text(Evidence("n", Grade.SMALL, Outcome.OPEN, value, interval, "c", "s", "r"))


numbers = st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-9)


@given(centre=numbers, share=st.floats(0, 1), relative=st.floats(1e-9, 2))
def test_printed_ends_contain_the_interval(centre: float, share: float, relative: float) -> None:
    """Only this catches [21.76, 21.76] for [21.7573452, 21.757346], without the number in it."""
    width = relative * (abs(centre) or 1.0)
    low, high = centre - share * width, centre + (1 - share) * width
    number, ends = text(centre, (low, high)).split(" ", 1)
    bottom, top = (float(end) for end in ends.strip("[]").split(", "))
    slack = 1e-12 * max(abs(low), abs(high))
    assert bottom <= low + slack
    assert top >= high - slack
    assert bottom <= float(number) <= top
    assert top - bottom <= 1.1 * width + 2e-3 * max(abs(low), abs(high))


@pytest.mark.parametrize(
    ("value", "interval", "expected"),
    [
        (21.7573456, (21.7573452, 21.757346), "21.7573456 [21.7573452, 21.757346]"),
        (4.0, (4.0, 4.0), "4 [4, 4]"),
        (2.0, (1.9, 2.1), "2 [1.9, 2.1]"),
        (0.5, (float("nan"), 1.0), "0.5 (no bounds)"),
        (11.0, (9.0, float("inf")), "11 [9, open]"),
        (0.28042, None, "0.2804"),
        (None, None, "—"),
    ],
)
def test_numbers_in_print(value: float, interval: tuple[float, float], expected: str) -> None:
    assert text(value, interval) == expected
