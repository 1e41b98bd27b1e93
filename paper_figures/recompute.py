"""Making the records that figures lack, by the command lines that their outcomes name."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from patchlaw.paper_figures.outcome import Outcome


class RecomputeError(RuntimeError):
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
