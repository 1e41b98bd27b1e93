"""The state of a run after an epoch, on disk: written so that a kill never costs the last one.

A checkpoint is ``checkpoint.json``, which names every other file with its sha256:
``epochs/NNN.safetensors`` (the model's parameters after NNN epochs, for every epoch end) and
``optimiser-NNN.safetensors`` (Adam's state, for the last one). It is written last, so until then
the previous one stands. No random state is kept, for there is none: an epoch's batches come from
its own seed, the initial angles from the model's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from torch import Tensor

from patchlaw.simulators import PatchModel
from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.json_files import Count, Rate
from patchlaw.verification.store.seal import FileKind
from patchlaw.verification.store.tensors import (
    RESTORE,
    FileRecord,
    checked,
    read_tensors,
    write_tensors,
)
from patchlaw.verification.training import Evaluation, Trainer

CHECKPOINT_FILE = "checkpoint.json"
CHECKPOINT = FileKind("patchlaw checkpoint", RESTORE, nested=True)
_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class EpochEntry:
    """One line of a run's history.

    Attributes:
        epoch: epochs done; 0 is the start.
        learning_rate: rate of the epoch that ended here; None at the start.
        step_losses: loss of each of its mini-batches before the update.
        train: evaluation over all training samples at its end.
        test: the same over the test samples.
        seconds: wall-clock time of its steps and evaluations.
    """

    epoch: Count
    learning_rate: Rate | None
    step_losses: tuple[float, ...]
    train: Evaluation
    test: Evaluation
    seconds: float


@dataclass(frozen=True)
class Session:
    """A process that worked on a run: where it began, its chunk size and its environment."""

    from_epoch: Count
    max_chunk: Count
    environment: Mapping[str, Any]

    @property
    def decisive(self) -> dict[str, Any]:
        """What may change the last bits: the environment and the chunk size."""
        return {**self.environment, "max_chunk": self.max_chunk}


@dataclass(frozen=True)
class Checkpoint:
    """A run after its last finished epoch.

    Attributes:
        history: one entry an epoch end, the start first; so are the parameter files.
        optimiser_file: Adam's state after the last epoch.
        scheduler: the rate scheduler's state.
    """

    configuration: str
    history: tuple[EpochEntry, ...]
    parameter_files: tuple[FileRecord, ...]
    optimiser_file: FileRecord
    scheduler: dict[str, Any]
    learning_rate: Rate
    sessions: Annotated[tuple[Session, ...], msgspec.Meta(min_length=1)]

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history) - 1


def save_checkpoint(
    folder: Path,
    configuration: str,
    trainer: Trainer,
    entry: EpochEntry,
    previous: Checkpoint | None,
    sessions: tuple[Session, ...],
) -> Checkpoint:
    """Write the trainer's state after ``entry.epoch`` epochs; ``previous`` stays valid until then.

    Raises:
        RecordError: another program's file is in the way; nothing is overwritten.
        OSError: the disk refuses.
    """
    (folder / "epochs").mkdir(exist_ok=True)
    tensors = dict(trainer.model.named_parameters()), _optimiser_tensors(trainer)
    parameters, optimiser = (
        write_tensors(folder, name, found, configuration, entry.epoch)
        for name, found in zip(_names(entry.epoch), tensors, strict=True)
    )
    checkpoint = Checkpoint(
        configuration=configuration,
        history=(*(previous.history if previous else ()), entry),
        parameter_files=(*(previous.parameter_files if previous else ()), parameters),
        optimiser_file=optimiser,
        scheduler=trainer.scheduler.state_dict(),
        learning_rate=float(trainer.optimiser.param_groups[0]["lr"]),
        sessions=sessions,
    )
    CHECKPOINT.write(folder / CHECKPOINT_FILE, checkpoint)
    if previous is not None:
        (folder / previous.optimiser_file.name).unlink(missing_ok=True)
    return checkpoint


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read ``checkpoint.json``; the files that it names are checked when they are read.

    Raises:
        FileNotFoundError: there is none.
        RecordError: it is cut, altered or another program's.
    """
    path = folder / CHECKPOINT_FILE
    checkpoint = CHECKPOINT.read_as(path, Checkpoint)
    history = checkpoint.history
    if [entry.epoch for entry in history] != list(range(len(history))):
        raise RecordError(f"{path}: expected epochs 0, 1, 2, ... in its history; {RESTORE}")
    if not history or len(history) != len(checkpoint.parameter_files):
        raise RecordError(
            f"{path}: expected one parameter file for each of {len(history)} epoch ends, "
            f"got {len(checkpoint.parameter_files)}; {RESTORE}"
        )
    files = (*checkpoint.parameter_files, checkpoint.optimiser_file)
    wanted = (*(_names(entry.epoch)[0] for entry in history), _names(checkpoint.epoch)[1])
    for file, name in zip(files, wanted, strict=True):
        if file.name != name:  # a copy would be written there, Adam's state be deleted there
            raise RecordError(f"{path}: expected file {name}, got {file.name}; {RESTORE}")
    return checkpoint


def load_parameters(folder: Path, checkpoint: Checkpoint, epoch: int, like: PatchModel) -> Tensor:
    """Parameters after 0 to ``checkpoint.epoch`` epochs, shape (D,), in the flat order of ``like``.

    Raises:
        RecordError: the file is missing, altered, or not this model's.
    """
    record = checkpoint.parameter_files[epoch]
    tensors = read_tensors(folder, record)
    parts = [tensors[k].reshape(-1) for k in like.layout.names if k in tensors]
    flat = {"parameters": torch.cat(parts)} if parts else {}
    shape, dtype = (like.n_parameters,), next(like.parameters()).dtype
    return checked(folder / record.name, flat, "parameters", shape, dtype)


def restore_trainer(folder: Path, checkpoint: Checkpoint, trainer: Trainer) -> None:
    """Put a fresh trainer into the checkpoint's state; it is untouched if a file is refused.

    Raises:
        RecordError: a file is missing, altered, or not this model's.
    """
    model, record = trainer.model, checkpoint.optimiser_file
    flat = load_parameters(folder, checkpoint, checkpoint.epoch, model)
    tensors = read_tensors(folder, record)
    states = {}
    for name, parameter in model.named_parameters():
        path = folder / record.name
        state = {
            moment: checked(
                path, tensors, f"{name}.{moment}", tuple(parameter.shape), parameter.dtype
            ).to(parameter.device)
            for moment in _MOMENTS
        }
        # Adam keeps its step count on the CPU, in float32, whatever the parameters are
        states[parameter] = state | {
            "step": checked(path, tensors, f"{name}.step", (), torch.float32)
        }
    stored, fresh = checkpoint.scheduler, trainer.scheduler.state_dict()
    found, kinds = ({name: _kind(value) for name, value in s.items()} for s in (stored, fresh))
    if found != kinds:
        raise RecordError(
            f"{folder / CHECKPOINT_FILE}: scheduler: expected {kinds}, got {found}; {RESTORE}"
        )
    model.load_flat_parameters(flat)
    for parameter, state in states.items():
        trainer.optimiser.state[parameter] = state
    trainer.scheduler.load_state_dict(checkpoint.scheduler)
    trainer.optimiser.param_groups[0]["lr"] = checkpoint.learning_rate
    trainer.epoch = checkpoint.epoch


def _names(epoch: int) -> tuple[str, str]:
    """Of the files of an epoch: the parameters', and that of Adam's state."""
    return f"epochs/{epoch:03d}.safetensors", f"optimiser-{epoch:03d}.safetensors"


def _kind(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"list of {_kind(value[0]) if value else 'nothing'}"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if number else type(value).__name__


def _optimiser_tensors(trainer: Trainer) -> Mapping[str, Tensor]:
    """Adam's state by parameter; zeros before the first step, which Adam treats as none."""
    tensors = {}
    for name, parameter in trainer.model.named_parameters():
        state = trainer.optimiser.state.get(parameter, {})
        for moment in _MOMENTS:
            tensors[f"{name}.{moment}"] = state.get(moment, torch.zeros_like(parameter))
        tensors[f"{name}.step"] = state.get("step", torch.tensor(0.0, dtype=torch.float32))
    return tensors
