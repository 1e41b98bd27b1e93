"""The models and samples that the benchmarks run on: the paper's model at its initial angles."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.peers.exchange import Problem
from patchlaw.simulators import DistributedQNN, load_mnist
from patchlaw.simulators.datasets import MnistData

TRAINING_SET = 60_000


@dataclass(frozen=True)
class Scale:
    """How much is run: the sizes of the claims, or sizes that only try a script out.

    Attributes:
        tiny: whether the numbers mean nothing.
        peers: whether other libraries are run.
        device: that benchmarks of a GPU use; the CPU tries them out.
    """

    tiny: bool = False
    peers: bool = True
    device: str = "cuda"

    @property
    def name(self) -> str:
        """As records carry it."""
        return "tiny" if self.tiny else "full"

    def pick(self, full: int, tiny: int) -> int:
        """The size at this scale."""
        return tiny if self.tiny else full


@cache
def mnist() -> MnistData:
    """The embedded data set, read once a process."""
    return load_mnist()


def samples(n_samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first training images and labels."""
    data = mnist()
    return data.train_images[:n_samples], data.train_labels[:n_samples]


def model(
    n_patches: int,
    depth: int,
    dtype: torch.dtype = torch.float32,
    seed: int = 1001,
    n_qubits: int = 8,
) -> DistributedQNN:
    """The paper's model at the author's initial angles, with a pixel bias that is not zero."""
    result = DistributedQNN(n_patches, depth, n_qubits=n_qubits, dtype=dtype, seed=seed)
    bias = np.random.default_rng(7).uniform(-0.1, 0.1, tuple(result.pixel_bias.shape))
    with torch.no_grad():
        result.pixel_bias.copy_(torch.from_numpy(bias.astype(np.float32)))
    return result


def direction(n_parameters: int, seed: int = 3) -> NDArray[np.float64]:
    """A random unit vector in parameter space, shape (D,), its entries float32 numbers."""
    vector = np.random.default_rng(seed).standard_normal(n_parameters)
    return (vector / np.linalg.norm(vector)).astype(np.float32).astype(np.float64)


def problem(network: DistributedQNN, n_samples: int) -> Problem:
    """The same for a peer."""
    images, labels = samples(n_samples)
    return Problem(
        n_qubits=network.ansatz.n_qubits,
        depth=network.ansatz.depth,
        n_patches=network.n_patches,
        n_classes=network.n_classes,
        image_side=network.grid.image_side,
        scale=network.scale,
        angles=network.angles.detach().numpy(),
        pixel_bias=network.pixel_bias.detach().numpy(),
        images=images.numpy(),
        labels=labels.numpy(),
        vector=direction(network.n_parameters).astype(np.float32),
    )
