"""Reading a file that a user named: only a regular one, and no more of it than it can be."""

import stat
from pathlib import Path

from patchlaw.simulators.datasets.errors import DatasetError

# ours: forty times the largest of MNIST's files, unpacked
MAX_BYTES = 2 * 10**9

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def read_regular(path: Path, what: str, fix: str, max_bytes: int = MAX_BYTES) -> bytes:
    """The file's content.

    What is no regular file is not opened: a pipe may never answer, a device never end.

    Args:
        path: the file.
        what: what it should be, for the message.
        fix: what to do, for the message.
        max_bytes: most that it may hold.

    Raises:
        DatasetError: nothing is there, no regular file, or a larger one.
        OSError: it cannot be read.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetError(f"{path}: expected {what}, found nothing; {fix}") from None
    except (ValueError, OSError) as error:  # a zero byte in the name, a name too long
        raise DatasetError(f"{path}: expected {what}, found no file ({error}); {fix}") from None
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for test, name in _KINDS if test(found.st_mode)), "something else")
        raise DatasetError(f"{path}: expected {what}, found {kind}; {fix}")
    with path.open("rb") as file:
        # not even a file without a true size, as those of /proc, is read beyond this
        content = b""
        if found.st_size <= max_bytes:
            content = file.read(found.st_size)  # read(n) takes n bytes of memory at once
            content += file.read(min(max_bytes + 1, 2**20))  # /proc's files have no true size
    if found.st_size > max_bytes or len(content) > max_bytes:
        raise DatasetError(
            f"{path}: expected {what}, of at most {max_bytes:,} bytes, found "
            f"{max(found.st_size, len(content)):,}; {fix}"
        )
    return content
