"""``patchlaw train``: one training run by the author's protocol, resumable at any moment."""

from pathlib import Path

import click

INTERRUPTED = 130  # the shell's code for a process ended by Ctrl-C
MAX_THREADS = 1024  # ours: more than any machine has; OpenMP dies of far more


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
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of runs; this one gets a folder of its own in it.",
)
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
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    help="MNIST-format IDX files to use in place of the embedded images.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, MAX_THREADS),
    help="Worker threads.  [default: the run's own; for a new one, torch's choice]",
)
@click.option("--device", help="torch device.  [default: the run's own; for a new one, cpu]")
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
    from patchlaw.verification.runs import RunRequest, execute_run, load_samples
    from patchlaw.verification.runs.progress import TrainingProgress

    console = PlainConsole()
    try:
        request = RunRequest(patches, depth, seed, epochs, learning_rate, dtype, batch_size, images)
        samples = load_samples(data, images)
        with TrainingProgress(console) as progress:
            execute_run(
                out,
                request.config(samples),
                samples,
                threads=threads,
                device=device,
                reporter=progress,
            )
    except KeyboardInterrupt:
        console.say("Interrupted; the same command resumes after the last finished epoch")
        raise SystemExit(INTERRUPTED) from None
    except (ValueError, OSError, FloatingPointError) as error:
        raise click.ClickException(str(error)) from error
