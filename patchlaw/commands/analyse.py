"""``patchlaw analyse``: curvature of a trained run at its minimum, resumable stage by stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from patchlaw.commands.run_folders import runs_argument
from patchlaw.commands.train import INTERRUPTED, MAX_THREADS

if TYPE_CHECKING:
    from patchlaw.verification.analysis.record import AnalysisRecord
    from patchlaw.verification.analysis.workbench import Reporter


@click.command()
@runs_argument
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("analyses"),
    show_default=True,
    help="Folder of records; this run's is RUN_ID.json in it.",
)
@click.option(
    "--stage",
    "stages",
    multiple=True,
    help="Do this stage only; may be given several times.  [default: all]",
)
@click.option("--list", "list_only", is_flag=True, help="List the stages and do nothing.")
@click.option("--top", "n_top", type=click.IntRange(1), help="Largest eigenvalues of H.")
@click.option(
    "--subset-top",
    "n_top_subset",
    type=click.IntRange(1),
    help="The same on the subset, among which outliers are counted.  [default: 20, at least --top]",
)
@click.option(
    "--bottom", "n_bottom", type=click.IntRange(1), help="Smallest eigenvalues of H on the subset."
)
@click.option("--tol", type=float, help="Relative tolerance of the residual norms.")
@click.option(
    "--coarse-tol", type=float, help="The same along training and at the spectrum's bottom."
)
@click.option("--subset", type=click.IntRange(10), help="Images of the stratified subset.")
@click.option("--subset-seed", type=click.IntRange(0), help="Seed of the subset's draw.")
@click.option(
    "--epoch",
    "epochs",
    type=click.IntRange(0),
    multiple=True,
    help="Measure the split along training here; may be given several times, and again with more "
    "than on record.  [default: 0, 1, 2, 5, 10, 20; the minimum always]",
)
@click.option("--density-probes", type=click.IntRange(2), help="Probes of the spectral density.")
@click.option("--density-steps", type=click.IntRange(2), help="Lanczos steps of each.")
@click.option("--trace-probes", type=click.IntRange(2), help="Probes of the traces of G.")
@click.option("--seed", type=click.IntRange(0), help="Seed of start vectors and probes.")
@click.option(
    "--memory",
    type=click.FloatRange(0),
    default=8.0,
    show_default=True,
    help="GB of states kept between products; less is slower.",
)
@click.option(
    "--threads", type=click.IntRange(1, MAX_THREADS), help="Worker threads.  [default: torch's]"
)
@click.option("--device", help="torch device that multiplies.  [default: cpu]")
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    help="MNIST-format IDX files that the run was trained on, in place of the embedded images.",
)
def analyse(
    runs: tuple[Path, ...],
    out: Path,
    stages: tuple[str, ...],
    list_only: bool,
    memory: float,
    threads: int | None,
    device: str | None,
    data: Path | None,
    **given: Any,
) -> None:
    """Measure the curvature of each RUN, a folder that `patchlaw train` wrote, at its minimum.

    Over all training images: largest eigenvalues of H, G, R and of every block, alignment, traces.
    On a stratified subset: both ends of the spectrum, density, outliers, and the split along
    training. A stage is on record once it is done; the same command again goes on, also in the
    middle of a stage. An option that is not given is as on record, if there is one. A run that is
    refused does not stop the others. Exit code: 0 when the stages asked for are done, 1 if a run is
    refused, 2 for a wrong option, 130 after Ctrl-C.
    """
    from patchlaw.console import PlainConsole
    from patchlaw.verification.analysis.options import STAGES, AnalysisOptions, check_stages
    from patchlaw.verification.analysis.progress import AnalysisProgress
    from patchlaw.verification.torch_threads import torch_threads

    console = PlainConsole()
    try:
        chosen = check_stages(stages)
        asked = {name: value for name, value in given.items() if value not in (None, ())}
        AnalysisOptions().changed(**({"n_top": 1} | asked))  # what no record can make right
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if list_only:
        click.echo("\n".join(STAGES))
        return
    failures = []
    for folder in runs:
        try:
            with torch_threads(threads), AnalysisProgress(console) as progress:
                record = analyse_run(
                    folder, out, asked, chosen, memory * 1e9, device, data, progress
                )
        except KeyboardInterrupt:
            console.say("Interrupted; the same command goes on where it was")
            raise SystemExit(INTERRUPTED) from None
        except (ValueError, OSError) as error:
            failures.append(folder)
            console.say(f"Error: {error}")
        else:
            console.say(f"Record: {record.path}")
    if failures:
        raise SystemExit(1)


def analyse_run(
    folder: Path,
    out: Path,
    asked: Mapping[str, Any],
    stages: tuple[str, ...],
    memory_budget: float,
    device: str | None,
    data: Path | None,
    progress: "Reporter",
) -> "AnalysisRecord":
    """Open a run, load the samples it was trained on, and analyse it by the options asked for."""
    from patchlaw.verification.analysis.document import recorded_options
    from patchlaw.verification.analysis.execute import execute_analysis, record_path
    from patchlaw.verification.runs import Run, load_samples

    run = Run.open(folder)
    kept = run.config.data
    samples = load_samples(data, kept.images, kept.subset_seed)
    return execute_analysis(
        run,
        samples,
        out,
        recorded_options(record_path(run, out)).changed(**asked),
        stages=stages,
        memory_budget=memory_budget,
        device=device,
        reporter=progress,
    )
