"""The outcome of an exact check."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckResult:
    """One identity or inequality, tried on random small circuits in double precision.

    Attributes:
        name: short name.
        statement: what is claimed to hold, as a formula.
        passed: measured <= tolerance on every instance.
        measured: the worst instance's violation, in the unit that ``tolerance`` explains.
        tolerance: the largest violation that rounding explains.
        tolerance_from: how the tolerance is derived.
        instances: number of circuits (or pairs of circuits) tried.
    """

    name: str
    statement: str
    passed: bool
    measured: float
    tolerance: float
    tolerance_from: str
    instances: int


def judge(
    name: str, statement: str, violations: list[float], tolerance: float, tolerance_from: str
) -> CheckResult:
    """A CheckResult from one violation an instance; NaN fails, and so does no instance at all."""
    worst = max(violations, key=lambda v: float("inf") if v != v else v, default=float("inf"))
    return CheckResult(
        name, statement, worst <= tolerance, worst, tolerance, tolerance_from, len(violations)
    )
