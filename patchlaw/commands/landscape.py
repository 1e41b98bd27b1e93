"""``patchlaw landscape``: the loss over the plane of a run's trajectory, resumable."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from patchlaw.commands.options import (
    data_option,
    interruptible,
    joined,
    machine_options,
    out_option,
    refusals,
    settings_options,
)
from patchlaw.verification.landscape.settings import LandscapeSettings

if TYPE_CHECKING:
    from patchlaw.console import PlainConsole
    from patchlaw.verification.landscape.record import LandscapeRecord


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@out_option("landscapes", "Folder of records; this one is <run id>.json in it.")
@settings_options(LandscapeSettings)
@data_option("that the run was trained on, if not on the embedded images.")
@machine_options("the record's")
def landscape(
    run: Path, out: Path, data: Path | None, threads: int | None, device: str | None, **chosen: Any
) -> None:
    """Compute the loss landscape of RUN, a folder that `patchlaw train` wrote.

    The plane is that of the first two principal components of the angles at the start and at
    every epoch's end, through the minimum of the training loss. Only the angles are moved; the
    pixel bias stays as it is at the minimum. The same command again resumes what was stopped at
    any moment and ends with the same bits. torchrun and mpirun start several processes (ranks) that
    share the images. Exit code: 0 when all losses are computed (also if
    they were before), 1 if the run or the record is refused or the work fails, 130 after Ctrl-C.
    """
    from patchlaw.console import PlainConsole
    from patchlaw.verification.jobs.progress import ConsoleProgress
    from patchlaw.verification.landscape.landscape_job import compute_landscape
    from patchlaw.verification.runs import Run

    console = PlainConsole()
    with interruptible(console, "goes on where it stopped"), refusals(), joined(device) as ranks:
        settings = LandscapeSettings(**chosen)
        opened = Run.open(run)
        samples = opened.config.data.load(data)
        with ConsoleProgress(console) as progress:
            if not opened.finished:
                progress.say(
                    f"note: the run has {opened.epochs_done} of {opened.config.training.epochs} "
                    "epochs; the record is that of a shorter run"
                )
            record = compute_landscape(
                *(opened, samples, out, settings),
                threads=threads,
                device=device,
                progress=progress,
                ranks=ranks,
            )
        print_summary(record, console)


def print_summary(record: "LandscapeRecord", console: "PlainConsole") -> None:
    """How much the plane shows, and the range of the losses on it."""
    pca, loss, own = record.pca, record.grid.loss, record.trajectory.train_loss
    on_plane = record.losses_on_plane()
    for line in (
        f"PC1 {pca.ratios[0]:.4f}, PC2 {pca.ratios[1]:.4f}, together {pca.ratios[:2].sum():.4f} "
        f"(a random walk of {len(pca.off_plane)} points: {pca.random_walk_ratios.sum():.4f})",
        f"largest distance from the plane {pca.off_plane.max():.3g}, from the minimum "
        f"{pca.from_minimum.max():.3g} radians",
        f"loss at the minimum {record.loss_at_minimum:.5f} (epoch {record.minimum_epoch}), on the "
        f"grid {loss.min():.5f} to {loss.max():.5f}",
        f"the run's own loss at its start {own[0]:.5f}, at its end {own[-1]:.5f}; on the plane "
        f"there {on_plane[0]:.2f} and {on_plane[-1]:.2f}",
    ):
        console.say(line)
