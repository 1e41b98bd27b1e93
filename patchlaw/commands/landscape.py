"""``patchlaw landscape``: the loss over the plane of a run's trajectory, resumable."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from patchlaw.commands.train import INTERRUPTED, MAX_THREADS

if TYPE_CHECKING:
    from patchlaw.console import PlainConsole
    from patchlaw.verification.landscape.record import LandscapeRecord


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("landscapes"),
    show_default=True,
    help="Folder of records; this one is <run id>.json in it.",
)
@click.option(
    "--images",
    type=click.IntRange(1),
    help="Compute the losses over a stratified part of the training images.  [default: all]",
)
@click.option(
    "--points",
    type=click.IntRange(2),
    default=20,
    show_default=True,
    help="Points of the grid along each component.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="Radians between the trajectory's range and the grid's edge.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of --images."
)
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    help="MNIST-format IDX files that the run was trained on, if not on the embedded images.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, MAX_THREADS),
    help="Worker threads.  [default: the record's own; for a new one, torch's choice]",
)
@click.option("--device", help="torch device.  [default: the record's own; for a new one, cpu]")
def landscape(
    run: Path,
    out: Path,
    images: int | None,
    points: int,
    margin: float,
    seed: int,
    data: Path | None,
    threads: int | None,
    device: str | None,
) -> None:
    """Compute the loss landscape of RUN, a folder that `patchlaw train` wrote.

    The plane is that of the first two principal components of the angles at the start and at
    every epoch's end, through the minimum of the training loss. Only the angles are moved; the
    pixel bias stays as it is at the minimum. The same command again resumes what was stopped at
    any moment and ends with the same bits. Exit code: 0 when all losses are computed (also if
    they were before), 1 if the run or the record is refused or the work fails, 130 after Ctrl-C.
    """
    from patchlaw.console import PlainConsole
    from patchlaw.verification.landscape.execute import compute_landscape
    from patchlaw.verification.landscape.progress import LandscapeProgress
    from patchlaw.verification.landscape.settings import LandscapeSettings
    from patchlaw.verification.runs import Run, load_samples

    console = PlainConsole()
    try:
        settings = LandscapeSettings(images, seed, points, margin)
        opened = Run.open(run)
        with LandscapeProgress(console) as progress:
            if not opened.finished:
                progress.note(
                    f"the run has {opened.epochs_done} of {opened.config.training.epochs} epochs; "
                    "the record is that of a shorter run"
                )
            samples = load_samples(data, opened.config.data.images, opened.config.data.subset_seed)
            record = compute_landscape(
                opened,
                samples,
                out,
                settings,
                threads=threads,
                device=device,
                reporter=progress,
            )
    except KeyboardInterrupt:
        console.say("Interrupted; the same command goes on where it stopped")
        raise SystemExit(INTERRUPTED) from None
    except (ValueError, OSError, FloatingPointError) as error:
        raise click.ClickException(str(error)) from error
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
