"""The embedded MNIST data set and the reading of MNIST-format files."""

from patchlaw.simulators.datasets.errors import DatasetError
from patchlaw.simulators.datasets.mnist import MnistData, load_mnist

__all__ = ["DatasetError", "MnistData", "load_mnist"]
