"""An analysis carried out: stage after stage, each on record as soon as it is done."""

import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from patchlaw.verification.analysis.document import AnalysisDocument, recorded_options
from patchlaw.verification.analysis.options import AnalysisOptions, check_stages
from patchlaw.verification.analysis.stages import RUN_STAGE
from patchlaw.verification.analysis.workbench import Workbench
from patchlaw.verification.jobs.job import Job, check_samples
from patchlaw.verification.jobs.progress import SILENT, Progress
from patchlaw.verification.ranks.ranks import ALONE, Ranks
from patchlaw.verification.records import RunFacts, TrainedModel, read_model
from patchlaw.verification.runs import Run, RunSamples
from patchlaw.verification.settings import command_of
from patchlaw.verification.store.json_files import plain
from patchlaw.verification.store.seal import FileKind

DEFAULT_MEMORY_BUDGET = 8e9  # bytes; ours: a third of a machine with 24 GB

_SESSION = FileKind("patchlaw analysis session", "delete its folder", nested=True)
_SESSION_FILE = "session.json"


def execute_analysis(
    run: Run,
    samples: RunSamples,
    out: Path,
    options: AnalysisOptions | None = None,
    *,
    stages: tuple[str, ...] = (),
    memory_budget: float = DEFAULT_MEMORY_BUDGET,
    threads: int | None = None,
    device: str | None = None,
    progress: Progress = SILENT,
    ranks: Ranks = ALONE,
) -> TrainedModel:
    """Analyse a run at its minimum and keep the record in ``out / <run id>.json``.

    Stages on record are not repeated. Within a stage the solvers' products are kept in
    ``out / <run id>.work`` until all stages, and those begun on request, are done. So an analysis
    that was killed goes on with the vectors it had and ends with the same numbers.

    Args:
        run: trained for at least one epoch.
        samples: those of the run.
        out: folder of records.
        options: of the analysis; if left out those on record, the defaults where none is.
        stages: names, in any order; if empty all but ``options.ON_REQUEST``. Those that they need
            are added.
        memory_budget: bytes of states kept between products.
        threads: None for torch's number.
        device: torch device that multiplies; None is the CPU. A stage's mark names it.
        progress: told of stages, products and eigenpairs.
        ranks: as for ``execute_run``; each has the memory budget.

    Raises:
        ValueError: samples of another digest, an unknown stage, a negative budget, a record of
            another analysis or damaged, a device that torch does not have here.
        RunError: no epoch is done, or a file of the run is missing or damaged.
        InUseError: another process analyses the run.
    """
    check_samples(samples.sha256, run.config.data.sha256, ranks)
    if not memory_budget >= 0:
        raise ValueError(f"memory_budget: expected at least 0 bytes, got {memory_budget}")
    facts = replace(run.facts, n_parameters=len(run.parameters(run.minimum_epoch)))
    path, asked = run.record_in(out), check_stages(stages)
    options = options or recorded_options(path)
    options.check_fits(facts.n_parameters)
    work = path.with_suffix(".work")
    job = _AnalysisJob(
        path=path,
        facts=facts,
        bench=Workbench(
            run=run,
            samples=samples,
            options=options,
            work=work,
            memory_budget=memory_budget,
            progress=progress,
            ranks=ranks,
        ),
        stages=asked,
        place=work,
        writes={out: re.escape(path.name)},
        threads=threads,
        device=device,
        progress=progress,
        ranks=ranks,
    )
    job.carry_out()
    with suppress(OSError):  # where a file that was open could not go (NFS), if it is empty
        work.rmdir()
    return read_model(path)


@dataclass(kw_only=True)
class _AnalysisJob(Job):
    path: Path
    facts: RunFacts
    bench: Workbench
    stages: tuple[str, ...]

    def open(self) -> bool:
        """Read the record, or begin one."""
        run, options = self.bench.run, self.bench.options
        self.document = AnalysisDocument(
            self.path,
            self.facts,
            run.config.settings,
            # A run's folder is named as `patchlaw train` does by default.
            command_of(f"patchlaw analyse runs/{self.facts.id}", options),
            plain(options) | {"minimum_epoch": run.minimum_epoch},
        )
        return True

    def work(self) -> None:
        """Do the stages that are not on record."""
        begin, document = time.perf_counter(), self.document
        self.bench.section, self.bench.device = document.section, self.device or "cpu"
        for name in self.stages:
            done, minutes = document.done(name), (time.perf_counter() - begin) / 60
            self.progress.say(f"[{minutes:6.1f} min] {name}{': on record' if done else ''}")
            if done:
                continue
            self.progress.begin(name)
            start, mark = time.perf_counter(), self._begin_stage(name)
            sections = RUN_STAGE[name](self.bench)
            seconds = time.perf_counter() - start
            document.finish(name, sections, {"seconds": seconds, **mark})
            self._note_begun({key: v for key, v in self._begun().items() if key != name})
        self.ranks.texts(purpose="end of stages")  # one that is behind may still read there
        wanted = {*check_stages(()), *self.stages, *self._begun()}
        if self.ranks.leads and all(map(document.done, wanted)):
            shutil.rmtree(self.place, ignore_errors=True)  # still held: nobody else works there

    def _begin_stage(self, name: str) -> dict[str, Any]:
        """The environment, for the stage's mark, and those of sessions that it was begun in."""
        begun, now = self._begun(), self.environment()
        before = begun.get(name, [])
        self._note_begun({**begun, name: [*before, now]})
        if before and self.note_changes(before[-1], now):
            return {"environment": now, "begun_in": before}
        return {"environment": now}

    def _begun(self) -> dict[str, Any]:
        """The environments of the sessions of every stage that is begun and not done."""
        path = self.place / _SESSION_FILE
        found = _SESSION.read(path) if path.exists() else {}
        if "stage" in found:  # as former releases wrote it: of the last one alone
            return {found["stage"]: found["environments"]}
        return found

    def _note_begun(self, stages: Mapping[str, Any]) -> None:
        _SESSION.write(self.place / _SESSION_FILE, stages)
