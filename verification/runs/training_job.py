"""A training run carried out: start or resume it, train, write a checkpoint after every epoch."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from patchlaw.verification.jobs.job import Job, check_samples
from patchlaw.verification.jobs.progress import SILENT, Pace, Progress
from patchlaw.verification.ranks.ranks import ALONE, Ranks
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
from patchlaw.verification.store.errors import StoreError
from patchlaw.verification.store.lock import lock_file
from patchlaw.verification.store.tensors import owner_of
from patchlaw.verification.torch_devices import check_device, torch_threads
from patchlaw.verification.training import DivergedError, Lockstep, Trainer


def execute_run(
    runs: Path,
    config: RunConfig,
    samples: RunSamples,
    *,
    threads: int | None = None,
    device: str | None = None,
    progress: Progress = SILENT,
    ranks: Ranks = ALONE,
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
        ranks: who share the samples, each with ``threads``; all call alike. At another number of
            ranks than before the last bits differ, which the record says.

    Raises:
        ValueError: samples of another digest, a device that torch does not have here.
        StoreError: another configuration, other threads or another device.
        RunError: the folder holds something else, or a thinned copy.
        RecordError: a file of the run is missing, cut or altered.
        InUseError: another process works on the run.
        FloatingPointError: the loss is NaN or infinite; the last epoch's checkpoint stays.
    """
    (run,) = execute_runs(
        runs, [config], samples, threads=threads, device=device, progress=progress, ranks=ranks
    )
    return run


def execute_runs(
    runs: Path,
    configs: Sequence[RunConfig],
    samples: RunSamples,
    *,
    threads: int | None = None,
    device: str | None = None,
    progress: Progress = SILENT,
    ranks: Ranks = ALONE,
) -> list[Run]:
    """Train runs that differ in their seeds alone side by side; arguments as ``execute_run``.

    Each gets the record of a run alone, in a folder of its own: the same bits on the CPU, the same
    to rounding on a device, where they share every launch (``Lockstep``). Each can be resumed alone
    or together with any others; those that are behind go first, until all are at one epoch.
    ``seconds`` of an epoch are a run's share of the time of all. One whose loss diverges is left
    behind and the others, from their last checkpoints, go on; it is raised when they are done.

    Raises:
        ValueError: configurations that differ in more, or one twice; and as ``execute_run``.
        StoreError: runs that began with different threads or devices; and as ``execute_run``.
    """
    kinds = {
        replace(
            config,
            model=replace(config.model, seed=0),
            training=replace(config.training, batch_seed=0),
        ).sha256
        for config in configs
    }
    goals = {config.training.epochs for config in configs}
    if len(kinds) > 1 or len(goals) > 1 or len({c.run_id for c in configs}) < len(configs):
        raise ValueError(
            "configs: expected different runs that differ in their seeds alone, got "
            f"{', '.join(config.run_id for config in configs)}; train the others by themselves"
        )
    tensors = r"(optimiser-)?\d{3,}\.safetensors"
    jobs = []
    for config in configs:
        check_samples(samples.sha256, config.data.sha256, ranks)
        config.model.build()  # refuses sizes that do not fit before anything is written
        folder = runs / config.run_id
        jobs.append(
            _TrainingJob(
                config=config,
                samples=samples,
                place=folder,
                writes={
                    folder: rf"config\.json|checkpoint\.json|{tensors}",
                    folder / "epochs": tensors,
                },
                threads=threads,
                device=device,
                progress=progress,
                ranks=ranks,
            )
        )
    with ExitStack() as stack:
        left = [job for job in jobs if stack.enter_context(job.opened())]
        if left:
            _train(left)
    return [Run.open(job.place) for job in jobs]


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
        done = self._last.epoch if self._last else 0
        if done >= goal and self._last:
            self.progress.say(f"{folder}: finished, {done} epochs are done")
            return False
        self.settle(self._header.execution)
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
        _train([self])

    def prepare(self) -> None:
        """Make the trainer, in the checkpoint's state."""
        config, samples, folder = self.config, self.samples, self.place
        model = config.model.build(self._header.execution.device)
        images = samples.train_images.to(self._header.execution.device)
        labels, training = samples.train_labels, config.training
        self.trainer = trainer = Trainer(model, images, labels, training, ranks=self.ranks)
        self._test = model.check_images(samples.test_images), samples.test_labels
        if self._last is not None:
            restore_trainer(folder, self._last, trainer)

    def begin(self, prefix: str) -> None:
        """Write the header, and the start of a new run; ``prefix`` as for ``save``."""
        trainer, goal = self.trainer, self.config.training.epochs
        earlier = self._last.sessions if self._last else ()
        max_chunk = self.execution(trainer.model).max_chunk
        session = Session(trainer.epoch, max_chunk, self.environment())
        self._sessions = (*earlier, session)
        self._header.write(self.place)
        if earlier:
            self.note_changes(earlier[-1].decisive, session.decisive)
        self._pace = Pace(goal, trainer.epoch)
        if self._last is None:
            self.save((), 0.0, prefix)

    def save(self, losses: tuple[float, ...], seconds: float, prefix: str) -> None:
        """Evaluate and write a checkpoint.

        Args:
            losses: of the epoch's steps; none at the start.
            seconds: that they and the evaluation over the training samples took.
            prefix: of the line in the log.
        """
        trainer, objective, begin = self.trainer, self.trainer.objective, time.perf_counter()
        last = trainer.epochs[-1] if losses else None
        entry = EpochEntry(
            epoch=trainer.epoch,
            learning_rate=last.learning_rate if last else None,
            step_losses=losses,
            train=last.train if last else objective.evaluate(trainer.images, trainer.labels),
            test=objective.evaluate(*self._test),
            seconds=seconds + time.perf_counter() - begin,
        )
        for kind, found in (("training", entry.train), ("test", entry.test)):
            trainer.check_finite(found.loss, f"over all {kind} samples after {entry.epoch} epochs")
        if self.ranks.leads:  # for it deletes Adam's former state as well
            self._last = save_checkpoint(
                self.place, self.config.sha256, trainer, entry, self._last, self._sessions
            )
        self.progress.say(prefix + epoch_line(entry, self.config.training.epochs, self._pace))


def _train(jobs: Sequence[_TrainingJob]) -> None:
    """Carry out open jobs side by side, those that are behind first."""
    first, progress = jobs[0], jobs[0].progress
    found = {(job.threads, job.device) for job in jobs}
    if len(found) > 1:
        raise StoreError(
            f"{first.place.parent}: expected runs that began with the same threads and device, got "
            f"{sorted(found, key=repr)}; train them one by one"
        )
    goal, steps = first.config.training.epochs, first.config.training.n_batches
    together, lost = len(jobs) > 1, None

    def lose(error: DivergedError) -> _TrainingJob:
        """Whose loss diverged, where the others go on."""
        nonlocal lost
        if not together or first.ranks is not ALONE:  # whose others have no checkpoint
            raise error
        lost = lost or error
        (gone,) = (job for job in jobs if job.trainer is error.trainer)
        progress.say(f"{gone.place.name}: {error}; the others go on")
        return gone

    def count() -> int:
        """Steps done, where the progress begins or goes on."""
        done = sum(job.trainer.epoch for job in jobs) * steps
        name = f"{len(jobs)} runs" if together else first.place.name
        progress.begin(name, len(jobs) * goal * steps, done)
        return done

    with torch_threads(first.threads):
        _prepare(jobs, jobs)
        done, begun = count(), []
        for job in jobs:  # only now that nothing can be refused any more
            try:
                job.begin(f"{job.place.name}: " if together else "")
                begun.append(job)
            except DivergedError as error:
                lose(error)
        if len(begun) < len(jobs):
            jobs = begun
            done = count()
        group: list[_TrainingJob] = []
        while jobs and (epoch := min(job.trainer.epoch for job in jobs)) < goal:
            behind = [job for job in jobs if job.trainer.epoch == epoch]
            if behind != group:
                group, lockstep = behind, Lockstep([job.trainer for job in behind])
            begin, losses = time.perf_counter(), []
            try:
                for step in lockstep.run_epoch():
                    losses.append([each.loss for each in step])
                    done += len(step)
                    mean = sum(losses[-1]) / len(step)
                    progress.advance(done, f"epoch {epoch + 1}/{goal}, mini-batch loss {mean:.4f}")
                seconds = (time.perf_counter() - begin) / len(group)
                for job, of_job in zip(group, zip(*losses, strict=True), strict=True):
                    job.save(of_job, seconds, f"{job.place.name}: " if together else "")
            except DivergedError as error:
                gone = lose(error)
                jobs = [job for job in jobs if job is not gone]
                _prepare([job for job in group if job is not gone], jobs)
                group, done = [], count()
        if lost is not None:
            raise lost


def _prepare(jobs: Sequence[_TrainingJob], among: Sequence[_TrainingJob]) -> None:
    """Make the trainers of some of several runs that share what they record."""
    for job in jobs:
        job.prepare()
    for job in among:
        job.trainer.objective.share_recordings(among[0].trainer.objective)


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
