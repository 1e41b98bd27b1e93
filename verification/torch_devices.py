"""What a command works on: the device, checked at the door and named in records; the threads."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def check_device(device: str | None) -> str:
    """The device's name as torch takes it; None is the CPU.

    Raises:
        ValueError: torch has no such device here, or one that computes nothing, as "meta".
    """
    name = "cpu" if device is None else device
    try:
        torch.ones(1, device=name).item()
    except (RuntimeError, AssertionError, ImportError, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0]  # torch's own list of backends is a page long
        raise ValueError(
            f"device: expected one that torch has here, such as cpu, got {device!r} ({reason})"
        ) from None
    return name


def accelerator_of(device: str) -> str | None:
    """Model of the accelerator behind a device, as its driver calls it; None for the CPU."""
    kind = torch.device(device).type
    if kind == "cpu":
        return None
    if kind == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{kind} of {platform.machine()}"


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """This many threads inside, the former number afterwards; None changes nothing."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
