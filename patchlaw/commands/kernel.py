"""``patchlaw kernel``: spectra over the angles beside the tangent kernel's law, resumable."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from patchlaw.commands.options import (
    data_option,
    interruptible,
    machine_options,
    out_option,
    refusals,
    runs_argument,
    settings_options,
)
from patchlaw.verification.kernels.kernel_job import KernelSettings

if TYPE_CHECKING:
    from patchlaw.console import PlainConsole
    from patchlaw.verification.kernels.record import KernelRecord


@click.command()
@runs_argument()
@out_option("kernels", "Folder of records, one a run: <run id>.json.")
@settings_options(KernelSettings)
@click.option(
    "--predict-only",
    is_flag=True,
    help="The law alone, in seconds; a later call without this measures.",
)
@data_option("that the runs were trained on, if not on the embedded images.")
@machine_options("the record's")
def kernel(
    runs: tuple[Path, ...],
    out: Path,
    predict_only: bool,
    data: Path | str | None,
    threads: int | None,
    device: str | None,
    **chosen: Any,
) -> None:
    """Measure the largest eigenvalues of G over the angles, and hold them against the law.

    For every RUN that `patchlaw train` wrote, at its start and at its minimum of the training
    loss, on a stratified part of the training images; the law needs the model's softmax outputs
    and the encodings there, and fits nothing. Beside it the commutator kernel, which averages over
    the generators within each block only and takes about as long as the measurement. The same
    command again goes on where it was stopped; measured values on record are kept, predictions are
    made anew where the law's formulas have changed since. Exit code: 0 when all is there, 1 if a
    run or record is refused, 130 after Ctrl-C.
    """
    from patchlaw.console import PlainConsole
    from patchlaw.verification.jobs.progress import ConsoleProgress
    from patchlaw.verification.kernels.kernel_job import measure_kernel
    from patchlaw.verification.kernels.record import read_kernels
    from patchlaw.verification.runs import Run

    console = PlainConsole()
    with interruptible(console, "goes on where it stopped"), refusals():
        settings = KernelSettings(**chosen)
        with ConsoleProgress(console) as progress:
            for path in runs:
                run = Run.open(path)
                samples = run.config.data.load(data)
                measure_kernel(
                    run,
                    samples,
                    out,
                    settings,
                    predict_only=predict_only,
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
            f"{law_name}, {limits.moment}, d >= 20: median {100 * found.median:.1f} % (limit "
            f"{100 * limits.median:.0f} %), worst {100 * found.worst:.1f} % (limit "
            f"{100 * limits.worst:.0f} %, {found.worst_at}), {found.n_models} models: {word}"
        )
    end = shallow_end(records)
    console.say(
        f"lambda_1 at the start within 10 % from depth {end} on"
        if end is not None
        else "lambda_1 at the start within 10 % at no depth on record"
    )
