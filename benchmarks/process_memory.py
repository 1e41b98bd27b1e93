"""Peak memory of this process."""

import resource
import sys
from pathlib import Path


def peak_memory_bytes() -> int:
    """Largest resident size so far, in bytes.

    On Linux from VmHWM, which starts anew when a process executes a program; ru_maxrss is handed
    down from the parent, so that a small child of a large parent would report the parent's.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
