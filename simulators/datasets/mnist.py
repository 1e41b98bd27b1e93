"""MNIST as the model takes it: 14x14 images of angles in [0, pi/4], and the file it ships in."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from patchlaw.simulators.datasets.embedded import Manifest, PooledDataset, read_packed, write_packed
from patchlaw.simulators.datasets.errors import DatasetError
from patchlaw.simulators.datasets.idx import IdxSplit, read_split
from patchlaw.simulators.datasets.pooling import pool_sums, sums_to_angles

EMBEDDED_FILE = Path(__file__).with_name("mnist_pooled.safetensors")

# sha256 over the pixels and labels of the published files, in the order of _pixel_digest.
_MNIST_DIGEST = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
_MNIST_SOURCE = (
    "The MNIST database of handwritten digits, Yann LeCun, Corinna Cortes and Christopher J.C. "
    "Burges. Changed: each 2x2 block of pixels of the 28x28 images is replaced by its sum, and the "
    "result is stored in another format."
)
_MNIST_LICENCE = "CC BY-SA 3.0"


@dataclass(frozen=True, eq=False)
class MnistData:
    """An MNIST-format data set, pooled to 14x14 and scaled to encoding angles.

    Attributes:
        train_images: float32, shape (N, 14, 14), values in [0, pi/4]; N = 60,000 for MNIST.
        train_labels: int64, shape (N,), values 0..9.
        test_images: float32, shape (M, 14, 14); M = 10,000 for MNIST.
        test_labels: int64, shape (M,).
    """

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor


def load_mnist(source: str | Path | None = None) -> MnistData:
    r"""Load MNIST from the package, or any MNIST-format data set from its files.

    A pixel is :math:`x = \frac{s}{4 \cdot 255} \cdot \frac{2\pi}{8}`, s the sum of a 2x2 block of
    the 28x28 uint8 image: the author's u8 / 255 * 2 pi / n with n = 8, then average pooling with
    stride 2. It is evaluated in float64 and rounded to float32 once.

    Args:
        source: None for the MNIST embedded in the package; or a folder of the four IDX files
            (``train-images-idx3-ubyte`` and so on, plain or ``.gz``) of any data set of 28x28
            images and labels 0..9; or a file written by ``patchlaw data build``.

    Returns:
        The data set, as CPU tensors that the caller owns.

    Raises:
        DatasetError: A file is missing, damaged or of another shape, or fails its checksum. A
            ValueError; the message says what was expected and found.
    """
    path = EMBEDDED_FILE if source is None else Path(source)
    if source is not None and not path.exists():
        raise DatasetError(
            f"{path}: expected a folder of IDX files or a packed file, found nothing; "
            "check the path, or leave source out for the MNIST in the package"
        )
    dataset = read_idx_directory(path) if path.is_dir() else read_packed(path)[0]
    return MnistData(
        train_images=torch.from_numpy(sums_to_angles(dataset.train_sums)),
        train_labels=torch.from_numpy(dataset.train_labels.astype("int64")),
        test_images=torch.from_numpy(sums_to_angles(dataset.test_sums)),
        test_labels=torch.from_numpy(dataset.test_labels.astype("int64")),
    )


def read_idx_directory(directory: Path) -> PooledDataset:
    """Read the four IDX files of an MNIST-format data set and pool the images.

    Raises:
        DatasetError: See :func:`simulators.datasets.idx.read_split`.
    """
    return _pool(read_split(directory, "train"), read_split(directory, "t10k"))


def build_packed(directory: Path, out: Path | None = None) -> tuple[Path, Manifest]:
    """Pack the IDX files of a folder into one file with a manifest beside it.

    Args:
        directory: The folder of IDX files.
        out: The file to write; None for the package's own, which takes MNIST only.

    Returns:
        The file written and its manifest. Data that is not MNIST is named after the folder, and
        its licence is left to its source.

    Raises:
        DatasetError: The IDX files are unusable, or ``out`` is None and they are not MNIST.
        ValueError: ``out`` ends in ``.json``.
        OSError: The file cannot be written.
    """
    train, test = read_split(directory, "train"), read_split(directory, "t10k")
    digest = _pixel_digest(train, test)
    is_mnist = digest == _MNIST_DIGEST
    if out is None and not is_mnist:
        raise DatasetError(
            f"{directory}: expected the MNIST files (sha256 of pixels and labels {_MNIST_DIGEST}), "
            f"found other data ({digest}); to pack it, name another file with --out"
        )
    path = EMBEDDED_FILE if out is None else out
    manifest = write_packed(
        path,
        _pool(train, test),
        name="MNIST" if is_mnist else directory.resolve().name,
        source=_MNIST_SOURCE if is_mnist else f"IDX files, sha256 of pixels and labels {digest}",
        licence=_MNIST_LICENCE if is_mnist else "that of the source",
    )
    return path, manifest


def _pool(train: IdxSplit, test: IdxSplit) -> PooledDataset:
    return PooledDataset(pool_sums(train.images), train.labels, pool_sums(test.images), test.labels)


def _pixel_digest(train: IdxSplit, test: IdxSplit) -> str:
    digest = hashlib.sha256()
    for split in (train, test):
        digest.update(split.images.tobytes())
        digest.update(split.labels.tobytes())
    return digest.hexdigest()
