"""Which backend multiplies: the fastest that knows the model, autograd for all others."""

from typing import Literal, TypeAlias, get_args

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from verification.operators.autodiff import AutodiffBackend
from verification.operators.backend import CurvatureBackend

BackendName: TypeAlias = Literal["auto", "autodiff"]


def make_backend(
    model: torch.nn.Module,
    images: Tensor | ArrayLike,
    labels: Tensor | ArrayLike,
    name: BackendName = "auto",
) -> CurvatureBackend:
    """The backend of a model at its present parameters on the given samples.

    Raises:
        ValueError: an unknown name, or what the backend refuses.
    """
    if name not in get_args(BackendName):
        raise ValueError(f"backend: expected one of {list(get_args(BackendName))}, got {name!r}")
    return AutodiffBackend(model, images, labels)
