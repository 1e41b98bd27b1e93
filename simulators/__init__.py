"""Simulators of the distributed QNN: one circuit description, three realisations."""

from simulators.ansatz import Ansatz, EncodingBlock, EntanglingBlock
from simulators.datasets import MnistData, load_mnist
from simulators.distributed_qnn import DistributedQNN
from simulators.patches import PatchGrid

__all__ = [
    "Ansatz",
    "DistributedQNN",
    "EncodingBlock",
    "EntanglingBlock",
    "MnistData",
    "PatchGrid",
    "load_mnist",
]
