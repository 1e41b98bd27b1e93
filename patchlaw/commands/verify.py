"""``patchlaw verify``: the whole chain in one command, from the derivation to the ratio table."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import TaskID

    from patchlaw.console import PlainConsole
    from patchlaw.verification.report import VerifyConfig

INTERRUPTED = 130  # the shell's code for a process ended by Ctrl-C

# (full, quick): chosen by measurement for 10 minutes and 90 seconds on two cores
DEFAULTS = {"images": (2000, 100), "epochs": (15, 5), "depth": (3, 1)}


@click.command()
@click.option("--quick", is_flag=True, help="Fewer images and epochs: about two minutes.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("verify-report"),
    show_default=True,
    help="Folder for report.json, report.md and report.html.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option("--depth", type=click.IntRange(1), help="Circuit depth d.")
@click.option(
    "--images",
    type=click.IntRange(100, 60000),
    help="Training images, also those behind the eigenvalues.",
)
@click.option("--epochs", type=click.IntRange(1, 1000), help="Epochs of training.")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory of MNIST-format IDX files to use in place of the embedded images.",
)
def verify(
    quick: bool,
    out: Path,
    seed: int,
    depth: int | None,
    images: int | None,
    epochs: int | None,
    data: Path | None,
) -> None:
    """Derive the Hessian split, check it, train on MNIST, compare ratios, judge the paper's claims.

    Exit code: 0 if every theorem is re-proved and every exact check holds (a scaling law that
    measurement refutes is a finding, not an error), 1 otherwise, 130 after Ctrl-C; the reports
    under --out are valid, and say "partial", at every moment in between.
    """
    from patchlaw.console import PlainConsole
    from patchlaw.verification.chain import load_samples, run_chain
    from patchlaw.verification.claims import default_records_folder, read_records
    from patchlaw.verification.report import (
        Report,
        ReportStore,
        current_environment,
        print_report,
        recorded_densities,
    )
    from patchlaw.verification.runs.request import check_training_memory

    console = PlainConsole()
    config = make_config(quick, seed, depth, images, epochs)
    try:
        check_training_memory(max(config.patches, default=1), config.depth, itemsize=8)
        if data is not None:
            load_samples(config, data)  # again after the proofs; a folder at fault fails here
        experiments = read_records(default_records_folder())
        densities = recorded_densities(default_records_folder())
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    report = Report(config, current_environment(), experiments=experiments)
    store = ReportStore(out, report, densities)
    try:
        with TerminalProgress(console) as progress:
            run_chain(store, progress, data)
    except KeyboardInterrupt:
        stage = store.report.stage
        console.say(f"Interrupted during {stage}; partial report in {out / 'report.md'}")
        raise SystemExit(INTERRUPTED) from None
    print_report(store.report, console)
    console.say(f"Reports: {out / 'report.html'}, {out / 'report.md'}, {out / 'report.json'}")
    if store.report.failures:
        raise SystemExit(1)


def make_config(
    quick: bool, seed: int, depth: int | None, images: int | None, epochs: int | None
) -> "VerifyConfig":
    """The configuration: what was asked for, and the mode's default for the rest."""
    from patchlaw.verification.report import VerifyConfig
    from patchlaw.verification.training.protocol import default_learning_rate

    mode = int(quick)
    depth = DEFAULTS["depth"][mode] if depth is None else depth
    n_images = DEFAULTS["images"][mode] if images is None else images
    return VerifyConfig(
        quick=quick,
        seed=seed,
        depth=depth,
        images=n_images,
        test_images=min(n_images, 10000),
        epochs=DEFAULTS["epochs"][mode] if epochs is None else epochs,
        batch_size=50 if quick else 100,
        learning_rate=default_learning_rate(depth),
        tol=1e-2 if quick else 1e-3,
        instances=4 if quick else 6,
    )


class TerminalProgress:
    """Progress bars by rich, one a stage; finished stages stay visible."""

    def __init__(self, console: "PlainConsole") -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.description:<32}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:>4}/{task.total:<4}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=console,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "TerminalProgress":
        """Show the bars."""
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop redrawing."""
        self._bars.stop()

    def start(self, title: str, total: int) -> None:
        """A new stage of ``total`` units begins."""
        self._task = self._bars.add_task(title, total=total, detail="")

    def advance(self, detail: str = "") -> None:
        """One unit is done."""
        if self._task is not None:
            self._bars.update(self._task, advance=1, detail=detail)
