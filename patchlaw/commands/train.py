"""``patchlaw train``: one training run by the author's protocol, resumable at any moment."""

from pathlib import Path

import click

from patchlaw.commands.options import (
    data_option,
    interruptible,
    machine_options,
    out_option,
    refusals,
)


@click.command()
@click.option("--patches", type=click.IntRange(1), required=True, help="Number of patches P.")
@click.option("--depth", type=click.IntRange(1), required=True, help="Circuit depth d.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=1001,
    show_default=True,
    help="Seed of the initial angles and of the batches.",
)
@click.option("--epochs", type=click.IntRange(1), default=50, show_default=True)
@out_option("runs", "Folder of runs; this one gets a folder of its own in it.")
@click.option(
    "--learning-rate", type=float, help="Adam's initial rate.  [default: the author's for d]"
)
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True
)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Images a mini-batch, about.",
)
@click.option("--images", type=click.IntRange(10), help="Train on a stratified part of the images.")
@data_option()
@machine_options("the run's")
def train(
    patches: int,
    depth: int,
    seed: int,
    epochs: int,
    out: Path,
    learning_rate: float | None,
    dtype: str,
    batch_size: int,
    images: int | None,
    data: Path | None,
    threads: int | None,
    device: str | None,
) -> None:
    """Train one model by the author's protocol; the same command again resumes it.

    A checkpoint is written after every epoch. A run that was stopped at any moment and resumed on
    the same machine ends with the same bits. Exit code: 0 when all epochs are done (also if they
    were before), 1 if the run is refused or fails, 130 after Ctrl-C.
    """
    from patchlaw.console import PlainConsole
    from patchlaw.verification.jobs.progress import ConsoleProgress
    from patchlaw.verification.runs import RunRequest, execute_run, load_samples

    console = PlainConsole()
    with interruptible(console, "resumes after the last finished epoch"), refusals():
        request = RunRequest(patches, depth, seed, epochs, learning_rate, dtype, batch_size, images)
        samples = load_samples(data, images)
        config = request.config(samples)
        with ConsoleProgress(console) as progress:
            execute_run(out, config, samples, threads=threads, device=device, progress=progress)
