"""What the engines ask of a model: circuits on patches, their parameters, their aggregation."""

from typing import Protocol

from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.simulators.ansatz import Ansatz
from patchlaw.simulators.patches import PatchGrid


class CircuitModel(Protocol):
    """z = s sum_p f_p(patch_p(image + bias)) with one circuit a patch; see ``DistributedQNN``.

    Attributes:
        ansatz: the circuit. grid: where the patches lie.
        n_classes: C. n_patches: P. n_parameters: D. output_scale: s.
        pixel_indices: (P, n_features), row-major pixel of each feature.
        angles: (P, n_angles), radians. pixel_bias: (side, side), radians.
    """

    ansatz: Ansatz
    grid: PatchGrid
    n_classes: int
    pixel_indices: Tensor

    @property
    def n_patches(self) -> int:
        """P."""
        ...

    @property
    def n_parameters(self) -> int:
        """D."""
        ...

    @property
    def output_scale(self) -> float:
        """s = c P^(-alpha)."""
        ...

    @property
    def angles(self) -> Tensor:
        """Shape (P, n_angles), radians."""
        ...

    @property
    def pixel_bias(self) -> Tensor:
        """Shape (side, side), radians."""
        ...

    def check_images(self, images: Tensor | ArrayLike) -> Tensor:
        """Images as a tensor of the model's dtype and device; ValueError if they do not fit."""
        ...

    def autograd_logits(
        self,
        images: Tensor | ArrayLike,
        angles: Tensor | None = None,
        pixel_bias: Tensor | None = None,
    ) -> Tensor:
        """Logits (N, C) by plain torch operations."""
        ...
