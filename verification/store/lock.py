"""One process a file or folder: a lock that the operating system drops when its holder dies."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor

from patchlaw.verification.store.errors import InUseError

# On Windows the first byte is what is locked, and nobody else can read it.
_HOLDER_AT = 1 if sys.platform == "win32" else 0
_PATIENCE = 0.1  # seconds; who asks whether it is held has it for microseconds


def lock_file(path: Path) -> Path:
    """``lock`` in a folder; beside a file the hidden ``.<name>.lock``."""
    return path / "lock" if path.is_dir() else path.with_name(f".{path.name}.lock")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a file or folder for this process, or refuse soon; a file itself is not touched.

    An advisory lock of the system (flock, on Windows LockFileEx) on ``lock_file(path)``, which
    names the holder. It goes with the process, however that ends: what a killed one left behind is
    taken over. The lock of a file is removed at the end, that in a folder stays.

    Raises:
        InUseError: another process holds it.
        OSError: the file system has no locks, or the folder cannot be written.
    """
    lock = lock_file(path)
    descriptor = _locked(lock, path)
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f" {os.getpid()}\n".encode())
        yield
    finally:
        if lock.parent != path and _is_still(lock, descriptor):
            with suppress(OSError):  # Windows removes no file that is open
                lock.unlink()  # before the lock goes: what is removed is still ours
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a process holds it.

    Raises:
        OSError: the file system has no locks.
    """
    lock = lock_file(path)
    try:
        descriptor = os.open(lock, os.O_RDWR if os.access(lock, os.W_OK) else os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not lock_descriptor(descriptor, blocking=False)
    finally:
        os.close(descriptor)


def _locked(lock: Path, path: Path) -> int:
    """Descriptor of the lock file, held."""
    while True:
        if lock.parent == path:
            path.mkdir(exist_ok=True)  # its former holder may have removed all of it
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _taken(descriptor):
                os.lseek(descriptor, _HOLDER_AT, os.SEEK_SET)
                holder = os.read(descriptor, 100).decode(errors="replace").strip() or "unknown"
                raise InUseError(
                    f"{path}: expected what nobody works on, got it held by process {holder}; "
                    "wait for it, or stop it"
                )
            if _is_still(lock, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its former holder removed it between opening and locking: again


def _taken(descriptor: int) -> bool:
    """Whether the lock is ours now; ``is_held`` of another process may have it for a moment."""
    end = time.monotonic() + _PATIENCE
    while not (ours := lock_descriptor(descriptor, blocking=False)) and time.monotonic() < end:
        time.sleep(_PATIENCE / 10)
    return ours


def _is_still(lock: Path, descriptor: int) -> bool:
    """Whether the name still stands for the opened file."""
    try:
        return os.path.samestat(os.stat(lock), os.fstat(descriptor))
    except FileNotFoundError:
        return False
