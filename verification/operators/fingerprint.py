"""A hash of everything that a curvature matrix depends on, the arithmetic left out."""

import hashlib

import numpy as np
import torch
from torch import Tensor

from simulators import DistributedQNN
from verification.operators.patch_block import PatchBlockModel, computes_as_written


def fingerprint(model: torch.nn.Module, loss: str, images: Tensor, targets: Tensor) -> str:
    """sha256 of the model's structure, parameters and buffers, the loss's name and the samples.

    It tells a checkpoint of one problem from another's; it does not look into the code of a
    module's forward pass, so two modules of equal text and tensors count as one.
    """
    digest = hashlib.sha256()
    digest.update(f"{_structure(model)}\n{loss}\n".encode())
    trained = {name: p.requires_grad for name, p in model.named_parameters()}
    tensors = [*model.named_parameters(), *model.named_buffers()]
    for name, tensor in [*tensors, ("images", images), ("targets", targets)]:
        array = np.ascontiguousarray(tensor.detach().cpu().numpy())
        label = f"{name} {trained.get(name)} {array.dtype} {array.shape}\n"
        digest.update(label.encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _structure(model: torch.nn.Module) -> str:
    if isinstance(model, DistributedQNN) and computes_as_written(model):
        return f"DistributedQNN {model.ansatz!r} {model.grid!r} {model.output_scale!r}"
    if isinstance(model, PatchBlockModel):
        return f"PatchBlockModel {model.ansatz!r} {model.output_scale!r} {model.n_classes}"
    return repr(model)
