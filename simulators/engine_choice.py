"""Which engine computes: numba on the CPU, torch on other devices, autograd for other models."""

from typing import Literal, TypeAlias, TypeGuard, get_args

from patchlaw.simulators.autograd_engine import AutogradEngine
from patchlaw.simulators.circuit_model import CircuitModel
from patchlaw.simulators.circuit_plan import why_not
from patchlaw.simulators.distributed_qnn import DistributedQNN
from patchlaw.simulators.engine import Engine, TrainingEngine
from patchlaw.simulators.output_losses import LOSSES, LossName, OutputLoss
from patchlaw.simulators.patch_model import PatchModel

EngineName: TypeAlias = Literal["auto", "fast", "torch"]


def make_engine(
    model: CircuitModel,
    *,
    loss: OutputLoss | None = None,
    max_chunk: int | None = None,
    name: EngineName = "auto",
) -> Engine:
    """The engine for a model of circuits where it lies.

    Args:
        model: the distributed QNN.
        loss: loss of the logits (default: softmax cross-entropy).
        max_chunk: samples worked on at a time (a thread, in numba; default: the engine's own).
        name: "fast" (CPU only), "torch" (any device), or "auto": fast on the CPU, else torch.

    Raises:
        ValueError: an unknown name, or what the engine refuses.
    """
    if name not in get_args(EngineName):
        raise ValueError(f"name: expected one of {list(get_args(EngineName))}, got {name!r}")
    if name == "fast" or (name == "auto" and model.angles.device.type == "cpu"):
        # numba takes a second to import: only where it is used
        from patchlaw.simulators.fast_engine import FastEngine

        if max_chunk is None:
            return FastEngine(model, loss=loss)
        return FastEngine(model, loss=loss, max_chunk=max_chunk)
    from patchlaw.simulators.torch_engine.engine import TorchEngine

    return TorchEngine(model, loss=loss, max_chunk=max_chunk)


def training_engine(model: PatchModel, loss: LossName = "cross_entropy") -> TrainingEngine:
    """The engine that trains a model: ``make_engine``'s if it knows the model, else autograd."""
    if _engines_know(model):
        return make_engine(model, loss=LOSSES[loss])
    return AutogradEngine(model, loss=LOSSES[loss])


def default_max_chunk(model: PatchModel) -> int:
    """Samples that the training engine works on at a time (a thread, in numba).

    With the threads it decides how sums over samples are grouped, hence a result's last bits.
    """
    if not _engines_know(model) or model.angles.device.type != "cpu":
        return training_engine(model).max_chunk
    from patchlaw.simulators.fast_engine.chunks import MAX_CHUNK  # numba takes a second to import

    return MAX_CHUNK


def steps_on_a_device(model: PatchModel) -> TypeGuard[DistributedQNN]:
    """Whether its training steps are a ``TrainingPass`` of the torch engine, off the CPU."""
    return _engines_know(model) and model.angles.device.type != "cpu"


def _engines_know(model: PatchModel) -> TypeGuard[DistributedQNN]:
    return isinstance(model, DistributedQNN) and why_not(model.ansatz) is None
