"""Triton kernels of the torch engine, each beside a plain torch twin; imported where one is used.

Triton comes with torch's CUDA wheels and is no dependency: without it, on the CPU, or with
PATCHLAW_KERNELS=plain in the environment, the twins run.
"""

import os
from functools import cache
from importlib.util import find_spec

import torch


def kernels_run_on(device: torch.device) -> bool:
    """Whether kernels take the place of their twins: on CUDA, and under Triton's interpreter.

    Raises:
        ValueError: another value of PATCHLAW_KERNELS than "plain" or "triton" (the default).
    """
    wanted = os.environ.get("PATCHLAW_KERNELS", "triton")
    if wanted not in ("plain", "triton"):
        raise ValueError(f"PATCHLAW_KERNELS: expected plain or triton, got {wanted}; set or unset it")
    if wanted == "plain" or not _has_triton():
        return False
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)  # what Triton compiles for
    return device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1"


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None
