"""Loss, gradient and logits of the distributed QNN on any torch device."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators.circuit_model import CircuitModel
from patchlaw.simulators.engine import DEFAULT_MEMORY_BUDGET
from patchlaw.simulators.torch_engine.chunked_passes import ChunkedPasses
from patchlaw.simulators.torch_engine.curvature import TorchCurvatureProducts


class TorchEngine(ChunkedPasses):
    """The distributed QNN's arithmetic in batched torch products, all patches at once.

    On CUDA logits and curvature products over data of one size are recorded at their first call
    and replayed (``Recordings``); so is a training step, which is ``TrainingPass``'s.

    The same passes as ``FastEngine`` (data-free runs once a parameter vector, then two dense
    products a sample and hand-written derivatives), on the model's device: CPU or CUDA. Nothing
    waits for the device within a chunk (other losses than the library's own: see ``bind_loss``).
    Sums over chunks are collected in float64 and divided by N once. float32 products never use
    plain TF32. On a GPU a data-free run is one Triton kernel a pass (``FusedStaticRuns``) or,
    without Triton, its segments are done side by side, but not in its second derivatives
    (``LayerSegments``).

    Args:
        model: circuit, patches, aggregation, dtype and device; its parameters are read at each
            call.
        loss: loss of the logits (default: softmax cross-entropy).
        max_chunk: samples worked on at a time (default: as many as ``workspace`` holds).
        workspace: bytes of temporary states of a chunk, where max_chunk is left out (default: 1 GB
            on the CPU, a 16th of a GPU's memory).
        products: of states and matrices in float32: "exact", "gauss" (three real products) or
            "tf32x3" (on tensor cores), with the errors that ``products`` states; left out, the
            environment's PATCHLAW_PRODUCTS or "exact".

    Raises:
        ValueError: max_chunk below 1, workspace not positive, an ansatz without data, unknown
            products.
    """

    def __init__(self, model: CircuitModel, **options: Any) -> None:
        super().__init__([model], **options)

    def logits_tensor(self, images: Tensor) -> Tensor:
        """Logits of every image on the model's device, shape (N, C), float64."""
        data = self.model.check_images(images).detach().flatten(1)
        angles, bias = self.parameters()
        with self.computing():
            name = "logits", self.model.output_scale
            (logits,) = self.recordings.call(name, self._logits, data, angles, bias)
            return logits

    def _logits(self, data: Tensor, angles: Tensor, bias: Tensor) -> tuple[Tensor]:
        circuits = self.circuits(angles)
        parts = [
            circuits.forward(circuits.tables((data[chunk] + bias)[None]))[0][0]
            for chunk in self.chunks(len(data))
        ]
        return (self.model.output_scale * torch.cat(parts),)

    def logits(self, images: Tensor) -> NDArray[np.float64]:
        """Logits of every image, shape (N, C), float64 (accurate to the model's dtype)."""
        return self.logits_tensor(images).cpu().numpy()

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
