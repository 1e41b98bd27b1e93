"""Geometry of the overlapping patches: which pixels of the image each QNN reads."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PatchGrid:
    """P = k*k square patches at a regular stride over a square image.

    Patch (a, b) covers rows [a s, a s + n) and columns [b s, b s + n) with stride
    s = (side - n)/(k - 1), in row-major order over (a, b); its pixels are flattened row-major.
    Source: paper, Sec. 2.1 and Eq. (1); the paper has side 14, n = 8 and P = 4, 9, 16.
    A single patch (P = 1) starts at (0, 0).

    Attributes:
        image_side: side of the image in pixels.
        patch_side: side n of a patch in pixels.
        n_patches: P, a square.

    Raises:
        ValueError: P is not a positive square, the patch is larger than the image, or
            k - 1 does not divide side - n.
    """

    image_side: int = 14
    patch_side: int = 8
    n_patches: int = 4

    def __post_init__(self) -> None:
        """Check that the patches form a regular grid of whole pixels."""
        for name in ("image_side", "patch_side", "n_patches"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name}: expected an integer >= 1, got {value!r}")
        k = math.isqrt(self.n_patches)
        if k * k != self.n_patches:
            raise ValueError(
                f"n_patches: expected a square (1, 4, 9, 16, ...), got {self.n_patches}; "
                f"nearest squares are {k * k} and {(k + 1) ** 2}"
            )
        span = self.image_side - self.patch_side
        if span < 0:
            raise ValueError(
                f"patch_side: expected at most the image's side {self.image_side}, "
                f"got {self.patch_side}"
            )
        if k > 1 and (span == 0 or span % (k - 1)):
            valid = [1] + [(d + 1) ** 2 for d in range(1, span + 1) if span % d == 0]
            raise ValueError(
                f"n_patches: expected one of {valid} for patches of side {self.patch_side} on an "
                f"image of side {self.image_side} (k - 1 must divide {span}), got {self.n_patches}"
            )

    @property
    def patches_per_side(self) -> int:
        """Patches along one side, k = sqrt(P)."""
        return math.isqrt(self.n_patches)

    @property
    def stride(self) -> int:
        """Pixels between neighbouring patches; 0 for a single patch."""
        k = self.patches_per_side
        return (self.image_side - self.patch_side) // (k - 1) if k > 1 else 0

    @property
    def offsets(self) -> tuple[int, ...]:
        """Row (and column) offsets of the patches along one side."""
        return tuple(i * self.stride for i in range(self.patches_per_side))

    @cached_property
    def pixel_indices(self) -> NDArray[np.int64]:
        """Row-major pixel index of every feature, shape (P, n*n), int64."""
        inside = np.arange(self.patch_side)
        window = inside[:, None] * self.image_side + inside[None, :]
        corners = [r * self.image_side + c for r in self.offsets for c in self.offsets]
        return np.stack([window.ravel() + corner for corner in corners]).astype(np.int64)

    @cached_property
    def coverage(self) -> NDArray[np.int64]:
        """Exact number m of patches that read each pixel, shape (side, side), int64."""
        counts = np.bincount(self.pixel_indices.ravel(), minlength=self.image_side**2)
        return counts.reshape(self.image_side, self.image_side)

    @property
    def mean_coverage(self) -> Fraction:
        """Mean of m over the pixels, exactly n^2 P / side^2."""
        return Fraction(self.patch_side**2 * self.n_patches, self.image_side**2)
