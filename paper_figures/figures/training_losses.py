"""Appendix C of the paper: loss against epoch, one panel a configuration.

Mini-batch losses before each update, losses over the whole training and test set at every epoch's
end, the minimum marked; in grey what the author's own run printed, where it was recorded.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs
from patchlaw.paper_figures.panels import place_of_minimum, power_ticks
from patchlaw.paper_figures.provenance import Caption
from patchlaw.paper_figures.training_curves import author_curve, draw_grid
from patchlaw.verification.records import AuthorRun
from patchlaw.verification.runs import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAPTION = Caption("figure-c-loss", "losses along training", "Appendix C, losses")


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    return draw_grid(inputs, "loss (nats)", _panel)


def _panel(axes: "Axes", run: Run, author: AuthorRun | None) -> dict[str, Any]:
    colour = style.patch_style(run.config.model.n_patches).colour
    epochs = [entry.epoch for entry in run.history]
    train_loss = [entry.train.loss for entry in run.history]
    test_loss = [entry.test.loss for entry in run.history]
    steps = [loss for entry in run.history for loss in entry.step_losses]
    at = _epochs_of_steps(len(steps), run.epochs_done)
    if author is not None:
        recorded = author.iteration_train_loss
        author_curve(
            axes,
            _epochs_of_steps(len(recorded), len(author.epoch_test_loss)),
            recorded,
            "author's mini-batches",
        )
    axes.plot(at, steps, color=colour, alpha=style.PALE_ALPHA, linewidth=style.HAIR_LINE, zorder=2)
    axes.plot([], [], color=style.INK, linewidth=style.HAIR_LINE, label="mini-batches")
    axes.plot(epochs, train_loss, color=colour, linewidth=style.LINE, zorder=3)
    axes.plot(
        epochs,
        test_loss,
        color=style.INK,
        linestyle=style.DASHED,
        linewidth=style.THIN_LINE,
        zorder=4,
        label="test set",
    )
    axes.plot([], [], color=style.INK, linewidth=style.LINE, label="training set")
    axes.set_yscale("log")
    power_ticks(axes, "y", decimal=True)
    place_of_minimum(axes, run.minimum_epoch, train_loss[run.minimum_epoch])
    return {
        "epoch": epochs,
        "train_loss": train_loss,
        "test_loss": test_loss,
        "step_loss": steps,
        "author_step_loss": None if author is None else author.iteration_train_loss,
    }


def _epochs_of_steps(n_steps: int, n_epochs: int) -> "np.ndarray[Any, Any]":
    """Epochs done when each step's loss was computed, before its update."""
    return np.arange(n_steps) * n_epochs / max(1, n_steps)
