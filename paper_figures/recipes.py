"""Command lines of patchlaw that make records, as text for readers and as arguments to be run."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path, PurePath

from patchlaw.paper_figures.outcome import Outcome
from patchlaw.verification.runs import RunRequest

# Stands for the records' folder, which a reader and this machine may call by different names.
FOLDER = "{records}"


@dataclass(frozen=True)
class Recipe:
    """One ``patchlaw`` command.

    Attributes:
        words: its arguments, with the records' folder left open.
    """

    words: tuple[str, ...]

    def arguments(self, records: PurePath | str) -> tuple[str, ...]:
        """The arguments after ``patchlaw``, for records in a folder."""
        return tuple(word.replace(FOLDER, str(records)) for word in self.words)

    def text(self, records: PurePath | str) -> str:
        """The line to be typed."""
        return shlex.join(("patchlaw", *self.arguments(records)))


def train(request: RunRequest) -> Recipe:
    """Training of one run; options that are at their defaults are left out."""
    words = ["train"]
    for field in fields(RunRequest):
        value = getattr(request, field.name)
        if field.default is MISSING or value != field.default:
            words += [f"--{field.name.replace('_', '-')}", str(value)]
    return Recipe((*words, "--out", f"{FOLDER}/runs"))


def analyse(run_id: str) -> Recipe:
    """Curvature of a trained run at its minimum."""
    return Recipe(("analyse", f"{FOLDER}/runs/{run_id}", "--out", f"{FOLDER}/analyses"))


def spectra_along_training(run_id: str) -> Recipe:
    """Spectra of a trained run at moments of its training."""
    words = analyse(run_id).words
    moments = ("--epoch", "0", "--epoch", "1", "--epoch", "5")
    return Recipe((*words, "--stage", "spectra along training", *moments, "--along-top", "24"))


def landscape(run_id: str, options: Iterable[str] = ()) -> Recipe:
    """Loss over the plane of a run's trajectory; one that is begun takes its own options alone."""
    words = ("landscape", f"{FOLDER}/runs/{run_id}", *options)
    return Recipe((*words, "--out", f"{FOLDER}/landscapes"))


def kernel(run_id: str) -> Recipe:
    """Spectra over a run's angles beside the tangent kernel's law."""
    return Recipe(("kernel", f"{FOLDER}/runs/{run_id}", "--out", f"{FOLDER}/kernels"))


class RecomputeError(ChildProcessError):
    """A command that makes records ended with an error; the message holds the command."""


def commands_of(outcomes: Iterable[Outcome]) -> dict[str, tuple[str, ...]]:
    """Every command that is needed, once, in order, with the names of what needs it."""
    needed: dict[str, list[str]] = {}
    for outcome in outcomes:
        for command in outcome.missing:
            needed.setdefault(command, []).append(outcome.name)
    return {command: tuple(names) for command, names in needed.items()}


def run_command(command: str, folder: Path) -> None:
    """Run one line of a shell, ``patchlaw`` being that of this interpreter.

    Args:
        command: the line; what it prints goes to the terminal.
        folder: where it is right.

    Raises:
        RecomputeError: its exit code is not 0.
    """
    programs = str(Path(sys.executable).parent)
    path = os.pathsep.join((programs, os.environ.get("PATH", os.defpath)))
    code = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=os.environ | {"PATH": path}, check=False
    ).returncode
    if code:
        raise RecomputeError(
            f"{command}: expected exit code 0, got {code}; records that are finished are kept, "
            "the same command goes on where it stopped"
        )
