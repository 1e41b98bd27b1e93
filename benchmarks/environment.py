"""What a measurement ran on."""

import os
from typing import Any

from threadpoolctl import threadpool_info

from patchlaw.verification.store.environment import current_environment, git

_DISTRIBUTIONS = ("numpy", "scipy", "numba", "torch")


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
    here = current_environment()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "simulators")
    return {
        "time": here.started,
        "cpu": here.processor,
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "platform": here.machine,
        "python": here.versions["python"],
        "versions": {name: here.versions[name] for name in _DISTRIBUTIONS},
        "thread_pools": sorted(libraries),
        "simd": sorted(numpy.show_config(mode="dicts")["SIMD Extensions"].get("found", [])),
        "commit": git("rev-parse", "HEAD"),
        "simulators_changed_since": bool(changed),
    }
