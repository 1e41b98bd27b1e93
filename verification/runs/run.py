"""A run on disk, read: what the analyses start from."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from patchlaw.simulators.output_losses import LossName
from patchlaw.simulators.patch_model import PatchModule
from patchlaw.verification.jobs.job import Execution
from patchlaw.verification.records.run_facts import AXES, RunFacts
from patchlaw.verification.runs.checkpoint import (
    Checkpoint,
    EpochEntry,
    load_checkpoint,
    load_parameters,
)
from patchlaw.verification.runs.config import RunConfig
from patchlaw.verification.store.errors import RecordError, StoreError, near
from patchlaw.verification.store.json_files import Count, JsonFileError, typed
from patchlaw.verification.store.seal import FileKind
from patchlaw.verification.store.tensors import RESTORE, FileRecord, check_size, read_tensors

CONFIG_FILE = "config.json"
HEADER = FileKind("patchlaw run", RESTORE, nested=True)
KEPT_FILE = "kept.json"
KEPT = FileKind("patchlaw thinned run", RESTORE, nested=True)


class RunError(StoreError):
    """A run cannot be used as asked; a damaged file of one is a ``RecordError``."""


@dataclass(frozen=True)
class KeptEpochs:
    """``kept.json``: hash of a run's configuration, and the epochs that a thinned copy has."""

    configuration: str
    epochs: tuple[Count, ...]


def read_kept(folder: Path, configuration: str, epochs_done: int) -> frozenset[int] | None:
    """Epochs whose parameters the folder has; None for a whole run.

    Raises:
        RecordError: the file is cut, altered or another run's.
    """
    path = folder / KEPT_FILE
    if not path.exists():
        return None
    kept = KEPT.read_as(path, KeptEpochs)
    if kept.configuration != configuration or max(kept.epochs, default=0) > epochs_done:
        raise RecordError(
            f"{path}: expected epochs up to {epochs_done} of configuration {configuration}, got "
            f"{sorted(kept.epochs)} of {kept.configuration}; {RESTORE}"
        )
    return frozenset(kept.epochs)


@dataclass(frozen=True)
class RunHeader:
    """``config.json``: what a run is and where it began.

    Attributes:
        config: the configuration; ``training.epochs`` is the goal, the most ever asked for.
        execution: threads, device and chunk size that every session must use.
        environment: of the process that created the run.
    """

    config: RunConfig
    execution: Execution
    environment: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write ``config.json``."""
        body = {
            "id": self.config.run_id,
            "configuration": self.config.to_json(),
            "configuration_sha256": self.config.sha256,
            "execution": self.execution,
            "environment": self.environment,
        }
        HEADER.write(folder / CONFIG_FILE, body)

    @classmethod
    def read(cls, folder: Path) -> "RunHeader":
        """Read ``config.json``.

        Raises:
            RunError: the folder is no run.
            RecordError: the file is cut, altered or another program's.
        """
        path = folder / CONFIG_FILE
        try:
            body = HEADER.read(path)
        except (FileNotFoundError, NotADirectoryError):
            raise RunError(
                f"{folder}: expected the folder of a run, with {CONFIG_FILE} in it, got none"
                f"{near(folder)}; check the path or start the run with `patchlaw train`"
            ) from None
        try:
            config = RunConfig.from_json(body.get("configuration"))
            execution = typed(body.get("execution"), Execution)
            environment = typed(body.get("environment"), dict[str, Any])
        except (JsonFileError, RecordError) as error:
            raise RecordError(f"{path}: expected a run's fields: {error}; {RESTORE}") from None
        header, recorded = cls(config, execution, environment), body.get("configuration_sha256")
        if recorded != config.sha256:
            raise RecordError(
                f"{path}: expected configuration {recorded}, got {config.sha256}; the version of "
                f"patchlaw that wrote it had other fields: {RESTORE}"
            )
        return header


@dataclass(frozen=True)
class Run:
    """A run with at least its start on disk. Epochs are counted by those done: 0 is the start.

    Attributes:
        kept: in a thinned copy the epochs whose parameters it has; None in a whole run.
    """

    path: Path
    header: RunHeader
    checkpoint: Checkpoint
    kept: frozenset[int] | None = None

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """Read a run's two JSON files; parameters are read and checked when asked for.

        Raises:
            RunError: no run is there, or it has no checkpoint yet.
            RecordError: a file is cut, altered, another program's or another run's.
        """
        folder = Path(path)
        header = RunHeader.read(folder)
        try:
            checkpoint = load_checkpoint(folder)
        except FileNotFoundError:
            raise RunError(
                f"{folder}: expected a checkpoint, got none yet; run `patchlaw train` on it"
            ) from None
        if checkpoint.configuration != header.config.sha256:
            raise RecordError(
                f"{folder}: expected a checkpoint of configuration {header.config.sha256}, got one "
                f"of {checkpoint.configuration}, another run's; {RESTORE}"
            )
        kept = read_kept(folder, header.config.sha256, checkpoint.epoch)
        return cls(folder, header, checkpoint, kept)

    @property
    def config(self) -> RunConfig:
        """The configuration."""
        return self.header.config

    @property
    def loss(self) -> LossName:
        """That it is trained on."""
        return self.config.training.loss

    @property
    def history(self) -> tuple[EpochEntry, ...]:
        """Entry e: after e epochs."""
        return self.checkpoint.history

    @property
    def epochs_done(self) -> int:
        """Epochs finished."""
        return self.checkpoint.epoch

    @property
    def facts(self) -> RunFacts:
        """What every record says of the run; D only where its model was built."""
        config = self.config
        parts = (config.model, config.training, config.data)
        axes = {name: next(getattr(p, name) for p in parts if hasattr(p, name)) for name in AXES}
        return RunFacts(
            n_patches=config.model.n_patches,
            depth=config.model.depth,
            seed=config.model.seed,
            images=self.history[-1].train.n_samples,
            epochs=self.epochs_done,
            id=config.run_id,
            configuration_sha256=config.sha256,
            **axes,
        )

    def record_in(self, folder: Path) -> Path:
        """Where a record of the run lies in a folder of records of its kind."""
        return folder / f"{self.config.run_id}.json"

    @property
    def finished(self) -> bool:
        """Whether the goal is reached."""
        return self.epochs_done >= self.config.training.epochs

    @property
    def minimum_epoch(self) -> int:
        """Epochs done where the loss over all training samples is least, the start left out.

        The paper's "at the minimum". The first of several equal ones.

        Raises:
            RunError: no epoch is done.
        """
        if self.epochs_done == 0:
            raise RunError(f"{self.path}: expected at least one epoch done, got none")
        return min(range(1, len(self.history)), key=lambda e: self.history[e].train.loss)

    @cached_property
    def _start(self) -> PatchModule:
        return self.config.model.build()

    def parameters(self, epoch: int) -> Tensor:
        """Parameters after ``epoch`` epochs, shape (D,), in the model's flat order and dtype.

        Raises:
            IndexError: epoch out of range.
            RunError: a thinned copy without this epoch.
            RecordError: the file is missing or altered.
        """
        self.file_of(epoch)
        return load_parameters(self.path, self.checkpoint, epoch, self._start)

    def file_of(self, epoch: int) -> FileRecord:
        """The file of the parameters after ``epoch`` epochs.

        Raises:
            IndexError: epoch out of range.
            RunError: a thinned copy without this epoch.
        """
        if not 0 <= epoch <= self.epochs_done:
            raise IndexError(f"epoch: expected 0 to {self.epochs_done}, got {epoch}")
        if self.kept is not None and epoch not in self.kept:
            raise RunError(
                f"{self.path}: expected the parameters after {epoch} epochs, got a thinned copy "
                f"that keeps {', '.join(map(str, sorted(self.kept)))} ({KEPT_FILE}); use the whole "
                "run, or train it again"
            )
        return self.checkpoint.parameter_files[epoch]

    def trajectory(self) -> Tensor:
        """Parameters at the start and at every epoch's end, shape (epochs + 1, D)."""
        return torch.stack([self.parameters(epoch) for epoch in range(self.epochs_done + 1)])

    def model(self, epoch: int, device: str = "cpu") -> PatchModule:
        """The model after ``epoch`` epochs.

        Raises:
            IndexError: epoch out of range.
            RecordError: the file is missing or altered.
        """
        model = self.config.model.build(device)
        model.load_flat_parameters(self.parameters(epoch))
        return model

    def verify(self, *, checksums: bool = True) -> None:
        """Check every file that the checkpoint names, in a thinned copy those that it keeps.

        Args:
            checksums: read them all, else look at their sizes only.

        Raises:
            RecordError: the first that is missing or altered.
        """
        check = read_tensors if checksums else check_size
        records = [*self.checkpoint.parameter_files, self.checkpoint.optimiser_file]
        if self.kept is not None:
            records = [self.checkpoint.parameter_files[epoch] for epoch in sorted(self.kept)]
        for record in records:
            check(self.path, record)
