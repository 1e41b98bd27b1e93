"""What a table's cell can hold: a number with its uncertainty, a count, or the reason for a gap."""

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, ROUND_UP, Context, Decimal, localcontext
from typing import TypeAlias

# Digits kept of an uncertainty; the value is rounded to the same decimal place.
UNCERTAINTY_DIGITS = 2

_EXACT = Context(prec=800)  # a float64 has at most 767 digits


@dataclass(frozen=True)
class Number:
    """A real number, kept whole and shown rounded.

    Attributes:
        value: the number.
        decimals: digits shown after the point where there is no uncertainty.
        uncertainty: standard deviation or half-width of an interval, which a reader is told; None
            for none. One of 0 is shown to ``decimals``.
        signed: whether a plus sign is shown.
        percent: whether it is shown times 100 and with a percent sign.
        bound: whether what is shown must hold what it stands for: the uncertainty is the half-width
            of an interval, rounded upwards with what the value loses; without one, the value itself
            is rounded upwards.

    Raises:
        ValueError: NaN or infinity, or a negative uncertainty.
    """

    value: float
    decimals: int
    uncertainty: float | None = None
    signed: bool = False
    percent: bool = False
    bound: bool = False

    def __post_init__(self) -> None:
        """Refuse what no table can show."""
        if not math.isfinite(self.value):
            raise ValueError(f"value: expected a finite number, got {self.value}; leave a Gap")
        if self.uncertainty is not None and not 0 <= self.uncertainty < math.inf:
            raise ValueError(f"uncertainty: expected a number >= 0, got {self.uncertainty}")

    def rounded(self) -> tuple[str, str | None]:
        """Value and uncertainty as shown, to the same decimal place, with ASCII signs."""
        factor = 100 if self.percent else 1
        value, uncertainty = self.value * factor, self.uncertainty
        places = self.decimals
        if uncertainty:
            uncertainty *= factor
            places = places_of(uncertainty)
        text = _fixed(value, places, upwards=self.bound and uncertainty is None)
        error = None
        if uncertainty is not None:
            needed = covering_radius(value, uncertainty, text) if self.bound else uncertainty
            error = _fixed(needed, places, upwards=self.bound)
        return f"+{text}" if self.signed and float(text) > 0 else text, error


@dataclass(frozen=True)
class Count:
    """A whole number, shown with thousands separators."""

    value: int
    signed: bool = False

    def rounded(self) -> str:
        """The count as shown, with ASCII signs."""
        return f"{self.value:+,}" if self.signed and self.value else f"{self.value:,}"


@dataclass(frozen=True)
class Gap:
    """No number, and why: "not run", "lost"; an em dash where there can be none."""

    text: str = "—"


Cell: TypeAlias = Number | Count | Gap

NOT_RUN = Gap("not run")
NO_NUMBER = Gap()


def cell_text(cell: Cell | str) -> str:
    """The cell in Unicode text, with typographic minus signs in numbers."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Gap):
        return cell.text
    if isinstance(cell, Count):
        return cell.rounded().replace("-", "\N{MINUS SIGN}")
    value, uncertainty = cell.rounded()
    text = value if uncertainty is None else f"{value} ± {uncertainty}"
    if cell.percent:
        text = f"({text}) %" if uncertainty is not None else f"{text} %"
    return text.replace("-", "\N{MINUS SIGN}")


def covering_radius(value: float, radius: float, shown: str) -> Decimal:
    """radius + |value - shown|: around the value as shown, [value - radius, value + radius]."""
    with localcontext(prec=800, rounding=ROUND_UP):  # a float64 has at most 767 digits
        return Decimal(radius) + abs(Decimal(value) - Decimal(shown))


def places_of(uncertainty: float) -> int:
    """Decimal places at which the uncertainty shows UNCERTAINTY_DIGITS digits."""
    # the exponent after rounding, so that 0.0996 counts as 0.10
    exponent = int(f"{uncertainty:.{UNCERTAINTY_DIGITS - 1}e}".split("e")[1])
    return max(0, UNCERTAINTY_DIGITS - 1 - exponent)


def _fixed(value: float | Decimal, places: int, *, upwards: bool = False) -> str:
    """Fixed-point text; a value that rounds to zero has no sign."""
    rounding = ROUND_CEILING if upwards else ROUND_HALF_EVEN
    exact = Decimal(value).quantize(Decimal(1).scaleb(-places), rounding, _EXACT)
    return f"{abs(exact) if exact.is_zero() else exact:f}"
