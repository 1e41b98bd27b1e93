"""Fig. 1 and Appendix C of the paper: losses, learning rate and accuracies against epoch.

Fig. 1 has the smallest depth; below its losses is the learning rate, whose cosine annealing makes
them rise and fall, so that the last epoch is not the best one. Appendix C has one panel a
configuration: mini-batch losses before each update, losses and accuracies of the whole training and
test set at every epoch's end, in grey what the author's own run printed, where it was recorded. The
scale of accuracies is that of log(a / (1 - a)), so that the last per cent can be seen.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet, gap_of
from patchlaw.paper_figures.records import author_source
from patchlaw.paper_figures.study import StudyRun
from patchlaw.verification.records import AuthorRun, author_runs
from patchlaw.verification.runs import Run, RunConfig

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DrawPanel: TypeAlias = "Callable[[Axes, Run, AuthorRun | None], dict[str, Any]]"

_HEIGHT = 2.7
_LOSS_TO_RATE = (3.2, 1.0)  # heights
_ROW_HEIGHT = 1.6
_TICKS = (0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)  # of accuracies


def draw_history(inputs: Inputs) -> Drawing:
    """Losses and learning rate at the smallest depth."""
    study = inputs.paper
    runs = [run for run in study.representatives() if run.depth == study.depths[0]]
    sheet = Sheet(inputs, _HEIGHT)
    axes = sheet.figure.subplots(2, max(1, len(runs)), squeeze=False, height_ratios=_LOSS_TO_RATE)
    drawn = []
    for wanted, losses, run in sheet.recorded(
        dict(zip(runs, axes[0], strict=False)), inputs.records.runs
    ):
        _note_unfinished(sheet, wanted, run)
        drawn.append(runs.index(wanted))
        numbers = _history(losses, axes[1, drawn[-1]], run)
        sheet.numbers.append(wanted.place | numbers)
    for rates in axes[1]:
        if not rates.lines:
            rates.set_axis_off()
    panels.label_rows(axes[:, drawn], ("loss (nats)", "learning rate"))
    sheet.figure.align_ylabels(list(axes[:, drawn[:1]].flat))
    sheet.legend(columns=4)
    return sheet.drawing()


def draw_losses(inputs: Inputs) -> Drawing:
    """Losses of every configuration."""
    return _draw_grid(inputs, "loss (nats)", _losses)


def draw_accuracies(inputs: Inputs) -> Drawing:
    """Accuracies of every configuration."""
    return _draw_grid(inputs, "accuracy", _accuracies)


def _draw_grid(inputs: Inputs, ylabel: str, draw_panel: _DrawPanel) -> Drawing:
    """One panel for each P and d, the same scales in all of them."""
    sheet, places = Sheet.of_grid(inputs, _ROW_HEIGHT)
    drawn = {}
    for wanted, axes, run in sheet.recorded(places, inputs.records.runs):
        author = None
        if run.config.identity == RunConfig.paper(*list(wanted.place.values())[1:]).identity:
            author = author_runs().get((wanted.n_patches, wanted.depth))
        _note_unfinished(sheet, wanted, run)
        if author is not None:
            sheet.sources.append(author_source("runs"))
        numbers = {"minimum_epoch": run.minimum_epoch} | draw_panel(axes, run, author)
        sheet.numbers.append(wanted.place | numbers)
        goal = max(run.epochs_done, run.config.training.epochs)
        axes.set_xlim(0, goal)
        if not run.finished:
            panels.remark(axes, f"{run.epochs_done} of {goal} epochs")
        drawn[wanted] = axes
    panels.common_scale(list(drawn.values()), labels=True)
    panels.label_outside(drawn, "epoch", ylabel)
    for axes in drawn.values():
        if not axes.get_ylabel():
            axes.tick_params(labelleft=False)
    sheet.legend(columns=5)
    return sheet.drawing()


def _note_unfinished(sheet: Sheet, wanted: StudyRun, run: Run) -> None:
    """A run whose goal is not reached leaves a gap."""
    if not run.finished:
        reason = f"{run.epochs_done} of {run.config.training.epochs} epochs"
        sheet.gaps.append(gap_of(wanted, sheet.records, reason=reason))


def _history(losses: "Axes", rates: "Axes", run: Run) -> dict[str, Any]:
    history, minimum = run.history, run.minimum_epoch
    epochs = [entry.epoch for entry in history]
    train_loss = [entry.train.loss for entry in history]
    test_loss = [entry.test.loss for entry in history]
    colour = _colour(run)
    losses.plot(epochs, train_loss, color=colour, linestyle="-")
    losses.plot(epochs, test_loss, color=colour, linestyle=style.DASHED)
    # the colour is the panel's, the line style the same in all
    losses.plot([], [], color=style.INK, linestyle="-", label="training set")
    losses.plot([], [], color=style.INK, linestyle=style.DASHED, label="test set")
    losses.set(yscale="log", xlim=(0, epochs[-1]))
    panels.decimal_ticks(losses, "y")
    losses.tick_params(labelbottom=False)
    panels.place_of_minimum(losses, minimum, train_loss[minimum], f"epoch {minimum}")
    # the rate at an epoch's end is that of the epoch that ends there
    steps = [entry.learning_rate for entry in history if entry.learning_rate is not None]
    rates.step(epochs, [steps[0], *steps], where="pre", color=style.INK, linewidth=style.THIN_LINE)
    rates.set(xlabel="epoch", xlim=(0, epochs[-1]), ylim=(0, None))
    return {
        "epoch": epochs,
        "train_loss": train_loss,
        "test_loss": test_loss,
        "learning_rate": steps,
        "minimum_epoch": minimum,
        "minimum_train_loss": train_loss[minimum],
    }


def _losses(axes: "Axes", run: Run, author: AuthorRun | None) -> dict[str, Any]:
    epochs = [entry.epoch for entry in run.history]
    train_loss = [entry.train.loss for entry in run.history]
    test_loss = [entry.test.loss for entry in run.history]
    steps = [loss for entry in run.history for loss in entry.step_losses]
    at, colour = _epochs_of_steps(len(steps), run.epochs_done), _colour(run)
    if author is not None:
        recorded = author.iteration_train_loss
        ends = _epochs_of_steps(len(recorded), len(author.epoch_test_loss))
        _author_curve(axes, ends, recorded, "author's mini-batches")
    axes.plot(at, steps, color=colour, alpha=style.PALE_ALPHA, linewidth=style.HAIR_LINE, zorder=2)
    axes.plot([], [], color=style.INK, linewidth=style.HAIR_LINE, label="mini-batches")
    axes.plot(epochs, train_loss, color=colour, linewidth=style.LINE, zorder=3)
    _test_curve(axes, epochs, test_loss, zorder=4)
    axes.set_yscale("log")
    panels.power_ticks(axes, "y", decimal=True)
    panels.place_of_minimum(axes, run.minimum_epoch, train_loss[run.minimum_epoch])
    return {
        "epoch": epochs,
        "train_loss": train_loss,
        "test_loss": test_loss,
        "step_loss": steps,
        "author_step_loss": author and author.iteration_train_loss,
    }


def _accuracies(axes: "Axes", run: Run, author: AuthorRun | None) -> dict[str, Any]:
    epochs = [entry.epoch for entry in run.history[1:]]
    train = [entry.train.accuracy for entry in run.history[1:]]
    test = [entry.test.accuracy for entry in run.history[1:]]
    recorded = () if author is None else author.epoch_test_accuracy
    if author is not None:
        _author_curve(axes, np.arange(1, len(recorded) + 1), recorded, "author's test set")
    axes.plot(epochs, train, color=_colour(run), linewidth=style.LINE)
    _test_curve(axes, epochs, test)
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
        "author_test_accuracy": author and author.epoch_test_accuracy,
    }


def _colour(run: Run) -> str:
    return style.patch_style(run.config.model.n_patches).colour


def _author_curve(axes: "Axes", x: Any, y: Any, label: str) -> None:
    axes.plot(x, y, color=style.FAINT, linewidth=style.THIN_LINE, zorder=1, label=label)


def _test_curve(axes: "Axes", epochs: list[int], values: list[float], **more: Any) -> None:
    """The test set's curve; then the training set's label, whose colour is the panel's."""
    axes.plot(
        epochs,
        values,
        color=style.INK,
        linestyle=style.DASHED,
        linewidth=style.THIN_LINE,
        label="test set",
        **more,
    )
    axes.plot([], [], color=style.INK, linewidth=style.LINE, label="training set")


def _epochs_of_steps(n_steps: int, n_epochs: int) -> NDArray[np.float64]:
    """Epochs done when each step's loss was computed, before its update."""
    return np.arange(n_steps) * n_epochs / max(1, n_steps)
