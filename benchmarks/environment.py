"""What a measurement ran on."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

ROOT = Path(__file__).parents[1]
_DISTRIBUTIONS = ("numpy", "scipy", "numba", "torch")


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def load_average() -> float | None:
    """Processes that wanted to run, averaged over the last minute; None where unknown."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def describe() -> dict[str, Any]:
    """Machine, versions and commit; the load average is recorded around each benchmark."""
    import numpy
    import torch  # noqa: F401  loaded so that its thread pools are listed

    libraries = {
        f"{pool['internal_api']} {pool.get('version') or ''}".strip() for pool in threadpool_info()
    }
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", "simulators")
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in _DISTRIBUTIONS},
        "thread_pools": sorted(libraries),
        "simd": sorted(numpy.show_config(mode="dicts")["SIMD Extensions"].get("found", [])),
        "commit": _git("rev-parse", "HEAD"),
        "simulators_changed_since": bool(changed),
    }
