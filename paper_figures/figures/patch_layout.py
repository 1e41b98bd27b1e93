"""Fig. 2 of the paper: the overlapping patches over a digit; below, how many cover each pixel.

The counts are those of hessian_theory.coverage, whose closed form nothing of the simulators
enters; the digit is an image of the embedded MNIST as the circuits see it, 14 by 14 pixels.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from patchlaw.hessian_theory.coverage import PatchCoverage
from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Parts
from patchlaw.paper_figures.panels import new_figure, title
from patchlaw.paper_figures.provenance import Caption
from patchlaw.paper_figures.records import SOURCE_TREE, Source, file_sha256
from patchlaw.simulators import PatchGrid, load_mnist
from patchlaw.simulators.datasets.mnist import EMBEDDED_FILE

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

CAPTION = Caption("figure-2", "patches over a digit, and how many cover each pixel", "Fig. 2")

_HEIGHT = 4.9
_DIGIT = 0  # index in the training set: the first image, a five
_INSET = 0.13  # pixels by which each next patch is drawn smaller, so that edges stay apart


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure; it needs no record."""
    data = load_mnist()
    image, label = data.train_images[_DIGIT].numpy(), int(data.train_labels[_DIGIT])
    patches = inputs.paper.patches or (PatchGrid().n_patches,)
    figure = new_figure(style.TWO_COLUMNS, _HEIGHT)
    axes = figure.subplots(2, len(patches), squeeze=False)
    parts = Parts()
    parts.sources.append(_source(len(data.train_labels)))
    for column, n_patches in enumerate(patches):
        grid = PatchGrid(n_patches=n_patches)
        coverage = PatchCoverage(grid.image_side, grid.patch_side, n_patches)
        _patches(axes[0, column], image, coverage)
        _counts(axes[1, column], coverage)
        title(axes[0, column], column, f"$P = {n_patches}$, stride {coverage.stride}")
        title(axes[1, column], len(patches) + column)
        if column == 0:
            axes[0, 0].set_ylabel(f"${grid.image_side} \\times {grid.image_side}$ pixels")
            axes[1, 0].set_ylabel("patches on each pixel")
        parts.panels.append(
            {
                "n_patches": n_patches,
                "offsets": coverage.offsets,
                "patch_side": coverage.patch_side,
                "counts": coverage.counts,
            }
        )
    return parts.drawing(figure, digit={"index": _DIGIT, "label": label, "pixels_rad": image})


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
    _pixel_axes(axes)


def _counts(axes: "Axes", coverage: PatchCoverage) -> None:
    counts = coverage.counts
    axes.imshow(counts, cmap=style.COUNT_MAP, vmin=0, vmax=coverage.n_patches)
    for (row, column), count in _entries(counts):
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
    _pixel_axes(axes)
    axes.set_xlabel(
        f"mean {float(coverage.mean):.2f}; {coverage.pixels_in_every_patch} pixels in all patches"
    )


def _pixel_axes(axes: "Axes") -> None:
    axes.set(xticks=[], yticks=[])


def _entries(counts: "NDArray[np.int64]") -> "list[tuple[tuple[int, int], int]]":
    rows, columns = counts.shape
    return [((r, c), int(counts[r, c])) for r in range(rows) for c in range(columns)]


def _source(n_images: int) -> Source:
    path: Path = EMBEDDED_FILE
    file = path.resolve().relative_to(SOURCE_TREE).as_posix()
    samples: dict[str, Any] = {"images to choose from": n_images}
    return Source(file, file_sha256(path), samples)
