"""What the fast engines ask of a model: one circuit on every patch, and a pixel bias."""

from typing import Protocol

from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.simulators.ansatz import Ansatz
from patchlaw.simulators.patch_model import PatchModel
from patchlaw.simulators.patches import PatchGrid


class CircuitModel(PatchModel, Protocol):
    """z = s sum_p f_p(patch_p(image + bias)) with one circuit a patch; see ``DistributedQNN``.

    Attributes:
        ansatz: the circuit. grid: where the patches lie.
        pixel_indices: (P, n_features), row-major pixel of each feature.
        angles: (P, n_angles), radians. pixel_bias: (side, side), radians.
    """

    ansatz: Ansatz
    grid: PatchGrid
    pixel_indices: Tensor

    @property
    def angles(self) -> Tensor:
        """Shape (P, n_angles), radians."""
        ...

    @property
    def pixel_bias(self) -> Tensor:
        """Shape (side, side), radians."""
        ...

    def autograd_logits(
        self,
        images: Tensor | ArrayLike,
        angles: Tensor | None = None,
        pixel_bias: Tensor | None = None,
    ) -> Tensor:
        """Logits (N, C) by plain torch operations."""
        ...
