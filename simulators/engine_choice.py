"""Which engine computes: the numba kernels on the CPU, torch on every other device."""

from typing import Literal, TypeAlias, get_args

from patchlaw.simulators.circuit_model import CircuitModel
from patchlaw.simulators.engine import Engine
from patchlaw.simulators.output_losses import OutputLoss

EngineName: TypeAlias = Literal["auto", "numba", "torch"]


def make_engine(
    model: CircuitModel,
    *,
    loss: OutputLoss | None = None,
    max_chunk: int | None = None,
    name: EngineName = "auto",
) -> Engine:
    """The engine for a model where it lies.

    Args:
        model: the distributed QNN.
        loss: loss of the logits (default: softmax cross-entropy).
        max_chunk: samples worked on at a time (a thread, in numba; default: the engine's own).
        name: "numba" (CPU only), "torch" (any device), or "auto": numba on the CPU, else torch.

    Raises:
        ValueError: an unknown name, or what the engine refuses.
    """
    if name not in get_args(EngineName):
        raise ValueError(f"name: expected one of {list(get_args(EngineName))}, got {name!r}")
    if name == "numba" or (name == "auto" and model.angles.device.type == "cpu"):
        # numba takes a second to import: only where it is used
        from patchlaw.simulators.fast_engine import FastEngine

        if max_chunk is None:
            return FastEngine(model, loss=loss)
        return FastEngine(model, loss=loss, max_chunk=max_chunk)
    from patchlaw.simulators.torch_engine.engine import TorchEngine

    return TorchEngine(model, loss=loss, max_chunk=max_chunk)


def default_max_chunk(model: CircuitModel) -> int:
    """Samples that the engine of "auto" works on at a time (a thread, in numba).

    With the threads it decides how sums over samples are grouped, hence a result's last bits.
    """
    if model.angles.device.type == "cpu":
        from patchlaw.simulators.fast_engine.chunks import (
            MAX_CHUNK,  # numba takes a second to import
        )

        return MAX_CHUNK
    from patchlaw.simulators.torch_engine.engine import TorchEngine

    return TorchEngine(model).max_chunk
