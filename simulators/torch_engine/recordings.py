"""Passes recorded once on a GPU and replayed: one launch in place of thousands.

A pass is a function of tensors whose shapes do not change and that never waits for the device. At
its first call it is carried out once to warm up (on a side stream; what it changed is put back) and
recorded in a CUDA graph; this and every other call is a replay on copies of the inputs, so that all
of them have the same bits. What it reads beside its inputs must stay where it is; what it writes
there, a replay writes too. Replays take turns, whatever the thread or stream they are asked for on,
as they share their inputs' places and their memory. Where nothing records (the CPU) or recording
fails, every call is the function's own.
"""

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache
from threading import RLock
from typing import TypeAlias

import torch
from torch import Tensor

Outputs: TypeAlias = tuple[Tensor, ...]
#: records what a call does: (what replays it, the outputs that every replay writes)
Recorder: TypeAlias = Callable[[Callable[[], Outputs]], tuple[Callable[[], None], Outputs]]

_MOST = 8  # graphs of an object; each keeps its inputs; further shapes are computed as they are


def cuda_recorder(device: torch.device) -> Recorder:
    """Records in CUDA graphs with one pool of memory: none runs beside another."""
    pool = torch.cuda.graph_pool_handle()

    def record(call: Callable[[], Outputs]) -> tuple[Callable[[], None], Outputs]:
        graph, present = torch.cuda.CUDAGraph(), torch.cuda.current_stream(device)
        with torch.cuda.device(device):  # outermost: to set a stream sets its device
            try:
                with torch.cuda.graph(graph, pool=pool, stream=_capture_stream(device)):
                    outputs = call()
            finally:
                torch.cuda.set_stream(present)  # torch stays on its own where recording failed
        return graph.replay, outputs

    return record


@cache
def _capture_stream(device: torch.device) -> torch.cuda.Stream:
    """Torch's own lies on the device of the process's first capture: others record nothing there.

    The pass would be carried out once, and every replay of the empty graph leave its outputs.
    """
    return torch.cuda.Stream(device)


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
        self._found: dict[Hashable, _Recording] = {}
        self._turn = RLock()
        self._stream: torch.cuda.Stream | None = None  # of the last replay

    def call(
        self,
        name: Hashable,
        function: Callable[..., Outputs],
        *inputs: Tensor,
        changes: Outputs = (),
    ) -> Outputs:
        """``function(*inputs)``, by replay where there is a recorder.

        Args:
            name: of the pass; whatever else decides what it does belongs into it.
            function: computes on the inputs' device without a wait, and keeps none of them.
            inputs: what it computes with, at least one.
            changes: all that it writes to beside its outputs.
        """
        key = (name, *((tuple(each.shape), each.dtype, each.device) for each in inputs))
        with self._turn:
            if key not in self._found and self._recorder is not None and len(self._found) < _MOST:
                self._record(key, function, inputs, changes)
            if (found := self._found.get(key)) is not None:
                self._after_the_last(inputs[0].device)
                for kept, given in zip(found.inputs, inputs, strict=True):
                    kept.copy_(given)
                found.replay()
                # copies, as other graphs use their memory
                return tuple(each.clone() for each in found.outputs)
        return function(*inputs)

    def _after_the_last(self, device: torch.device) -> None:
        """Where the last replay was on another stream, this one waits for it."""
        if device.type == "cuda":
            last, self._stream = self._stream, torch.cuda.current_stream(device)
            if last is not None and last != self._stream:
                self._stream.wait_stream(last)

    def _record(
        self, key: Hashable, function: Callable[..., Outputs], inputs: Outputs, changes: Outputs
    ) -> None:
        """Record a pass; where it cannot be, say so once and record no more."""
        with torch.inference_mode(False):  # else later calls outside of it could not copy there
            kept = tuple(each.clone() for each in inputs)
        before = [each.clone() for each in changes]
        _warm_up(lambda: function(*kept), kept[0].device)
        for tensor, value in zip(changes, before, strict=True):
            tensor.copy_(value)
        assert self._recorder is not None
        try:
            self._found[key] = _Recording(kept, *self._recorder(lambda: function(*kept)))
        except RuntimeError as error:  # torch's for whatever a graph cannot hold
            self._recorder = None
            reason = str(error).partition("\n")[0]
            warnings.warn(
                f"CUDA graph: expected a pass that can be recorded, got {reason}; it is computed "
                "without one, which is slower",
                RuntimeWarning,
                stacklevel=3,
            )


def _warm_up(call: Callable[[], object], device: torch.device) -> None:
    """Libraries set up what they need, and what is made once is made, outside of any graph."""
    if device.type != "cuda":
        call()
        return
    side, present = torch.cuda.Stream(device), torch.cuda.current_stream(device)
    side.wait_stream(present)
    with torch.cuda.stream(side):
        call()
    present.wait_stream(side)
