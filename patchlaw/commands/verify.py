"""``patchlaw verify``: the whole chain in one command, from the derivation to the ratio table."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from patchlaw.commands.options import INTERRUPTED, data_option, joined, refusals

if TYPE_CHECKING:
    from patchlaw.paper_figures.report.data import VerifyConfig

# (full, quick): chosen by measurement for 10 minutes and 90 seconds on two cores
DEFAULTS = {"images": (2000, 100), "epochs": (15, 5), "depth": (3, 1)}


@click.command()
@click.option("--quick", is_flag=True, help="Fewer images and epochs: about two minutes.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("verify-report"),
    show_default=True,
    help="Folder for report.json, report.md, report.html, the runs and their analyses.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option("--depth", type=click.IntRange(1), help="Circuit depth d.")
@click.option(
    "--images",
    type=click.IntRange(100, 60000),
    help="Training images, also those behind the eigenvalues.",
)
@click.option("--epochs", type=click.IntRange(1, 1000), help="Epochs of training.")
@data_option()
def verify(
    quick: bool,
    out: Path,
    seed: int,
    depth: int | None,
    images: int | None,
    epochs: int | None,
    data: Path | str | None,
) -> None:
    """Derive the Hessian split, check it, train on MNIST, compare ratios, judge the paper's claims.

    Exit code: 0 if every theorem is re-proved and every exact check holds (a scaling law that
    measurement refutes is a finding, not an error), 1 otherwise, 130 after Ctrl-C; the reports
    under --out are valid, and say "partial", at every moment in between. Runs and analyses there
    are those of `patchlaw train` and `patchlaw analyse`: what is done is not done again. torchrun
    and mpirun start several processes (ranks) that share the images of both.
    """
    from patchlaw.console import PlainConsole
    from patchlaw.paper_figures.records import ANALYSES, kernels_beside
    from patchlaw.paper_figures.report.data import Report
    from patchlaw.paper_figures.report.steps import carry_out, samples_of
    from patchlaw.paper_figures.report.store import ReportStore
    from patchlaw.paper_figures.report.text import print_report
    from patchlaw.verification.jobs.progress import ConsoleProgress
    from patchlaw.verification.records import read_analyses
    from patchlaw.verification.store.environment import current_environment

    console = PlainConsole()
    config = make_config(quick, seed, depth, images, epochs)
    with refusals(), joined() as ranks:
        config.requests()  # before the proofs: what does not fit fails here
        samples = samples_of(config, data)
        experiments, kernels = read_analyses(ANALYSES), kernels_beside(ANALYSES)
        report = Report(config, current_environment(), experiments=experiments, kernels=kernels)
        store = ReportStore(out, report)
        try:
            with ConsoleProgress(console) as progress:
                carry_out(store, samples, progress, ranks)
        except KeyboardInterrupt:
            where = f"partial report in {out / 'report.md'}"
            console.say(f"Interrupted during {store.report.stage}; {where}, and what is trained")
            raise SystemExit(INTERRUPTED) from None
    if not ranks.leads:
        return
    print_report(store.report, console)
    console.say(f"Reports: {out / 'report.html'}, {out / 'report.md'}, {out / 'report.json'}")
    if store.report.failures:
        raise SystemExit(1)


def make_config(
    quick: bool, seed: int, depth: int | None, images: int | None, epochs: int | None
) -> "VerifyConfig":
    """The configuration: what was asked for, and the mode's default for the rest."""
    from patchlaw.paper_figures.report.data import VerifyConfig

    mode = int(quick)
    return VerifyConfig(
        quick=quick,
        seed=seed,
        depth=DEFAULTS["depth"][mode] if depth is None else depth,
        images=DEFAULTS["images"][mode] if images is None else images,
        epochs=DEFAULTS["epochs"][mode] if epochs is None else epochs,
        batch_size=50 if quick else 100,
        tol=1e-2 if quick else 1e-3,
        instances=4 if quick else 6,
    )
