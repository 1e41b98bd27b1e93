"""What a function or an object computes, as text that another process finds again.

An importable function or class is its name. Anything else is what pickle would rebuild it from:
a name and the values that it is given, down to numbers and digests of tensors. So no address is
ever part of a description; a lambda, a closure or an open file has none. Nothing looks into the
code of a function: two versions of one name have one description.
"""

import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import Tensor

_MAX_PARTS = 100_000  # ours: descriptions of whole programs hanging from an attribute

# What torch keeps in every module, tensors, hooks and children among it.
_INTERNALS = frozenset(vars(torch.nn.Module()))
_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")

_PLAIN = {
    *map(type, (None, ..., True, 0, 0.0, 0j, "", b"", range(0), torch.Size())),
    *(torch.dtype, torch.device, torch.layout),
}


class IndescribableError(ValueError):
    """Something without a description; the message is what it is."""


def describe(value: object) -> str:
    """The description of a value: equal for equal values in every process.

    Raises:
        IndescribableError: lambdas, closures, objects that pickle could not rebuild.
    """
    return _Description().of(value)


def loose_parts(model: torch.nn.Module) -> Iterator[tuple[str, object]]:
    """What a module computes with beyond its text, parameters and buffers, by dotted name.

    Attributes of the module and of those below it, and hooks. Left out are tensors that a forward
    pass has left there with their graph, and what torch's own classes show in their text.
    """
    for path, module in model.named_modules():
        prefix = f"{path}." if path else ""
        for key, value in sorted(_attributes(module).items()):
            yield prefix + key, value
        for kind in _HOOKS:
            if hooks := vars(module).get(kind):
                yield prefix + kind, list(hooks.values())


def _attributes(module: torch.nn.Module) -> dict[str, Any]:
    own = {
        key: value
        for key, value in vars(module).items()
        if key not in _INTERNALS and not (isinstance(value, Tensor) and value.grad_fn is not None)
    }
    cls = type(module)
    if not cls.__module__.startswith("torch.nn.modules."):
        return own
    if cls.extra_repr is torch.nn.Module.extra_repr:
        return own
    text, defaults = module.extra_repr(), _defaults(cls.__init__)
    return {
        key: value
        for key, value in own.items()
        if key in defaults and f"{key}=" not in text and not _is_default(value, defaults[key])
    }


@functools.cache
def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _is_default(value: object, default: object) -> bool:
    """Also (1, 1) for a default of 1."""
    parts = value if isinstance(value, tuple) and not isinstance(default, tuple) else (value,)
    return all(type(part) is type(default) and part == default for part in parts)


class _Description:
    """One description in the making: what it is inside of, and how much it has seen."""

    def __init__(self) -> None:
        self._inside: list[object] = []
        self._parts = 0

    def of(self, value: object) -> str:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise IndescribableError(f"more than {_MAX_PARTS} parts")
        if type(value) in _PLAIN:
            return repr(value)
        if isinstance(value, Tensor):
            digest = hashlib.sha256()
            update_digest(digest, value, "")
            return f"tensor({digest.hexdigest()})"
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
            digest = hashlib.sha256(value.tobytes())
            return f"array({value.dtype.str}, {value.shape}, {digest.hexdigest()})"
        if isinstance(value, type | Callable) and (name := _global_name(value)):
            return name
        for depth, outer in enumerate(reversed(self._inside)):
            if outer is value:
                return f"<{depth} levels up>"
        with self._within(value):
            return self._compound(value)

    @contextmanager
    def _within(self, value: object) -> Iterator[None]:
        self._inside.append(value)
        try:
            yield
        finally:
            self._inside.pop()

    def _compound(self, value: Any) -> str:
        if type(value) is slice:
            value = (slice, value.start, value.stop, value.step)
        if type(value) in (list, tuple):
            return f"{type(value).__name__}({', '.join(self.of(x) for x in value)})"
        if type(value) in (set, frozenset):
            return f"{type(value).__name__}({', '.join(sorted(self.of(x) for x in value))})"
        if type(value) in (dict, types.MappingProxyType):
            return f"dict({self._pairs(value)})"
        if isinstance(value, Enum):
            return f"{self.of(type(value))}.{value.name}"
        if isinstance(value, functools.partial):
            parts = [self.of(value.func), *(self.of(x) for x in value.args)]
            return f"partial({', '.join(parts)}, {self._pairs(value.keywords)})"
        if isinstance(value, torch.nn.Module):
            return self._module(value)
        bound = isinstance(value, types.MethodType | types.BuiltinMethodType)
        if bound and value.__self__ is not None:
            return f"method({self.of(value.__self__)}, {value.__name__})"
        if isinstance(value, types.ModuleType):
            return value.__name__
        if isinstance(value, types.FunctionType | type):
            raise IndescribableError(_short(value))
        return self._rebuilt(value)

    def _pairs(self, mapping: Any) -> str:
        return ", ".join(sorted(f"{self.of(k)}: {self.of(v)}" for k, v in mapping.items()))

    def _module(self, module: torch.nn.Module) -> str:
        if isinstance(module, torch.jit.ScriptModule):
            raise IndescribableError(_short(module))
        tensors = [*module.named_parameters(), *module.named_buffers()]
        flags = {name: part.training for name, part in module.named_modules()}
        parts = [
            *(self.of(type(part)) for part in module.modules()),
            *(f"{name}: {self.of(tensor)}" for name, tensor in tensors),
            *(f"{name}: {self.of(part)}" for name, part in loose_parts(module)),
        ]
        return f"module({module!r}, {flags!r}, {', '.join(parts)})"

    def _rebuilt(self, value: object) -> str:
        try:
            reduced = value.__reduce_ex__(2)
        except Exception as error:  # any class may have a __reduce_ex__ of its own
            raise IndescribableError(_short(value)) from error
        if isinstance(reduced, str):
            raise IndescribableError(_short(value))
        make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        parts = [self.of(make), self.of(arguments), self.of(state)]
        parts += [self.of(list(items))] if items is not None else []
        parts += [self._pairs(dict(pairs))] if pairs is not None else []
        return f"object({', '.join(parts)})"


def _global_name(value: Any) -> str | None:
    """``module.qualname`` of what an import finds under that name; None otherwise."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}.{name}" if found is value else None


def _short(value: object) -> str:
    """What something is, without its address."""
    name = getattr(value, "__qualname__", None)
    return f"{type(value).__name__} {name}" if isinstance(name, str) else type(value).__name__


def update_digest(digest: Any, tensor: Tensor, label: str | None) -> None:
    """Feed a tensor into a hash: a line of label, dtype and shape, and the numbers.

    Args:
        digest: of hashlib.
        tensor: of any layout, on any device.
        label: None leaves the line out.

    Raises:
        IndescribableError: a tensor without numbers (meta device).
    """
    with torch.no_grad():
        head, parts = _numbers(tensor.detach())
        if label is not None:
            digest.update(f"{label} {head}\n".encode())
        for part in parts:
            plain = part.resolve_conj().resolve_neg().cpu().contiguous()
            digest.update(plain.reshape(-1).view(torch.uint8).numpy())


def tensor_head(tensor: Tensor, length: int | None = None) -> str:
    """Dtype and shape, a single number's as (1,), with another length if one is given."""
    shape = tuple(tensor.shape) or (1,)
    if length is not None:
        shape = (length, *shape[1:])
    return f"{str(tensor.dtype).removeprefix('torch.')} {shape}"


def _numbers(tensor: Tensor) -> tuple[str, list[Tensor]]:
    """Head of a tensor and what it is made of, dense."""
    head = tensor_head(tensor)
    if tensor.device.type == "meta":
        raise IndescribableError("tensor on the meta device")
    if tensor.layout == torch.strided:
        return head, [tensor.dequantize() if tensor.is_quantized else tensor]
    head += f" {tensor.layout}"
    if tensor.layout == torch.sparse_coo:
        whole = tensor.coalesce()
        return head, [whole.indices(), whole.values()]
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return head, [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return head, [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    return head, [tensor.to_dense()]
