"""A small data set in MNIST's format, made up: the four files of ``--data``."""

import gzip
import struct
from pathlib import Path

import numpy as np


def idx_bytes(shape: tuple[int, ...], elements: bytes, type_code: int = 0x08) -> bytes:
    """A file of unsigned bytes, or of what the type code says."""
    return struct.pack(f">4B{len(shape)}I", 0, 0, type_code, len(shape), *shape) + elements


def write_split(folder: Path, split: str, images: np.ndarray, labels: bytes) -> None:
    """The images as they are, the labels gzipped."""
    content = idx_bytes(images.shape, images.tobytes())
    (folder / f"{split}-images-idx3-ubyte").write_bytes(content)
    packed = gzip.compress(idx_bytes((len(labels),), labels), mtime=0)
    (folder / f"{split}-labels-idx1-ubyte.gz").write_bytes(packed)


def write_idx_files(folder: Path, *, n_train: int, n_test: int) -> Path:
    """Noise with a bright bar whose row is the label; as many samples of each of ten labels."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for split, count in (("train", n_train), ("t10k", n_test)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = rng.integers(0, 100, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label + 4] = 255
        write_split(folder, split, images, labels.tobytes())
    return folder
