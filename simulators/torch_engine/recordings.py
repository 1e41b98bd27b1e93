"""Passes recorded once on a GPU and replayed: one launch in place of thousands.

A pass is a function of tensors whose shapes do not change and that never waits for the device. Its
first call is carried out as it is (on a side stream, which also warms up the libraries), its second
recorded in a CUDA graph, and from then on replayed on copies of its inputs. What it reads beside
its inputs must stay where it is; what it writes there, a replay writes too. Where nothing records
(the CPU) or recording fails, every call is the function's own.
"""

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import torch
from torch import Tensor

Outputs: TypeAlias = tuple[Tensor, ...]
#: records what a call does: (what replays it, the outputs that every replay writes)
Recorder: TypeAlias = Callable[[Callable[[], Outputs]], tuple[Callable[[], None], Outputs]]

_MOST = 8  # graphs of an object; each keeps its inputs. More shapes than these are not recorded


@cache
def _pool(device: torch.device) -> Any:
    """One memory pool for all graphs: none runs beside another, and outputs are copied out."""
    return torch.cuda.graph_pool_handle()


def cuda_recorder(device: torch.device) -> Recorder:
    """Records in a CUDA graph."""

    def record(call: Callable[[], Outputs]) -> tuple[Callable[[], None], Outputs]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(device), torch.cuda.graph(graph, pool=_pool(device)):
            outputs = call()
        return graph.replay, outputs

    return record


def default_recorder(device: torch.device) -> Recorder | None:
    """CUDA graphs on CUDA, elsewhere none."""
    return cuda_recorder(device) if device.type == "cuda" else None


@dataclass(frozen=True)
class _Recording:
    inputs: Outputs
    replay: Callable[[], None]
    outputs: Outputs


class Recordings:
    """The recordings of one object's passes, by name and the shapes of their inputs.

    It keeps no function: an object that holds its recordings is freed with the last reference.

    Args:
        recorder: None where every call is the function's own.
    """

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder
        self._found: dict[Hashable, _Recording | None] = {}

    def call(self, name: Hashable, function: Callable[..., Outputs], *inputs: Tensor) -> Outputs:
        """``function(*inputs)``, by replay from the third call of a name and shapes on.

        Args:
            name: of the pass; whatever else decides what it does belongs into it.
            function: computes on the inputs' device without a wait, and keeps none of them.
            inputs: what it computes with, at least one.
        """
        if self._recorder is None:
            return function(*inputs)
        key = (name, *((tuple(each.shape), each.dtype, each.device) for each in inputs))
        if key not in self._found:
            if len(self._found) >= _MOST:
                return function(*inputs)
            self._found[key] = None
            return _on_a_side_stream(function, inputs)
        found = self._found[key]
        if found is None:
            kept = tuple(each.clone() for each in inputs)
            try:
                found = _Recording(kept, *self._recorder(lambda: function(*kept)))
            except RuntimeError as error:  # torch's for whatever a graph cannot hold
                self._recorder = None
                reason = str(error).partition("\n")[0]
                warnings.warn(
                    f"CUDA graph: expected a pass that can be recorded, got {reason}; it is "
                    "computed without one, which is slower and gives the same numbers",
                    RuntimeWarning,
                    stacklevel=2,
                )
                return function(*inputs)
            self._found[key] = found
        for kept_input, given in zip(found.inputs, inputs, strict=True):
            kept_input.copy_(given)
        found.replay()
        return tuple(each.clone() for each in found.outputs)  # the pool is every graph's


def _on_a_side_stream(function: Callable[..., Outputs], inputs: Outputs) -> Outputs:
    device = inputs[0].device
    if device.type != "cuda":
        return function(*inputs)
    side, present = torch.cuda.Stream(device), torch.cuda.current_stream(device)
    side.wait_stream(present)
    with torch.cuda.stream(side):
        outputs = function(*inputs)
    present.wait_stream(side)
    return outputs
