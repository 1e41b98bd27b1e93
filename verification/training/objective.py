"""The loss, its gradient and the accuracy: the only arithmetic that training asks for."""

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators import PatchModel
from patchlaw.simulators.engine_choice import training_engine
from patchlaw.simulators.output_losses import LossName
from patchlaw.simulators.torch_engine.chunked_passes import ChunkedPasses
from patchlaw.verification.ranks.ranks import ALONE, Ranks
from patchlaw.verification.store.json_files import PositiveCount

# the keys of two means in the files of runs and analyses
KEYS_ON_DISK = {"mean_softmax_trace": "trace_s", "mean_abs_slope": "gradient_norm"}


class Evaluation(msgspec.Struct, frozen=True, rename=KEYS_ON_DISK):
    """Means over samples.

    Attributes:
        loss: L = <l>, softmax cross-entropy in nats, or the squared error |z - e_y|^2 / 2.
        accuracy: fraction of samples whose largest logit is the label's.
        mean_softmax_trace: <tr S> = <1 - sum_k pi_k^2>; C of the squared error.
        mean_abs_slope: <|g|_1>, g the slopes of l in the logits: <2 (1 - pi_y)>, <|z - e_y|_1>.
        n_samples: N.
    """

    loss: float
    accuracy: float
    mean_softmax_trace: float
    mean_abs_slope: float
    n_samples: PositiveCount


class Objective:
    """A model's loss and gradient at its present parameters, read anew at each call.

    Args:
        model: its passes run in the engine that ``training_engine`` chooses.
        loss: of the logits.
        ranks: who share the samples of every call; all call alike.
    """

    def __init__(
        self, model: PatchModel, loss: LossName = "cross_entropy", ranks: Ranks = ALONE
    ) -> None:
        self.model, self.loss, self.ranks = model, loss, ranks
        self._engine = training_engine(model, loss)

    def share_recordings(self, other: "Objective") -> None:
        """Replay what a replica's objective recorded, where both models' engines record.

        Args:
            other: it lives as long as this one.
        """
        if isinstance(self._engine, ChunkedPasses) and isinstance(other._engine, ChunkedPasses):
            self._engine.recordings = other._engine.recordings

    def loss_and_gradient(self, images: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Mean loss over a batch and its gradient (D,) in the model's flat order and dtype.

        Args:
            images: shape (n, side, side), radians.
            labels: shape (n,), int64.
        """

        def over(rows: slice) -> NDArray[np.float64]:
            loss, gradient = self._engine.loss_and_gradient(images[rows], labels[rows])
            return np.concatenate([[loss], gradient])

        found = self.ranks.mean(over, len(labels), self.model.parameters())
        return float(found[0]), torch.from_numpy(found[1:]).to(next(self.model.parameters()))

    def evaluate(self, images: Tensor, labels: Tensor) -> Evaluation:
        """Loss, accuracy, <tr S> and <|g|_1> over all samples, in float64 from the logits on.

        Raises:
            ValueError: zero samples.
        """
        if len(labels) == 0:
            raise ValueError("labels: expected at least one sample, got zero")
        z, y = self._logits(images, labels)
        right = (z.argmax(dim=1) == y).double()
        if self.loss == "squared_error":
            off = z - torch.nn.functional.one_hot(y, z.shape[1])
            per_sample = off.square().sum(dim=1) / 2, off.abs().sum(dim=1)
            trace = z.new_tensor(float(z.shape[1] * len(y)))
        else:
            z = torch.log_softmax(z, dim=1)
            log_pi_y = z.gather(1, y[:, None])[:, 0]
            per_sample = -log_pi_y, -2 * torch.expm1(log_pi_y)
            trace = (1 - z.exp().square().sum(dim=1)).sum()
        sums = (per_sample[0].sum(), right.sum(), trace, per_sample[1].sum())
        found = self.ranks.sum(torch.stack(sums).cpu().numpy(), self.model.parameters())
        loss, accuracy, curvature, slope = (found / len(labels)).tolist()
        return Evaluation(loss, accuracy, curvature, slope, len(labels))

    def misclassified(self, images: Tensor, labels: Tensor) -> tuple[int, ...]:
        """Indices, ascending, of the samples whose largest logit is not the label's."""
        z, y = self._logits(images, labels)
        wrong = np.zeros(len(labels))
        wrong[self.ranks.shard(len(labels))] = (z.argmax(dim=1) != y).cpu().numpy()
        return tuple(np.flatnonzero(self.ranks.sum(wrong, self.model.parameters())).tolist())

    def _logits(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of this rank's samples, and their labels beside them."""
        rows = self.ranks.shard(len(labels))
        z = self._engine.logits_tensor(images[rows])
        return z, labels[rows].to(z.device)
