"""Records: JSON objects that name their format and carry the checksum of the rest of them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from patchlaw.verification.atomic_write import write_atomically
from patchlaw.verification.json_files import JsonFileError, read_json

SEAL = "sha256"


class RecordOfRun(Protocol):
    """A record of one run."""

    @property
    def run(self) -> Any:
        """The run: its id, n_patches, depth and seed."""
        ...


Record = TypeVar("Record", bound=RecordOfRun)


class RecordError(ValueError):
    """A file is no record, or a damaged one; the message says expected, got, the fix."""


def digest(body: Mapping[str, Any]) -> str:
    """sha256 of a JSON object, whatever the order of its keys."""
    text = json.dumps(body, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Write a record with its checksum; the old file stays until the new one is whole.

    Raises:
        ValueError: NaN or infinity in it.
    """
    # hashed as it will be read: a tuple is a list there
    sealed = {**content, SEAL: digest(json.loads(json.dumps(content, allow_nan=False)))}
    write_atomically(path, json.dumps(sealed, indent=1, allow_nan=False) + "\n")


def read_record(path: Path, record_format: str, version: int, again: str) -> dict[str, Any]:
    """The content of a record, without its checksum, which is right.

    Args:
        path: of the file.
        record_format: value of its key "format".
        version: value of its key "version".
        again: how a record that is lost is made again, in words that follow "and".

    Raises:
        RecordError: truncated, altered since it was written, of another kind or version.
        OSError: the file cannot be read.
    """
    fix = f"restore it from a copy, or move it away and {again}"
    try:
        content = read_json(path)
    except JsonFileError as error:
        raise RecordError(f"{path}: {error}: {fix}") from None
    if not isinstance(content, dict) or content.get("format") != record_format:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise RecordError(
            f"{path}: expected a record of format '{record_format}', got {found!r}; move it away"
        )
    if content.get("version") != version:
        raise RecordError(
            f"{path}: expected version {version} of '{record_format}', got "
            f"{content.get('version')!r}; use the release that wrote it, or move it away and "
            f"{again}"
        )
    recorded = content.pop(SEAL, None)
    if recorded != digest(content):
        raise RecordError(
            f"{path}: checksum mismatch: the file was altered since it was written; {fix}"
        )
    return content


def read_folder(folder: Path, read: Callable[[Path], Record]) -> tuple[Record, ...]:
    """Every record in a folder, by P, depth, seed and name; an empty or missing folder has none."""
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    records = [read(path) for path in paths]
    return tuple(
        sorted(records, key=lambda r: (r.run.n_patches, r.run.depth, r.run.seed, r.run.id))
    )
