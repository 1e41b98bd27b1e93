"""What the tests of the numba and the torch engine share: a small model, labels, one tolerance."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from tests.strategies import ModelCase

# double precision: a few hundred gates of rounding 1e-16 each, relative to the size of the result
TOLERANCE = 1e-11


def labels_of(case: ModelCase) -> Tensor:
    """Labels that use every class in turn: the batch's size and C are what is drawn."""
    return torch.arange(len(case.images)) % case.model.n_classes


def assert_close(actual: np.ndarray | float, expected: np.ndarray | float, size: float) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * max(size, 1.0))


@dataclass(frozen=True)
class Small:
    """A model of two qubits with seven samples."""

    model: DistributedQNN
    images: Tensor
    labels: Tensor


def small(dtype: torch.dtype = torch.float64, device: str = "cpu", **sizes: int) -> Small:
    options = {"n_patches": 4, "depth": 1, "n_qubits": 2, "image_side": 3, "n_classes": 4} | sizes
    model = DistributedQNN(**options, scale=5.0, dtype=dtype, device=device)
    generator = torch.Generator().manual_seed(2)
    side = options["image_side"]
    images = torch.rand(7, side, side, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 4, (7,), generator=generator)
    return Small(model, images.to(device, dtype), labels.to(device))
