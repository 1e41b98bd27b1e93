"""E, from a model's parameters to those of its circuits: angles that patches share, no pixel bias.

Every circuit reads angles and pixels of its own, so an engine differentiates in the angles of all P
patches and the bias of every pixel. A model with fewer parameters t has those as E t, with a matrix
E of zeros and ones, and by the chain rule, for a linear map exactly,

    grad = E^T grad',   H = E^T H' E,   G = E^T G' E,   R = E^T R' E.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Replication:
    """The matrix E, of shape (P n_angles + n_pixels, D), as products; the identity by default.

    Attributes:
        n_patches: P.
        n_angles: of a patch's circuit.
        shared_angles: whether all patches have the same angles: E replicates them P times.
        pixel_bias: whether there is one: else E gives zeros for the pixels.
        n_pixels: of the image.
    """

    n_patches: int
    n_angles: int
    n_pixels: int
    shared_angles: bool = False
    pixel_bias: bool = True

    def replicate(self, vectors: Tensor) -> Tensor:
        """E t of vectors (..., D): the circuits' angles, patch by patch, then the pixels'."""
        if not self.shared_angles and self.pixel_bias:
            return vectors
        own = self.n_angles if self.shared_angles else self.n_patches * self.n_angles
        angles, pixels = vectors[..., :own], vectors[..., own:]
        if self.shared_angles:
            angles = angles.repeat(*(1 for _ in vectors.shape[:-1]), self.n_patches)
        if not self.pixel_bias:
            pixels = vectors.new_zeros(*vectors.shape[:-1], self.n_pixels)
        return torch.cat([angles, pixels], dim=-1)

    def collect(self, vectors: Tensor) -> Tensor:
        """E^T v of vectors (..., P n_angles + n_pixels): summed over who shares."""
        if not self.shared_angles and self.pixel_bias:
            return vectors
        of_all = self.n_patches * self.n_angles
        angles, pixels = vectors[..., :of_all], vectors[..., of_all:]
        if self.shared_angles:
            angles = angles.unflatten(-1, (self.n_patches, self.n_angles)).sum(dim=-2)
        return torch.cat([angles, pixels], dim=-1) if self.pixel_bias else angles
