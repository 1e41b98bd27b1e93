"""Closed-form coverage against masks laid over the image one patch at a time."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchlaw.hessian_theory.coverage import PatchCoverage
from patchlaw.simulators import PatchGrid
from tests.strategies import patch_grids


def patch_masks(coverage: PatchCoverage) -> NDArray[np.int64]:
    """One 0/1 image per patch, shape (P, side, side), cut by slicing."""
    k, side, n = coverage.patches_per_side, coverage.image_side, coverage.patch_side
    starts = np.linspace(0, side - n, k).round().astype(int) if k > 1 else [0]
    masks = np.zeros((k, k, side, side), dtype=np.int64)
    for a, top in enumerate(starts):
        for b, left in enumerate(starts):
            masks[a, b, top : top + n, left : left + n] = 1
    return masks.reshape(-1, side, side)


@given(patch_grids(max_patches_per_side=5))
def test_counts_are_those_of_masks(grid: PatchGrid) -> None:
    """Only this would catch a floor or ceiling off by one at the edge of a window."""
    coverage = PatchCoverage(grid.image_side, grid.patch_side, grid.n_patches)
    masks = patch_masks(coverage)
    counts = masks.sum(axis=0)
    assert (coverage.counts == counts).all()
    assert coverage.mean == Fraction(int(counts.sum()), counts.size)
    assert coverage.sum_of_squares == int((counts**2).sum())
    assert (coverage.minimum, coverage.maximum) == (counts.min(), counts.max())
    assert coverage.pixels_in_every_patch == int(masks.all(axis=0).sum())
    if coverage.n_patches > 1:  # theorem coverage
        n, side = grid.patch_side, grid.image_side
        assert coverage.pixels_in_every_patch == max(0, 2 * n - side) ** 2
        assert coverage.mean == Fraction(n**2 * coverage.n_patches, side**2)


@given(patch_grids(max_patches_per_side=4))
def test_overlaps_are_those_of_masks(grid: PatchGrid) -> None:
    """Only this would catch rows and columns mixed up in the product of two axes."""
    coverage = PatchCoverage(grid.image_side, grid.patch_side, grid.n_patches)
    flat = patch_masks(coverage).reshape(coverage.n_patches, -1)
    axis = np.array(coverage.axis_overlaps)
    assert (np.kron(axis, axis) == flat @ flat.T).all()


@given(patch_grids(max_patches_per_side=5))
def test_agrees_with_the_geometry_of_the_simulators(grid: PatchGrid) -> None:
    """Two codes that share nothing; only this would catch the theory speaking of another grid."""
    coverage = PatchCoverage(grid.image_side, grid.patch_side, grid.n_patches)
    assert coverage.offsets == grid.offsets
    assert (coverage.counts == grid.coverage).all()
    assert coverage.mean == grid.mean_coverage
    assert coverage.pixels_in_every_patch == (grid.coverage == grid.n_patches).sum()


@pytest.mark.parametrize("n_patches", [4, 9, 16, 49])
def test_four_pixels_of_the_papers_image_lie_in_every_patch(n_patches: int) -> None:
    coverage = PatchCoverage(14, 8, n_patches)
    assert coverage.mean == Fraction(64 * n_patches, 196)
    assert coverage.pixels_in_every_patch == (coverage.counts == n_patches).sum() == 4
    assert coverage.minimum == 1


@given(st.integers(1, 8), st.integers(1, 9), st.integers(1, 7))
def test_growing_image_bounds_the_counts_whatever_p(n: int, t: int, k: int) -> None:
    """At fixed patch and stride no pixel lies in more than ceil(n / t)^2 patches."""
    coverage = PatchCoverage(n + (k - 1) * t, n, k * k)
    assert coverage.stride == (t if k > 1 else 0)
    assert coverage.maximum <= (-(-n // t)) ** 2
    if k * t >= n:  # the first window is left before the last one begins
        assert coverage.maximum == (-(-n // t)) ** 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((14, 8, 0), r"n_patches: expected a positive integer, got 0; use 1 or more"),
        ((14, 8, 5), r"n_patches: expected the square of a whole number, got 5; use 4 or 9"),
        ((14, 8, 25), r"k - 1 dividing image_side - patch_side = 6 .* got 25; use one of \[1, 4,"),
        ((8, 8, 4), r"image_side - patch_side = 0 .* got 4; use one of \[1\]"),
        ((7, 8, 4), r"patch_side: expected at most image_side = 7, got 8; use a smaller patch"),
    ],
)
def test_impossible_grids_are_refused(arguments: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PatchCoverage(*arguments)


def test_sizes_that_are_no_integers_are_refused() -> None:
    with pytest.raises(TypeError, match=r"n_patches: expected a positive integer, got 4\.0"):
        PatchCoverage(14, 8, 4.0)  # type: ignore[arg-type]


def test_numpy_integers_are_integers() -> None:
    assert PatchCoverage(np.int64(14), np.int32(8), np.int64(4)).n_patches == 4  # type: ignore[arg-type]
