"""A small data set in MNIST's format, made up: the four files of ``--data``."""

import gzip
import struct
from pathlib import Path

import numpy as np


def write_idx_files(folder: Path, *, n_train: int, n_test: int) -> None:
    """Noise with a bright bar whose row is the label; as many samples of each of ten labels."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for split, count in (("train", n_train), ("t10k", n_test)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = rng.integers(0, 100, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label + 4] = 255
        header = struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28)
        (folder / f"{split}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = struct.pack(">4BI", 0, 0, 8, 1, count)
        packed = gzip.compress(header + labels.tobytes(), mtime=0)
        (folder / f"{split}-labels-idx1-ubyte.gz").write_bytes(packed)
