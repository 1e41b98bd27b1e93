"""JSON files that carry their own checksum, so that a cut or edited file is noticed."""

import json
from pathlib import Path
from typing import Any

from patchlaw.verification.atomic_write import write_atomically
from patchlaw.verification.json_files import JsonFileError, read_json
from patchlaw.verification.runs.errors import DamagedRunError
from patchlaw.verification.sealed_record import digest

FORMAT_VERSION = 1
RESTORE = "restore the run's folder from a copy, or move it away to start the run anew"


def write_sealed(path: Path, kind: str, body: dict[str, Any]) -> None:
    """Write ``body`` with its kind, format version and sha256; the old file stays until the end.

    Raises:
        ValueError: NaN or infinity in the body.
    """
    record = {"kind": kind, "format": FORMAT_VERSION, "sha256": digest(body), "body": body}
    write_atomically(path, json.dumps(record, indent=1, allow_nan=False) + "\n")


def read_sealed(path: Path, kind: str) -> dict[str, Any]:
    """The body of a file written by ``write_sealed``.

    Raises:
        FileNotFoundError: no such file.
        DamagedRunError: not such a file, another kind or version, or its checksum differs.
    """
    try:
        record = read_json(path)
    except JsonFileError as error:
        raise DamagedRunError(f"{path}: {error}: {RESTORE}") from None
    if not isinstance(record, dict) or record.get("kind") != kind:
        found = record.get("kind") if isinstance(record, dict) else type(record).__name__
        raise DamagedRunError(
            f"{path}: expected a file of kind {kind!r}, got {found!r}; it is not patchlaw's: "
            "move it away"
        )
    if record.get("format") != FORMAT_VERSION:
        raise DamagedRunError(
            f"{path}: expected format version {FORMAT_VERSION}, got {record.get('format')!r}; "
            "read it with the version of patchlaw that wrote it"
        )
    body = record.get("body")
    found = digest(body) if isinstance(body, dict) else "no body"
    if found != record.get("sha256") or not isinstance(body, dict):
        raise DamagedRunError(
            f"{path}: checksum mismatch: expected sha256 {record.get('sha256')}, got {found}; "
            f"the file was altered: {RESTORE}"
        )
    return body
