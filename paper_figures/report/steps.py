"""The steps of ``patchlaw verify``: prove, check, train, analyse, compare, each on record at once.

Runs and analysis records are the ordinary ones, in ``runs`` and ``analyses`` of the report's
folder: what is there already is not done again, and every other command reads them.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from patchlaw.paper_figures.drawing import Inputs
from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.report.data import VerifyConfig
from patchlaw.paper_figures.report.explorer import Explorer
from patchlaw.paper_figures.report.store import ReportStore
from patchlaw.simulators.datasets.pooling import POOLED_SIDE
from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.claims import proofs
from patchlaw.verification.claims.report_file import RECORDS
from patchlaw.verification.comparison import compare_author, compare_models
from patchlaw.verification.jobs.progress import Progress
from patchlaw.verification.ranks.ranks import ALONE, Ranks
from patchlaw.verification.runs import RunSamples, execute_run, load_samples

RUNS = "runs"


def samples_of(config: VerifyConfig, data: str | Path | None) -> RunSamples:
    """The stratified subset of MNIST, or of other data (``load_mnist``), the same for every P.

    Raises:
        ValueError: images that the runs' patches do not fit on, or fewer than asked for.
    """
    samples = load_samples(data, config.images, config.seed)
    side = samples.train_images.shape[-1]
    if side != POOLED_SIDE:
        raise ValueError(
            f"--data: expected images of {POOLED_SIDE} x {POOLED_SIDE} pixels, on which P = "
            f"{', '.join(map(str, config.patches))} patches of 8 x 8 fit, got {data} with {side} x "
            f"{side}; use `patchlaw train --data {data} --patch-side {side // 2}`"
        )
    return samples


def carry_out(
    store: ReportStore, samples: RunSamples, progress: Progress, ranks: Ranks = ALONE
) -> None:
    """Every step; the store holds a valid report after each finding.

    Args:
        store: holds the configuration and receives the findings.
        samples: of the training runs.
        progress: told of everything.
        ranks: who share the samples of training and analysis.

    At the end the page to explore the records is written beside the report.

    Raises:
        ValueError: a run or a record in the folder that is damaged, or of another configuration.
    """
    config = store.report.config
    if ranks.leads:  # the others have nothing to share in these
        with _stage(store, "derivation"):
            for theorem in proofs.re_prove(proofs.load_theorems(), config.seed, progress):
                store.update(theorems=(*store.report.theorems, theorem))
        with _stage(store, "exact checks"):
            for check in proofs.run_checks(config.instances, config.seed, progress):
                store.update(checks=(*store.report.checks, check))
    store.update(author_comparisons=tuple(compare_author(store.report.kernels)))
    for request in config.requests():
        with _stage(store, f"training P={request.patches}"):
            run_config = config.run_config(request, samples)
            runs = store.folder / RUNS
            run = execute_run(runs, run_config, samples, progress=progress, ranks=ranks)
        with _stage(store, f"eigenvalues P={request.patches}"):
            options, stages = config.analysis(request.patches)
            folder = store.folder / RECORDS
            model = execute_analysis(
                run, samples, folder, options, stages=stages, progress=progress, ranks=ranks
            )
            models = (*store.report.models, replace(model, origin="verify"))
            store.update(
                models=models,
                start_losses=store.report.start_losses | {model.name: run.history[0].train.loss},
                comparisons=tuple(compare_models(models)),
            )
    Explorer().write(Inputs.of(Records.read(store.folder), small=True), store.folder, ())
    store.update(status="complete", stage="done")


@contextmanager
def _stage(store: ReportStore, name: str) -> Iterator[None]:
    store.update(stage=name)
    begin = time.perf_counter()
    yield
    seconds = time.perf_counter() - begin
    store.update(seconds=store.report.seconds | {name: seconds})
