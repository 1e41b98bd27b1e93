"""``patchlaw analyse``: curvature of a trained run at its minimum, resumable stage by stage."""

from pathlib import Path
from typing import Any

import click

from patchlaw.commands.options import (
    data_option,
    interruptible,
    joined,
    machine_options,
    options_of_plan,
    out_option,
    refusals,
    runs_argument,
    settings_options,
    timed,
)
from patchlaw.verification.analysis.options import STAGES, AnalysisOptions, check_stages


@click.command()
@runs_argument(required=False)
@out_option("analyses", "Folder of records; this run's is RUN_ID.json in it.")
@click.option(
    "--stage",
    "stages",
    multiple=True,
    help="Do this stage only; may be given several times.  [default: all but the spectra along "
    "training]",
)
@click.option("--list", "list_only", is_flag=True, help="List the stages and do nothing.")
@settings_options(AnalysisOptions, recorded=True)
@click.option(
    "--memory",
    type=click.FloatRange(0),
    default=8.0,
    show_default=True,
    help="GB of states kept between products; less is slower.",
)
@machine_options(work=" that multiplies")
@data_option("that the run was trained on, in place of the embedded images.")
def analyse(
    runs: tuple[Path, ...],
    out: Path,
    stages: tuple[str, ...],
    list_only: bool,
    memory: float,
    threads: int | None,
    device: str | None,
    data: Path | str | None,
    **given: Any,
) -> None:
    """Measure the curvature of each RUN, a folder that `patchlaw train` wrote, at its minimum.

    RUN may be a plan: then of every run of it, by the stages and options of its table [analyse]
    where none is given here.

    Over all training images: largest eigenvalues of H, G, R and of every block, alignment, traces.
    On a stratified subset: both ends of the spectrum, density, outliers, and the split along
    training; asked for by name, also the spectrum along training. A stage is on record once it is
    done; the same command again goes on, also in the middle of a stage. An option that is not given
    is as on record, if there is one. A run that is refused does not stop the others. torchrun and
    mpirun start several processes (ranks) that share the images. Exit code: 0 when the stages asked
    for are done, 1 if a run is refused, 2 for a wrong option, 130 after Ctrl-C.
    """
    from patchlaw.console import PlainConsole

    console = PlainConsole()
    try:
        planned = options_of_plan("analyse", AnalysisOptions, "stages")
        chosen = check_stages(stages or planned.get("stages", ()))
        asked = {name: value for name, value in given.items() if value not in (None, ())}
        AnalysisOptions().changed(**({"n_top": 1} | asked))  # what no record can make right
        planned.pop("stages", None)
        new = AnalysisOptions().changed(**planned)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from error
    if list_only:
        click.echo("\n".join(STAGES))
        return
    if not runs:
        raise click.MissingParameter(param_hint="'RUN...'", param_type="argument")
    from patchlaw.verification.analysis.analysis_job import execute_analysis
    from patchlaw.verification.analysis.document import recorded_options
    from patchlaw.verification.jobs.progress import ConsoleProgress
    from patchlaw.verification.runs import Run

    failed = False
    with refusals(), joined(device) as ranks:
        for folder in timed(runs, "run", console):
            try:
                with (
                    interruptible(console, "goes on where it was"),
                    ConsoleProgress(console) as progress,
                ):
                    run = Run.open(folder)
                    if beyond := [e for e in asked.get("epochs", ()) if e > run.epochs_done]:
                        raise ValueError(
                            f"{folder}: --epoch: expected at most {run.epochs_done}, the epochs of "
                            f"the run, got {beyond[0]}; leave it out"
                        )
                    record = execute_analysis(
                        run,
                        run.config.data.load(data),
                        out,
                        recorded_options(run.record_in(out), new).changed(**asked),
                        stages=chosen,
                        memory_budget=memory * 1e9,
                        threads=threads,
                        device=device,
                        progress=progress,
                        ranks=ranks,
                    )
            except (ValueError, OSError) as error:
                failed = True
                console.say(f"Error: {error}")
                ranks.texts(str(error))  # that of one rank alone ends all
            else:
                console.say(f"Record: {record.path}")
    if failed:
        raise SystemExit(1)
