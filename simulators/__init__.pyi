from .ansatz import Ansatz, EncodingBlock, EntanglingBlock
from .datasets import MnistData, load_mnist
from .distributed_qnn import DistributedQNN
from .gates import Angle, Feature, GateBlock
from .layout import ParameterLayout
from .patch_ensemble import PatchEnsemble
from .patch_model import PatchModel
from .patches import PatchGrid

__all__ = [
    "Angle",
    "Ansatz",
    "DistributedQNN",
    "EncodingBlock",
    "EntanglingBlock",
    "Feature",
    "GateBlock",
    "MnistData",
    "ParameterLayout",
    "PatchEnsemble",
    "PatchGrid",
    "PatchModel",
    "load_mnist",
]
