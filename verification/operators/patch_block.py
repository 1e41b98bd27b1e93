"""Which modules are this package's and compute as their class says; which have patches."""

from collections.abc import Callable

import torch
from torch import Tensor

from patchlaw.simulators import DistributedQNN, ParameterLayout, PatchEnsemble, PatchModel
from patchlaw.simulators.distributed_qnn import CircuitBlock
from patchlaw.simulators.patch_model import PatchModule


def computes_as_written(model: torch.nn.Module) -> bool:
    """Whether a module is of circuits, this package's, and computes what its class says.

    Not a subclass, whose forward pass may be another, nor one with hooks or a forward of its own.
    """
    return type(model) in (DistributedQNN, CircuitBlock) and not _has_own_forward(model)


def plain_forward(model: torch.nn.Module) -> Callable[[Tensor], Tensor]:
    """How autograd sees every operation of the module: for our own model not by the engine."""
    if isinstance(model, DistributedQNN) and computes_as_written(model):
        return model.autograd_logits
    return model


def layout_of(model: torch.nn.Module) -> ParameterLayout:
    """Names, and groups if it has patches, of a module's trained parameters in flat order."""
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    if isinstance(model, PatchModel) and len(trained) == len(list(model.parameters())):
        return model.layout
    return ParameterLayout.of(trained)


def as_patch_model(model: torch.nn.Module) -> PatchModel:
    """The model, where patches are asked for.

    Raises:
        TypeError: the model has no patches, or a forward pass or hooks of its own.
        ValueError: some of its parameters are frozen.
    """
    name = type(model).__name__
    derived = isinstance(model, PatchModule) and type(model) not in (DistributedQNN, PatchEnsemble)
    if not isinstance(model, PatchModel):
        raise TypeError(
            "model: expected a PatchModel (DistributedQNN, PatchEnsemble or another model with "
            f"patches), got {name}"
        )
    if derived or _has_own_forward(model):
        raise TypeError(
            "model: expected a PatchModel that computes what its class says where patches are "
            f"asked for, got {name} with a forward pass or hooks of its own; restrict the operator "
            "instead (RestrictedOperator)"
        )
    if not all(p.requires_grad for p in model.parameters()):
        raise ValueError(
            "model: expected all parameters to require gradients where patches are asked for, "
            "got frozen ones; restrict the operator instead (RestrictedOperator)"
        )
    return model


def _has_own_forward(model: torch.nn.Module) -> bool:
    return bool(model._forward_hooks or model._forward_pre_hooks or "forward" in vars(model))
