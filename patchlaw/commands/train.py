"""``patchlaw train``: training runs by the author's protocol, resumable at any moment."""

import re
from pathlib import Path
from typing import Any

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
from patchlaw.verification.run_settings import RunSettings

MAX_SEEDS = 1000  # ours: each is a model in memory


def _seeds(context: click.Context, option: click.Parameter, text: str) -> tuple[int, ...]:
    """One seed, or several as "1001-1005" or "1001,1003", in the order given."""
    spans = [re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", span) for span in text.split(",")]
    ends = [(int(span[1]), int(span[2] or span[1])) for span in spans if span]
    possible = len(ends) == len(spans) and all(a <= b < 2**32 for a, b in ends)
    count = sum(b - a + 1 for a, b in ends)
    seeds = [k for a, b in ends for k in range(a, b + 1)] if count <= MAX_SEEDS else []
    if not possible or not seeds or len(set(seeds)) < count:
        raise click.BadParameter(
            f"expected different integers below 2^32, at most {MAX_SEEDS}, such as 1001, "
            f"1001-1005 or 1001,1003, got {text!r}"
        )
    return tuple(seeds)


@click.command()
@settings_options(RunSettings, without=("seed", "data"))
@click.option(
    "--seed",
    "--seeds",
    "seeds",
    callback=_seeds,
    default="1001",
    show_default=True,
    help="Seed of the initial angles and of the batches; several, as 1001-1005, train a run each.",
)
@out_option("runs", "Folder of runs; each gets a folder of its own in it.")
@data_option()
@machine_options("the run's")
def train(
    seeds: tuple[int, ...],
    out: Path,
    data: Path | str | None,
    threads: int | None,
    device: str | None,
    **chosen: Any,
) -> None:
    """Train a model by the author's protocol; the same command again resumes it.

    Of several seeds the runs are trained side by side, each as if it were alone: on a GPU they
    share every launch, on the CPU they take turns. Each can be resumed by itself, and one that
    diverges does not stop the others.

    A checkpoint is written after every epoch. A run that was stopped at any moment and resumed on
    the same machine ends with the same bits. torchrun and mpirun start several processes (ranks)
    that share the images of every batch. Exit code: 0 when all epochs are done (also if they
    were before), 1 if the run is refused or fails, 130 after Ctrl-C.
    """
    from patchlaw.console import PlainConsole
    from patchlaw.verification.jobs.progress import ConsoleProgress
    from patchlaw.verification.runs import RunRequest, execute_runs, load_samples

    console = PlainConsole()
    name, files = (data, None) if isinstance(data, str) else ("mnist", data)
    how = "resumes after the last finished epoch"
    with interruptible(console, how), refusals(), joined(device) as ranks:
        requests = [RunRequest(seed=seed, data=name, **chosen) for seed in seeds]
        first = requests[0]
        samples = load_samples(first.source(files), first.images, n_qubits=first.qubits)
        configs = [request.config(samples) for request in requests]
        with ConsoleProgress(console) as progress:
            execute_runs(
                *(out, configs, samples),
                threads=threads,
                device=device,
                progress=progress,
                ranks=ranks,
            )
