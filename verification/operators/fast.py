"""The fast backend: curvature products of the distributed QNN by the engines' own passes."""

import math
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.circuit_plan import why_not
from patchlaw.simulators.distributed_qnn import CircuitBlock
from patchlaw.simulators.engine import Engine
from patchlaw.simulators.engine_choice import make_engine
from patchlaw.simulators.output_losses import CrossEntropy, LossName, OutputLoss, SquaredError
from patchlaw.simulators.torch_engine.losses import CrossEntropyOf
from patchlaw.verification.operators.backend import CurvatureKind
from patchlaw.verification.operators.fingerprint import Fingerprint, Fingerprinted
from patchlaw.verification.operators.losses import LossFunction, TorchLoss, make_loss
from patchlaw.verification.operators.patch_block import computes_as_written, layout_of
from patchlaw.verification.operators.problem import check_images, check_model
from patchlaw.verification.operators.samples import ArraySamples
from patchlaw.verification.ranks.ranks import Ranks

Float = NDArray[np.float64]


class OffsetCrossEntropy:
    """l = -log softmax(z + o)_y with targets (N, 1 + C): the label y, then the offset o."""

    def __init__(self) -> None:
        self._plain = CrossEntropy()

    def check_targets(self, targets: NDArray[np.generic], n_classes: int) -> None:
        """Targets are real rows (label, offsets), labels from 0 to C - 1."""
        if targets.ndim != 2 or targets.shape[1] != 1 + n_classes:
            raise ValueError(f"targets: expected shape (N, {1 + n_classes}), got {targets.shape}")
        self._plain.check_targets(targets[:, 0].astype(np.int64), n_classes)

    def value_and_gradient(self, z: Float, targets: NDArray[np.generic]) -> tuple[Float, Float]:
        """(l, pi - e_y) at z + o, shapes (m,) and (C, m)."""
        labels = targets[:, 0].astype(np.int64)
        return self._plain.value_and_gradient(self._shifted(z, targets), labels)

    def curvature_product(self, z: Float, targets: NDArray[np.generic], z_dot: Float) -> Float:
        """S z_dot at z + o."""
        return self._plain.curvature_product(self._shifted(z, targets), targets[:, 0], z_dot)

    def bind(self, targets: NDArray[np.generic], device: torch.device) -> CrossEntropyOf:
        """On a device, as the torch engine takes it."""
        rows = torch.from_numpy(targets.astype(np.float64)).to(device)[None]
        return CrossEntropyOf(rows[..., 0].long(), rows[..., 1:])

    @staticmethod
    def _shifted(z: Float, targets: NDArray[np.generic]) -> Float:
        return z + targets[:, 1:].astype(np.float64).T


def fast_backend_knows(
    model: torch.nn.Module, loss: LossName | LossFunction
) -> TypeGuard[DistributedQNN | CircuitBlock]:
    """Whether an engine can stand in for autograd: named loss, all trained, on CPU or CUDA."""
    return (
        isinstance(loss, str)
        and computes_as_written(model)
        and isinstance(model, DistributedQNN | CircuitBlock)
        and why_not(model.ansatz) is None
        and all(p.requires_grad and p.device.type in ("cpu", "cuda") for p in model.parameters())
    )


class FastBackend(Fingerprinted):
    """Curvature products of a DistributedQNN, or of one patch's block of it, by its engine.

    The numba engine on the CPU, the torch engine on CUDA.
    A block is computed as a distributed QNN of one patch on patch-sized images, whose loss adds
    the other patches' logits.

    Args:
        model: DistributedQNN or CircuitBlock on the CPU or CUDA, every parameter trained.
        images: as the model reads them, shape (N, ...).
        labels: as the loss expects; (N,) integers in [0, C) for cross-entropy.
        chunk_size: samples worked on at a time (by each thread); the engine's default if left out.
        loss: "cross_entropy" or "squared_error".
        memory_budget: bytes for states kept between products; the engine's default if left out.
        name: as AutodiffBackend's.
        ranks: who share the samples; each keeps states of its own ones.

    Raises:
        ValueError: another model or loss, or see check_model and check_images.
    """

    name = "fast"
    caveats: tuple[str, ...] = ()

    def __init__(
        self,
        model: torch.nn.Module,
        images: Any,
        labels: Any,
        chunk_size: int | None,
        loss: LossName | LossFunction,
        memory_budget: float | None,
        name: str | None,
        ranks: Ranks,
    ) -> None:
        self.ranks = ranks
        check_model(model)
        chosen = make_loss(loss)
        if isinstance(model, DistributedQNN | CircuitBlock) and (reason := why_not(model.ansatz)):
            raise ValueError(reason)
        if not fast_backend_knows(model, loss):
            raise ValueError(
                "backend: 'fast' expects a DistributedQNN (no subclass, no hooks) with all "
                "parameters trained, on the CPU or CUDA, and a loss given by name, got "
                f"{type(model).__name__} with {chosen.name}; use backend='autodiff'"
            )
        tensor = check_images(model, images)
        self.n_samples = len(tensor)
        self.layout = layout_of(model)
        self.n_parameters = self.layout.size
        double = model.angles.dtype == torch.float64
        self.dtype: np.dtype[np.floating] = np.dtype(np.float64 if double else np.float32)
        logits = torch.zeros(1, model.n_classes, dtype=torch.float64)
        targets = chosen.check_targets(labels, self.n_samples, logits)
        self._fingerprint = Fingerprint(model, chosen, ArraySamples(tensor, targets), name)
        if isinstance(model, CircuitBlock):
            engine, tensor, targets = _one_patch(model, tensor, targets, chunk_size, chosen)
        else:
            own: OutputLoss = SquaredError() if chosen.name == "squared_error" else CrossEntropy()
            engine = make_engine(model, loss=own, max_chunk=chunk_size)
        options: dict[str, Any] = {} if memory_budget is None else {"memory_budget": memory_budget}
        rows = ranks.shard(self.n_samples)
        self._products = engine.curvature(tensor[rows], targets[rows], **options)

    def product(self, kind: CurvatureKind, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """The mean matrix ``kind`` times each column; see CurvatureBackend."""
        directions = np.asarray(vectors, dtype=np.float64)
        return self.ranks.mean(
            lambda own: self._products.product(kind, directions), self.n_samples, [directions]
        )


def _one_patch(
    block: CircuitBlock, inputs: Tensor, targets: Tensor, chunk_size: int | None, loss: TorchLoss
) -> tuple[Engine, Tensor, Tensor]:
    """The block as a model of one patch: engine, images (N, side, side), targets."""
    side = math.isqrt(block.ansatz.n_features)
    model = DistributedQNN(
        n_patches=1,
        image_side=side,
        n_classes=block.n_classes,
        scale=block.output_scale,
        dtype=block.angles.dtype,
        device=block.angles.device,
        ansatz=block.ansatz,
        bias=False,
    )
    model.load_flat_parameters(block.angles.detach()[0])
    features, others = inputs.split([side**2, block.n_classes], dim=1)
    offsets = others.double().cpu()
    engine_loss: OutputLoss
    if loss.name == "squared_error":  # |z + o - y|^2 = |z - (y - o)|^2
        engine_loss, targets = SquaredError(), targets - offsets
    else:
        engine_loss = OffsetCrossEntropy()
        targets = torch.cat([targets[:, None].double(), offsets], dim=1)
    engine = make_engine(model, loss=engine_loss, max_chunk=chunk_size)
    return engine, features.reshape(-1, side, side), targets
