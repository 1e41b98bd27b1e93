"""Loss, gradient and logits of the distributed QNN on any torch device."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simulators.circuit_plan import CircuitPlan
from simulators.distributed_qnn import DistributedQNN
from simulators.engine import DEFAULT_MEMORY_BUDGET
from simulators.output_losses import CrossEntropy, OutputLoss
from simulators.torch_engine.curvature import TorchCurvatureProducts
from simulators.torch_engine.patch_circuits import PatchCircuits
from simulators.torch_engine.precision import full_precision

DEFAULT_WORKSPACE = 1_000_000_000  # bytes of temporary states of a chunk
_STATES_OF_A_PASS = 17  # alive at once at the peak of a Hessian product; ours, measured


class TorchEngine:
    """The distributed QNN's arithmetic in batched torch products, all patches at once.

    The same passes as ``FastEngine`` (data-free runs once a parameter vector, then two dense
    products a sample and hand-written derivatives), on the model's device: CPU or CUDA. Nothing
    waits for the device within a chunk (other losses than the library's own: see ``bind_loss``).
    Sums over chunks are collected in float64 and divided by N once. float32 products never use
    TF32. The tests ran on the CPU; it has not been run on a GPU yet.

    Args:
        model: circuit, patches, aggregation, dtype and device; its parameters are read at each
            call.
        loss: loss of the logits (default: softmax cross-entropy).
        max_chunk: samples worked on at a time (default: as many as ``workspace`` holds).
        workspace: bytes of temporary states of a chunk, where max_chunk is left out.

    Raises:
        ValueError: max_chunk below 1, workspace not positive, an ansatz without data.
    """

    def __init__(
        self,
        model: DistributedQNN,
        *,
        loss: OutputLoss | None = None,
        max_chunk: int | None = None,
        workspace: float = DEFAULT_WORKSPACE,
    ) -> None:
        if max_chunk is not None and max_chunk < 1:
            raise ValueError(f"max_chunk: expected at least 1, got {max_chunk}")
        if not workspace > 0:
            raise ValueError(f"workspace: expected a positive number of bytes, got {workspace}")
        self.model = model
        self.loss: OutputLoss = CrossEntropy() if loss is None else loss
        self.plan = CircuitPlan.of(model.ansatz)
        held = int(min(workspace // (_STATES_OF_A_PASS * self.bytes_a_state), 1 << 30))
        self.max_chunk = max(1, held) if max_chunk is None else max_chunk

    @property
    def bytes_a_state(self) -> int:
        """Bytes of one state of every patch for one sample."""
        size = 16 if self.model.angles.dtype == torch.float64 else 8
        return self.model.n_patches * self.model.ansatz.dimension * size

    @contextmanager
    def computing(self) -> Iterator[None]:
        """No autograd, and full float32 products."""
        with torch.no_grad(), full_precision():
            yield

    def chunks(self, n_samples: int) -> list[slice]:
        """How a data set of this size is split: as few chunks as allowed, of even sizes."""
        count = -(-n_samples // self.max_chunk)
        size = -(-n_samples // max(count, 1))
        return [slice(a, min(a + size, n_samples)) for a in range(0, n_samples, max(size, 1))]

    def parameters(self) -> tuple[Tensor, Tensor]:
        """(angles (P, n_angles) in float64, bias (pixels,) in the model's dtype), copied.

        Raises:
            ValueError: NaN or infinity among them.
        """
        angles = self.model.angles.detach().to(torch.float64, copy=True)
        bias = self.model.pixel_bias.detach().clone().flatten()
        if not (torch.isfinite(angles).all() & torch.isfinite(bias).all()):
            raise ValueError("model: expected finite parameters, got NaN or infinity")
        return angles, bias

    def circuits(self, angles: Tensor) -> PatchCircuits:
        """The circuits of all patches at the given angles."""
        model = self.model
        return PatchCircuits(
            self.plan, angles, model.pixel_indices, model.n_classes, model.angles.dtype
        )

    def logits(self, images: Tensor) -> NDArray[np.float64]:
        """Logits of every image, shape (N, C), float64 (accurate to the model's dtype)."""
        data = self.model.check_images(images).detach().flatten(1)
        angles, bias = self.parameters()
        with self.computing():
            circuits = self.circuits(angles)
            parts = [
                circuits.forward(circuits.tables(data[chunk] + bias))[0]
                for chunk in self.chunks(len(data))
            ]
            return (self.model.output_scale * torch.cat(parts)).cpu().numpy()

    def loss_and_gradient(
        self, images: Tensor, targets: Tensor
    ) -> tuple[float, NDArray[np.float64]]:
        """Mean loss and its gradient (paper, Eq. (4)), shape (D,), in the model's flat order.

        Raises:
            ValueError: see ``check_samples`` and ``parameters``.
        """
        products = self.curvature(images, targets, memory_budget=0)
        return products.loss, products.gradient

    def curvature(
        self, images: Tensor, targets: Tensor, *, memory_budget: float = DEFAULT_MEMORY_BUDGET
    ) -> TorchCurvatureProducts:
        """Curvature products at the model's present parameters; see ``Engine.curvature``."""
        return TorchCurvatureProducts(self, images, targets, memory_budget=memory_budget)
