"""Fig. 1 of the paper: training and test loss against epoch, the minimum marked.

One panel for each P at the smallest depth; below, the learning rate, whose cosine annealing makes
the losses rise and fall, so that the last epoch is not the best one.
"""

from typing import TYPE_CHECKING, Any

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Gap, Inputs, Parts, training_of, unfinished
from patchlaw.paper_figures.panels import (
    common_scale,
    decimal_ticks,
    legend_below,
    new_figure,
    not_run,
    place_of_minimum,
    title,
)
from patchlaw.paper_figures.provenance import Caption
from patchlaw.verification.runs import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAPTION = Caption("figure-1", "training and test loss against epoch", "Fig. 1")

_HEIGHT = 2.7
_LOSS_TO_RATE = (3.2, 1.0)  # heights


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    runs = [run for run in inputs.grid if run.depth == min(inputs.paper.depths)]
    figure = new_figure(style.TWO_COLUMNS, _HEIGHT)
    axes = figure.subplots(2, max(1, len(runs)), squeeze=False, height_ratios=_LOSS_TO_RATE)
    parts = Parts()
    drawn = []
    for index, wanted in enumerate(runs):
        losses, rates = axes[:, index]
        title(losses, index, wanted.title)
        found = inputs.records.runs.get(wanted.run_id)
        if found is None:
            gap = Gap(wanted.label, training_of(wanted))
            parts.gaps.append(gap)
            not_run(losses, [gap], inputs.records.label)
            rates.set_axis_off()
            continue
        parts.gaps += unfinished(wanted, found)
        parts.sources.append(inputs.records.run_source(found))
        parts.panels.append(_panel(losses, rates, found))
        drawn.append(index)
    if drawn:
        common_scale(list(axes[0, drawn]))
        common_scale(list(axes[1, drawn]))
        axes[0, drawn[0]].set_ylabel("loss (nats)")
        axes[1, drawn[0]].set_ylabel("learning rate")
        figure.align_ylabels(list(axes[:, drawn[0]]))
        legend_below(figure, list(axes[0]), columns=4)
    return parts.drawing(figure)


def _panel(losses: "Axes", rates: "Axes", run: Run) -> dict[str, Any]:
    model, history, minimum = run.config.model, run.history, run.minimum_epoch
    epochs = [entry.epoch for entry in history]
    train_loss = [entry.train.loss for entry in history]
    test_loss = [entry.test.loss for entry in history]
    colour = style.patch_style(model.n_patches).colour
    losses.plot(epochs, train_loss, color=colour, linestyle="-")
    losses.plot(epochs, test_loss, color=colour, linestyle=style.DASHED)
    # the colour is the panel's, the line style the same in all
    losses.plot([], [], color=style.INK, linestyle="-", label="training set")
    losses.plot([], [], color=style.INK, linestyle=style.DASHED, label="test set")
    losses.set(yscale="log", xlim=(0, epochs[-1]))
    decimal_ticks(losses, "y")
    losses.tick_params(labelbottom=False)
    place_of_minimum(losses, minimum, train_loss[minimum], f"epoch {minimum}")
    # the rate at an epoch's end is that of the epoch that ends there
    steps = [entry.learning_rate for entry in history if entry.learning_rate is not None]
    rates.step(epochs, [steps[0], *steps], where="pre", color=style.INK, linewidth=style.THIN_LINE)
    rates.set(xlabel="epoch", xlim=(0, epochs[-1]), ylim=(0, None))
    return {
        "run": run.config.run_id,
        "n_patches": model.n_patches,
        "depth": model.depth,
        "seed": model.seed,
        "epoch": epochs,
        "train_loss": train_loss,
        "test_loss": test_loss,
        "learning_rate": steps,
        "minimum_epoch": minimum,
        "minimum_train_loss": train_loss[minimum],
    }
