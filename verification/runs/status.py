"""How far the runs of a folder are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from patchlaw.verification.runs.checkpoint import CHECKPOINT_FILE
from patchlaw.verification.runs.run import CONFIG_FILE, Run, RunError, RunHeader
from patchlaw.verification.store.errors import near
from patchlaw.verification.store.lock import is_held

State: TypeAlias = Literal["finished", "running", "partial", "thinned", "damaged"]


@dataclass(frozen=True)
class RunStatus:
    """One run; None where it is not known.

    Attributes:
        state: "running" while a process holds it, "partial" if none does and epochs are missing,
            "thinned" for a copy that keeps the parameters of a few epochs.
        epochs_done: epochs with a checkpoint.
        minimum_epoch: epochs done at the minimum of the training loss so far; losses and
            accuracies are those there.
        seconds_per_epoch: mean over the epochs done.
    """

    run: str
    state: State
    epochs_done: int | None = None
    epochs: int | None = None
    minimum_epoch: int | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    seconds_per_epoch: float | None = None
    problem: str | None = None


def status_of(folder: Path, *, checksums: bool = False) -> RunStatus:
    """State of one run; never raises for what it finds in the folder.

    With ``checksums`` every file is read, else sizes are looked at only.
    """
    found = _look_at(folder, checksums)
    # a process that has begun in between took away what was looked for: damage shows twice
    return _look_at(folder, checksums) if found.state == "damaged" else found


def _look_at(folder: Path, checksums: bool) -> RunStatus:
    try:
        running = is_held(folder)  # asked first: a run that ends meanwhile is called running
        header = RunHeader.read(folder)
        goal = header.config.training.epochs
        if not (folder / CHECKPOINT_FILE).exists():
            return RunStatus(folder.name, "running" if running else "partial", 0, goal)
        run = Run.open(folder)
        if not running:  # a running one's files may change under the reader
            run.verify(checksums=checksums)
    except (ValueError, OSError) as error:
        return RunStatus(folder.name, "damaged", problem=str(error))
    state: State = "running" if running else "finished" if run.finished else "partial"
    if run.kept is not None:
        state = "thinned"
    done = run.epochs_done
    if done == 0:
        return RunStatus(folder.name, state, 0, goal)
    best = run.history[run.minimum_epoch]
    return RunStatus(
        folder.name,
        state,
        done,
        goal,
        best.epoch,
        best.train.loss,
        best.train.accuracy,
        best.test.loss,
        best.test.accuracy,
        sum(entry.seconds for entry in run.history[1:]) / done,
    )


def all_statuses(runs: Path, *, checksums: bool = False) -> list[RunStatus]:
    """State of every run in a folder, by P, depth and seed as far as the names tell.

    Raises:
        RunError: there is no such folder.
    """
    if not runs.is_dir():
        raise RunError(
            f"{runs}: expected a folder of runs, got none{near(runs)}; check the path or start one "
            "with `patchlaw train --out`"
        )
    # a hidden folder is a thinned copy that is not whole yet
    folders = [path.parent for path in runs.glob(f"[!.]*/{CONFIG_FILE}")]
    return [
        status_of(folder, checksums=checksums)
        for folder in sorted(folders, key=lambda folder: _natural(folder.name))
    ]


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key by which P4 comes before P16."""
    parts = "".join(c if c.isdigit() else f" {c} " for c in name).split()
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
