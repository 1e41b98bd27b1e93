"""Checks at the door: what a curvature operator refuses about a model and its data."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from simulators import DistributedQNN

_UNSAFE_IN_TRAIN_MODE = (
    torch.nn.modules.dropout._DropoutNd,
    torch.nn.modules.batchnorm._BatchNorm,
    torch.nn.RReLU,
)


def check_model(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The trainable parameters by name, in the order of ``model.parameters()``.

    Raises:
        TypeError: not a torch module.
        ValueError: no trainable parameter; mixed dtypes or devices; NaN or infinity; layers
            whose train mode makes the loss random or couples the samples of a batch.
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {type(model).__name__}")
    for name, module in model.named_modules():
        if module.training and isinstance(module, _UNSAFE_IN_TRAIN_MODE):
            raise ValueError(
                f"model: expected {type(module).__name__} {name!r} in evaluation mode (its train "
                "mode makes the Hessian ill-defined), got train mode; call model.eval()"
            )
    trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
    if not trainable:
        raise ValueError(
            "model: expected at least one parameter that requires gradients, got none; "
            "call model.requires_grad_(True)"
        )
    kinds = {(p.dtype, p.device) for p in trainable.values()}
    if len(kinds) > 1 or next(iter(kinds))[0] not in (torch.float32, torch.float64):
        raise ValueError(
            "model: expected all parameters in one dtype, float32 or float64, on one device, "
            f"got {sorted(f'{dtype} on {device}' for dtype, device in kinds)}"
        )
    for name, parameter in trainable.items():
        if not torch.isfinite(parameter.detach()).all():
            raise ValueError(
                f"model: expected finite parameters, got NaN or infinity in {name!r}; "
                "load a checkpoint from before the training diverged"
            )
    return trainable


def check_images(model: torch.nn.Module, images: Tensor | ArrayLike) -> Tensor:
    """Images on the model's device, floating ones in its dtype; a DistributedQNN checks its own.

    Raises:
        ValueError: zero images, NaN or infinity, or a shape that the model refuses.
    """
    if isinstance(model, DistributedQNN):
        tensor = model.check_images(images)
    else:
        parameter = next(p for p in model.parameters() if p.requires_grad)
        tensor = torch.as_tensor(images, device=parameter.device)
        if tensor.is_floating_point():
            tensor = tensor.to(parameter.dtype)
            if not torch.isfinite(tensor).all():
                raise ValueError("images: expected finite numbers, got NaN or infinity")
        if tensor.ndim < 1:
            raise ValueError("images: expected shape (N, ...), got a single number")
    if len(tensor) == 0:
        raise ValueError("images: expected at least one sample, got zero")
    return tensor
