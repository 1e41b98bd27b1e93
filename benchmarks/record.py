"""The result of one benchmark, and its JSON."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from benchmarks.timing import Timing
from patchlaw.verification.store.atomic_write import write_atomically
from patchlaw.verification.store.json_files import first_difference, plain, typed

RESULTS = Path(__file__).parent / "results"

Bound: TypeAlias = Literal["at least", "at most", "under"]
Detail: TypeAlias = str | int | float | bool


@dataclass(frozen=True)
class Measurement:
    """One timed thing.

    Attributes:
        label: what.
        seconds_min, seconds_median: of the repeats.
        repeats, warmups: timed and untimed calls.
        details: sizes and rates that belong to it.
    """

    label: str
    seconds_min: float
    seconds_median: float
    repeats: int
    warmups: int
    details: dict[str, Detail] = field(default_factory=dict)

    @classmethod
    def of(cls, label: str, timing: Timing, **details: Detail) -> "Measurement":
        """From a timing."""
        return cls(
            label, timing.minimum, timing.median, len(timing.seconds), timing.warmups, details
        )


@dataclass(frozen=True)
class Agreement:
    """How far a peer's numbers lie from patchlaw's for the same parameters and samples.

    Attributes:
        label: the peer. difference: the measure and its value, by name.
        limits: the largest difference accepted, by the same names; ``holds`` says whether all
            are kept. A ratio of times counts only where it holds.
    """

    label: str
    difference: dict[str, float]
    limits: dict[str, float]

    @property
    def holds(self) -> bool:
        """Whether every difference is within its limit (NaN is not)."""
        return all(self.difference[name] <= limit for name, limit in self.limits.items())


@dataclass(frozen=True)
class Figure:
    """A number the benchmark is about; with a target, one that it must reach.

    Attributes:
        what: in words. value: None where it could not be measured. unit: "times", "of the floor"...
        bound, target: e.g. "at least" 150; None for a figure without target.
        agrees: whether the numbers behind it agreed with the peer's (True without a peer).
    """

    what: str
    value: float | None
    unit: str
    bound: Bound | None = None
    target: float | None = None
    agrees: bool = True

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without a target or a value."""
        if self.target is None or self.value is None:
            return None
        if not self.agrees or not math.isfinite(self.value):
            return False
        if self.bound == "at least":
            return self.value >= self.target
        if self.bound == "at most":
            return self.value <= self.target
        return self.value < self.target


@dataclass(frozen=True)
class Record:
    """Everything one run of one benchmark found.

    Attributes:
        benchmark, claim: its name, and in a sentence what it measures.
        scale: "full", or "tiny" for a run that only tries the script out.
        figures, measurements, agreements: see there.
        unavailable: peers that gave no number, with the reason.
        profile: seconds of thread time by phase, by label of the measurement.
        notes: what a reader must know to judge the numbers.
        environment: ``environment.describe()`` and the load average before and after.
    """

    benchmark: str
    claim: str
    scale: str
    figures: list[Figure] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)
    profile: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The record as JSON; what follows from it (met, holds) is written out for readers."""
        return json.dumps(self._content(), indent=2, ensure_ascii=False) + "\n"

    def _content(self) -> dict[str, Any]:
        content = asdict(self)
        for part, name in (("figures", "met"), ("agreements", "holds")):
            for written, each in zip(content[part], getattr(self, part), strict=True):
                written[name] = getattr(each, name)
        return content

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """Read a record back.

        Raises:
            ValueError: not JSON, other fields than a record's, or a ``met`` or ``holds`` that
                does not follow from the numbers beside it.
        """
        content = json.loads(text)
        record = typed(content, cls)
        read, meant = (plain(each, math.isnan) for each in (content, record._content()))
        if read != meant:
            raise ValueError(
                f"expected what the other numbers give, and no field more or less: "
                f"{first_difference(read, meant)}; run the benchmark again"
            )
        return record

    def write(self, folder: Path = RESULTS) -> Path:
        """Write NAME.json into ``folder``, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.benchmark}.json"
        write_atomically(path, self.to_json())
        return path


def read_records(folder: Path = RESULTS) -> dict[str, Record]:
    """All records of a folder, by benchmark.

    Raises:
        ValueError: see ``Record.from_json``; the message names the file.
    """
    records = {}
    for path in sorted(folder.glob("*.json")):
        try:
            records[path.stem] = Record.from_json(path.read_text())
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
    return records
