"""What both drawings of the loss landscapes share."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Gap, landscape_gap
from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.study import StudyRun
from patchlaw.verification.landscape.record import LandscapeRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def loss_levels(records: Iterable[LandscapeRecord | None]) -> NDArray[np.float64]:
    """Contour levels common to all panels: every half unit from 0 to above the largest loss."""
    losses = [float(np.nanmax(r.grid.loss)) for r in records if r is not None and r.grid.n_done]
    count = max(1, math.ceil(max(losses, default=0.0) / style.CONTOUR_STEP))
    return np.asarray(style.CONTOUR_STEP * np.arange(count + 1), dtype=np.float64)


def loss_bar(figure: "Figure", drawn: Any, panels: "Sequence[Axes]") -> None:
    """One colour bar for all panels, with whole numbers."""
    from matplotlib.ticker import MaxNLocator

    figure.colorbar(
        drawn,
        ax=list(panels),
        label="loss (nats)",
        aspect=style.COLOUR_BAR_ASPECT,
        pad=style.COLOUR_BAR_PAD,
        ticks=MaxNLocator(integer=True),
    )


def gap_of_partial(run: StudyRun, record: LandscapeRecord, records: Records) -> tuple[Gap, ...]:
    """The gap that a landscape leaves which is not computed in full."""
    if record.complete:
        return ()
    reason = f"{record.grid.n_done} of {record.grid.loss.size} losses"
    return (landscape_gap(run, records, reason),)


def remarks(record: LandscapeRecord, gaps: Sequence[Gap]) -> str:
    """What a panel must say: how many images, if not all training images, and what is missing."""
    images = () if record.covers_training_set else (f"{record.n_samples:,} images",)
    return "\n".join((*images, *(gap.reason for gap in gaps)))


def landmarks(record: LandscapeRecord) -> tuple[tuple[str, style.SeriesStyle, float, float], ...]:
    """Minimum (the origin), start and end: label, style, x and y; later ones on top."""
    x, y = record.trajectory.x, record.trajectory.y
    return (
        ("minimum of the training loss", style.MINIMUM, 0.0, 0.0),
        ("start", style.START, float(x[0]), float(y[0])),
        ("end", style.END, float(x[-1]), float(y[-1])),
    )


def ratio_label(record: LandscapeRecord, component: int) -> str:
    """An axis label with the component's contribution ratio."""
    return f"PC{component + 1} ({record.pca.ratios[component]:.4f}), rad"


def numbers_of(record: LandscapeRecord) -> dict[str, Any]:
    """What a panel shows of a landscape."""
    return {
        "run": record.run.id,
        "n_patches": record.run.n_patches,
        "depth": record.run.depth,
        "seed": record.run.seed,
        "images": record.n_samples,
        "minimum_epoch": record.minimum_epoch,
        "pc_ratios": record.pca.ratios[:2],
        "x": record.grid.x,
        "y": record.grid.y,
        "loss": record.grid.loss,
        "trajectory_x": record.trajectory.x,
        "trajectory_y": record.trajectory.y,
        "loss_at_minimum": record.loss_at_minimum,
    }
