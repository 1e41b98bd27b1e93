"""Data as the model takes them, MNIST above all: images of angles in [0, pi/4], and their files."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from patchlaw.simulators.datasets.digits import N_TRAIN, digits_arrays
from patchlaw.simulators.datasets.embedded import Manifest, PooledDataset, read_packed, write_packed
from patchlaw.simulators.datasets.errors import DatasetError
from patchlaw.simulators.datasets.idx import IdxSplit, read_split
from patchlaw.simulators.datasets.pooling import pool_sums, sums_to_angles
from patchlaw.simulators.datasets.subsets import stratified_subset

EMBEDDED_FILE = Path(__file__).with_name("mnist_pooled.safetensors")
FASHION_FILE = Path(__file__).with_name("fashion_mnist_pooled.safetensors")
OTHER_DATASETS = ("fashion-mnist", "digits")
"""Names, beside "mnist", of what ``load_mnist`` finds in the package."""

# sha256 over the pixels and labels of the published files, in the order of _pixel_digest.
_MNIST_DIGEST = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
_FASHION_DIGEST = "ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f"
_CHANGED = (
    "Changed: each 2x2 block of pixels of the 28x28 images is replaced by its sum, and the "
    "result is stored in another format."
)
# name, source and licence of what is known by its digest
_PUBLISHED = {
    _MNIST_DIGEST: (
        "MNIST",
        "The MNIST database of handwritten digits, Yann LeCun, Corinna Cortes and Christopher J.C. "
        f"Burges. {_CHANGED}",
        "CC BY-SA 3.0",
    ),
    _FASHION_DIGEST: (
        "Fashion-MNIST",
        "Fashion-MNIST, Han Xiao, Kashif Rasul and Roland Vollgraf, copyright 2017 Zalando SE, "
        f"https://github.com/zalandoresearch/fashion-mnist. {_CHANGED}",
        "MIT",
    ),
}


@dataclass(frozen=True, eq=False)
class MnistData:
    """A data set scaled to encoding angles, an MNIST-format one pooled to 14x14.

    Attributes:
        train_images: float32, shape (N, 14, 14), values in [0, pi/4]; N = 60,000 for MNIST. Digits
            are 8x8.
        train_labels: int64, shape (N,), values 0..9.
        test_images: float32, shape (M, 14, 14); M = 10,000 for MNIST.
        test_labels: int64, shape (M,).
    """

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor


def load_mnist(source: str | Path | None = None) -> MnistData:
    r"""Load MNIST or another data set of the package, or an MNIST-format one from its files.

    A pixel is :math:`x = \frac{s}{4 \cdot 255} \cdot \frac{2\pi}{8}`, s the sum of a 2x2 block of
    the 28x28 uint8 image: the author's u8 / 255 * 2 pi / n with n = 8, then average pooling with
    stride 2. It is evaluated in float64 and rounded to float32 once.

    Args:
        source: None or "mnist" for the MNIST embedded in the package; "fashion-mnist" for 6,000 +
            1,000 images of it, "digits" for scikit-learn's; or a folder of the four IDX files
            (``train-images-idx3-ubyte`` and so on, plain or ``.gz``) of any data set of 28x28
            images and labels 0..9; or a file written by ``patchlaw data build``.

    Returns:
        The data set, as CPU tensors that the caller owns.

    Raises:
        DatasetError: A file is missing, damaged or of another shape, or fails its checksum. A
            ValueError; the message says what was expected and found.
    """
    if source == "digits":
        images, labels = map(torch.from_numpy, digits_arrays())
        return MnistData(images[:N_TRAIN], labels[:N_TRAIN], images[N_TRAIN:], labels[N_TRAIN:])
    packaged = {"mnist": EMBEDDED_FILE, "fashion-mnist": FASHION_FILE}
    name = "mnist" if source is None else source
    path = packaged[name] if isinstance(name, str) and name in packaged else Path(name)
    if path not in packaged.values() and not path.exists():
        raise DatasetError(
            f"{path}: expected a folder of IDX files or a packed file, found nothing; "
            "check the path, or leave source out for the MNIST in the package (its others are "
            f"{' and '.join(OTHER_DATASETS)})"
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


def build_packed(
    directory: Path, out: Path | None = None, subset: tuple[int, int] | None = None
) -> tuple[Path, Manifest]:
    """Pack the IDX files of a folder into one file with a manifest beside it.

    Args:
        directory: The folder of IDX files.
        out: The file to write; None for the package's own, which takes MNIST only.
        subset: Training and test images to keep of each, stratified; None for all.

    Returns:
        The file written and its manifest. Data that is not MNIST is named after the folder, and
        its licence is left to its source.

    Raises:
        DatasetError: The IDX files are unusable, or ``out`` is None and they are not MNIST.
        ValueError: ``out`` ends in ``.json``, or a subset of less than a class or more than all.
        OSError: The file cannot be written.
    """
    train, test = read_split(directory, "train"), read_split(directory, "t10k")
    digest = _pixel_digest(train, test)
    if out is None and digest != _MNIST_DIGEST:
        raise DatasetError(
            f"{directory}: expected the MNIST files (sha256 of pixels and labels {_MNIST_DIGEST}), "
            f"found other data ({digest}); to pack it, name another file with --out"
        )
    if out is None and subset is not None:
        raise DatasetError(
            f"{EMBEDDED_FILE}: expected all of MNIST, got a subset; name another file with --out"
        )
    path = EMBEDDED_FILE if out is None else out
    unknown = (
        directory.resolve().name,
        f"IDX files, sha256 of pixels and labels {digest}",
        "that of the source",
    )
    name, source, licence = _PUBLISHED.get(digest, unknown)
    if subset is not None:
        source += f" {subset[0]} training and {subset[1]} test images, drawn by class with seed 0."
        train, test = (_stratified(*part) for part in zip((train, test), subset, strict=True))
    pooled = _pool(train, test)
    return path, write_packed(path, pooled, name=name, source=source, licence=licence)


def _stratified(split: IdxSplit, size: int) -> IdxSplit:
    kept = stratified_subset(split.labels, size, 0)
    return IdxSplit(split.images[kept], split.labels[kept])


def _pool(train: IdxSplit, test: IdxSplit) -> PooledDataset:
    return PooledDataset(pool_sums(train.images), train.labels, pool_sums(test.images), test.labels)


def _pixel_digest(train: IdxSplit, test: IdxSplit) -> str:
    digest = hashlib.sha256()
    for split in (train, test):
        digest.update(split.images.tobytes())
        digest.update(split.labels.tobytes())
    return digest.hexdigest()
