"""The loss, its gradient and the accuracy: the only arithmetic that training asks for."""

from dataclasses import dataclass

import torch
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.engine_choice import make_engine
from patchlaw.verification.json_files import PositiveCount


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
    n_samples: PositiveCount


class Objective:
    """A model's loss and gradient at its present parameters, read anew at each call.

    Args:
        model: its passes run in the numba engine on the CPU, in the torch engine elsewhere.
    """

    def __init__(self, model: DistributedQNN) -> None:
        self.model = model
        self._engine = make_engine(model)

    def loss_and_gradient(self, images: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Mean loss over a batch and its gradient (D,) in the model's flat order and dtype.

        Args:
            images: shape (n, side, side), radians.
            labels: shape (n,), int64.
        """
        loss, gradient = self._engine.loss_and_gradient(images, labels)
        return loss, torch.from_numpy(gradient).to(self.model.angles)

    def evaluate(self, images: Tensor, labels: Tensor) -> Evaluation:
        """Loss, accuracy, <tr S> and <|g|_1> over all samples, in float64 from the logits on.

        Raises:
            ValueError: zero samples.
        """
        if len(labels) == 0:
            raise ValueError("labels: expected at least one sample, got zero")
        log_pi = torch.log_softmax(torch.from_numpy(self._engine.logits(images)), dim=1)
        y = labels.cpu()
        log_pi_y = log_pi[torch.arange(len(y)), y]
        return Evaluation(
            loss=float(-log_pi_y.mean()),
            accuracy=float((log_pi.argmax(dim=1) == y).double().mean()),
            trace_s=float((1 - log_pi.exp().square().sum(dim=1)).mean()),
            gradient_norm=float(-2 * torch.expm1(log_pi_y).mean()),
            n_samples=len(y),
        )
