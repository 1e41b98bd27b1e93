"""Wall-clock times: untimed first calls, then repeats; the minimum is what is compared."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds of the repeats, in the order they ran, after ``warmups`` untimed calls."""

    seconds: tuple[float, ...]
    warmups: int

    @property
    def minimum(self) -> float:
        """Seconds of the fastest repeat."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return statistics.median(self.seconds)


def time_calls(call: Callable[[], object], *, repeats: int, warmups: int = 1) -> Timing:
    """Time a call that needs no arguments."""
    return time_in_turn([call], repeats=repeats, warmups=warmups)[0]


def time_in_turn(
    calls: Sequence[Callable[[], object]], *, repeats: int, warmups: int = 1
) -> list[Timing]:
    """Time several calls round after round, so that a busy spell of the machine meets them all."""
    for _ in range(warmups):
        for call in calls:
            call()
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, row in zip(calls, seconds, strict=True):
            begin = time.perf_counter()
            call()
            row.append(time.perf_counter() - begin)
    return [Timing(tuple(row), warmups) for row in seconds]
