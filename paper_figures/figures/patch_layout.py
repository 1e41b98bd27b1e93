"""Fig. 2 of the paper: the overlapping patches over a digit; below, how many cover each pixel.

The counts are those of hessian_theory.coverage, whose closed form nothing of the simulators
enters; the digit is an image of the embedded MNIST as the circuits see it, 14 by 14 pixels.
"""

from typing import TYPE_CHECKING

import numpy as np

from patchlaw.hessian_theory.coverage import PatchCoverage
from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet
from patchlaw.paper_figures.records import shipped_source
from patchlaw.simulators import PatchGrid, load_mnist
from patchlaw.simulators.datasets.mnist import EMBEDDED_FILE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray


_HEIGHT = 4.9
_DIGIT = 0  # index in the training set: the first image, a five
_INSET = 0.13  # pixels by which each next patch is drawn smaller, so that edges stay apart


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure; it needs no record."""
    data = load_mnist()
    image, label = data.train_images[_DIGIT].numpy(), int(data.train_labels[_DIGIT])
    patches = inputs.paper.patches or (PatchGrid().n_patches,)
    sheet = Sheet(inputs, _HEIGHT)
    axes = sheet.figure.subplots(2, len(patches), squeeze=False)
    samples = {"images to choose from": len(data.train_labels)}
    sheet.sources.append(shipped_source(EMBEDDED_FILE, samples))
    for column, n_patches in enumerate(patches):
        grid = PatchGrid(n_patches=n_patches)
        coverage = PatchCoverage(grid.image_side, grid.patch_side, n_patches)
        _patches(axes[0, column], image, coverage)
        _counts(axes[1, column], coverage)
        panels.title(axes[0, column], column, f"$P = {n_patches}$, stride {coverage.stride}")
        panels.title(axes[1, column], len(patches) + column)
        if column == 0:
            axes[0, 0].set_ylabel(f"${grid.image_side} \\times {grid.image_side}$ pixels")
            axes[1, 0].set_ylabel("patches on each pixel")
        sheet.numbers.append(
            {
                "n_patches": n_patches,
                "offsets": coverage.offsets,
                "patch_side": coverage.patch_side,
                "counts": coverage.counts,
            }
        )
    return sheet.drawing(digit={"index": _DIGIT, "label": label, "pixels_rad": image})


def _patches(axes: "Axes", image: "NDArray[np.float32]", coverage: PatchCoverage) -> None:
    from matplotlib.patches import Rectangle

    axes.imshow(image, cmap=style.DIGIT_MAP, vmin=0)
    look = style.patch_style(coverage.n_patches)
    side = coverage.patch_side
    corners = [(r, c) for r in coverage.offsets for c in coverage.offsets]
    for index, (row, column) in enumerate(corners):
        first = index == 0
        # each a little smaller than the one before in its row and column
        inset = _INSET * (row + column) / max(1, coverage.stride)
        axes.add_patch(
            Rectangle(
                (column - 0.5 + inset, row - 0.5 + inset),
                side - 2 * inset,
                side - 2 * inset,
                fill=first,
                facecolor=(look.colour, style.BAND_ALPHA),
                edgecolor=look.colour,
                linewidth=style.BOLD_LINE if first else style.THIN_LINE,
                clip_on=False,
            )
        )
    axes.set(xticks=[], yticks=[])


def _counts(axes: "Axes", coverage: PatchCoverage) -> None:
    counts = coverage.counts
    axes.imshow(counts, cmap=style.COUNT_MAP, vmin=0, vmax=coverage.n_patches)
    for (row, column), count in np.ndenumerate(counts):
        dark = count > coverage.n_patches / 2
        axes.text(
            column,
            row,
            str(count),
            ha="center",
            va="center_baseline",
            fontsize=style.SMALL_TEXT,
            color="white" if dark else style.INK,
        )
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(
        f"mean {float(coverage.mean):.2f}; {coverage.pixels_in_every_patch} pixels in all patches"
    )
