"""The lock beside a file: held by one process, gone when it is."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from patchlaw.verification.file_lock import FileInUseError, file_lock

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from patchlaw.verification.file_lock import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_another_process_is_named_and_its_death_frees_the_file(tmp_path):
    """A killed holder leaves its lock file; only this catches one that is refused for ever."""
    path = tmp_path / "record.json"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        refused = pytest.raises(FileInUseError, match=rf"record\.json.*process {holder.pid}; wait")
        with refused, file_lock(path):
            pass
        assert [entry.name for entry in tmp_path.iterdir()] == [".record.json.lock"]
    finally:
        holder.kill()
        holder.communicate()
    with file_lock(path):
        assert (tmp_path / ".record.json.lock").read_text() == f"{os.getpid()}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_removed_while_it_is_taken_is_no_lock(tmp_path, monkeypatch):
    """Its holder ends between our opening and our locking.

    Only this catches two processes that both hold a lock, one of them on a file without a name.
    """
    path, lock = tmp_path / "record.json", tmp_path / ".record.json.lock"
    right, opened = fcntl.flock, []

    def late(descriptor: int, operation: int) -> None:
        if not opened:
            lock.unlink()
        opened.append(descriptor)
        right(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with file_lock(path):
        assert len(opened) == 2
        monkeypatch.undo()
        with pytest.raises(FileInUseError), file_lock(path):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_locks_is_an_error_and_costs_no_descriptor(tmp_path, monkeypatch):
    """As over some network mounts; a sweep over many runs would run out of descriptors."""
    seen = []

    def no_locks(descriptor: int, operation: int) -> None:
        seen.append(descriptor)
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(OSError, match="No locks available"), file_lock(tmp_path / "record.json"):
        pass
    (descriptor,) = seen
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_the_lock_goes_when_the_work_fails(tmp_path):
    path = tmp_path / "record.json"
    with pytest.raises(RuntimeError), file_lock(path):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with file_lock(path):
        pass
