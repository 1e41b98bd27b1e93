"""How the torch engine runs its passes: circuits, chunks, parameters, precision."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from patchlaw.simulators.circuit_model import CircuitModel
from patchlaw.simulators.circuit_plan import CircuitPlan
from patchlaw.simulators.output_losses import CrossEntropy, OutputLoss
from patchlaw.simulators.torch_engine.losses import SampleLoss
from patchlaw.simulators.torch_engine.patch_circuits import (
    Cotangents,
    PatchCircuits,
    Trace,
    readers,
)
from patchlaw.simulators.torch_engine.precision import (
    ProductMode,
    chosen_products,
    full_precision,
)
from patchlaw.simulators.torch_engine.recordings import Recordings, default_recorder

DEFAULT_WORKSPACE = 1_000_000_000  # bytes of temporary states of a chunk, on the CPU
_SHARE_OF_A_GPU = 16  # ours: a chunk takes the 16th part of its memory, as few chunks idle least
_STATES_OF_A_PASS = 17  # alive at once at the peak of a Hessian product; ours, measured
_EVEN = 64  # large chunks are multiples of it, which a GPU cuts into slices


@dataclass
class LossPass:
    """What a pass over samples gives: forward, loss and reverse.

    Attributes:
        total: sum of the losses, shape (R,), float64.
        sums: cotangents summed over samples, of the mean loss.
        kept: by first sample of a chunk its logits (R, m, C) and states, as far as the budget went.
    """

    total: Tensor
    sums: Cotangents
    kept: dict[int, tuple[Tensor, Trace]] = field(default_factory=dict)


class ChunkedPasses:
    """Models on their device, ready to be computed chunk by chunk; arguments as TorchEngine.

    Args:
        models: one, or replicas: they differ in their parameters alone.

    Attributes:
        model: the first. models: all, read at each call. loss: of the logits.
        max_chunk: samples (of each replica) worked on at a time.
        plan: the circuit as prefix and stages.
        products: how the dense products are made.
        recordings: of the passes, on CUDA.
    """

    def __init__(
        self,
        models: Sequence[CircuitModel],
        *,
        loss: OutputLoss | None = None,
        max_chunk: int | None = None,
        workspace: float | None = None,
        products: ProductMode | None = None,
    ) -> None:
        if max_chunk is not None and max_chunk < 1:
            raise ValueError(f"max_chunk: expected at least 1, got {max_chunk}")
        if workspace is not None and not workspace > 0:
            raise ValueError(f"workspace: expected a positive number of bytes, got {workspace}")
        self.models = tuple(models)
        self.model = model = self.models[0]
        self.loss: OutputLoss = CrossEntropy() if loss is None else loss
        self.products = chosen_products(products)
        self.plan = CircuitPlan.of(model.ansatz)
        self.device = model.angles.device
        # kept, as recorded passes read it where it lies, and the model may be moved and moved back
        self._pixel_indices = model.pixel_indices
        self._readers = readers(model.grid.pixel_indices, model.pixel_bias.numel()).to(self.device)
        self.recordings = Recordings(default_recorder(self.device))
        room = _workspace(self.device) if workspace is None else workspace
        held = int(min(room / (_STATES_OF_A_PASS * self.bytes_a_state), 1 << 30))
        self.max_chunk = max(1, held) if max_chunk is None else max_chunk

    @property
    def bytes_a_state(self) -> int:
        """Bytes of one state of every patch of every model, for one sample."""
        size = 16 if self.model.angles.dtype == torch.float64 else 8
        return len(self.models) * self.model.n_patches * self.model.ansatz.dimension * size

    @contextmanager
    def computing(self) -> Iterator[None]:
        """No autograd, full float32 products, and the models' device as the current one.

        Kernels are launched on the current device and its stream, wherever their tensors lie. The
        caller's autocast ends here: it would round products to half precision.
        """
        as_told = torch.autocast(self.device.type, enabled=False)
        with torch.no_grad(), full_precision(), as_told, torch.cuda.device_of(self._readers):
            yield

    def chunks(self, n_samples: int) -> list[slice]:
        """How a data set of this size is split: as few chunks as allowed, of even sizes."""
        count = -(-n_samples // self.max_chunk)
        size = -(-n_samples // max(count, 1))
        if size > 16 * _EVEN:
            size = min(-(-size // _EVEN) * _EVEN, self.max_chunk)
        return [slice(a, min(a + size, n_samples)) for a in range(0, n_samples, max(size, 1))]

    def present_parameters(self) -> tuple[Tensor, Tensor]:
        """(angles (R P, n_angles) in float64, bias (R, pixels) in the models' dtype), copied."""
        angles = torch.cat([model.circuit_angles.detach() for model in self.models])
        biases = [model.pixel_bias.detach().flatten() for model in self.models]
        return angles.to(torch.float64), torch.stack(biases)

    def parameters(self) -> tuple[Tensor, Tensor]:
        """``present_parameters``, checked.

        Raises:
            ValueError: NaN or infinity among them.
        """
        angles, bias = self.present_parameters()
        if not (torch.isfinite(angles).all() & torch.isfinite(bias).all()):
            raise ValueError("model: expected finite parameters, got NaN or infinity")
        return angles, bias

    def circuits(self, angles: Tensor) -> PatchCircuits:
        """The circuits of all patches at the given angles."""
        model = self.model
        return PatchCircuits(
            self.plan,
            angles,
            self._pixel_indices,
            self._readers,
            model.n_classes,
            model.angles.dtype,
            self.products,
        )

    def loss_pass(
        self, circuits: PatchCircuits, pixels: Tensor, loss: SampleLoss, budget: float = 0
    ) -> LossPass:
        """Loss and summed cotangents of its mean.

        Args:
            circuits: of all replicas.
            pixels: images plus bias, shape (R, N, pixels), radians.
            loss: of these samples.
            budget: bytes of states to be kept.
        """
        n_samples, scale = pixels.shape[1], self.model.output_scale
        states = 2 * len(circuits.encodings) + 1
        total = torch.zeros(len(self.models), dtype=torch.float64, device=pixels.device)
        found = LossPass(total, circuits.zero_cotangents())
        for chunk in self.chunks(n_samples):
            budget -= states * self.bytes_a_state * (chunk.stop - chunk.start)
            tables = circuits.tables(pixels[:, chunk])
            outputs, trace = circuits.forward(tables)
            z = scale * outputs
            at = loss.at(z, chunk)
            total += at.total
            weights = (at.gradient * (scale / n_samples)).to(pixels.dtype)
            circuits.reverse(tables, trace, weights, found.sums, keep=budget >= 0)
            if budget >= 0:
                found.kept[chunk.start] = z, trace
        return found


def _workspace(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory / _SHARE_OF_A_GPU
    return DEFAULT_WORKSPACE
