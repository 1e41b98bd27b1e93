"""Appendix C of the paper, accuracies: one panel a configuration.

Part of the training and test images that are classified correctly at every epoch's end, from the
first one on; in grey the author's own for the test images, where it was recorded. The scale is
that of log(a / (1 - a)), so that the last per cent can be seen.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs
from patchlaw.paper_figures.provenance import Caption
from patchlaw.paper_figures.training_curves import author_curve, draw_grid
from patchlaw.verification.records import AuthorRun
from patchlaw.verification.runs import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAPTION = Caption("figure-c-accuracy", "accuracies along training", "Appendix C, accuracies")

_TICKS = (0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    return draw_grid(inputs, "accuracy", _panel)


def _panel(axes: "Axes", run: Run, author: AuthorRun | None) -> dict[str, Any]:
    colour = style.patch_style(run.config.model.n_patches).colour
    epochs = [entry.epoch for entry in run.history[1:]]
    train = [entry.train.accuracy for entry in run.history[1:]]
    test = [entry.test.accuracy for entry in run.history[1:]]
    if author is not None:
        ends = np.arange(1, len(author.epoch_test_accuracy) + 1)
        author_curve(axes, ends, author.epoch_test_accuracy, "author's test set")
    axes.plot(epochs, train, color=colour, linewidth=style.LINE)
    axes.plot(
        epochs,
        test,
        color=style.INK,
        linestyle=style.DASHED,
        linewidth=style.THIN_LINE,
        label="test set",
    )
    axes.plot([], [], color=style.INK, linewidth=style.LINE, label="training set")
    axes.axvline(
        run.minimum_epoch,
        color=style.MINIMUM.colour,
        linewidth=style.THIN_LINE,
        zorder=1,
        label="minimum of the training loss",
    )
    axes.set_yscale("logit")
    axes.set_yticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
    axes.set_yticks([], minor=True)
    # an accuracy of 0 or 1 lies at infinity
    recorded = () if author is None else author.epoch_test_accuracy
    inside = [float(a) for a in (*train, *test, *recorded) if 0 < a < 1]
    if inside:
        margin = style.LOG_MARGIN**2
        odds = [a / (1 - a) for a in (min(inside), max(inside))]
        low, high = odds[0] / margin, odds[1] * margin
        axes.set_ylim(low / (1 + low), high / (1 + high))
    return {
        "epoch": epochs,
        "train_accuracy": train,
        "test_accuracy": test,
        "author_test_accuracy": None if author is None else author.epoch_test_accuracy,
    }
