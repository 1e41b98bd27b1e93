"""Sealed files: JSON objects that name their kind and carry the checksum of all the rest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from patchlaw.verification.store.atomic_write import write_atomically
from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.json_files import JsonFileError, plain, read_json, typed

SEAL = "sha256"
T = TypeVar("T")


def digest(body: Mapping[str, Any]) -> str:
    """sha256 of a JSON object, whatever the order of its keys."""
    text = json.dumps(body, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class FileKind:
    """A kind of sealed file, in one of two layouts.

    ``{"format": name, "version": 1, .., "sha256": ..}`` has the content beside the seal;
    ``{"kind": name, "format": 1, "sha256": .., "body": {..}}`` has it nested.

    Attributes:
        name: of the kind; None for one that has none, nor a version.
        fix: what to do with a damaged one, in words that follow a semicolon.
        nested: the layout.
        version: of the content.
    """

    name: str | None
    fix: str
    nested: bool = False
    version: int | None = 1

    def write(self, path: Path, content: Any) -> None:
        """Write a mapping or dataclass and its seal; the old file stays until the new is whole.

        Raises:
            ValueError: NaN or infinity in it.
        """
        # through JSON and back: hashed as it will be read
        body = json.loads(json.dumps(plain(content), allow_nan=False))
        if self.nested:
            head = {"kind": self.name, "format": self.version} if self.name else {}
            sealed = {**head, SEAL: digest(body), "body": body}
        else:
            body = {"format": self.name, "version": self.version, **body}
            sealed = {**body, SEAL: digest(body)}
        write_atomically(path, json.dumps(sealed, indent=1) + "\n")

    def read(self, path: Path, *, sealed: bool = True) -> dict[str, Any]:
        """The content, as it was sealed.

        Args:
            path: of the file.
            sealed: whether it must have a seal, as another program's may not.

        Raises:
            RecordError: truncated, altered since it was written, of another kind or version.
            OSError: the file cannot be read.
        """
        try:
            found = read_json(path)
        except JsonFileError as error:
            raise RecordError(f"{path}: {error}; {self.fix}") from None
        head = ("kind", "format") if self.nested else ("format", "version")
        kind = found.get(head[0]) if isinstance(found, dict) else type(found).__name__
        if kind != self.name:
            if isinstance(found, dict):  # in whichever layout it names itself
                kind = next((found[key] for key in ("kind", "format") if key in found), None)
            raise RecordError(
                f"{path}: expected a file of kind {self.name!r}, got {kind!r}; name a folder of "
                "such files, or move it away"
            )
        if found.get(head[1]) != self.version:
            raise RecordError(
                f"{path}: expected version {self.version} of {self.name!r}, got "
                f"{found.get(head[1])!r}; use the version of patchlaw that wrote it, or {self.fix}"
            )
        seal = found.pop(SEAL, None)
        body = found.get("body") if self.nested else found
        actual = digest(body) if isinstance(body, dict) else "no body"
        if not isinstance(body, dict) or ((sealed or seal is not None) and actual != seal):
            raise RecordError(
                f"{path}: checksum mismatch: expected sha256 {seal}, got {actual}; the file was "
                f"altered since it was written; {self.fix}"
            )
        return body if self.nested else {key: body[key] for key in body if key not in head}

    def read_as(self, path: Path, kind: type[T], *, exactly: bool = False) -> T:
        """The content as a dataclass; ``exactly`` as in ``typed``.

        Raises:
            RecordError: as ``read``; or a field is missing, unknown, of another type or range.
            OSError: the file cannot be read.
        """
        content = self.read(path)
        try:
            return typed(content, kind, exactly=exactly)
        except JsonFileError as error:
            raise RecordError(
                f"{path}: expected the fields of {self.name!r}: {error}; {self.fix}"
            ) from None
