"""The samples of a run, with a digest that tells data sets apart."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import Tensor

from patchlaw.hessian_theory.input_checks import positive_integer
from patchlaw.simulators import load_mnist
from patchlaw.simulators.datasets import OTHER_DATASETS
from patchlaw.simulators.datasets.pooling import PIXEL_QUBITS
from patchlaw.verification.training import stratified_subset

# sha256 of RunSamples.sha256 for the whole embedded MNIST
MNIST_SHA256 = "05e6e08df682ca5e61117112ee8674984ef8b688c57ea7de88c3ee03ea1a9cfd"


@dataclass(frozen=True, eq=False)
class RunSamples:
    """Images (N, side, side) in radians, float32, with labels (N,), int64.

    ``dataset``, ``n_qubits`` and ``subset_seed`` say how they were loaded; see ``DataConfig``.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    dataset: str = ""
    n_qubits: int = PIXEL_QUBITS
    subset_seed: int = 0

    @cached_property
    def sha256(self) -> str:
        """Digest of shapes, pixels and labels, in the order of the fields."""
        total = hashlib.sha256()
        for tensor, kind in (
            (self.train_images, "<f4"),
            (self.train_labels, "<i8"),
            (self.test_images, "<f4"),
            (self.test_labels, "<i8"),
        ):
            array = np.ascontiguousarray(tensor.numpy(), dtype=kind)
            total.update(repr(array.shape).encode())
            total.update(array.tobytes())
        return total.hexdigest()


def load_samples(
    source: str | Path | None = None,
    images: int | None = None,
    subset_seed: int = 0,
    n_qubits: int = PIXEL_QUBITS,
) -> RunSamples:
    """MNIST, or another data set, whole or with a stratified part of its training images.

    Args:
        source: as for ``load_mnist``.
        images: training images to keep; None for all. The test images stay whole.
        subset_seed: seed of the draw.
        n_qubits: n of the pixels' range [0, 2 pi / n], the paper's for its n = 8.

    Raises:
        DatasetError: see ``load_mnist``.
        ValueError: ``images`` or ``n_qubits`` out of range.
    """
    positive_integer("n_qubits", n_qubits)
    data = load_mnist(source)
    train_images, train_labels, test_images = data.train_images, data.train_labels, data.test_images
    if n_qubits != PIXEL_QUBITS:
        train_images, test_images = (
            x * (PIXEL_QUBITS / n_qubits) for x in (train_images, test_images)
        )
    if images is not None:
        kept = stratified_subset(train_labels.numpy(), images, subset_seed)
        train_images, train_labels = train_images[kept], train_labels[kept]
    dataset = source if isinstance(source, str) and source in OTHER_DATASETS else ""
    test_labels, seed = data.test_labels, 0 if images is None else subset_seed
    return RunSamples(train_images, train_labels, test_images, test_labels, dataset, n_qubits, seed)
