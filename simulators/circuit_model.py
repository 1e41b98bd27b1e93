"""What the fast engines ask of a model: one circuit on every patch, and a pixel bias."""

from typing import Protocol

from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.simulators.ansatz import Ansatz
from patchlaw.simulators.patch_model import PatchModel
from patchlaw.simulators.patches import PatchGrid
from patchlaw.simulators.replication import Replication


class CircuitModel(PatchModel, Protocol):
    """z = s sum_p f_p(patch_p(image + bias)) with one circuit a patch; see ``DistributedQNN``.

    Attributes:
        ansatz: the circuit. grid: where the patches lie.
        pixel_indices: (P, n_features), row-major pixel of each feature.
        circuit_angles: (P, n_angles), radians. pixel_bias: (side, side), radians.
        replication: from the model's parameters to these two.
    """

    ansatz: Ansatz
    grid: PatchGrid
    pixel_indices: Tensor

    @property
    def angles(self) -> Tensor:
        """The parameter: shape (P, n_angles), or (1, n_angles) where the patches share it."""
        ...

    @property
    def circuit_angles(self) -> Tensor:
        """Those of every patch's circuit, shape (P, n_angles)."""
        ...

    @property
    def replication(self) -> Replication:
        """E."""
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
