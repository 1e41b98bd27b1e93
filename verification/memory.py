"""Sizes that cannot be, refused by an estimate of their bytes before anything is allocated."""

import os
from decimal import Decimal
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def available_bytes() -> int | None:
    """Memory that a new array can have: what the kernel calls available, and a container's limit.

    None where the system does not say.
    """
    found = [limit for limit in map(_integer, _LIMITS) if limit is not None]
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        found += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        if hasattr(os, "sysconf") and {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= os.sysconf_names.keys():
            found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(found, default=None)


def check_memory(what: str, n_bytes: int, fix: str) -> None:
    """Refuse what does not fit into the memory that is left.

    Args:
        what: the size asked for, for the message, such as "depth 10000000".
        n_bytes: least number of bytes that it needs.
        fix: what to do.

    Raises:
        ValueError: more than is available.
    """
    available = available_bytes()
    if available is not None and n_bytes > available:
        raise ValueError(
            f"{what}: expected what fits into the {_gigabytes(available)} GB of memory available, "
            f"got at least {_gigabytes(n_bytes)} GB; {fix}"
        )


def _gigabytes(n_bytes: int) -> str:
    return f"{Decimal(n_bytes) / 10**9:.3g}"  # a float overflows where an integer does not


def _integer(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isdigit() else None
