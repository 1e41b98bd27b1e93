"""Safetensors files that name the run and epoch they belong to."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from patchlaw.verification.store.atomic_write import write_atomically
from patchlaw.verification.store.errors import RecordError

RESTORE = "restore the folder from a copy, or move it away to start anew"
_OWNER_KEY = "patchlaw_run"


@dataclass(frozen=True)
class FileRecord:
    """A file as a checkpoint names it: path relative to the run's folder, sha256, bytes."""

    name: str
    sha256: str
    bytes: int


def write_tensors(
    folder: Path, name: str, tensors: Mapping[str, Tensor], owner: str, epoch: int
) -> FileRecord:
    """Write tensors to ``folder / name``; the owner is a configuration's hash.

    Raises:
        RecordError: a file of that name is there and does not belong to this run and epoch.
    """
    from safetensors.torch import save

    path = folder / name
    if path.exists() and owner_of(path) != _owner(owner, epoch):
        raise RecordError(
            f"{path}: expected no file, or one of this run's epoch {epoch}, got another; "
            "move it away"
        )
    content = save(
        {
            key: tensor.detach().to("cpu", copy=True).contiguous()  # views of one tensor too
            for key, tensor in tensors.items()
        },
        {_OWNER_KEY: _owner(owner, epoch)},
    )
    write_atomically(path, content)
    return FileRecord(name, hashlib.sha256(content).hexdigest(), len(content))


def check_size(folder: Path, record: FileRecord) -> None:
    """Check that a file is there and of its recorded size.

    Raises:
        RecordError: it is not.
    """
    path = folder / record.name
    size = path.stat().st_size if path.is_file() else None
    if size != record.bytes:
        found = "none" if size is None else f"{size}"
        raise RecordError(
            f"{path}: expected a file of {record.bytes} bytes, got {found}; it is missing, "
            f"truncated or another's: {RESTORE}"
        )


def read_tensors(folder: Path, record: FileRecord) -> dict[str, Tensor]:
    """The tensors of a file, checked against its record.

    Raises:
        RecordError: the file is missing, cut short, altered or no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    check_size(folder, record)
    path = folder / record.name
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != record.sha256:
        raise RecordError(
            f"{path}: checksum mismatch: expected sha256 {record.sha256}, got {found}; {RESTORE}"
        )
    try:
        return load(content)
    except SafetensorError as error:
        raise RecordError(f"{path}: expected a safetensors file, got {error}; {RESTORE}") from None


def checked(
    path: Path, tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...], dtype: torch.dtype
) -> Tensor:
    """One tensor of a file, of the shape and dtype the model needs.

    Raises:
        RecordError: it is missing, of another shape or dtype, or not finite.
    """
    tensor = tensors.get(name)
    if tensor is None or tuple(tensor.shape) != shape or tensor.dtype != dtype:
        found = "none" if tensor is None else f"{tuple(tensor.shape)} {tensor.dtype}"
        raise RecordError(f"{path}: {name}: expected {shape} {dtype}, got {found}; {RESTORE}")
    if not torch.isfinite(tensor).all():
        raise RecordError(
            f"{path}: {name}: expected finite numbers, got NaN or infinity; {RESTORE}"
        )
    return tensor


def _owner(configuration: str, epoch: int) -> str:
    # one entry only: safetensors writes several in random order, and equal states must be equal
    return f"{configuration} epoch {epoch}"


def owner_of(path: Path) -> str | None:
    """The run and epoch that a file names, "<configuration hash> epoch <n>"; None if none."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError):
        return None
    owner: str | None = metadata.get(_OWNER_KEY)
    return owner
