"""Products with an operator, kept on disk so that a killed computation can go on.

All solvers here are deterministic: the same arguments and the same products lead to the same
next vectors. So the state of a Krylov method, restarts and all, is the list of the products it
has had so far; a later process replays them and continues with the identical next vector.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchlaw.verification.store.atomic_write import write_atomically
from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.json_files import first_difference
from patchlaw.verification.store.seal import FileKind

FORMAT_VERSION = 1
_INDEX = "products.json"
_MAX_PENDING = 2**28  # bytes that wait for a file (ours); of products beyond it each has its own
_FRESH = "delete the folder, or name another one, to start anew"
_SEALED = FileKind(None, _FRESH, nested=True, version=None)


class CheckpointError(ValueError):
    """A checkpoint is damaged, or belongs to another computation; the message says which."""


class ProductLog:
    """The products of one computation in a folder: an index and files of a few products each.

    ``products.json`` names the computation and lists the files with their sha256; it is sealed
    with a sha256 of its own and replaced in one step after every new file, so at any moment it
    describes whole files. Vectors are not stored, only their sha256: what is asked for after a
    restart has to be what was asked for before, to the last bit.

    Args:
        folder: made if missing.
        computation: JSON description: operator, solver, arguments.
        save_every: products held in memory before a file is written; fewer of those that take
            256 MB together.

    Attributes:
        stored: number of products on disk.

    Raises:
        CheckpointError: the folder holds another computation or a damaged index.
        ValueError: save_every below 1.
    """

    def __init__(self, folder: Path, computation: dict[str, Any], save_every: int) -> None:
        if save_every < 1:
            raise ValueError(f"save_every: expected an integer >= 1, got {save_every}")
        self.folder = Path(folder)
        # through JSON and back, so that tuples and numpy numbers compare as they were written
        self._computation = json.loads(json.dumps(computation, default=_plain))
        self._save_every = save_every
        self.folder.mkdir(parents=True, exist_ok=True)
        self._files: list[dict[str, Any]] = self._read_index()
        self.stored = sum(len(record["vectors"]) for record in self._files)
        self._place = [(record, i) for record in self._files for i in range(len(record["vectors"]))]
        self._loaded: tuple[str, list[NDArray[np.floating]]] = ("", [])
        self._pending: list[tuple[str, NDArray[np.floating]]] = []

    def recall(self, number: int, vectors: NDArray[np.float64]) -> NDArray[np.floating]:
        """The product stored under a number, for the vectors it was computed of.

        Raises:
            CheckpointError: stored for other vectors, or its file is damaged.
        """
        record, position = self._place[number]
        if record["vectors"][position] != _digest(vectors):
            raise CheckpointError(
                f"{self.folder}: product {number} was stored for other vectors than those asked "
                "for now: the library versions or thread counts differ from those of the first "
                f"run, and the iteration with them in its last bits; {_FRESH}"
            )
        return self._load(record)[position]

    def append(self, vectors: NDArray[np.float64], product: NDArray[np.floating]) -> None:
        """Keep a new product; every ``save_every``-th call writes a file."""
        self._pending.append((_digest(vectors), product.copy()))
        waiting = sum(kept.nbytes for _, kept in self._pending)
        if len(self._pending) >= self._save_every or waiting >= _MAX_PENDING:
            self.flush()

    def flush(self) -> None:
        """Write the products that are still in memory only."""
        if not self._pending:
            return
        from safetensors.numpy import save

        name = f"products-{self.stored:06d}.safetensors"
        content = save(
            {f"{i:06d}": np.ascontiguousarray(p) for i, (_, p) in enumerate(self._pending)}
        )
        write_atomically(self.folder / name, content)
        record = {
            "name": name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "vectors": [digest for digest, _ in self._pending],
        }
        self._files.append(record)
        self._place += [(record, i) for i in range(len(self._pending))]
        self.stored += len(self._pending)
        self._pending = []
        body = {"format": FORMAT_VERSION, "computation": self._computation, "files": self._files}
        _SEALED.write(self.folder / _INDEX, body)

    def _read_index(self) -> list[dict[str, Any]]:
        body = _read_body(self.folder)
        if body is None:
            return []
        if body["computation"] != self._computation:
            changed = first_difference(body["computation"], self._computation)
            raise CheckpointError(
                f"{self.folder / _INDEX}: expected a checkpoint of this computation, got another's "
                f"({changed}); {_FRESH}"
            )
        files: list[dict[str, Any]] = body["files"]
        return files

    def _load(self, record: dict[str, Any]) -> list[NDArray[np.floating]]:
        if self._loaded[0] != record["name"]:
            from safetensors.numpy import load

            path = self.folder / record["name"]
            content = path.read_bytes() if path.exists() else b""
            if hashlib.sha256(content).hexdigest() != record["sha256"]:
                raise CheckpointError(
                    f"{path}: expected the sha256 of the index, got {len(content)} bytes that are "
                    f"missing, truncated or altered; {_FRESH}"
                )
            tensors = load(content)
            self._loaded = record["name"], [tensors[key] for key in sorted(tensors)]
        return self._loaded[1]


def stored_computation(folder: Path) -> dict[str, Any] | None:
    """What the products in a folder were computed for; None where there are none.

    Raises:
        CheckpointError: a damaged index.
    """
    body = _read_body(folder)
    computation: dict[str, Any] | None = None if body is None else body["computation"]
    return computation


def _read_body(folder: Path) -> dict[str, Any] | None:
    path = folder / _INDEX
    if not path.exists():
        return None
    try:
        body = _SEALED.read(path)
    except RecordError:
        raise CheckpointError(
            f"{path}: expected an index sealed with its sha256, got a truncated or altered "
            f"file; {_FRESH}"
        ) from None
    if body["format"] != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: expected format {FORMAT_VERSION}, got {body['format']}; {_FRESH}"
        )
    return body


def _digest(vectors: NDArray[np.float64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(vectors).data).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"computation: expected JSON, got {type(value).__name__}")
