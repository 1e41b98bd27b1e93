"""Which backend multiplies: the engines where they know the model, autograd for all others."""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, get_args

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.hessian_theory.input_checks import one_of
from patchlaw.simulators.output_losses import LossName
from patchlaw.verification.operators.array_kinds import as_tensor, is_array_like
from patchlaw.verification.operators.autodiff import AutodiffBackend
from patchlaw.verification.operators.backend import CurvatureBackend
from patchlaw.verification.operators.losses import LossFunction
from patchlaw.verification.operators.patch_block import computes_as_written
from patchlaw.verification.ranks.ranks import Group, Ranks
from patchlaw.verification.settings import check_integer

# Inputs of all samples, or batches of them that can be read again and again.
Data: TypeAlias = Tensor | ArrayLike | Iterable[Any]
BackendName: TypeAlias = Literal["auto", "autodiff", "fast"]


def make_backend(
    model: torch.nn.Module,
    images: Data,
    labels: Tensor | ArrayLike | None,
    backend: BackendName,
    chunk_size: int | None,
    loss: LossName | LossFunction,
    memory_budget: float | None,
    check: bool,
    name: str | None,
    group: Group | Ranks | None,
) -> CurvatureBackend:
    """The backend of a model at its present parameters on the given samples.

    Raises:
        ValueError: an unknown name, a chunk size below 1, what the backend refuses, or another
            model or other samples on some rank of the group.
    """
    one_of("backend", backend, get_args(BackendName))
    if chunk_size is not None:
        check_integer("chunk_size", chunk_size)
    ranks = Ranks.of(group)

    def chosen() -> CurvatureBackend:
        options: dict[str, Any] = {
            "loss": loss,
            "chunk_size": chunk_size,
            "name": name,
            "ranks": ranks,
        }
        in_memory = labels is not None and is_array_like(images)
        if backend == "fast" and not in_memory:
            raise ValueError(
                "backend: 'fast' expects all images and labels in memory, got a loader of batches; "
                "use backend='autodiff'"
            )
        if backend == "fast" or (backend == "auto" and in_memory and computes_as_written(model)):
            # numba takes a second to import: only where it is used
            from patchlaw.verification.operators.fast import FastBackend, fast_backend_knows

            if backend == "fast" or fast_backend_knows(model, loss):
                return FastBackend(model, images, labels, memory_budget=memory_budget, **options)
        return AutodiffBackend(model, images, labels, check=check, **options)

    made = ranks.agreed(chosen)
    ranks.check_same(made.facts)
    return made


def own_copy(images: Data, labels: Any) -> tuple[Any, Any]:
    """Images and labels as tensors of their own, so that who changes theirs changes no operator.

    A loader of batches comes back as it is; it is read again at every product.

    Raises:
        TypeError, ValueError: see as_tensor.
    """
    with torch.inference_mode(False):
        if labels is not None:
            labels = as_tensor("labels", labels).clone()
            if is_array_like(images):
                images = as_tensor("images", images).clone()
    return images, labels
