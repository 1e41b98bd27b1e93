"""What both drawings of Appendix C share: a grid of runs and the author's record of each."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Gap, Inputs, Parts, training_of, unfinished
from patchlaw.paper_figures.panels import (
    common_scale,
    legend_below,
    not_run,
    remark,
    study_grid,
    title,
)
from patchlaw.paper_figures.records import author_source
from patchlaw.verification.records import AuthorRun, author_runs
from patchlaw.verification.runs import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_HEIGHT = 1.6

DrawPanel: TypeAlias = "Callable[[Axes, Run, AuthorRun | None], dict[str, Any]]"


def draw_grid(inputs: Inputs, ylabel: str, draw_panel: DrawPanel) -> Drawing:
    """One panel for each P and d, the same scales in all of them.

    Args:
        inputs: records and runs.
        ylabel: of the first column.
        draw_panel: draws a run, with the author's record of it if there is one, and returns the
            numbers drawn.
    """
    figure, panels = study_grid(inputs.paper, _ROW_HEIGHT)
    parts, drawn = Parts(), {}
    for index, (wanted, axes) in enumerate(panels):
        title(axes, index, wanted.title)
        found = inputs.records.runs.get(wanted.run_id)
        if found is None:
            gap = Gap(wanted.label, training_of(wanted))
            parts.gaps.append(gap)
            not_run(axes, [gap], inputs.records.label)
            continue
        author = None
        if found.config.identity == type(found.config).paper(*_place(found)).identity:
            author = author_runs().get(_place(found)[:2])
        parts.gaps += unfinished(wanted, found)
        parts.sources.append(inputs.records.run_source(found))
        if author is not None:
            parts.sources.append(author_source("runs"))
        parts.panels.append(_facts(found) | draw_panel(axes, found, author))
        goal = max(found.epochs_done, found.config.training.epochs)
        axes.set_xlim(0, goal)
        if not found.finished:
            remark(axes, f"{found.epochs_done} of {goal} epochs")
        drawn[wanted] = axes
    if drawn:
        common_scale(list(drawn.values()), labels=True)
        for column in {wanted.depth for wanted in drawn}:
            lowest = [axes for wanted, axes in drawn.items() if wanted.depth == column][-1]
            lowest.set_xlabel("epoch")
        for row in {wanted.n_patches for wanted in drawn}:
            of_row = [axes for wanted, axes in drawn.items() if wanted.n_patches == row]
            of_row[0].set_ylabel(ylabel)
            for axes in of_row[1:]:
                axes.tick_params(labelleft=False)
        legend_below(figure, [axes for _, axes in panels], columns=5)
    return parts.drawing(figure)


def author_curve(axes: "Axes", x: Any, y: Any, label: str) -> None:
    """A curve that the author recorded."""
    axes.plot(x, y, color=style.FAINT, linewidth=style.THIN_LINE, zorder=1, label=label)


def _place(run: Run) -> tuple[int, int, int]:
    model = run.config.model
    return model.n_patches, model.depth, model.seed


def _facts(run: Run) -> dict[str, Any]:
    n_patches, depth, seed = _place(run)
    return {
        "run": run.config.run_id,
        "n_patches": n_patches,
        "depth": depth,
        "seed": seed,
        "minimum_epoch": run.minimum_epoch,
    }
