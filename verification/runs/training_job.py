"""A training run carried out: start or resume it, train, write a checkpoint after every epoch."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from patchlaw.verification.jobs.job import Job, check_samples
from patchlaw.verification.jobs.progress import SILENT, Pace, Progress
from patchlaw.verification.runs.checkpoint import (
    CHECKPOINT_FILE,
    Checkpoint,
    EpochEntry,
    Session,
    restore_trainer,
    save_checkpoint,
)
from patchlaw.verification.runs.config import RunConfig
from patchlaw.verification.runs.run import CONFIG_FILE, Run, RunError, RunHeader
from patchlaw.verification.runs.samples import RunSamples
from patchlaw.verification.store.lock import lock_file
from patchlaw.verification.store.tensors import owner_of
from patchlaw.verification.torch_devices import check_device
from patchlaw.verification.training import Trainer


def execute_run(
    runs: Path,
    config: RunConfig,
    samples: RunSamples,
    *,
    threads: int | None = None,
    device: str | None = None,
    progress: Progress = SILENT,
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
        progress: told of every step and epoch.

    Raises:
        ValueError: samples of another digest, a device that torch does not have here.
        StoreError: another configuration, other threads or another device.
        RunError: the folder holds something else, or a thinned copy.
        RecordError: a file of the run is missing, cut or altered.
        InUseError: another process works on the run.
        FloatingPointError: the loss is NaN or infinite; the last epoch's checkpoint stays.
    """
    check_samples(samples.sha256, config.data.sha256)
    config.model.build()  # refuses sizes that do not fit before anything is written
    folder, tensors = runs / config.run_id, r"(optimiser-)?\d{3,}\.safetensors"
    _TrainingJob(
        config=config,
        samples=samples,
        place=folder,
        writes={folder: rf"config\.json|checkpoint\.json|{tensors}", folder / "epochs": tensors},
        threads=threads,
        device=device,
        progress=progress,
    ).carry_out()
    return Run.open(folder)


@dataclass(kw_only=True)
class _TrainingJob(Job):
    config: RunConfig
    samples: RunSamples
    _last: Checkpoint | None = None

    def open(self) -> bool:
        """Read header and last checkpoint, or make a header; say what is left."""
        folder, config, goal = self.place, self.config, self.config.training.epochs
        kept = None
        if not (folder / CONFIG_FILE).exists():
            foreign = sorted(p.name for p in folder.iterdir() if p != lock_file(folder))
            if foreign:
                raise RunError(
                    f"{folder}: expected a run's folder or an empty one, got one without "
                    f"{CONFIG_FILE} that holds {', '.join(foreign[:5])}; move it away or choose "
                    "another --out"
                )
            self.device = check_device(self.device)
            execution = self.execution(config.model.build(self.device))
            self._header = RunHeader(config, execution, self.environment())
        else:
            self._header = RunHeader.read(folder)
            self.check_same(self._header.config.differences(config))
            if goal > self._header.config.training.epochs:
                self._header = replace(self._header, config=config)
            if (folder / CHECKPOINT_FILE).exists():
                run = Run.open(folder)
                self._last, kept = run.checkpoint, run.kept
                _remove_stale_optimiser_files(folder, self._last)
        self.settle(self._header.execution)
        done = self._last.epoch if self._last else 0
        if done >= goal and self._last:
            self.progress.say(f"{folder}: finished, {done} epochs are done")
            return False
        if kept is not None:
            raise RunError(
                f"{folder}: expected a whole run to train on, got a thinned copy, which has no "
                "state of Adam; use the run that it was made from, or another --out"
            )
        state = f"resumed after epoch {done}" if done else "started"
        self.progress.say(f"{folder}: {state}, goal {goal} epochs")
        return True

    def work(self) -> None:
        """Train, with a checkpoint after every epoch."""
        config, samples, folder = self.config, self.samples, self.place
        model = config.model.build(self._header.execution.device)
        images = samples.train_images.to(self._header.execution.device)
        self._trainer = trainer = Trainer(model, images, samples.train_labels, config.training)
        self._test = model.check_images(samples.test_images), samples.test_labels
        if self._last is not None:
            restore_trainer(folder, self._last, trainer)
        earlier = self._last.sessions if self._last else ()
        session = Session(trainer.epoch, self.execution(model).max_chunk, self.environment())
        self._sessions = (*earlier, session)
        self._header.write(folder)  # only now that nothing can be refused any more
        if earlier:
            self.note_changes(earlier[-1].decisive, session.decisive)
        goal, steps = config.training.epochs, config.training.n_batches
        self.progress.begin(folder.name, goal * steps, trainer.epoch * steps)
        self._pace = Pace(goal, trainer.epoch)
        if self._last is None:
            self._save(None, (), time.perf_counter())
        while trainer.epoch < goal:
            begin, losses = time.perf_counter(), []
            for step in trainer.run_epoch():
                losses.append(step.loss)
                self.progress.advance(
                    step.epoch * steps + step.batch + 1,
                    f"epoch {step.epoch + 1}/{goal}, mini-batch loss {step.loss:.4f}",
                )
            self._save(trainer.epochs[-1].learning_rate, tuple(losses), begin)

    def _save(self, rate: float | None, losses: tuple[float, ...], begin: float) -> None:
        """Evaluate and write a checkpoint."""
        trainer, objective = self._trainer, self._trainer.objective
        entry = EpochEntry(
            epoch=trainer.epoch,
            learning_rate=rate,
            step_losses=losses,
            train=(
                trainer.epochs[-1].train
                if losses
                else objective.evaluate(trainer.images, trainer.labels)
            ),
            test=objective.evaluate(*self._test),
            seconds=time.perf_counter() - begin,
        )
        self._last = save_checkpoint(
            self.place, self.config.sha256, trainer, entry, self._last, self._sessions
        )
        self.progress.say(epoch_line(entry, self.config.training.epochs, self._pace))


def epoch_line(entry: EpochEntry, goal: int, pace: Pace) -> str:
    """An epoch in the log."""
    rate = "start   " if entry.learning_rate is None else f"{entry.learning_rate:<8.2g}"
    left = "" if entry.learning_rate is None else f"  left {pace.left(entry.epoch)}"
    return (
        f"epoch {entry.epoch:>3}/{goal}  rate {rate}  "
        f"train {entry.train.loss:.5f} {entry.train.accuracy:7.2%}  "
        f"test {entry.test.loss:.5f} {entry.test.accuracy:7.2%}  {entry.seconds:.1f} s{left}"
    )


def _remove_stale_optimiser_files(folder: Path, checkpoint: Checkpoint) -> None:
    """Delete Adam's states of this run that the checkpoint does not name."""
    for path in folder.glob("optimiser-*.safetensors"):
        owner = owner_of(path) or ""
        if path.name != checkpoint.optimiser_file.name and owner.startswith(
            checkpoint.configuration
        ):
            path.unlink()
