"""Where a record was made: versions, commit, kind of machine."""

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_DISTRIBUTIONS = ("patchlaw", "torch", "numpy", "scipy", "sympy", "scikit-learn", "numba")

COMMIT_VARIABLE = "PATCHLAW_COMMIT"


@dataclass(frozen=True)
class Environment:
    """Versions of what computed a record; no name of machine or user.

    Attributes:
        started: UTC time, ISO 8601.
        versions: of Python and the libraries used.
        commit: git commit of the source tree, with "-dirty" if it was changed; None outside one.
        machine: operating system and processor architecture.
        cpus: processors of the machine.
        threads: threads that torch and the fast engine use.
        accelerator: model of the device that computed, if it was not the CPU.
        processor: model of the CPU. Libraries choose their kernels by it, so last bits differ on
            another; None in records of former releases.
    """

    started: str
    versions: dict[str, str]
    commit: str | None
    machine: str
    cpus: int
    threads: int
    accelerator: str | None = None
    processor: str | None = None


def current_environment(device: str = "cpu") -> Environment:
    """The environment of this process, which computes on a torch device."""
    import torch

    from patchlaw.verification.torch_devices import accelerator_of

    versions = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return Environment(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions,
        # told, it wins: a copy (in a container, on a cluster's node) may have no repository, or one
        # of its own
        commit=(
            os.environ.get(COMMIT_VARIABLE)
            or git("describe", "--always", "--abbrev=40", "--dirty")
            or None
        ),
        machine=f"{platform.system()} {platform.machine()}",
        cpus=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        accelerator=accelerator_of(device),
        processor=_processor_model(),
    )


def _processor_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def git(*arguments: str) -> str | None:
    """What git says of the source tree this package is imported from; None if it is none."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
