"""``patchlaw sweep``: the runs of a plan, here or on a cluster, finished ones skipped."""

import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from patchlaw.commands.options import (
    ExistingPath,
    check_plan_tables,
    data_option,
    interruptible,
    machine_options,
    out_option,
    timed,
)

if TYPE_CHECKING:
    from parsl.config import Config

    from patchlaw.verification.runs import RunRequest


@click.command()
@click.argument("plan", type=ExistingPath(dir_okay=False))
@out_option("runs", "Folder of runs.")
@click.option("--shard", metavar="I/N", help="Do every N-th run from the I-th on (from 1).")
@click.option(
    "--together", is_flag=True, help="Train runs that differ in their seed alone side by side."
)
@data_option()
@machine_options("each run's")
@click.option(
    "--parsl",
    "cluster",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="CONFIG.py",
    help="Hand the runs to the parsl configuration `config` of this file.",
)
@click.option("--list", "list_only", is_flag=True, help="List the runs and do nothing.")
def sweep(
    plan: Path,
    out: Path,
    shard: str | None,
    together: bool,
    data: Path | str | None,
    threads: int | None,
    device: str | None,
    cluster: Path | None,
    list_only: bool,
) -> None:
    """Train every run of PLAN, a TOML file, in order; the same command again goes on.

    In a job array each task takes its share, unless --shard is given. With Slurm and SGE the k-th
    of n evenly spaced tasks does share k/n. PBS, Torque and LSF do not tell an array's extent:
    there task I does run I, so the array is 1 to the number of runs. What leaves the share open is
    refused: a list with gaps (--array=1,2,5), a single task. To do task I of an array of N again,
    give --shard I/N.

    With --together runs that differ in their seed alone, which share a GPU's launches, count as one
    in all this.

    With --parsl CONFIG.py each run is a task of parsl (pip install 'patchlaw[cluster]'), which asks
    Slurm, PBS, LSF or this machine for workers and tries failed ones again, as CONFIG.py says.
    Threads and device are then those of a task.

    A run that fails does not stop the others. Exit code: 0 if all runs are finished, 1 if one
    failed or is held by another process, 2 if the plan is refused, 130 after Ctrl-C.
    """
    from patchlaw.commands.parsl_tasks import finished_tasks, read_config
    from patchlaw.console import PlainConsole
    from patchlaw.verification.jobs.progress import ConsoleProgress
    from patchlaw.verification.runs import RunSamples, execute_runs, load_samples
    from patchlaw.verification.runs.plan import read_plan, side_by_side
    from patchlaw.verification.runs.shard import Shard

    console = PlainConsole()
    files = data if isinstance(data, Path) else None
    try:
        check_plan_tables(plan)
        listed = read_plan(plan, data if isinstance(data, str) else None)
        requests = side_by_side(listed, together)
        part = (
            Shard.from_environment(os.environ, len(requests))
            if shard is None
            else Shard.parse(shard)  # an empty one too: a variable that is not set
        )
        parsl_config = None if cluster is None else read_config(cluster)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from error
    mine = part.of(requests)
    names = [_name(group) for group in mine]
    console.say(f"{plan}: {len(mine)} of {len(requests)} runs (shard {part.index}/{part.count})")

    @cache
    def samples_of(source: str | Path | None, images: int | None, qubits: int) -> RunSamples:
        return load_samples(source, images, n_qubits=qubits)

    def done_here() -> Iterator[tuple[int, str | None]]:
        for index, group in enumerate(mine if list_only else timed(mine, "run", console)):
            console.say(f"[{index + 1}/{len(mine)}] {names[index]}")
            if list_only:
                continue
            first = group[0]
            try:
                with ConsoleProgress(console) as progress:
                    samples = samples_of(first.source(files), first.images, first.qubits)
                    configs = [request.config(samples) for request in group]
                    execute_runs(
                        out, configs, samples, threads=threads, device=device, progress=progress
                    )
            except Exception as error:  # whatever it is, the other runs do not depend on this one
                yield index, f"{type(error).__name__}: {error}"

    def done_there(config: "Config") -> Iterator[tuple[int, str | None]]:
        words = ["sweep", str(plan.resolve()), "--out", str(out.resolve())]
        words += ["--data", str(files.resolve() if files else data)] if data else []
        words += ["--threads", str(threads)] if threads else []
        words += ["--device", device] if device else []
        words += ["--together"] if together else []
        tasks = [
            [*words, "--shard", f"{number}/{len(requests)}"]
            for number in part.of(range(1, len(requests) + 1))
        ]
        for done, (index, problem) in enumerate(finished_tasks(config, tasks), 1):
            state = "failed" if problem else "finished"
            console.say(f"[{done}/{len(mine)}] {names[index]}: {state}")
            yield index, problem

    elsewhere = None if list_only else parsl_config
    failures = []
    with interruptible(console, "goes on after the last finished epoch"):
        for index, problem in done_there(elsewhere) if elsewhere else done_here():
            if problem is not None:
                failures.append(names[index])
                console.say(f"failed: {problem}")
    if failures:
        console.say(f"{len(failures)} of {len(mine)} runs failed: {'; '.join(failures)}")
        raise SystemExit(1)


def _name(group: Sequence["RunRequest"]) -> str:
    first, seeds = group[0], ",".join(str(request.seed) for request in group)
    return f"P={first.patches} d={first.depth} seed={seeds} {first.changes}".rstrip()
