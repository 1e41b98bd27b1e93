"""``patchlaw sweep --parsl``: every run of a plan as a task of the user's parsl configuration.

A task is a command line, so what a node does is what a user would type there: the same folders,
the same lock a run, and a run that is tried again goes on after its last finished epoch.
"""

import os
import runpy
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parsl.config import Config


def read_config(path: Path) -> "Config":
    """The variable ``config`` of a Python file, which is executed, as in parsl's own examples.

    Raises:
        ValueError: no parsl here, a file that fails, or one without such a variable.
    """
    try:
        from parsl.config import Config
    except ImportError as error:
        raise ValueError(
            f"--parsl: expected the package parsl, got none ({error}); pip install "
            "'patchlaw[cluster]'"
        ) from None
    try:
        found = runpy.run_path(str(path)).get("config")
    except Exception as error:  # whatever the user's file raises
        raise ValueError(
            f"{path}: expected Python that runs, got {type(error).__name__}: {error}; correct it"
        ) from None
    if not isinstance(found, Config):
        raise ValueError(
            f"{path}: expected config = parsl.Config(...), got {type(found).__name__} in that "
            "place; docs/clusters.md has an example"
        )
    return found


def finished_tasks(
    config: "Config", commands: Sequence[Sequence[str]]
) -> Iterator[tuple[int, str | None]]:
    """Carry out ``patchlaw`` with each list of arguments, as many at once as ``config`` has room.

    Yields:
        the index of each command when it has ended, and None or what went wrong after the
        configuration's retries, with the file that has the task's words.
    """
    import parsl

    # where parsl looks for its own programs, also if this environment is not activated
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"

    def patchlaw(line: str, stdout: object, stderr: object) -> str:
        return line

    with parsl.load(config) as kernel:
        app = parsl.bash_app(patchlaw, data_flow_kernel=kernel)
        futures = [
            app(
                shlex.join([sys.executable, "-m", "patchlaw", *command]),
                stdout=parsl.AUTO_LOGNAME,
                stderr=parsl.AUTO_LOGNAME,
            )
            for command in commands
        ]
        index: dict[Any, int] = {future: number for number, future in enumerate(futures)}
        done: Iterable[Any] = as_completed(index)
        for future in done:
            error, log = future.exception(), future.stdout
            yield index[future], None if error is None else f"{_reason(log) or error}; see {log}"


def _reason(log: str) -> str:
    """What a task said of its failure, in its last line of that kind; empty if it said nothing."""
    try:
        lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # the worker died before it wrote a word
        return ""
    return next((line[8:] for line in reversed(lines) if line.startswith("failed: ")), "")
