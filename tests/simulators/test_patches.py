"""Patch geometry against masks painted pixel by pixel."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from patchlaw.simulators import PatchGrid
from tests.strategies import patch_grids


def painted_masks(grid: PatchGrid) -> np.ndarray:
    """Boolean masks (P, side, side) from the offsets alone, by slicing an image."""
    masks = []
    for row in grid.offsets:
        for column in grid.offsets:
            mask = np.zeros((grid.image_side, grid.image_side), dtype=bool)
            mask[row : row + grid.patch_side, column : column + grid.patch_side] = True
            masks.append(mask)
    return np.array(masks)


@pytest.mark.parametrize(
    ("n_patches", "offsets"),
    [
        (1, (0,)),
        (4, (0, 6)),
        (9, (0, 3, 6)),
        (16, (0, 2, 4, 6)),
        (49, (0, 1, 2, 3, 4, 5, 6)),
    ],
)
def test_offsets_of_the_paper(n_patches: int, offsets: tuple[int, ...]) -> None:
    grid = PatchGrid(14, 8, n_patches)
    assert grid.offsets == offsets
    assert grid.pixel_indices.shape == (n_patches, 64)


@pytest.mark.parametrize("n_patches", [4, 9, 16, 49])
def test_four_central_pixels_are_in_every_patch(n_patches: int) -> None:
    grid = PatchGrid(14, 8, n_patches)
    assert (grid.coverage == n_patches).sum() == 4
    assert (grid.coverage[6:8, 6:8] == n_patches).all()


@given(patch_grids())
def test_last_patch_ends_at_the_image_edge(grid: PatchGrid) -> None:
    if grid.n_patches > 1:
        assert grid.offsets[-1] + grid.patch_side == grid.image_side


@given(patch_grids())
def test_coverage_counts_the_painted_masks(grid: PatchGrid) -> None:
    masks = painted_masks(grid)
    assert (grid.coverage == masks.sum(axis=0)).all()
    total = int(masks.sum())
    assert grid.mean_coverage == Fraction(total, grid.image_side**2)


@given(patch_grids())
def test_patches_and_their_pixels_are_row_major(grid: PatchGrid) -> None:
    """Only this catches a transposed patch order or flattening: coverage is symmetric in both."""
    image = np.arange(grid.image_side**2).reshape(grid.image_side, grid.image_side)
    expected = [image[mask] for mask in painted_masks(grid)]  # boolean indexing is row-major
    assert (grid.pixel_indices == np.array(expected)).all()
    if grid.patch_side > 1:
        across = grid.pixel_indices.reshape(-1, grid.patch_side, grid.patch_side).swapaxes(1, 2)
        assert not (across.reshape(grid.n_patches, -1) == np.array(expected)).all()
    if grid.n_patches > 1:
        k = grid.patches_per_side
        down = grid.pixel_indices.reshape(k, k, -1).swapaxes(0, 1)
        assert not (down.reshape(grid.n_patches, -1) == np.array(expected)).all()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((14, 8, 5), "n_patches: expected a square (1, 4, 9, 16, ...), got 5; nearest squares"),
        ((14, 8, 25), "n_patches: expected one of [1, 4, 9, 16, 49] for patches of side 8"),
        ((8, 8, 4), "n_patches: expected one of [1] for patches of side 8"),
        ((7, 8, 1), "patch_side: expected at most the image's side 7, got 8"),
        ((14, 8, 0), "n_patches: expected an integer >= 1, got 0"),
        ((14, 0, 4), "patch_side: expected an integer >= 1, got 0"),
        ((14.0, 8, 4), "image_side: expected an integer >= 1, got 14.0"),
        ((14, 8, True), "n_patches: expected an integer >= 1, got True"),
    ],
)
def test_refuses_sizes_without_a_regular_grid(sizes: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        PatchGrid(*sizes)


@given(patch_grids())
def test_message_lists_exactly_the_patch_counts_that_work(grid: PatchGrid) -> None:
    """A suggestion that is refused in its turn helps nobody."""
    side, patch = grid.image_side, grid.patch_side
    unreachable = (side + 2) ** 2
    with pytest.raises(ValueError, match="expected one of") as caught:
        PatchGrid(side, patch, unreachable)
    listed = re.search(r"\[(.*)\]", str(caught.value))
    assert listed is not None
    suggested = {int(number) for number in listed[1].split(",")}
    works = set()
    for k in range(1, side + 2):
        try:
            PatchGrid(side, patch, k * k)
        except ValueError:
            continue
        works.add(k * k)
    assert suggested == works
