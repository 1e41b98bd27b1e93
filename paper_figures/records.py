"""The records that the figures are drawn from: found, read, checked against each other."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from patchlaw.paper_figures.study import Study, StudyRun
from patchlaw.verification import records as author_data
from patchlaw.verification.kernels.record import KernelRecord, read_kernels
from patchlaw.verification.landscape.record import LandscapeRecord
from patchlaw.verification.records import RunFacts, TrainedModel, read_model
from patchlaw.verification.records.run_facts import AUTHOR_SEED, SCALE_IMAGES
from patchlaw.verification.records.trained_model import AUTHOR_TEST_IMAGES
from patchlaw.verification.runs import Run, RunError
from patchlaw.verification.runs.checkpoint import CHECKPOINT_FILE
from patchlaw.verification.store.errors import RecordError

RESULTS = Path(__file__).with_name("results")
ANALYSES = RESULTS / "analyses"
# Ours: one training's losses on two devices agree to 2e-6, two trainings' part by 1e-2 and more
# once rounding is amplified.
_SAME_TRAINING = 1e-3
SOURCE_TREE = Path(__file__).resolve().parents[1]


_Record = TypeVar("_Record", TrainedModel, LandscapeRecord, KernelRecord)
_Kept = TypeVar("_Kept")


@dataclass(frozen=True)
class Source:
    """Where numbers of a figure come from.

    Attributes:
        file: path below the records' folder, or below the source tree for what ships with it.
        sha256: of the file.
        samples: what is behind its numbers, by name: "training images", "subset", ...
        run: name of the run; None for what is no run of ours.
        seed: of the run's initial angles.
        commits: of the source trees that computed it.
    """

    file: str
    sha256: str
    samples: Mapping[str, int]
    run: str | None = None
    seed: int | None = None
    commits: tuple[str, ...] = ()


def kernels_beside(analyses: Path) -> tuple[KernelRecord, ...]:
    """Records of ``patchlaw kernel`` in the folder ``kernels`` beside one of analyses.

    Raises:
        RecordError: as ``KernelRecord.read``.
    """
    return read_kernels(analyses.absolute().parent / "kernels")


@dataclass(frozen=True, eq=False)
class Records:
    """All records of a folder, by the name of their run; of runs those with an epoch done."""

    folder: Path
    runs: Mapping[str, Run]
    analyses: Mapping[str, TrainedModel]
    landscapes: Mapping[str, LandscapeRecord]
    kernels: Mapping[str, KernelRecord] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path = RESULTS) -> "Records":
        """Read every record of a folder; kinds that are not there are empty.

        Raises:
            RecordError: a record is damaged, named after another run, or older than its run.
        """
        runs = _read_runs(folder / "runs")
        analyses = _read_files(folder / "analyses", read_model)
        landscapes = _read_files(folder / "landscapes", LandscapeRecord.read)
        kernels = _read_files(folder / "kernels", KernelRecord.read)
        for path, record in analyses.items():
            minimum = record.minimum
            losses = {}
            if minimum.epoch is not None and minimum.train.loss is not None:
                losses[minimum.epoch] = minimum.train.loss
            _check_current(path, record.run, minimum.epoch, runs, "analyse", losses)
        for path, landscape in landscapes.items():
            losses = dict(enumerate(landscape.trajectory.train_loss.tolist()))
            _check_current(path, landscape.run, landscape.minimum_epoch, runs, "landscape", losses)
        for path, kernel in kernels.items():
            if "minimum" in kernel.moments:
                epoch = kernel.moments["minimum"].epoch
                _check_current(path, kernel.run, epoch, runs, "kernel", {})
        return cls(
            folder,
            runs,
            {record.run.id: record for record in analyses.values()},
            {record.run.id: record for record in landscapes.values()},
            {record.run.id: record for record in kernels.values()},
        )

    @property
    def label(self) -> str:
        """The folder's name in files that others will see: no path of this machine."""
        full = self.folder.resolve()
        inside = full.is_relative_to(SOURCE_TREE)
        return full.relative_to(SOURCE_TREE).as_posix() if inside else full.name

    @property
    def typed(self) -> str:
        """The folder as a command line names it, from the source tree where it lies in it."""
        inside = self.folder.resolve().is_relative_to(SOURCE_TREE)
        return self.label if inside else self.folder.as_posix()

    @property
    def working_folder(self) -> Path:
        """Where such a command line is right."""
        return SOURCE_TREE if self.folder.resolve().is_relative_to(SOURCE_TREE) else Path.cwd()

    @cached_property
    def facts(self) -> Mapping[str, RunFacts]:
        """Which run each name is."""
        # landscapes of former releases do not say what model: what else there is of the run does
        found = {name: record.run for name, record in self.landscapes.items()}
        found |= {name: run.facts for name, run in self.runs.items()}
        for kept in (self.kernels, self.analyses):
            found |= {name: record.run for name, record in kept.items()}
        return found

    @cached_property
    def of_the_paper(self) -> "Records":
        """Without models that are not the paper's: see ``RunFacts.axis``."""

        def own(kind: Mapping[str, _Kept]) -> dict[str, _Kept]:
            return {name: kept for name, kept in kind.items() if not self.facts[name].axis}

        return Records(
            self.folder,
            own(self.runs),
            own(self.analyses),
            own(self.landscapes),
            own(self.kernels),
        )

    def study(self, axis: str = "") -> Study:
        """Every run on record of one kind of models: the paper's, or those of an axis beside it.

        Models of different kinds make no grid of P and d. Where there are none of the paper's,
        those of the first axis on record.
        """
        axes = {facts.axis for facts in self.facts.values()}
        kept = {axis, ""} if axis else {min(axes, default="")}
        return Study.found(
            StudyRun(name, f.n_patches, f.depth, f.seed, words=f.changes)
            for name, f in self.facts.items()
            if f.axis in kept
        )

    def analyses_of(self, study: Study) -> list[TrainedModel]:
        """The analysed runs of a study, by name."""
        return [self.analyses[name] for name in sorted(study.ids & self.analyses.keys())]

    def source(self, record: Run | TrainedModel | LandscapeRecord | KernelRecord) -> Source:
        """Provenance of a training run's history, an analysis, a landscape or a kernel."""
        samples: dict[str, int | None]
        if isinstance(record, Run):
            last, name, seed = record.history[-1], record.config.run_id, record.config.model.seed
            file = f"runs/{record.path.name}/{CHECKPOINT_FILE}"
            samples = {"training images": last.train.n_samples, "test images": last.test.n_samples}
            sessions = (session.environment for session in record.checkpoint.sessions)
            environments = [record.header.environment, *sessions]
        elif isinstance(record, TrainedModel):
            minimum, subset, name, seed = (
                record.minimum,
                record.subset,
                record.run.id,
                record.run.seed,
            )
            file = f"analyses/{name}.json"
            samples = {
                "training images": minimum.train.n_samples,
                "test images": minimum.test.n_samples,
                "subset of the training images": None if subset is None else subset.n_samples,
            }
            environments = list(record.environments)
        elif isinstance(record, KernelRecord):
            name, seed = record.run.id, record.run.seed
            file = f"kernels/{name}.json"
            samples = {"training images": record.run.images, "images a spectrum": record.n_samples}
            environments = list(record.environments)
        else:
            name, seed = record.run.id, record.run.seed
            file = f"landscapes/{name}.json"
            samples = {
                "training images of the run": record.run.images,
                "images a loss": record.n_samples,
            }
            environments = [record.environment, *(r.environment for r in record.resumed)]
        known = {what: count for what, count in samples.items() if count is not None}
        commits = dict.fromkeys(str(found.get("commit")) for found in environments)
        return Source(file, _sha256(self.folder / file), known, name, seed, tuple(commits))


def author_source(what: Literal["results", "runs"]) -> Source:
    """Provenance of what the paper's author recorded, which ships with verification."""
    path = Path(author_data.__file__).with_name(f"author_{what}.json")
    samples = {"training images": SCALE_IMAGES, "test images": AUTHOR_TEST_IMAGES}
    return shipped_source(path, samples, AUTHOR_SEED)


def shipped_source(path: Path, samples: Mapping[str, int], seed: int | None = None) -> Source:
    """Provenance of a file that ships with the source tree."""
    file = path.resolve().relative_to(SOURCE_TREE).as_posix()
    return Source(file, _sha256(path), samples, seed=seed)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_runs(folder: Path) -> dict[str, Run]:
    found = {}
    for path in sorted(folder.glob("[!.]*")):  # hidden are copies under way
        try:
            run = Run.open(path)
        except RunError:  # not a run, or nothing of it is done yet
            continue
        if run.config.run_id != path.name:
            raise RecordError(
                f"{path}: expected the folder of run {path.name}, got that of "
                f"{run.config.run_id}; rename it"
            )
        if run.epochs_done > 0:
            found[path.name] = run
    return found


def _read_files(folder: Path, read: Callable[[Path], _Record]) -> dict[Path, _Record]:
    found = {}
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        record = read(path)
        if record.run.id != path.stem:
            raise RecordError(
                f"{path}: expected the record of run {path.stem}, got that of {record.run.id}; "
                f"rename it to {record.run.id}.json"
            )
        found[path] = record
    return found


def _check_current(
    path: Path,
    facts: RunFacts,
    minimum_epoch: int | None,
    runs: Mapping[str, Run],
    command: str,
    losses: Mapping[int, float],
) -> None:
    """Refuse a record of an earlier state of its run, or of another training of it.

    ``losses``, over the training images by epoch, are as the record has them.
    """
    run = runs.get(facts.id)
    if run is None:
        return
    expected = (run.config.sha256, run.epochs_done, run.minimum_epoch)
    if (facts.configuration_sha256, facts.epochs, minimum_epoch) != expected:
        raise RecordError(
            f"{path}: expected a record of run {facts.id} as it is: {run.epochs_done} epochs, "
            f"minimum at {run.minimum_epoch}, configuration {run.config.sha256[:8]}; got "
            f"{facts.epochs} epochs, minimum at {minimum_epoch}, configuration "
            f"{facts.configuration_sha256[:8]}; move it away and run `patchlaw {command}` again"
        )
    for epoch, loss in losses.items():
        trained = run.history[epoch].train.loss
        if abs(loss - trained) > _SAME_TRAINING * trained:
            raise RecordError(
                f"{path}: expected a record of run {facts.id}, whose training loss is "
                f"{trained:.6g} after {epoch} epochs, got one with {loss:.6g}, of another training "
                f"of the same configuration; move it away and run `patchlaw {command}` again"
            )
