"""Carrying out a run: start or resume it, train, write a checkpoint after every epoch."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

import torch

from patchlaw.simulators.engine_choice import default_max_chunk
from patchlaw.verification.environment import current_environment
from patchlaw.verification.runs.checkpoint import (
    CHECKPOINT_FILE,
    Checkpoint,
    EpochEntry,
    Session,
    restore_trainer,
    save_checkpoint,
)
from patchlaw.verification.runs.config import Execution, RunConfig
from patchlaw.verification.runs.errors import RunError
from patchlaw.verification.runs.lock import LOCK_FILE, run_lock
from patchlaw.verification.runs.run import CONFIG_FILE, Run, RunHeader
from patchlaw.verification.runs.samples import RunSamples
from patchlaw.verification.runs.tensor_files import owner_of
from patchlaw.verification.torch_devices import check_device
from patchlaw.verification.torch_threads import torch_threads
from patchlaw.verification.training import Trainer

# names that write_atomically gives to the files of a run while it writes them
_TEMPORARY = re.compile(r"\.(config\.json|checkpoint\.json|(optimiser-)?\d{3,}\.safetensors)\..+")


class Reporter(Protocol):
    """What a run reports to."""

    def begin(self, folder: Path, config: RunConfig, epochs_done: int) -> None:
        """The run starts (0 epochs done) or goes on."""

    def step(self, epoch: int, batch: int, loss: float) -> None:
        """A mini-batch is done, the epoch and the batch counted from 1."""

    def epoch(self, entry: EpochEntry) -> None:
        """A checkpoint is on disk."""

    def note(self, message: str) -> None:
        """Something that the user should know."""


class Silent:
    """Reports nothing."""

    def begin(self, folder: Path, config: RunConfig, epochs_done: int) -> None:
        """Nothing."""

    def step(self, epoch: int, batch: int, loss: float) -> None:
        """Nothing."""

    def epoch(self, entry: EpochEntry) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        """Nothing."""


def execute_run(
    runs: Path,
    config: RunConfig,
    samples: RunSamples,
    *,
    threads: int | None = None,
    device: str | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """Train until ``config.training.epochs`` epochs are done, from wherever the run on disk is.

    Interrupted at any moment and called again, it ends with the bits of a run that was not,
    on the same machine and versions: what a session needs is in the checkpoint, and the sums
    over samples are grouped by ``threads`` and the engine's chunk size, which must not change.

    Args:
        runs: folder of runs; this one's is ``runs / config.run_id``.
        config: the configuration.
        samples: must have the digest that the configuration names.
        threads: None for the recorded number or, in a new run, torch's.
        device: None for the recorded device or, in a new run, the CPU.
        reporter: told of every step and epoch.

    Raises:
        ValueError: samples of another digest.
        RunError: the folder holds something else, another configuration, other threads or device.
        DamagedRunError: a file of the run is missing, cut or altered.
        RunInUseError: another process works on the run.
        FloatingPointError: the loss is NaN or infinite; the last epoch's checkpoint stays.
    """
    if samples.sha256 != config.data.sha256:
        raise ValueError(
            f"samples: expected digest {config.data.sha256} (the configuration's), got "
            f"{samples.sha256}; use the data set and subset that the run was made for"
        )
    if device is not None:
        check_device(device)
    config.model.build()  # refuses sizes that do not fit before anything is written
    folder = runs / config.run_id
    with _folder_of_a_run(folder), run_lock(folder):
        header, previous = _open_or_create(folder, config, threads, device)
        reporter = reporter or Silent()
        reporter.begin(folder, config, previous.epoch if previous else 0)
        if previous is None or previous.epoch < config.training.epochs:
            check_device(header.execution.device)  # another machine may have begun the run
            with torch_threads(header.execution.threads):
                _train(folder, header, config, previous, samples, reporter)
    return Run.open(folder)


@contextmanager
def _folder_of_a_run(folder: Path) -> Iterator[None]:
    """The folder is there; one that was made for nothing goes again."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if made and not (folder / CONFIG_FILE).exists():
            shutil.rmtree(folder)
            for place in made[1:]:
                with suppress(OSError):
                    place.rmdir()
        raise


def _train(
    folder: Path,
    header: RunHeader,
    config: RunConfig,
    previous: Checkpoint | None,
    samples: RunSamples,
    reporter: Reporter,
) -> None:
    device = header.execution.device
    model = config.model.build(device)
    trainer = Trainer(
        model, samples.train_images.to(device), samples.train_labels.to(device), config.training
    )
    test_images = model.check_images(samples.test_images)
    environment = asdict(current_environment(device))
    if previous is not None:
        restore_trainer(folder, previous, trainer)
    session = Session(trainer.epoch, default_max_chunk(model), environment)
    header.write(folder)  # only now that nothing can be refused any more
    if previous is not None:
        _note_changes(previous.sessions[-1], session, reporter)
    sessions = (*(previous.sessions if previous else ()), session)

    def save(rate: float | None, losses: tuple[float, ...], begin: float) -> Checkpoint:
        images, labels = trainer.images, trainer.labels
        entry = EpochEntry(
            epoch=trainer.epoch,
            learning_rate=rate,
            step_losses=losses,
            train=(
                trainer.epochs[-1].train if losses else trainer.objective.evaluate(images, labels)
            ),
            test=trainer.objective.evaluate(test_images, samples.test_labels),
            seconds=time.perf_counter() - begin,
        )
        checkpoint = save_checkpoint(folder, config.sha256, trainer, entry, previous, sessions)
        reporter.epoch(entry)
        return checkpoint

    if previous is None:
        previous = save(None, (), time.perf_counter())
    while trainer.epoch < config.training.epochs:
        begin, losses = time.perf_counter(), []
        for step in trainer.run_epoch():
            losses.append(step.loss)
            reporter.step(step.epoch + 1, step.batch + 1, step.loss)
        previous = save(trainer.epochs[-1].learning_rate, tuple(losses), begin)


def _open_or_create(
    folder: Path, config: RunConfig, threads: int | None, device: str | None
) -> tuple[RunHeader, Checkpoint | None]:
    """Header and last checkpoint of the run in ``folder``, which this process has locked."""
    _remove_leftovers(folder)
    if not (folder / CONFIG_FILE).exists():
        foreign = sorted(p.name for p in folder.iterdir() if p.name != LOCK_FILE)
        if foreign:
            raise RunError(
                f"{folder}: expected a run's folder or an empty one, got one without {CONFIG_FILE} "
                f"that holds {', '.join(foreign[:5])}; move it away or choose another --out"
            )
        place = device or "cpu"
        execution = Execution(
            threads or torch.get_num_threads(), place, default_max_chunk(config.model.build(place))
        )
        return RunHeader(config, execution, asdict(current_environment(place))), None
    header = RunHeader.read(folder)
    _check_same(folder, header, config, threads, device)
    run = Run.open(folder) if (folder / CHECKPOINT_FILE).exists() else None
    if run is not None and run.kept is not None:
        if run.epochs_done < config.training.epochs:
            raise RunError(
                f"{folder}: expected a whole run to train on, got a thinned copy, which has no "
                "state of Adam; use the run that it was made from, or another --out"
            )
        return header, run.checkpoint
    if config.training.epochs > header.config.training.epochs:
        header = replace(header, config=config)
    if run is None:
        return header, None
    _remove_stale_optimiser_files(folder, run.checkpoint)
    return header, run.checkpoint


def _check_same(
    folder: Path, header: RunHeader, config: RunConfig, threads: int | None, device: str | None
) -> None:
    different = [
        f"{name} {theirs!r}, got {ours!r}"
        for name, theirs, ours in header.config.differences(config)
    ]
    if different:
        raise RunError(
            f"{folder}: a run of another configuration: expected {'; '.join(different)}; use the "
            "run's configuration or another --out"
        )
    for name, ours, theirs in (
        ("threads", threads, header.execution.threads),
        ("device", device, header.execution.device),
    ):
        if ours is not None and ours != theirs:
            raise RunError(
                f"{folder}: {name}: expected {theirs}, as in the run's first session, got {ours}; "
                f"rounding would differ: leave --{name} out or use another --out"
            )


def _remove_leftovers(folder: Path) -> None:
    """Delete what a killed process had begun to write."""
    for place in (folder, folder / "epochs"):
        for path in place.glob(".*"):
            if _TEMPORARY.fullmatch(path.name):
                path.unlink()


def _remove_stale_optimiser_files(folder: Path, checkpoint: Checkpoint) -> None:
    """Delete Adam's states of this run that the checkpoint does not name."""
    for path in folder.glob("optimiser-*.safetensors"):
        owner = owner_of(path) or ""
        if path.name != checkpoint.optimiser_file.name and owner.startswith(
            checkpoint.configuration
        ):
            path.unlink()


def _note_changes(last: Session, session: Session, reporter: Reporter) -> None:
    """Say where the last bits may differ from those of a run that was not interrupted."""
    old, new = ({**each.environment, "max_chunk": each.max_chunk} for each in (last, session))
    changed = [
        f"{key}: {old.get(key)} then, {new[key]} now"
        for key in ("versions", "commit", "machine", "cpus", "accelerator", "max_chunk")
        if old.get(key) != new[key]
    ]
    if changed:
        reporter.note(
            "the run goes on in another environment, so its last bits may differ from those of an "
            f"uninterrupted run ({'; '.join(changed)})"
        )
