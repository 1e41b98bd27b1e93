"""The packed data file: pooled images and labels in safetensors, with a manifest beside it.

``NAME.safetensors`` holds six uint8 tensors, ``{train,test}_{mask,values,labels}`` (see
:mod:`simulators.datasets.packing`). ``NAME.json``, the manifest, holds the file's sha256, its
counts, and where the data comes from. The file is checked against the manifest on every load.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.datasets.errors import DatasetError
from patchlaw.simulators.datasets.idx import N_CLASSES
from patchlaw.simulators.datasets.packing import pack_sums, unpack_sums
from patchlaw.simulators.datasets.pooling import MAX_SUM
from patchlaw.simulators.datasets.regular_file import read_regular

MAX_MANIFEST_BYTES = 10**6
REBUILD = "rebuild it from the IDX files with `patchlaw data build DIR`"

_TENSORS = {
    f"{split}_{part}" for split in ("train", "test") for part in ("mask", "values", "labels")
}


@dataclass(frozen=True, eq=False)
class PooledDataset:
    """A data set as the packed file holds it.

    Attributes:
        train_sums: uint16, shape (N, 14, 14), values 0..1020 (sums of 2x2 pixels).
        train_labels: uint8, shape (N,), values 0..9.
        test_sums: uint16, shape (M, 14, 14).
        test_labels: uint8, shape (M,).
    """

    train_sums: NDArray[np.uint16]
    train_labels: NDArray[np.uint8]
    test_sums: NDArray[np.uint16]
    test_labels: NDArray[np.uint8]


@dataclass(frozen=True)
class Manifest:
    """What a packed file holds and where that comes from.

    Attributes:
        name: Name of the data set.
        sha256: Of the packed file, 64 hexadecimal digits.
        n_train: Number of training images.
        n_test: Number of test images.
        source: Where the data comes from, and what was changed.
        licence: The licence of the data.
    """

    name: str
    sha256: str
    n_train: int
    n_test: int
    source: str
    licence: str


def manifest_path(path: Path) -> Path:
    """Where the manifest of a packed file lies: the same name, ending in ``.json``."""
    return path.with_suffix(".json")


def write_packed(
    path: Path, dataset: PooledDataset, *, name: str, source: str, licence: str
) -> Manifest:
    """Write a packed file and its manifest, byte for byte the same for the same arguments.

    Both are written in full under temporary names in the same folder, then renamed; if anything
    fails before that, files already at ``path`` stay as they were.

    Args:
        path: The packed file; must not end in ``.json``.
        dataset: What to pack.
        name: For the manifest, as are ``source`` and ``licence``.
        source: See :class:`Manifest`.
        licence: See :class:`Manifest`.

    Returns:
        The manifest written.

    Raises:
        ValueError: ``path`` ends in ``.json``, the manifest's suffix, or a split cannot be packed.
        OSError: The folder cannot be written to.
    """
    if path == manifest_path(path):
        raise ValueError(
            f"{path}: expected a name for the packed file, found one ending in .json, where its "
            "manifest goes; use the suffix .safetensors"
        )
    content = _encode(dataset)
    manifest = Manifest(
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        n_train=len(dataset.train_labels),
        n_test=len(dataset.test_labels),
        source=source,
        licence=licence,
    )
    text = json.dumps(asdict(manifest), indent=2, ensure_ascii=False) + "\n"
    _write_together({path: content, manifest_path(path): text.encode()})
    return manifest


def read_packed(path: Path) -> tuple[PooledDataset, Manifest]:
    """Read a packed file and check it against its manifest.

    Args:
        path: The packed file; its manifest is looked for beside it.

    Returns:
        The data set and the manifest.

    Raises:
        DatasetError: Either file is missing or damaged, the sha256 differs, or the contents do not
            fit the manifest.
    """
    content = read_regular(path, "a packed data file", f"check the path or {REBUILD}")
    manifest = read_manifest(path)
    found = hashlib.sha256(content).hexdigest()
    if found != manifest.sha256:
        raise DatasetError(
            f"{path}: checksum mismatch: expected sha256 {manifest.sha256} "
            f"({manifest_path(path).name}), found {found} over {len(content)} bytes; {REBUILD}"
        )
    dataset = _decode(path, content)
    counts = (len(dataset.train_labels), len(dataset.test_labels))
    if counts != (manifest.n_train, manifest.n_test):
        raise DatasetError(
            f"{path}: wrong count: expected {manifest.n_train} training and {manifest.n_test} test "
            f"images, found {counts[0]} and {counts[1]}; {REBUILD}"
        )
    return dataset, manifest


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of the packed file at ``path``.

    Raises:
        DatasetError: It is missing, is not JSON, or has other fields than :class:`Manifest`.
    """
    beside = manifest_path(path)
    content = read_regular(beside, f"the manifest of {path.name}", REBUILD, MAX_MANIFEST_BYTES)
    fields = Manifest.__dataclass_fields__
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DatasetError(
            f"{beside}: expected JSON, found something else ({error}); {REBUILD}"
        ) from None
    if not isinstance(found, dict) or found.keys() != fields.keys():
        names = sorted(found) if isinstance(found, dict) else type(found).__name__
        raise DatasetError(
            f"{beside}: expected the fields {sorted(fields)}, found {names}; {REBUILD}"
        )
    for key, field in fields.items():
        if type(found[key]) is not field.type:
            raise DatasetError(
                f"{beside}: expected {field.type} for {key!r}, found {found[key]!r}; {REBUILD}"
            )
    return Manifest(**found)


def _encode(dataset: PooledDataset) -> bytes:
    from safetensors.numpy import save

    tensors: dict[str, NDArray[np.uint8]] = {}
    for split, sums, labels in (
        ("train", dataset.train_sums, dataset.train_labels),
        ("test", dataset.test_sums, dataset.test_labels),
    ):
        if labels.dtype != np.uint8 or labels.shape != sums.shape[:1]:
            raise ValueError(
                f"{split}_labels: expected uint8 of shape {sums.shape[:1]}, "
                f"got {labels.dtype} of {labels.shape}"
            )
        tensors[f"{split}_mask"], tensors[f"{split}_values"] = pack_sums(sums)
        tensors[f"{split}_labels"] = np.ascontiguousarray(labels)
    return save(tensors)


def _decode(path: Path, content: bytes) -> PooledDataset:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(content)
    except SafetensorError as error:
        raise DatasetError(
            f"{path}: expected a safetensors file, found something else ({error}); {REBUILD}"
        ) from None
    if tensors.keys() != _TENSORS:
        raise DatasetError(
            f"{path}: expected the tensors {sorted(_TENSORS)}, found {sorted(tensors)}; {REBUILD}"
        )
    sums: dict[str, NDArray[np.uint16]] = {}
    for split in ("train", "test"):
        labels = tensors[f"{split}_labels"]
        if labels.dtype != np.uint8 or labels.ndim != 1 or np.any(labels >= N_CLASSES):
            raise DatasetError(
                f"{path}: expected {split}_labels as a row of uint8 in 0..{N_CLASSES - 1}, "
                f"found {labels.dtype} of shape {labels.shape}; {REBUILD}"
            )
        try:
            sums[split] = unpack_sums(
                tensors[f"{split}_mask"], tensors[f"{split}_values"], len(labels)
            )
        except ValueError as error:
            raise DatasetError(f"{path}: {split}_{error}; {REBUILD}") from None
        if np.any(sums[split] > MAX_SUM):
            raise DatasetError(
                f"{path}: expected {split} sums 0..{MAX_SUM}, found {sums[split].max()}; {REBUILD}"
            )
    return PooledDataset(
        sums["train"], tensors["train_labels"], sums["test"], tensors["test_labels"]
    )


def _write_together(contents: dict[Path, bytes]) -> None:
    for path in contents:
        # a rename would put a file in the place of a device, or fail when the other is done
        if path.exists() and not path.is_file():
            error, found = (
                (IsADirectoryError, "a folder")
                if path.is_dir()
                else (FileExistsError, "a device or pipe")
            )
            raise error(f"{path}: expected a file to write, found {found}")
    temporary = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in contents}
    try:
        for path, content in contents.items():
            with temporary[path].open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path in contents:
            os.replace(temporary[path], path)
    finally:
        for left_over in temporary.values():
            left_over.unlink(missing_ok=True)
