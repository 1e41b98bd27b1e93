"""Checks at the door: what a curvature operator refuses about a model and its data."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.simulators.patch_model import PatchModule
from patchlaw.verification.operators.array_kinds import as_tensor
from patchlaw.verification.operators.differences import first_line

_UNSAFE_IN_TRAIN_MODE = (
    torch.nn.modules.dropout._DropoutNd,
    torch.nn.modules.batchnorm._BatchNorm,
    torch.nn.RReLU,
)

_PARALLEL = ("DataParallel", "DistributedDataParallel", "FullyShardedDataParallel")


def check_model(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The trainable parameters by name, in the order of ``model.parameters()``.

    Raises:
        TypeError: not a torch module.
        ValueError: no trainable parameter; mixed dtypes or devices; NaN or infinity; parameters
            without values, or sparse ones; layers whose train mode makes the loss random or
            couples the samples of a batch; wrappers by torch.compile or for several devices.
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {type(model).__name__}")
    for name, module in model.named_modules():
        if module.training and isinstance(module, _UNSAFE_IN_TRAIN_MODE):
            raise ValueError(
                f"model: expected {type(module).__name__} {name!r} in evaluation mode (its train "
                "mode makes the Hessian ill-defined), got train mode; call model.eval()"
            )
        _check_kind(name, module)
    trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
    for tensor_name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if torch.nn.parameter.is_lazy(tensor):
            raise ValueError(
                f"model: expected parameters with a shape, got {tensor_name!r} of a lazy layer "
                "without one; pass one batch through the model first"
            )
        if tensor.device.type == "meta":
            raise ValueError(
                f"model: expected parameters with values, got {tensor_name!r} on the meta device; "
                "call model.to_empty(device='cpu') and load its state_dict"
            )
    if not sum(p.numel() for p in trainable.values()):
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
        if parameter.layout != torch.strided:
            raise ValueError(
                f"model: expected dense parameters, got {name!r} with layout "
                f"{str(parameter.layout).removeprefix('torch.')}; freeze it, or make it dense"
            )
        if not torch.isfinite(parameter.detach()).all():
            raise ValueError(
                f"model: expected finite parameters, got NaN or infinity in {name!r}; "
                "load a checkpoint from before the training diverged"
            )
    return trainable


def _check_kind(name: str, module: torch.nn.Module) -> None:
    """Refuse wrappers around the module that is meant."""
    kind, place = type(module).__name__, f" at {name!r}" if name else ""
    if kind in _PARALLEL:
        raise ValueError(
            f"model: expected a module on one device, got {kind}{place}; give what it wraps, "
            f"{_path(name)}.module"
        )
    if "_orig_mod" in module._modules:
        raise ValueError(
            f"model: expected a module that autograd differentiates twice, got the result of "
            f"torch.compile{place}, which it does not; give {_path(name)}._orig_mod"
        )
    if module._compiled_call_impl is not None:
        raise ValueError(
            f"model: expected a module that autograd differentiates twice, got one compiled in "
            f"place (.compile()){place}, which it does not; give a copy that is not compiled, or "
            f"set {_path(name)}._compiled_call_impl = None"
        )


def _path(name: str) -> str:
    return f"model.{name}" if name else "model"


def check_images(model: torch.nn.Module, images: Tensor | ArrayLike) -> Tensor:
    """Images on the model's device, floating ones in its dtype; a model of patches checks its own.

    Raises:
        TypeError: data that are no numbers; see as_tensor.
        ValueError: zero images, NaN or infinity, or a shape that the model refuses.
    """
    tensor = as_tensor("images", images)
    if isinstance(model, PatchModule):
        if not tensor.is_floating_point():
            raise refused_images(model, tensor, None)
        tensor = model.check_images(tensor)
    else:
        parameter = next(p for p in model.parameters() if p.requires_grad)
        tensor = tensor.to(parameter.device)
        if tensor.is_floating_point():
            tensor = tensor.to(parameter.dtype)
        if not torch.isfinite(tensor).all():
            raise ValueError("images: expected finite numbers, got NaN or infinity")
        if tensor.ndim < 1:
            raise ValueError("images: expected shape (N, ...), got a single number")
    if len(tensor) == 0:
        raise ValueError("images: expected at least one sample, got zero")
    return tensor


def refused_images(model: torch.nn.Module, images: Tensor, error: Exception | None) -> Exception:
    """Why a model does not take some images: integers where it computes, or their shape."""
    dtype = str(images.dtype).removeprefix("torch.")
    if not images.is_floating_point() and not images.is_complex():
        radians = isinstance(model, PatchModule) and model.unit == "radians"
        unit = "radians" if radians else "scaled as in training"
        return TypeError(
            f"images: expected floating-point numbers ({unit}), got {dtype}; convert and scale "
            "them, for instance images / 255"
            + (" * 2 * pi / n_qubits" if radians else "")
            + ("" if error is None else f" (the model says {first_line(error)!r})")
        )
    said = "" if error is None else f": {first_line(error)}"
    return ValueError(
        f"images: expected a shape and dtype that the model takes, got {tuple(images.shape)} of "
        f"{images.dtype} for one sample{said}"
    )
