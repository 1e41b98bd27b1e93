"""Arrays of every kind as torch tensors of the same numbers, or refused in words."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Kinds that torch has, by numpy's letter; bool, integers, floats, complex numbers.
_NUMBERS = "biufc"


def is_array_like(data: object) -> bool:
    """Whether data are numbers in memory rather than something that yields batches of them."""
    return isinstance(data, Tensor | Sequence | int | float) or hasattr(data, "__array__")


def as_tensor(name: str, data: object) -> Tensor:
    """A tensor with the numbers of the data, on their device; it may share their memory.

    Unsigned integers of more than 8 bits become int64, numpy's longdouble float64 (rounded).
    Numbers of Python become int64, bool, and torch's default dtype if that holds them exactly,
    else float64.

    Args:
        name: of the argument, for messages.
        data: tensor, array, anything with ``__array__``, or nested lists of numbers, arrays and
            tensors.

    Raises:
        TypeError: text, dates, records, objects that are no numbers.
        ValueError: masked, ragged, sparse, nested or quantised data, data on the meta device,
            integers beyond int64.
    """
    if isinstance(data, Tensor):
        return _own_tensor(name, data)
    if isinstance(data, list | tuple) and any(isinstance(x, Tensor) for x in data):
        return _stacked(name, data)
    tensor = _from_numpy(name, _array(name, data))
    if tensor.dtype == torch.float64 and _is_of_python(data):
        default = tensor.to(torch.get_default_dtype())
        return default if torch.equal(default.double(), tensor) else tensor
    return tensor


def _is_of_python(data: Any) -> bool:
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return type(data) in (int, float)


def _own_tensor(name: str, tensor: Tensor) -> Tensor:
    kind = type(tensor).__name__
    layout = str(tensor.layout).removeprefix("torch.")
    for refused, expected, got in (
        ("Masked" in kind, "data without a mask", f"a {kind}; {_UNMASK}"),
        (tensor.is_nested, "samples of one shape", f"a nested tensor; {_ALIKE}"),
        (layout != "strided", "a dense tensor", f"layout {layout}; use .to_dense()"),
        (tensor.is_meta, "numbers", "a tensor on the meta device; load the data"),
        (tensor.is_quantized, "plain numbers", f"{tensor.dtype}; use .dequantize()"),
    ):
        if refused:
            raise ValueError(f"{name}: expected {expected}, got {got}")
    with torch.inference_mode(False), torch.no_grad():
        # a conjugate or negative view has bits that are not its numbers
        plain = tensor.detach().resolve_conj().resolve_neg()
    if plain.dtype in (torch.uint16, torch.uint32, torch.uint64):
        return _from_numpy(name, plain.cpu().numpy()).to(plain.device)
    return plain


def _stacked(name: str, data: Sequence[object]) -> Tensor:
    parts = [as_tensor(name, x) for x in data]
    shapes = {tuple(part.shape) for part in parts}
    if len(shapes) > 1:
        raise _ragged(name, f"shapes {sorted(shapes)[:3]}")
    common = functools.reduce(torch.promote_types, (part.dtype for part in parts))
    return torch.stack([part.to(parts[0].device, common) for part in parts])


def _array(name: str, data: Any) -> NDArray[Any]:
    if isinstance(data, str | bytes):
        raise TypeError(f"{name}: expected an array of numbers, got {type(data).__name__}")
    _refuse_masks(name, data)
    try:
        array = np.asarray(data)
    except (ValueError, TypeError, RuntimeError) as error:
        text = (str(error).splitlines() or [""])[0]
        if "inhomogeneous" in text or "broadcast" in text:
            raise _ragged(name, "lists of different lengths") from error
        raise TypeError(f"{name}: expected an array of numbers, got {text}") from error
    return _from_objects(name, array) if array.dtype == object else array


def _refuse_masks(name: str, data: Any) -> None:
    """Numpy drops the masks of masked arrays, also of those in lists."""
    if isinstance(data, np.ma.MaskedArray):
        if np.ma.is_masked(data):
            raise ValueError(
                f"{name}: expected data without a mask, got a masked array with "
                f"{int(np.ma.getmaskarray(data).sum())} masked elements; {_UNMASK}"
            )
    elif isinstance(data, list | tuple):
        for item in data:
            if isinstance(item, list | tuple | np.ma.MaskedArray):
                _refuse_masks(name, item)


def _from_objects(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Objects that are numbers of one kind, or arrays of one shape."""
    items = array.ravel().tolist()
    if not items:
        raise TypeError(f"{name}: expected an array of numbers, got an empty one of objects")
    if any(isinstance(x, np.ndarray | list | tuple | Tensor) for x in items):
        _refuse_masks(name, items)
        rows = [as_tensor(name, x).cpu().numpy() for x in items]
        if len({row.shape for row in rows}) > 1:
            raise _ragged(name, f"shapes {sorted({row.shape for row in rows})[:3]}")
        return np.stack(rows).reshape(*array.shape, *rows[0].shape)
    for kinds, dtype in (
        ((bool, np.bool_), np.bool_),
        ((int, np.integer), np.int64),
        ((int, float, np.integer, np.floating), np.float64),
    ):
        if all(isinstance(x, kinds) and (dtype is np.bool_ or not _is_bool(x)) for x in items):
            try:
                return np.array(items, dtype=dtype).reshape(array.shape)
            except OverflowError as error:
                raise _beyond(name, max(items, key=abs)) from error
    strange = next((x for x in items if _is_bool(x) or not isinstance(x, _PLAIN)), items[0])
    raise TypeError(
        f"{name}: expected numbers of one kind, got objects such as {strange!r:.40} "
        f"({type(strange).__name__}); convert them with .astype"
    )


def _is_bool(x: object) -> bool:
    return isinstance(x, bool | np.bool_)


def _from_numpy(name: str, array: NDArray[Any]) -> Tensor:
    kind = array.dtype.kind
    if kind not in _NUMBERS:
        raise TypeError(f"{name}: expected an array of numbers, got dtype {array.dtype}")
    if kind == "u" and array.dtype.itemsize > 1:
        if array.size and int(array.max()) > np.iinfo(np.int64).max:
            raise _beyond(name, array.max())
        array = array.astype(np.int64)
    elif array.dtype.itemsize > np.dtype({"f": "f8", "c": "c16"}.get(kind, "f8")).itemsize:
        array = array.astype({"f": np.float64, "c": np.complex128}[kind])
    # in the machine's byte order and with positive strides, as torch wants them
    native = np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")
    return torch.from_numpy(native if native.flags.writeable else native.copy())


def _ragged(name: str, got: str) -> ValueError:
    return ValueError(f"{name}: expected samples of one shape, got {got}; {_ALIKE}")


def _beyond(name: str, value: object) -> ValueError:
    return ValueError(f"{name}: expected integers that int64 holds, got {value}")


_PLAIN = (int, float, np.integer, np.floating)
_UNMASK = "fill the masked elements (.filled) or leave their samples out"
_ALIKE = "pad or crop them to one shape"
