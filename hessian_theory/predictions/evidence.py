"""How far a predicted number is to be trusted, and the interval that goes with it."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

Number: TypeAlias = Fraction | float

Status: TypeAlias = Literal["proven", "assumed", "empirical"]
"""``proven``: follows from the model and the inputs. ``assumed``: follows from a stated
assumption about the trained model. ``empirical``: rests on numbers somebody measured."""


@dataclass(frozen=True)
class Interval:
    """A closed interval that contains the true value whenever its premise holds.

    Attributes:
        low: lower end.
        high: upper end.
        premise: what must hold; empty where nothing beyond the inputs is needed.
    """

    low: Number
    high: Number
    premise: str = ""

    def contains(self, value: Number, *, relative_tolerance: float = 0.0) -> bool:
        """Whether the value lies within, each end moved outwards by tol times its size."""
        low, high = self.low, self.high
        if relative_tolerance:
            low = low - math.fabs(low) * relative_tolerance
            high = high + math.fabs(high) * relative_tolerance
        return low <= value <= high
