"""``patchlaw kernel``: spectra over the angles beside the tangent kernel's law, resumable."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from patchlaw.commands.options import (
    data_option,
    interruptible,
    machine_options,
    options_of_plan,
    out_option,
    refusals,
    runs_argument,
    settings_options,
    timed,
)
from patchlaw.verification.kernels.kernel_job import KernelSettings

if TYPE_CHECKING:
    from patchlaw.console import PlainConsole
    from patchlaw.verification.kernels.record import KernelRecord


@click.command()
@runs_argument()
@out_option("kernels", "Folder of records, one a run: <run id>.json.")
@settings_options(KernelSettings, recorded=True)
@click.option(
    "--predict-only",
    is_flag=True,
    help="The law alone, in seconds; a later call without this measures.",
)
@click.option(
    "--brief/--no-brief",
    default=None,
    help="The law and the measurement on the same images alone, without the commutator kernel and "
    "the law over all training images.",
)
@data_option("that the runs were trained on, if not on the embedded images.")
@machine_options("the record's")
def kernel(
    runs: tuple[Path, ...],
    out: Path,
    predict_only: bool,
    brief: bool | None,
    data: Path | str | None,
    threads: int | None,
    device: str | None,
    **chosen: Any,
) -> None:
    """Measure the largest eigenvalues of G over the angles, and hold them against the law.

    For every RUN that `patchlaw train` wrote, or of a plan that is given as RUN, at its start and
    at its minimum of the training loss, on a stratified part of the training images; the law needs
    the model's softmax outputs and the encodings there, and fits nothing. Beside it the commutator
    kernel, which averages over the generators within each block only and takes about as long as
    the measurement. The same command again goes on where it was stopped; measured values on record
    are kept, predictions are made anew where the law's formulas have changed since. An option that
    is not given is as on record, else as in the plan's table [kernel]. Exit code: 0 when all is
    there, 1 if a run or record is refused, 130 after Ctrl-C.
    """
    from patchlaw.console import PlainConsole
    from patchlaw.verification.jobs.progress import ConsoleProgress
    from patchlaw.verification.kernels.kernel_job import measure_kernel, recorded_settings
    from patchlaw.verification.kernels.record import read_kernels
    from patchlaw.verification.runs import Run

    console = PlainConsole()
    with interruptible(console, "goes on where it stopped"), refusals():
        planned = options_of_plan("kernel", KernelSettings, "brief")
        short = planned.pop("brief", False) if brief is None else brief
        new = KernelSettings(**planned)
        asked = {name: value for name, value in chosen.items() if value is not None}
        replace(new, **asked)  # what no record can make right
        with ConsoleProgress(console) as progress:
            for path in timed(runs, "run", console):
                run = Run.open(path)
                samples = run.config.data.load(data)
                measure_kernel(
                    run,
                    samples,
                    out,
                    replace(recorded_settings(run, out, new), **asked),
                    predict_only=predict_only,
                    brief=short,
                    threads=threads,
                    device=device,
                    progress=progress,
                )
        print_errors(read_kernels(out), console)


def print_errors(records: tuple["KernelRecord", ...], console: "PlainConsole") -> None:
    """The law's errors of every record in a folder, and the criteria beside them."""
    from patchlaw.verification.kernels.criterion import findings, shallow_end
    from patchlaw.verification.tables import Table, print_table

    rows = []
    for record in records:
        for name, moment in record.moments.items():
            cells = [f"{moment.measured[0].value:.4g}" if moment.measured else "-"]
            for law in ("predicted", "commutator"):
                values, errors = getattr(moment, law), moment.errors_of(law)
                cells.append(f"{values[0]:.4g}" if values else "-")
                cells.append(f"{100 * errors[0]:+.1f}" if errors else "-")
            rows.append((record.run.id, name, *cells))
    header = ("run", "at", "found", "law", "off %", "comm.", "off %")
    title = "lambda_1 of G over the angles: measured, by the law, by the commutator kernel"
    print_table(Table(title, header, tuple(rows), whole=header[:2], right=header[2:]), console)
    for found in findings(records):
        limits, word = found.criterion, "met" if found.met else "not met"
        law_name = "law" if limits.law == "predicted" else f"{limits.law} kernel"
        console.say(
            f"{law_name}, {limits.moment}, {found.axis or limits.scope}: "
            f"median {100 * found.median:.1f} % (limit {100 * limits.median:.0f} %), "
            f"worst {100 * found.worst:.1f} % (limit {100 * limits.worst:.0f} %, "
            f"{found.worst_at}), {found.n_models} models: {word}"
        )
    end = shallow_end(records)
    console.say(
        f"lambda_1 at the start within 10 % from depth {end} on"
        if end is not None
        else "lambda_1 at the start within 10 % at no depth on record"
    )
