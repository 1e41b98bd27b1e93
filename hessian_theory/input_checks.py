"""Checks at the door: each says what was expected, what came, and how to put it right."""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from fractions import Fraction
from numbers import Integral, Rational, Real

# with P <= 2^53 this keeps every power of P that the laws take within the range of a float
MAX_EXPONENT = 2

# products and quotients of a few such numbers and of powers of P stay within the range of a float
_SMALLEST, _LARGEST = 1e-150, 1e150


def nearest(value: object, known: Iterable[str]) -> str:
    """For an error's message: " (did you mean 'a'?)", or nothing where no name is near.

    Near is what differs in a few characters, upper and lower case aside, or holds what was typed.
    """
    names = {name.lower(): name for name in known}
    typed = str(value).lower()
    found = get_close_matches(typed, names) or [name for name in names if typed and typed in name]
    words = " or ".join(repr(names[name]) for name in found[:3])
    return f" (did you mean {words}?)" if words else ""


def one_of(name: str, value: object, known: Iterable[str]) -> None:
    """Refuse what is none of the names known, with the nearest of them.

    Raises:
        ValueError: another name, or no name.
    """
    names = [*known]
    if value not in names:
        raise unknown(name, value, names)


def unknown(name: str, value: object, known: Iterable[str]) -> ValueError:
    """The error of ``one_of``."""
    names = [*known]
    return ValueError(
        f"{name}: expected one of {', '.join(names)}, got {value!r}{nearest(value, names)}"
    )


def positive_integer(name: str, value: object) -> int:
    """Return ``value`` as an int >= 1 (numpy integers included, booleans not).

    Raises:
        TypeError: not an integer.
        ValueError: below 1.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}: expected a positive integer, got {value!r}; pass a whole number")
    number = int(value)
    if number < 1:
        raise ValueError(f"{name}: expected a positive integer, got {number}; use 1 or more")
    return number


def bounded_integer(name: str, value: object, maximum: int = 2**53) -> int:
    """Return an integer in 1 .. maximum; 2^53 is where a float begins to skip integers.

    Raises:
        TypeError: not an integer.
        ValueError: out of range.
    """
    number = positive_integer(name, value)
    if number > maximum:
        raise ValueError(f"{name}: expected at most {maximum}, got {number}; use a smaller one")
    return number


def finite_number(
    name: str,
    value: object,
    *,
    what: str,
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
) -> Fraction | float:
    """Return a finite real number: integers and fractions exactly, all else as a float.

    Args:
        name: the parameter's name, for the message.
        value: what was passed.
        what: what the parameter is, with its unit, for the message.
        minimum: smallest value allowed.
        above: value that must be exceeded.
        maximum: largest value allowed.

    Raises:
        TypeError: not a real number.
        ValueError: NaN, infinite or out of range; beyond 1e150, or below 1e-150 and not zero.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}: expected a real number, got {value!r}; pass {what}")
    number: Fraction | float = (
        Fraction(int(value.numerator), int(value.denominator))
        if isinstance(value, Rational)
        else float(value)
    )
    limits = [
        f"{sign} {bound:g}"
        for sign, bound in ((">=", minimum), (">", above), ("<=", maximum))
        if bound is not None
    ]
    expected = ", ".join(["a finite number", *limits])
    shown = str(value) if len(str(value)) <= 24 else _short(number)
    if (
        not is_finite(number)
        or math.fabs(number) > _LARGEST
        or (number != 0 and math.fabs(number) < _SMALLEST)  # as a float a fraction may be 0
        or (minimum is not None and number < minimum)
        or (above is not None and number <= above)
        or (maximum is not None and number > maximum)
    ):
        raise ValueError(f"{name}: expected {expected}, got {shown}; pass {what}")
    return number


def aggregation_exponent(value: object) -> Fraction | float:
    """Return the exponent alpha of s = c P^(-alpha), exactly where that is a small fraction.

    Raises:
        TypeError: not a real number.
        ValueError: NaN, infinite or beyond +-2, where powers of P leave the range of a float.
    """
    alpha = finite_number(
        "aggregation_exponent",
        value,
        what="alpha of s = c P^(-alpha), as 0, 1/2 or 1",
        minimum=-MAX_EXPONENT,
        maximum=MAX_EXPONENT,
    )
    return as_small_fraction(alpha)


def is_finite(value: Fraction | float) -> bool:
    """Whether the value is finite and small enough to be a finite float."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def as_small_fraction(value: Fraction | float) -> Fraction | float:
    """A float that is exactly a multiple of 1/16 becomes that fraction; all else is kept."""
    if isinstance(value, float) and (value * 16).is_integer():
        return Fraction(value)
    return value


def _short(value: Fraction | float) -> str:
    """A long fraction in six digits."""
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        return "a number beyond the range of a float"
