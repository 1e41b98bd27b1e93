"""Loss, gradient and logits of any patch model by autograd: where no fast engine knows it."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from patchlaw.simulators.engine import check_samples
from patchlaw.simulators.output_losses import CrossEntropy, OutputLoss
from patchlaw.simulators.patch_model import PatchModel

Float = NDArray[np.float64]

MAX_CHUNK = 512  # a graph of many gates keeps a state for each of them


class AutogradEngine:
    """The arithmetic of training by plain torch operations, on whatever device the model is.

    Args:
        model: its parameters are read at each call.
        loss: loss of the logits (default: softmax cross-entropy).
        max_chunk: samples whose graph is held at a time.

    Raises:
        ValueError: max_chunk below 1.
    """

    def __init__(
        self, model: PatchModel, *, loss: OutputLoss | None = None, max_chunk: int | None = None
    ) -> None:
        self.model = model
        self.loss: OutputLoss = CrossEntropy() if loss is None else loss
        self.max_chunk = MAX_CHUNK if max_chunk is None else max_chunk
        if self.max_chunk < 1:
            raise ValueError(f"max_chunk: expected at least 1, got {max_chunk}")

    def logits(self, images: torch.Tensor) -> Float:
        """Logits of every image, shape (N, C), float64 (accurate to the model's dtype)."""
        return self.logits_tensor(images).cpu().numpy()

    def logits_tensor(self, images: torch.Tensor) -> torch.Tensor:
        """The same on the model's device."""
        chunks = self.model.check_images(images).detach().split(self.max_chunk)
        with torch.no_grad():
            parts = [self.model.autograd_logits(chunk).double() for chunk in chunks]
        return torch.cat(parts)

    def loss_and_gradient(self, images: torch.Tensor, targets: torch.Tensor) -> tuple[float, Float]:
        """Mean loss and its gradient (paper, Eq. (4)), shape (D,), in the model's flat order.

        Raises:
            ValueError: see ``check_samples``; NaN or infinity among the parameters.
        """
        pixels, values = check_samples(self.model, self.loss, images, targets)
        parameters = list(self.model.parameters())
        if not all(torch.isfinite(p).all() for p in parameters):
            raise ValueError("model: expected finite parameters, got NaN or infinity")
        total, gradient = 0.0, np.zeros(self.model.n_parameters)
        for chunk in self._chunks(len(pixels)):
            with torch.enable_grad():
                z = self.model.autograd_logits(pixels[chunk])
            losses, slope = self.loss.value_and_gradient(
                z.detach().T.double().cpu().numpy(), values[chunk]
            )
            total += float(losses.sum())
            parts = torch.autograd.grad(
                z, parameters, torch.from_numpy(slope.T).to(z), materialize_grads=True
            )
            gradient += torch.cat([part.double().flatten() for part in parts]).cpu().numpy()
        return total / len(pixels), gradient / len(pixels)

    def _chunks(self, n_samples: int) -> Iterator[slice]:
        for start in range(0, n_samples, self.max_chunk):
            yield slice(start, start + self.max_chunk)
