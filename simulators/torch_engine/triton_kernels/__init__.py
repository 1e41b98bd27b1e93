"""Triton kernels of the torch engine, each beside a plain torch twin; imported where one is used.

Triton comes with torch's CUDA wheels and is no dependency: without it, on the CPU, or with
PATCHLAW_KERNELS=plain in the environment, the twins run.
"""

import os
from functools import cache
from importlib.util import find_spec

import torch

_MOST_QUBITS = 10  # ours: those that were compiled, for sm_90


def kernels_run_on(device: torch.device, n_qubits: int = 2) -> bool:
    """Whether kernels take the place of their twins on a device: on CUDA, if Triton is there.

    They hold 2 to 10 qubits. Triton launches on the current CUDA device alone, and compiles for
    capability 8.0 or above. On the CPU they run with PATCHLAW_KERNELS=interpreter, as tests have
    it, in a process that was started with TRITON_INTERPRET=1.

    Raises:
        ValueError: another value of PATCHLAW_KERNELS than triton (the default), plain, interpreter.
    """
    wanted = os.environ.get("PATCHLAW_KERNELS", "triton")
    if wanted not in ("triton", "plain", "interpreter"):
        raise ValueError(
            f"PATCHLAW_KERNELS: expected triton, plain or interpreter, got {wanted}; unset it"
        )
    if wanted == "plain" or not 2 <= n_qubits <= _MOST_QUBITS or not _has_triton():
        return False
    if device.type == "cuda":
        launched_here = device.index in (None, torch.cuda.current_device())
        return launched_here and torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and wanted == "interpreter"


@cache
def _has_triton() -> bool:
    found = find_spec("triton")
    return found is not None and found.origin is not None  # not a folder of that name
