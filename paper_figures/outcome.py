"""What becomes of one figure or table: its files, and what would complete it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from patchlaw.verification.store.atomic_write import write_atomically

Status: TypeAlias = Literal["complete", "partial", "missing"]


@dataclass(frozen=True)
class Outcome:
    """A figure or table as written, and the command lines that make what it lacks, if anything."""

    name: str
    files: tuple[Path, ...]
    status: Status
    missing: tuple[str, ...] = ()


def status_of(drawn: int, missing: int) -> Status:
    """The status of something with so many parts drawn and so many missing."""
    if not missing:
        return "complete"
    return "partial" if drawn else "missing"


def write_files(out: Path, name: str, contents: Mapping[str, bytes | str]) -> tuple[Path, ...]:
    """Write each content to ``name`` with its suffix in a folder."""
    files = tuple(out / f"{name}.{suffix}" for suffix in contents)
    for file, content in zip(files, contents.values(), strict=True):
        write_atomically(file, content)
    return files
