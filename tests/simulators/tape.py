"""A stand-in for a CUDA graph on the CPU, and what a graph would not hold."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from patchlaw.simulators.torch_engine.recordings import Outputs

# what waits for the device, or gives shapes that depend on its numbers
WAITS = {"_local_scalar_dense", "is_nonzero", "nonzero", "equal", "item", "unique", "masked_select"}


def tensors(arguments: Any) -> list[Tensor]:
    """Those among the leaves."""
    return [leaf for leaf in tree_leaves(arguments) if isinstance(leaf, Tensor)]


class Tape(TorchDispatchMode):
    """The operations of a call, on the very tensors that they met.

    As a CUDA graph it leaves what the call wrote outside as it was, runs no Python in a replay, and
    keeps every number that came from the host; it refuses what waits for the device.
    """

    def __init__(self) -> None:
        super().__init__()
        self._operations: list[tuple[Any, tuple, dict, list[Tensor]]] = []
        self._own: set[int] = set()
        self._before: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket.__name__ in WAITS:
            raise RuntimeError(f"operation not permitted when stream is capturing: {func}")
        given = {t.untyped_storage()._cdata for t in tensors((args, kwargs))}
        for argument, value in zip(func._schema.arguments, args, strict=False):
            if argument.is_write:
                self._keep(value)
        self._keep(kwargs.get("out"))
        results = func(*args, **kwargs)
        fresh = [t for t in tensors(results) if t.untyped_storage()._cdata not in given]
        self._own |= {t.untyped_storage()._cdata for t in fresh}
        self._operations.append((func, args, kwargs, fresh))
        return results

    def _keep(self, value: Any) -> None:
        for tensor in tensors(value):
            key = tensor.untyped_storage()._cdata
            if key not in self._own and id(tensor) not in self._before:
                self._before[id(tensor)] = tensor, tensor.clone()

    def rewind(self) -> None:
        """What the call wrote outside is as it was."""
        for tensor, before in reversed(self._before.values()):
            tensor.copy_(before)

    def replay(self) -> None:
        """The same operations again, their results where they were."""
        for func, args, kwargs, fresh in self._operations:
            results = [
                t
                for t in tensors(func(*args, **kwargs))
                if not any(t is kept for kept in tensors((args, kwargs)))
            ]
            for place, result in zip(fresh, results, strict=False):
                if place.data_ptr() != result.data_ptr():
                    place.copy_(result)


def tape_recorder(call: Callable[[], Outputs]) -> tuple[Callable[[], None], Outputs]:
    """A ``Recorder``."""
    tape = Tape()
    try:
        with tape:
            outputs = call()
    finally:
        tape.rewind()
    return tape.replay, outputs


class NoCopyFromTheHost(TorchDispatchMode):
    """Refuses a tensor of the CPU in any operation, and what waits; the work is on "meta"."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        result = func(*args, **(kwargs or {}))
        found = tensors((args, kwargs, result))
        assert name not in WAITS, f"{name} waits for the device"
        assert all(each.device.type == "meta" for each in found), f"{name} on a tensor of the host"
        return result
