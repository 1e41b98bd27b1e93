"""How the torch engine runs its passes: circuits, chunks, parameters, precision."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from patchlaw.simulators.circuit_model import CircuitModel
from patchlaw.simulators.circuit_plan import CircuitPlan
from patchlaw.simulators.output_losses import CrossEntropy, OutputLoss
from patchlaw.simulators.torch_engine.patch_circuits import PatchCircuits
from patchlaw.simulators.torch_engine.precision import (
    ProductMode,
    chosen_products,
    full_precision,
)

DEFAULT_WORKSPACE = 1_000_000_000  # bytes of temporary states of a chunk
_STATES_OF_A_PASS = 17  # alive at once at the peak of a Hessian product; ours, measured


class ChunkedPasses:
    """A model on its device, ready to be computed chunk by chunk; arguments as TorchEngine.

    Attributes:
        model: read at each call. loss: of the logits. max_chunk: samples worked on at a time.
        plan: the circuit as prefix and stages.
        products: how the dense products are made.
    """

    def __init__(
        self,
        model: CircuitModel,
        *,
        loss: OutputLoss | None = None,
        max_chunk: int | None = None,
        workspace: float = DEFAULT_WORKSPACE,
        products: ProductMode | None = None,
    ) -> None:
        if max_chunk is not None and max_chunk < 1:
            raise ValueError(f"max_chunk: expected at least 1, got {max_chunk}")
        if not workspace > 0:
            raise ValueError(f"workspace: expected a positive number of bytes, got {workspace}")
        self.model = model
        self.loss: OutputLoss = CrossEntropy() if loss is None else loss
        self.products = chosen_products(products)
        self.plan = CircuitPlan.of(model.ansatz)
        held = int(min(workspace / (_STATES_OF_A_PASS * self.bytes_a_state), 1 << 30))
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
            self.plan,
            angles,
            model.pixel_indices,
            model.n_classes,
            model.angles.dtype,
            self.products,
        )
