"""A power law fitted to groups of measurements: one exponent for all, one prefactor a group."""

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95  # by convention


@dataclass(frozen=True)
class PowerLawPoint:
    """One measurement y > 0 at x > 0, in a group with a prefactor of its own."""

    group: Hashable
    x: float
    y: float


@dataclass(frozen=True)
class PowerLawFit:
    """y = a_group x^exponent, by least squares of log y on log x.

    Attributes:
        exponent: common to all groups.
        interval: Student's t interval of the exponent; None where ``dof`` is 0.
        confidence: of the interval.
        dof: degrees of freedom, n_points - n_groups - 1.
        n_points: points in groups with at least two values of x; others say nothing of it.
        n_groups: those groups.
        residual_std: sqrt(sum of squared residuals of log y / dof); None where ``dof`` is 0.
    """

    exponent: float
    interval: tuple[float, float] | None
    confidence: float
    dof: int
    n_points: int
    n_groups: int
    residual_std: float | None

    def contains(self, exponent: float) -> bool | None:
        """Whether the interval contains it; None without an interval.

        Roundings of a relative 1e-9 are let pass: exact data give an interval of no width.
        """
        if self.interval is None:
            return None
        slack = 1e-9 * max(1.0, abs(exponent))
        return self.interval[0] - slack <= exponent <= self.interval[1] + slack


def fit_power_law(
    points: Iterable[PowerLawPoint], confidence: float = CONFIDENCE
) -> PowerLawFit | None:
    """The common exponent with its interval; None if no group has two values of x.

    Formula: with log x and log y centred within each group, exponent = Sxy / Sxx, the same as
    that of a regression with one indicator variable a group (Frisch and Waugh 1933, Lovell 1963),
    and interval = exponent +- t s / sqrt(Sxx), s the residual standard deviation and t the quantile
    of Student's distribution with n_points - n_groups - 1 degrees of freedom.

    The residuals are taken as independent and alike. Where y is no power of x, the misfit counts
    as scatter and widens the interval.

    Raises:
        ValueError: an x or y that is not positive and finite, or a confidence out of range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
    groups: dict[Hashable, list[PowerLawPoint]] = {}
    for point in points:
        for name, value in (("x", point.x), ("y", point.y)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(
                    f"{name}: expected a positive finite number, got {value} in group "
                    f"{point.group!r}; leave that point out"
                )
        groups.setdefault(point.group, []).append(point)
    used = [group for group in groups.values() if len({point.x for point in group}) > 1]
    if not used:
        return None
    x, y = (
        np.concatenate([_centred([getattr(p, name) for p in group]) for group in used])
        for name in ("x", "y")
    )
    spread = float(x @ x)
    exponent = float(x @ y) / spread
    dof = len(x) - len(used) - 1
    interval, deviation = None, None
    if dof > 0:
        from scipy.stats import t  # half a second to import, and not every caller gets here

        residuals = y - exponent * x
        deviation = math.sqrt(float(residuals @ residuals) / dof)
        radius = float(t.ppf((1 + confidence) / 2, dof)) * deviation / math.sqrt(spread)
        interval = (exponent - radius, exponent + radius)
    return PowerLawFit(exponent, interval, confidence, dof, len(x), len(used), deviation)


def _centred(values: list[float]) -> NDArray[np.float64]:
    logarithms = np.log(values)
    return np.asarray(logarithms - logarithms.mean())
