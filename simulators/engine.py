"""What an engine offers, whichever arithmetic is underneath, and the checks at its door."""

from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from patchlaw.simulators.circuit_model import CircuitModel
from patchlaw.simulators.output_losses import OutputLoss
from patchlaw.simulators.patch_model import PatchModel

CurvatureKind: TypeAlias = Literal["hessian", "gauss_newton", "residual"]
Float: TypeAlias = NDArray[np.float64]

DEFAULT_MEMORY_BUDGET = 4_000_000_000  # bytes of primal states kept between products


class CurvatureProductsLike(Protocol):
    """Products with the curvature matrices at one parameter vector over one data set.

    H = G + R (paper, Eq. (5)): G v = s^2 <J^T S J v>, R v = s <sum_k g_k (d2 f_k) v>, averages
    over all samples, s = c P^(-alpha). Later changes of the model are ignored.

    Attributes:
        loss: mean loss. gradient: its gradient, shape (D,), float64.
        n_samples: N.
    """

    loss: float
    gradient: Float
    n_samples: int

    @property
    def n_parameters(self) -> int:
        """D."""
        ...

    def product(self, kind: CurvatureKind, vectors: Float) -> Float:
        """The matrix times each column of ``vectors``, shape (D, k), float64.

        Raises:
            ValueError: see ``check_vectors``.
        """
        ...


class TrainingEngine(Protocol):
    """A model's logits, loss and gradient over data sets of any size; parameters read at each call.

    Three realisations: ``FastEngine`` (numba, CPU) and ``TorchEngine`` (any torch device) for the
    circuits that they know, ``AutogradEngine`` for every patch model. Sums over samples are
    collected in float64 and divided by N once.

    Attributes:
        loss: loss of the logits.
        max_chunk: samples worked on at a time (a thread, in numba).
    """

    loss: OutputLoss
    max_chunk: int

    def logits(self, images: torch.Tensor) -> Float:
        """Logits of every image, shape (N, C), float64 (accurate to the model's dtype)."""
        ...

    def logits_tensor(self, images: torch.Tensor) -> torch.Tensor:
        """The same where they were computed."""
        ...

    def loss_and_gradient(self, images: torch.Tensor, targets: torch.Tensor) -> tuple[float, Float]:
        """Mean loss and its gradient (paper, Eq. (4)), shape (D,), in the model's flat order.

        Raises:
            ValueError: see ``check_samples``; NaN or infinity among the parameters.
        """
        ...


class Engine(TrainingEngine, Protocol):
    """With curvature products as well: the numba and the torch engine.

    Attributes:
        model: circuit, patches, aggregation, dtype and device.
    """

    model: CircuitModel

    def curvature(
        self,
        images: torch.Tensor,
        targets: torch.Tensor,
        *,
        memory_budget: float = DEFAULT_MEMORY_BUDGET,
    ) -> CurvatureProductsLike:
        """Products at the model's present parameters.

        Args:
            images: shape (N, side, side), radians.
            targets: as the loss expects (labels (N,) for cross-entropy).
            memory_budget: bytes for primal states kept between products.

        Raises:
            ValueError: as ``loss_and_gradient``, and a negative budget.
        """
        ...


def check_samples(
    model: PatchModel,
    loss: OutputLoss,
    images: torch.Tensor,
    targets: torch.Tensor | ArrayLike,
) -> tuple[torch.Tensor, NDArray[np.generic]]:
    """Images on the model's device and in its dtype, detached; targets as a numpy array.

    Raises:
        ValueError: shapes, values or counts that do not fit, or no samples.
        TypeError: images that are not floating-point.
    """
    pixels = model.check_images(images).detach()
    if isinstance(targets, torch.Tensor):
        targets = targets.detach().cpu()
    values = np.asarray(targets)
    loss.check_targets(values, model.n_classes)
    if len(values) != len(pixels):
        raise ValueError(f"labels: expected {len(pixels)} (one an image), got {len(values)}")
    return pixels, values


def check_budget(memory_budget: float) -> None:
    """Raise ValueError for a negative number of bytes, or NaN."""
    if not memory_budget >= 0:
        raise ValueError(f"memory_budget: expected at least 0 bytes, got {memory_budget}")


def check_vectors(kind: CurvatureKind, vectors: ArrayLike, n_parameters: int) -> Float:
    """The vectors of a product as float64, shape (D, k).

    Raises:
        ValueError: an unknown kind, a shape other than (D, k), NaN or infinity.
    """
    if kind not in get_args(CurvatureKind):
        raise ValueError(f"kind: expected 'hessian', 'gauss_newton' or 'residual', got {kind!r}")
    directions = np.asarray(vectors, dtype=np.float64)
    if directions.ndim != 2 or directions.shape[0] != n_parameters:
        raise ValueError(f"vectors: expected shape ({n_parameters}, k), got {directions.shape}")
    if not np.isfinite(directions).all():
        raise ValueError("vectors: expected finite numbers, got NaN or infinity")
    return directions
