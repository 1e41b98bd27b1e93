"""Losses and gradients of several models at once, each on a batch of its own."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from patchlaw.simulators.circuit_model import CircuitModel
from patchlaw.simulators.engine import check_samples
from patchlaw.simulators.torch_engine.chunked_passes import ChunkedPasses
from patchlaw.simulators.torch_engine.losses import DeviceLoss, bind_loss


class TrainingPass(ChunkedPasses):
    """The mean loss of R replicas over mini-batches of one data set; nothing waits for the device.

    Args:
        models: replicas, which differ in their parameters alone; read at each call.
        images: shape (N, side, side), radians.
        targets: as the loss expects (labels (N,) for cross-entropy).
        options: as ChunkedPasses.

    Raises:
        ValueError: models of other sizes, data that do not fit, a loss that runs on the host.
    """

    def __init__(
        self, models: Sequence[CircuitModel], images: Tensor, targets: Tensor, **options: Any
    ) -> None:
        super().__init__(models, **options)
        kinds = {
            (
                *(m.ansatz, m.grid, m.n_classes, m.output_scale, m.replication),
                *(m.angles.dtype, m.angles.device),
            )
            for m in self.models
        }
        if len(kinds) > 1:
            raise ValueError(
                "models: expected replicas, which differ in their parameters alone, got "
                f"{len(kinds)} kinds; train the others by themselves"
            )
        pixels, values = check_samples(self.model, self.loss, images, targets)
        self._images = pixels.flatten(1)
        bound = bind_loss(self.loss, values, self.device)
        if not isinstance(bound, DeviceLoss):
            raise ValueError(
                f"loss: expected one that is computed on a device, got {type(self.loss).__name__}"
            )
        self._loss = bound

    def losses_and_gradients(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss (R,) and its gradient (R, D) of each model, float64, on the device.

        NaN or infinity among the parameters show in the loss.

        Args:
            index: samples of each model's batch, shape (R, B), int64, on the device.
        """
        with self.computing():
            angles, bias = self.present_parameters()
            circuits = self.circuits(angles)
            pixels = self._images[index] + bias[:, None]
            found = self.loss_pass(circuits, pixels, self._loss.of(index))
            gradient = self.model.replication.collect(circuits.gradient(found.sums))
            return found.total / index.shape[1], gradient
