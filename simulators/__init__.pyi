from .ansatz import Ansatz, EncodingBlock, EntanglingBlock
from .datasets import MnistData, load_mnist
from .distributed_qnn import DistributedQNN
from .patches import PatchGrid

__all__ = [
    "Ansatz",
    "DistributedQNN",
    "EncodingBlock",
    "EntanglingBlock",
    "MnistData",
    "PatchGrid",
    "load_mnist",
]
