"""Numbers as tables show them."""

import math
import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.paper_figures.tables import latex
from patchlaw.paper_figures.tables.content import Column, Panel, Row, TableContent
from patchlaw.verification.cells import Count, Gap, Number, cell_text

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("cell", "shown", "typeset"),
    [
        (Number(15.98765, 3), "15.988", "$15.988$"),
        (Number(15.98765, 3, 0.0123), "15.988 ± 0.012", r"$15.988 \pm 0.012$"),
        (Number(15.98765, 3, 0.0996), "15.99 ± 0.10", r"$15.99 \pm 0.10$"),
        (Number(123.4, 3, 45.6), "123 ± 46", r"$123 \pm 46$"),
        (Number(123.4, 3, 456.7), "123 ± 457", r"$123 \pm 457$"),
        (Number(0.5, 3, 0.0), "0.500 ± 0.000", r"$0.500 \pm 0.000$"),
        (Number(0.002, 2, signed=True), "0.00", "$0.00$"),
        (Number(-0.002, 2, signed=True), "0.00", "$0.00$"),
        (Number(-0.02, 2, signed=True), f"{MINUS}0.02", "$-0.02$"),
        (Number(0.02, 2, signed=True), "+0.02", "$+0.02$"),
        (Number(-0.2904, 1, signed=True, percent=True), f"{MINUS}29.0 %", r"$-29.0\,\%$"),
        (Number(0.29, 1, 0.01, percent=True), "(29.0 ± 1.0) %", r"$(29.0 \pm 1.0)\,\%$"),
        (Count(155844), "155,844", "$155{,}844$"),
        (Count(0, signed=True), "0", "$0$"),
        (Count(3, signed=True), "+3", "$+3$"),
        (Count(-3, signed=True), f"{MINUS}3", "$-3$"),
        (Gap("not run"), "not run", "not run"),
        (Gap(), "—", "---"),
    ],
)
def test_cells(cell: Number | Count | Gap, shown: str, typeset: str) -> None:
    assert cell_text(cell) == shown
    assert latex.cell_text(cell) == typeset


@given(
    value=st.floats(-1e6, 1e6, allow_nan=False),
    uncertainty=st.floats(1e-9, 1e5),
)
def test_value_and_uncertainty_end_at_the_same_digit(value: float, uncertainty: float) -> None:
    """Two digits of the uncertainty; both shown numbers within half a unit of the last place.

    It catches a place taken from the exponent before rounding (0.0996 is 0.10, not 0.100).
    """
    shown, error = Number(value, 3, uncertainty).rounded()
    assert error is not None
    places = -Decimal(shown).as_tuple().exponent
    assert places == -Decimal(error).as_tuple().exponent
    if uncertainty < 9.5:
        assert len(re.sub(r"^0\.0*", "", error).replace(".", "")) == 2
    half = Decimal(5).scaleb(-places - 1)  # decimals, exact as the floats themselves
    assert abs(Decimal(shown) - Decimal(value)) <= half
    assert abs(Decimal(error) - Decimal(uncertainty)) <= half


@given(
    value=st.floats(-1e6, 1e6, allow_nan=False),
    radius=st.floats(1e-9, 1e5),
    percent=st.booleans(),
)
def test_a_printed_interval_holds_the_certified_one(
    value: float, radius: float, percent: bool
) -> None:
    """Rounding to nearest would print 16.17024 and 0.00082 of a half-width of 0.000824."""
    shown, error = Number(value, 3, radius, percent=percent, bound=True).rounded()
    assert error is not None
    factor = 100 if percent else 1
    exact, half = Fraction(value * factor), Fraction(radius * factor)
    assert Fraction(shown) - Fraction(error) <= exact - half
    assert exact + half <= Fraction(shown) + Fraction(error)
    last = Fraction(10) ** Decimal(error).as_tuple().exponent
    assert Fraction(error) <= half + 2 * last  # and no wider than the digits make it
    alone, none = Number(radius, 3, percent=percent, bound=True).rounded()
    assert none is None
    assert half <= Fraction(alone) < half + Fraction(1, 1000)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="value: expected a finite number"):
        Number(value, 2)
    with pytest.raises(ValueError, match="uncertainty: expected a number >= 0"):
        Number(1.0, 2, value)
    with pytest.raises(ValueError, match="uncertainty: expected a number >= 0, got -1"):
        Number(1.0, 2, -1.0)


@pytest.mark.parametrize("cells", [{}, {"loss": Count(1), "extra": Count(2)}])
def test_a_row_has_a_cell_for_every_column_and_no_other(cells: dict[str, Count]) -> None:
    """A cell of no column would be left out of every format without a word."""
    panel = Panel((Column("loss", "loss"),))
    message = rf"P = 4, d = 50: expected cells \['loss'\], got {re.escape(str(sorted(cells)))}"
    with pytest.raises(ValueError, match=message):
        TableContent(1, "title", (panel,), (Row(4, 50, cells),), (), (), (), 0, 0)


def test_latex_escapes_what_it_cannot_set() -> None:
    assert latex.escaped("a_b 5% {x} #1 & $2 ~^\\") == (
        r"a\_b 5\% \{x\} \#1 \& \$2 \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    with pytest.raises(ValueError, match=r"expected ASCII and ± .* got λ in 'λ'"):
        latex.escaped("λ")
