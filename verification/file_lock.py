"""One process a file: a lock that the operating system drops when its holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FileInUseError(ValueError):
    """Another process works on the file."""


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold ``path`` for this process, or refuse at once; ``path`` itself is not touched.

    An advisory lock (flock) on the hidden file ``.<name>.lock`` beside it, which is removed at
    the end; one that a killed process left behind is taken over.

    Raises:
        FileInUseError: another process holds it.
        OSError: the file system has no locks, or the folder cannot be written.
    """
    lock = path.with_name(f".{path.name}.lock")
    descriptor = _locked(lock, path)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        lock.unlink(missing_ok=True)  # before the lock goes: what is removed is still ours
        os.close(descriptor)


def _locked(lock: Path, path: Path) -> int:
    """Descriptor of the lock file, held."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(lock, descriptor):
                return descriptor
        except BlockingIOError:
            holder = os.read(descriptor, 100).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise FileInUseError(
                f"{path}: expected a file that nobody works on, got one held by process {holder}; "
                "wait for it, or stop it"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its former holder removed it between opening and locking: again


def _is_still(lock: Path, descriptor: int) -> bool:
    """Whether the name still stands for the opened file."""
    try:
        there = os.stat(lock)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))
