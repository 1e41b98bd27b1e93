"""The loss, its gradient and the accuracy: the only arithmetic that training asks for."""

from dataclasses import dataclass

import torch
from torch import Tensor

from simulators import DistributedQNN


@dataclass(frozen=True)
class Evaluation:
    """Means over samples.

    Attributes:
        loss: L = <l>, softmax cross-entropy in nats.
        accuracy: fraction of samples whose largest logit is the label's.
        trace_s: <tr S> = <1 - sum_k pi_k^2>.
        gradient_norm: <|g|_1> = <2 (1 - pi_y)>.
        n_samples: N.
    """

    loss: float
    accuracy: float
    trace_s: float
    gradient_norm: float
    n_samples: int


class Objective:
    """A model's loss and gradient at its present parameters, read anew at each call.

    Args:
        model: on the CPU its passes run in the fast engine, elsewhere under autograd.
    """

    def __init__(self, model: DistributedQNN) -> None:
        self.model = model
        self._engine = None
        if model.angles.device.type == "cpu":
            from simulators.fast_engine import FastEngine  # numba takes a second to import

            self._engine = FastEngine(model)

    def loss_and_gradient(self, images: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Mean loss over a batch and its gradient (D,) in the model's flat order and dtype.

        Args:
            images: shape (n, side, side), radians.
            labels: shape (n,), int64.
        """
        if self._engine is not None:
            loss, gradient = self._engine.loss_and_gradient(images, labels)
            return loss, torch.from_numpy(gradient).to(self.model.angles.dtype)
        mean = torch.nn.functional.cross_entropy(self.model(images), labels)
        parts = torch.autograd.grad(mean, list(self.model.parameters()))
        return float(mean.detach()), torch.cat([part.reshape(-1) for part in parts])

    def evaluate(self, images: Tensor, labels: Tensor) -> Evaluation:
        """Loss, accuracy, <tr S> and <|g|_1> over all samples, in float64 from the logits on.

        Raises:
            ValueError: zero samples.
        """
        if len(labels) == 0:
            raise ValueError("labels: expected at least one sample, got zero")
        log_pi = torch.log_softmax(self._logits(images), dim=1)
        y = labels.cpu()
        log_pi_y = log_pi[torch.arange(len(y)), y]
        return Evaluation(
            loss=float(-log_pi_y.mean()),
            accuracy=float((log_pi.argmax(dim=1) == y).double().mean()),
            trace_s=float((1 - log_pi.exp().square().sum(dim=1)).mean()),
            gradient_norm=float(-2 * torch.expm1(log_pi_y).mean()),
            n_samples=len(y),
        )

    def _logits(self, images: Tensor) -> Tensor:
        if self._engine is not None:
            return torch.from_numpy(self._engine.logits(images))
        with torch.no_grad():  # chunks bound the memory; the result does not depend on them
            return torch.cat([self.model(chunk).double().cpu() for chunk in images.split(1000)])
