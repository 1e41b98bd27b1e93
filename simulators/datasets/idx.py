"""Read and validate IDX files, the format MNIST is published in (plain or gzip).

An IDX file is a header and the data: two zero bytes, a type code (0x08: unsigned byte), the number
of dimensions, each dimension as a big-endian 32-bit integer, then the elements in row-major order
and nothing else. Source: "File formats for this database" on the MNIST page of LeCun, Cortes and
Burges.
"""

import gzip
import io
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.datasets.errors import DatasetError
from patchlaw.simulators.datasets.regular_file import read_regular

IMAGE_SIDE = 28
N_CLASSES = 10

_UNSIGNED_BYTE = 0x08
_TYPE_NAMES = {
    0x08: "unsigned byte",
    0x09: "signed byte",
    0x0B: "16-bit integer",
    0x0C: "32-bit integer",
    0x0D: "32-bit float",
    0x0E: "64-bit float",
}
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_RATIO = 1032  # deflate's best: 258 bytes for two bits
_MAX_EXPANDED = 10**9  # ours: twenty times the largest of MNIST's files
_FETCH_AGAIN = "copy or download the file again"
_KIND_OF_DIMENSIONS = {1: "labels", 3: "images"}


@dataclass(frozen=True, eq=False)
class IdxSplit:
    """One split of a data set as its IDX files hold it.

    Attributes:
        images: uint8, shape (N, 28, 28), N >= 1.
        labels: uint8, shape (N,), values 0..9.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def read_idx(path: Path, n_dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes; gzip is recognised by its first two bytes.

    Args:
        path: The file.
        n_dimensions: Dimensions the array must have (3 for images, 1 for labels).

    Returns:
        Read-only uint8 array of the shape in the header.

    Raises:
        DatasetError: The file is missing, cut short, too long, not IDX, of another element type
            or number of dimensions, or gzip whose header promises more than 1 GB. What gzip
            holds is expanded as far as its IDX header promises and one byte further, no more.
    """
    content = _read_bytes(path, n_dimensions)
    if len(content) < 4:
        raise DatasetError(
            f"{path}: truncated: expected an IDX header of {4 + 4 * n_dimensions} bytes, "
            f"found {len(content)} bytes; {_FETCH_AGAIN}"
        )
    zeros, type_code, found_dimensions = struct.unpack_from(">HBB", content)
    if zeros != 0 or type_code not in _TYPE_NAMES:
        raise DatasetError(
            f"{path}: wrong magic number: expected 0x{_magic(n_dimensions):08x}, "
            f"found 0x{content[:4].hex()}; this is not an IDX file, {_FETCH_AGAIN}"
        )
    if type_code != _UNSIGNED_BYTE:
        raise DatasetError(
            f"{path}: wrong element type: expected code 0x08 (unsigned byte), found "
            f"0x{type_code:02x} ({_TYPE_NAMES[type_code]}); convert the data to unsigned bytes"
        )
    if found_dimensions != n_dimensions:
        raise DatasetError(
            f"{path}: wrong magic number: expected 0x{_magic(n_dimensions):08x} "
            f"({_kind(n_dimensions)}), found 0x{content[:4].hex()} ({_kind(found_dimensions)}); "
            "check that the images and labels files have not been swapped"
        )
    header_size = 4 + 4 * n_dimensions
    if len(content) < header_size:
        raise DatasetError(
            f"{path}: truncated: expected an IDX header of {header_size} bytes, "
            f"found {len(content)} bytes; {_FETCH_AGAIN}"
        )
    shape = struct.unpack_from(f">{n_dimensions}I", content, 4)
    expected_size = header_size + math.prod(shape)
    if len(content) != expected_size:
        problem = "truncated" if len(content) < expected_size else "trailing bytes"
        raise DatasetError(
            f"{path}: {problem}: expected {expected_size} bytes for shape {shape}, "
            f"found {len(content)} bytes; {_FETCH_AGAIN}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header_size).reshape(shape)


def read_split(directory: Path, prefix: str) -> IdxSplit:
    """Read the images and labels of one split.

    Looks for ``{prefix}-images-idx3-ubyte`` and ``{prefix}-labels-idx1-ubyte``, also written
    ``images.idx3`` and ``labels.idx1``, each plain or ending in ``.gz``. Where several are
    present, plain comes before gzip and ``-`` before ``.``.

    Args:
        directory: The folder holding the files.
        prefix: ``"train"`` or ``"t10k"``.

    Returns:
        The split, checked.

    Raises:
        DatasetError: Either file is unusable (see :func:`read_idx`), the images are not 28x28,
            there are none, the two counts differ, or a label is not in 0..9.
    """
    images_path = _find(directory, f"{prefix}-images", "idx3-ubyte")
    labels_path = _find(directory, f"{prefix}-labels", "idx1-ubyte")
    images = read_idx(images_path, 3)
    labels = read_idx(labels_path, 1)
    if len(images) == 0:
        raise DatasetError(
            f"{images_path}: expected at least one image, found none; use a complete data set"
        )
    if images.shape[1:] != (IMAGE_SIDE, IMAGE_SIDE):
        raise DatasetError(
            f"{images_path}: wrong image size: expected {IMAGE_SIDE}x{IMAGE_SIDE}, found "
            f"{images.shape[1]}x{images.shape[2]}; resize the images or use an MNIST-format set"
        )
    if len(labels) != len(images):
        raise DatasetError(
            f"{labels_path}: wrong count: expected {len(images)} labels, one for each image in "
            f"{images_path.name}, found {len(labels)}; take both files from the same data set"
        )
    if labels.max() >= N_CLASSES:
        at = int(np.argmax(labels >= N_CLASSES))
        raise DatasetError(
            f"{labels_path}: label out of range: expected 0..{N_CLASSES - 1}, found {labels[at]} "
            f"at index {at}; use a data set of {N_CLASSES} classes numbered from 0"
        )
    return IdxSplit(images, labels)


def _magic(n_dimensions: int) -> int:
    return _UNSIGNED_BYTE << 8 | n_dimensions


def _kind(n_dimensions: int) -> str:
    return _KIND_OF_DIMENSIONS.get(n_dimensions, f"{n_dimensions} dimensions")


def _read_bytes(path: Path, n_dimensions: int) -> bytes:
    content = read_regular(path, "an IDX file", "check the path")
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return _expand(path, content, n_dimensions)
    except EOFError:
        raise DatasetError(
            f"{path}: truncated: expected a complete gzip stream, found one cut short after "
            f"{len(content)} bytes; {_FETCH_AGAIN}"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(
            f"{path}: damaged: expected a valid gzip stream, found an error in it ({error}); "
            f"{_FETCH_AGAIN}"
        ) from None


def _expand(path: Path, content: bytes, n_dimensions: int) -> bytes:
    """What gzip holds, as far as the IDX header promises and one byte further.

    A header of another kind is returned alone, for the caller to refuse. The size in gzip's own
    trailer is not looked at: it is anyone's to write, and counts modulo 2^32 only.
    """
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        size = 4 + 4 * n_dimensions
        header = stream.read(size)
        if len(header) < size or not header.startswith(struct.pack(">I", _magic(n_dimensions))):
            return header
        shape = struct.unpack_from(f">{n_dimensions}I", header, 4)
        promised = size + math.prod(shape)
        if promised > _MAX_EXPANDED:
            raise DatasetError(
                f"{path}: too large: expected at most {_MAX_EXPANDED:,} bytes in a gzip file, "
                f"found a header that promises {promised:,} for shape {shape}; {_FETCH_AGAIN}, "
                "or expand it first"
            )
        if promised > _GZIP_RATIO * len(content):
            raise DatasetError(
                f"{path}: truncated: expected {promised} bytes for shape {shape}, found a gzip "
                f"file of {len(content)} bytes, which cannot hold them; {_FETCH_AGAIN}"
            )
        return header + stream.read(promised - size + 1)


def _find(directory: Path, stem: str, suffix: str) -> Path:
    names = [f"{stem}{joint}{suffix}{end}" for end in ("", ".gz") for joint in "-."]
    for name in names:
        if (directory / name).is_file():
            return directory / name
    found = "no such file" if directory.is_dir() else "no such folder"
    raise DatasetError(
        f"{directory / names[0]}: expected this file (or {', '.join(names[1:])}), found {found}; "
        "give the folder that holds the four IDX files"
    )
