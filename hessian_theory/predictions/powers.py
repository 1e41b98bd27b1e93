"""Rational powers and quotients that stay exact wherever the answer is rational."""

import math
from fractions import Fraction

# a root of higher order is hardly ever rational, and searching for it costs more than it gives
_LARGEST_ROOT = 64


def power(base: Fraction, exponent: Fraction | float) -> Fraction | float:
    """base^exponent for a positive base: a Fraction where the result is rational, else a float.

    Args:
        base: positive.
        exponent: any finite number; a float is not searched for an exact result.
    """
    if isinstance(exponent, float):
        return math.pow(base, exponent)
    if exponent.denominator <= _LARGEST_ROOT:
        top = _integer_root(base.numerator, exponent.denominator)
        bottom = _integer_root(base.denominator, exponent.denominator)
        if top is not None and bottom is not None:
            return Fraction(top, bottom) ** exponent.numerator
    return math.pow(base, exponent)


def quotient(top: Fraction | float, bottom: Fraction | float) -> Fraction | float:
    """top / bottom for a non-zero bottom, exact where both are fractions."""
    if isinstance(top, Fraction) and isinstance(bottom, Fraction):
        return top / bottom
    return float(top) / float(bottom)


def _integer_root(value: int, order: int) -> int | None:
    """The whole ``order``-th root of a positive integer, or None where there is none."""
    if order == 1:
        return value
    low, high = 1, 1 << (value.bit_length() // order + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**order <= value else (low, middle - 1)
    return low if low**order == value else None
