"""The data sets of the package and the reading of MNIST-format files."""

from patchlaw.simulators.datasets.errors import DatasetError
from patchlaw.simulators.datasets.mnist import OTHER_DATASETS, MnistData, load_mnist

__all__ = ["OTHER_DATASETS", "DatasetError", "MnistData", "load_mnist"]
