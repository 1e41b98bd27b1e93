"""Carrying out an analysis: stage after stage, each on record as soon as it is done."""

import shutil
import time
from dataclasses import asdict
from pathlib import Path

from patchlaw.verification.analysis.document import AnalysisDocument, recorded_options
from patchlaw.verification.analysis.options import AnalysisOptions, check_stages
from patchlaw.verification.analysis.record import AnalysisRecord, RunFacts
from patchlaw.verification.analysis.stages import RUN_STAGE
from patchlaw.verification.analysis.workbench import Reporter, Workbench
from patchlaw.verification.environment import current_environment
from patchlaw.verification.runs import Run, RunSamples
from patchlaw.verification.runs.lock import run_lock
from patchlaw.verification.solvers import EigenResult
from patchlaw.verification.torch_devices import check_device

DEFAULT_MEMORY_BUDGET = 8e9  # bytes; ours: a third of a machine with 24 GB


class Silent:
    """Reports nothing."""

    def stage(self, name: str, done: bool) -> None:
        """Nothing."""

    def product(self, matrix: str, n_samples: int, count: int) -> None:
        """Nothing."""

    def solved(self, matrix: str, result: EigenResult) -> None:
        """Nothing."""


def record_path(run: Run, out: Path) -> Path:
    """Where a run's record lies in a folder of records."""
    return out / f"{run.config.run_id}.json"


def facts_of(run: Run) -> RunFacts:
    """What a record says of its run."""
    model, config = run.config.model, run.config
    return RunFacts(
        id=config.run_id,
        n_patches=model.n_patches,
        depth=model.depth,
        seed=model.seed,
        images=run.history[-1].train.n_samples,
        epochs=run.epochs_done,
        n_classes=model.n_classes,
        n_parameters=len(run.parameters(run.minimum_epoch)),
        configuration_sha256=config.sha256,
    )


def execute_analysis(
    run: Run,
    samples: RunSamples,
    out: Path,
    options: AnalysisOptions | None = None,
    *,
    stages: tuple[str, ...] = (),
    memory_budget: float = DEFAULT_MEMORY_BUDGET,
    device: str | None = None,
    reporter: Reporter | None = None,
) -> AnalysisRecord:
    """Analyse a run at its minimum and keep the record in ``out / <run id>.json``.

    Stages on record are not repeated. Within a stage the solvers' products are kept in
    ``out / <run id>.work`` until all stages are done, so an analysis that was killed goes on
    with the vectors it had and ends with the same numbers.

    Args:
        run: trained for at least one epoch.
        samples: those of the run.
        out: folder of records.
        options: of the analysis; if left out those on record, the defaults where none is.
        stages: names, in any order; all if empty. Those that they need are added.
        memory_budget: bytes of states kept between products.
        device: torch device that multiplies; None is the CPU. A stage's mark names it.
        reporter: told of stages, products and eigenpairs.

    Raises:
        ValueError: samples of another digest, an unknown stage, a negative budget, a record of
            another analysis or damaged, a device that torch does not have here.
        RunError: no epoch is done, or a file of the run is missing or damaged.
        RunInUseError: another process analyses the run.
    """
    if samples.sha256 != run.config.data.sha256:
        raise ValueError(
            f"samples: expected digest {run.config.data.sha256} (the run's), got "
            f"{samples.sha256}; use the data set and subset that the run was trained on"
        )
    if not memory_budget >= 0:
        raise ValueError(f"memory_budget: expected at least 0 bytes, got {memory_budget}")
    asked, place = check_stages(stages), check_device(device)
    reporter = reporter or Silent()
    facts, path = facts_of(run), record_path(run, out)
    options = options or recorded_options(path)
    options.check_fits(facts.n_parameters)
    minimum = run.minimum_epoch  # refuses a run without an epoch before anything is written
    work = out / f"{run.config.run_id}.work"
    work.mkdir(parents=True, exist_ok=True)
    with run_lock(work):
        document = AnalysisDocument(
            path,
            facts,
            # A run's folder is named as `patchlaw train` does by default.
            " ".join([f"patchlaw analyse runs/{run.config.run_id}", *options.arguments()]),
            options.to_json() | {"minimum_epoch": minimum},
        )
        bench = Workbench(
            run, samples, options, work, memory_budget, reporter, document.section, place
        )
        for name in asked:
            reporter.stage(name, document.done(name))
            if document.done(name):
                continue
            begin = time.perf_counter()
            sections = RUN_STAGE[name](bench)
            document.finish(
                name,
                sections,
                {
                    "seconds": time.perf_counter() - begin,
                    "environment": asdict(current_environment(place)),
                },
            )
        finished = all(document.done(name) for name in RUN_STAGE)
    if finished:
        shutil.rmtree(work)
    return AnalysisRecord.read(path)
