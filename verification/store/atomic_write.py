"""Writing a file so that whatever is on disk is whole, whenever the process stops."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_reading = ContextVar("_reading", default=False)


@contextmanager
def only_reading() -> Iterator[None]:
    """Inside, nothing is written: for a process whose files are those of another one."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write bytes or UTF-8 text under a temporary name in the same folder, flush, then rename."""
    if _reading.get():
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path, names: str) -> None:
    """Delete what killed processes had begun to write.

    Args:
        folder: where; it may be missing.
        names: pattern of the names of the files that they were writing.
    """
    temporary = re.compile(rf"\.({names})\.[a-z0-9_]{{8}}")
    for path in folder.glob(".*"):
        if temporary.fullmatch(path.name):
            path.unlink()
