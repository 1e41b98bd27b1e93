"""How many patches cover each pixel: exact integers.

A pixel's bias is shared by the m patches that cover the pixel, so m is the factor by which its
row of the Hessian departs from an angle's row: |d_b z_k| <= s m, hence |G_bb'| <= s^2 m_b m_b'.

The counts follow from a closed form for one axis; nothing is enumerated and no simulator is
consulted, so that the geometry the simulators use can be checked against this one.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from patchlaw.hessian_theory.input_checks import positive_integer


@dataclass(frozen=True)
class PatchCoverage:
    """Exact coverage of a square image by P = k^2 square patches at a regular stride.

    Offsets along one axis are 0, t, .., (k-1) t with t = (side - n) / (k - 1); a single patch
    starts at 0. Pixel r of one axis lies in
    m(r) = min(k - 1, floor(r / t)) - max(0, ceil((r - n + 1) / t)) + 1 windows (0 if negative),
    and pixel (r, c) of the image in m(r) m(c) patches. Source: paper, Sec. 2.1; the counts are
    ours.

    Attributes:
        image_side: side of the image in pixels.
        patch_side: side n of a patch in pixels.
        n_patches: P, a square.

    Raises:
        TypeError: a size is not an integer.
        ValueError: a size is not positive, P is not a square, the patch is larger than the
            image, or the k patches of an axis do not fit at one whole, positive stride.
    """

    image_side: int
    patch_side: int
    n_patches: int

    def __post_init__(self) -> None:
        """Check that the grid exists."""
        for name in ("image_side", "patch_side", "n_patches"):
            object.__setattr__(self, name, positive_integer(name, getattr(self, name)))
        k = math.isqrt(self.n_patches)
        if k * k != self.n_patches:
            raise ValueError(
                f"n_patches: expected the square of a whole number, got {self.n_patches}; "
                f"use {k * k} or {(k + 1) ** 2}"
            )
        slack = self.image_side - self.patch_side
        if slack < 0:
            raise ValueError(
                f"patch_side: expected at most image_side = {self.image_side}, "
                f"got {self.patch_side}; use a smaller patch or a larger image"
            )
        if k > 1 and (slack == 0 or slack % (k - 1)):
            raise ValueError(
                f"n_patches: expected k^2 with k - 1 dividing image_side - patch_side = {slack} "
                f"at a stride of 1 or more, got {self.n_patches}; "
                f"use one of {_possible_counts(slack)}"
            )

    @property
    def patches_per_side(self) -> int:
        """Patches along one axis, k = sqrt(P)."""
        return math.isqrt(self.n_patches)

    @property
    def stride(self) -> int:
        """Pixels between neighbouring patches, t; 0 for a single patch."""
        k = self.patches_per_side
        return (self.image_side - self.patch_side) // (k - 1) if k > 1 else 0

    @property
    def offsets(self) -> tuple[int, ...]:
        """First pixel of each patch along one axis, ascending."""
        return tuple(self.stride * index for index in range(self.patches_per_side))

    @property
    def axis_counts(self) -> tuple[int, ...]:
        """Windows of one axis that cover each pixel of that axis, length ``image_side``."""
        n, k, t = self.patch_side, self.patches_per_side, self.stride
        if k == 1:
            return tuple(int(r < n) for r in range(self.image_side))
        return tuple(
            max(0, min(k - 1, r // t) - max(0, -((n - 1 - r) // t)) + 1)
            for r in range(self.image_side)
        )

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Patches that cover each pixel, m(r) m(c), shape (side, side), int64, read-only."""
        axis = np.array(self.axis_counts, dtype=np.int64)
        counts = np.outer(axis, axis)
        counts.setflags(write=False)
        return counts

    @property
    def mean(self) -> Fraction:
        """Mean of m over the pixels: n^2 P / side^2, as every patch lies inside the image."""
        return Fraction(self.patch_side**2 * self.n_patches, self.image_side**2)

    @property
    def sum_of_squares(self) -> int:
        """Sum of m^2 over the pixels: what the bias adds to the bound on tr G, in units s^2."""
        return sum(m * m for m in self.axis_counts) ** 2

    @property
    def minimum(self) -> int:
        """Smallest m; 0 where the grid leaves pixels out."""
        return min(self.axis_counts) ** 2

    @property
    def maximum(self) -> int:
        """Largest m; P when some pixel lies in every patch."""
        return max(self.axis_counts) ** 2

    @property
    def pixels_in_every_patch(self) -> int:
        """Pixels with m = P: max(0, 2 n - side)^2 for P > 1, whatever P is; n^2 for P = 1."""
        if self.n_patches == 1:
            return self.patch_side**2
        return max(0, 2 * self.patch_side - self.image_side) ** 2

    @property
    def axis_overlaps(self) -> tuple[tuple[int, ...], ...]:
        """Pixels shared by windows a and b of one axis, max(0, n - t |a - b|), shape (k, k).

        Patches (a, a') and (b, b') of the image share the product of two such entries.
        """
        n, k, t = self.patch_side, self.patches_per_side, self.stride
        return tuple(tuple(max(0, n - t * abs(a - b)) for b in range(k)) for a in range(k))


def _possible_counts(slack: int) -> list[int]:
    """Values of P for which k - 1 divides the slack between image and patch."""
    return [1] + [(steps + 1) ** 2 for steps in range(1, slack + 1) if slack % steps == 0]
