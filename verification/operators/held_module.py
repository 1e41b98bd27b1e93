"""A module held at the state it had: its own tensors, put back in place for every product.

What is differentiated are the module's own Parameters and never stand-ins for them, so it does
not matter by which way the forward pass comes to them: attribute, list, dictionary, closure, a
recomputation during the backward pass. Whoever trains the module in the meantime finds it as they
left it.
"""

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from patchlaw.verification.operators.patch_block import plain_forward

# A module's own dictionary of parameters or of buffers.
Registry: TypeAlias = MutableMapping[str, Any]


@dataclass(frozen=True)
class _Slot:
    """One registered tensor: where it hangs, its memory, and what was in it."""

    owner: Registry
    key: str
    tensor: Tensor
    memory: Tensor
    value: Tensor
    requires_grad: bool

    @classmethod
    def of(cls, owner: Registry, key: str) -> "_Slot":
        tensor: Tensor = owner[key]
        memory = tensor.detach()
        return cls(owner, key, tensor, memory, memory.clone(), tensor.requires_grad)

    def _hangs(self) -> bool:
        return self.key in self.owner and self.owner[self.key] is self.tensor

    def _lies(self) -> bool:
        """Whether the tensor is its memory, element by element: a view of that may be another."""
        return _place(self.tensor.detach()) == _place(self.memory)

    def holds(self) -> bool:
        if self.tensor.layout != torch.strided:
            return self._hangs()
        return (
            self._hangs()
            and self.tensor.requires_grad == self.requires_grad
            and self._lies()
            and _same(self.memory, self.value)
        )

    def put(self) -> None:
        if not self._hangs():
            self.owner[self.key] = self.tensor
        if self.tensor.layout != torch.strided:
            return
        if not self._lies():
            self.tensor.data = self.memory
        if not _same(self.memory, self.value):
            self.memory.copy_(self.value)
        if self.tensor.requires_grad != self.requires_grad:
            self.tensor.requires_grad_(self.requires_grad)


def _place(tensor: Tensor) -> tuple[object, ...]:
    return tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()


def _same(a: Tensor, b: Tensor) -> bool:
    """Bit for bit as far as a comparison tells; NaN is never the same, and is copied again."""
    return a.shape == b.shape and a.dtype == b.dtype and bool((a == b).all())


class _State:
    """Parameters, buffers and train flags of a module at one moment."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.modules = modules = list(model.modules())
        self.training = [(module, module.training) for module in modules]
        self.parameters = [
            _Slot.of(m._parameters, k) for m in modules for k in _filled(m._parameters)
        ]
        self.buffers = [_Slot.of(m._buffers, k) for m in modules for k in _filled(m._buffers)]

    def holds(self) -> bool:
        return all(m.training == flag for m, flag in self.training) and all(
            slot.holds() for slot in [*self.parameters, *self.buffers]
        )

    def put(self) -> None:
        for module, flag in self.training:
            module.training = flag
        for slot in [*self.parameters, *self.buffers]:
            slot.put()


def _filled(mapping: Registry) -> list[str]:
    return [key for key, tensor in mapping.items() if tensor is not None]


def finer(tensor: Tensor) -> Tensor:
    """Single precision in double; other tensors as they are."""
    doubles = {torch.float32: torch.float64, torch.complex64: torch.complex128}
    return tensor.to(doubles.get(tensor.dtype, tensor.dtype))


class HeldModule:
    """A module at the parameters, buffers and train flags that it has now, for good.

    Args:
        model: used itself, not a copy.
        names: the parameters that are differentiated.

    Attributes:
        model: the module.
        names: as given.
        parameters: the module's own Parameters of these names.
        values: what they held, private copies of the same shapes.

    Raises:
        ValueError: parameters made under ``torch.inference_mode()``, or by ``expand``.
    """

    def __init__(self, model: torch.nn.Module, names: Sequence[str]) -> None:
        self.model = model
        self.names = list(names)
        named = dict(model.named_parameters())
        self.parameters: list[Tensor] = [named[name] for name in self.names]
        for name, parameter in zip(self.names, self.parameters, strict=True):
            if parameter.is_inference():
                raise ValueError(
                    "model: expected parameters that autograd can follow, got "
                    f"{name!r} made under torch.inference_mode(); build the model outside it"
                )
            if any(
                n > 1 and step == 0
                for n, step in zip(parameter.shape, parameter.stride(), strict=True)
            ):
                raise ValueError(
                    f"model: expected parameters whose elements move one by one, got {name!r} with "
                    "elements that share memory (expand); give it memory of its own by clone()"
                )
        self._state = _State(model)
        kept = {id(slot.tensor): slot.value for slot in self._state.parameters}
        self.values = [kept[id(p)] for p in self.parameters]
        self._inside = False

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The held state inside, the module as it was found afterwards.

        Raises:
            ValueError: parts of the module have been exchanged since.
        """
        if self._inside:
            yield
            return
        present = list(self.model.modules())
        if len(present) != len(self._state.modules) or any(
            a is not b for a, b in zip(present, self._state.modules, strict=True)
        ):
            raise ValueError(
                "model: expected the layers that it had when the operator was made, got others; "
                "make a new operator, or give the first one copy.deepcopy(model)"
            )
        found = self._state if self._state.holds() else _State(self.model)
        self._inside = True
        try:
            self._state.put()
            yield
        finally:
            self._inside = False
            found.put()

    @contextmanager
    def moved(self, direction: Sequence[Tensor], step: float) -> Iterator[None]:
        """The parameters at value + step * direction inside, back at value afterwards."""
        with self.in_place():
            try:
                for p, value, d in zip(self.parameters, self.values, direction, strict=True):
                    p.data.copy_(value + step * d)
                yield
            finally:
                self._state.put()

    @contextmanager
    def in_double(self) -> Iterator[None]:
        """Parameters and buffers of single precision in double inside: finer rounding."""
        with self.in_place():
            single, default = (self._state, self.values), torch.get_default_dtype()
            try:
                torch.set_default_dtype(torch.float64)  # of zeros that a forward pass starts from
                for slot in [*self._state.parameters, *self._state.buffers]:
                    if slot.tensor.layout == torch.strided:
                        slot.tensor.data = finer(slot.value)
                self._state, self.values = _State(self.model), [finer(v) for v in self.values]
                yield
            finally:
                torch.set_default_dtype(default)
                self._state, self.values = single
                self._state.put()

    def __call__(self, images: Tensor) -> Tensor:
        """What the module gives, its buffers as they were held; inside ``in_place`` only."""
        for slot in self._state.buffers:
            slot.put()
        result: Tensor = plain_forward(self.model)(images)
        return result

    def moved_buffers(self) -> dict[str, Tensor]:
        """The floating-point buffers that the latest call has changed, as they are now."""
        return {
            slot.key: now
            for slot in self._state.buffers
            if slot.key in slot.owner
            and (now := slot.owner[slot.key]) is not None
            and now.is_floating_point()
            and not slot.holds()
        }
