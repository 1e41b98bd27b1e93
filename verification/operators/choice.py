"""Which backend multiplies: the engines where they know the model, autograd for all others."""

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from verification.operators.autodiff import AutodiffBackend
from verification.operators.backend import CurvatureBackend
from verification.operators.losses import LossFunction, LossName
from verification.operators.patch_block import computes_as_written

BackendName: TypeAlias = Literal["auto", "autodiff", "fast"]


def make_backend(
    model: torch.nn.Module,
    images: Tensor | ArrayLike,
    labels: Tensor | ArrayLike,
    name: BackendName = "auto",
    chunk_size: int | None = None,
    loss: LossName | LossFunction = "cross_entropy",
    memory_budget: float | None = None,
    check: bool = True,
) -> CurvatureBackend:
    """The backend of a model at its present parameters on the given samples.

    Raises:
        ValueError: an unknown name, a chunk size below 1, or what the backend refuses.
    """
    if name not in get_args(BackendName):
        raise ValueError(f"backend: expected one of {list(get_args(BackendName))}, got {name!r}")
    if chunk_size is not None and (
        isinstance(chunk_size, bool) or not isinstance(chunk_size, int) or chunk_size < 1
    ):
        raise ValueError(f"chunk_size: expected an integer >= 1, got {chunk_size!r}")
    options: dict[str, Any] = {} if chunk_size is None else {"chunk_size": chunk_size}
    if name == "autodiff" or (name == "auto" and not computes_as_written(model)):
        return AutodiffBackend(model, images, labels, loss=loss, check=check, **options)
    # numba takes a second to import: only where it is used
    from verification.operators.fast import FastBackend, fast_backend_knows

    if name == "auto" and not fast_backend_knows(model, loss):
        return AutodiffBackend(model, images, labels, loss=loss, check=check, **options)
    return FastBackend(model, images, labels, loss=loss, memory_budget=memory_budget, **options)


def own_copy(data: Any) -> Any:
    """Tensors, arrays and lists copied, so that who changes theirs does not change an operator.

    Anything else (a loader of batches) comes back as it is.
    """
    if isinstance(data, Tensor):
        with torch.inference_mode(False):
            return data.detach().clone()
    if isinstance(data, np.ndarray):
        return data.copy()  # keeps a mask, for those who refuse it
    if isinstance(data, list | tuple) and not any(isinstance(x, list | tuple | dict) for x in data):
        return [own_copy(x) for x in data]
    return data
