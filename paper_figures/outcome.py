"""What becomes of one figure or table: its files, and what would complete it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["complete", "partial", "missing"]


@dataclass(frozen=True)
class Outcome:
    """A figure or table as written.

    Attributes:
        name: of the figure or table, as given on the command line.
        files: written, sidecars included.
        status: whether every record it needs, some or none were there.
        missing: command lines that make what is missing; empty when complete.
    """

    name: str
    files: tuple[Path, ...]
    status: Status
    missing: tuple[str, ...] = ()


def status_of(drawn: int, missing: int) -> Status:
    """The status of something with so many parts drawn and so many missing."""
    if not missing:
        return "complete"
    return "partial" if drawn else "missing"
