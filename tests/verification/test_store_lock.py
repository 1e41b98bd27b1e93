"""The lock beside a file: held by one process, gone when it is."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from patchlaw.verification.store.errors import InUseError
from patchlaw.verification.store.lock import held, is_held

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from patchlaw.verification.store.lock import held
with held(Path(sys.argv[1])):
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
        refused = pytest.raises(InUseError, match=rf"record\.json.*process {holder.pid}; wait")
        with refused, held(path):
            pass
        assert [entry.name for entry in tmp_path.iterdir()] == [".record.json.lock"]
    finally:
        holder.kill()
        holder.communicate()
    with held(path):
        assert (tmp_path / ".record.json.lock").read_text() == f" {os.getpid()}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", [False, True])
def test_a_lock_file_removed_while_it_is_taken_is_no_lock(tmp_path, monkeypatch, folder):
    """Its holder ends between our opening and our locking, and may remove a folder as a whole.

    Only this catches two processes that both hold a lock, one of them on a file without a name.
    """
    path, lock = tmp_path / "record.json", tmp_path / ".record.json.lock"
    if folder:
        path.mkdir()
    right, opened = fcntl.flock, []

    def late(descriptor: int, operation: int) -> None:
        if not opened:
            shutil.rmtree(path) if folder else lock.unlink()
        opened.append(descriptor)
        right(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with held(path):
        assert len(opened) == 2
        monkeypatch.undo()
        with pytest.raises(InUseError), held(path):
            pass
    assert list(tmp_path.iterdir()) == [path] * folder


def test_a_file_system_without_locks_is_an_error_and_costs_no_descriptor(tmp_path, monkeypatch):
    """As over some network mounts; a sweep over many runs would run out of descriptors."""
    seen = []

    def no_locks(descriptor: int, operation: int) -> None:
        seen.append(descriptor)
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(OSError, match="No locks available"), held(tmp_path / "record.json"):
        pass
    (descriptor,) = seen
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_the_lock_goes_when_the_work_fails(tmp_path):
    path = tmp_path / "record.json"
    with pytest.raises(RuntimeError), held(path):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with held(path):
        pass


def test_a_process_of_the_former_release_is_respected(tmp_path):
    """Catches a lock of another sort or name, by which two releases would train one run."""
    for path, lock in (
        (tmp_path, tmp_path / "lock"),
        (tmp_path / "record.json", tmp_path / ".record.json.lock"),
    ):
        with lock.open("w") as theirs:
            fcntl.flock(theirs, fcntl.LOCK_EX | fcntl.LOCK_NB)
            theirs.write("4711\n")
            theirs.flush()
            assert is_held(path)
            with pytest.raises(InUseError, match="held by process 4711; wait for it"), held(path):
                pass
        assert not is_held(path)
        with held(path):
            assert is_held(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]


def test_looking_needs_no_right_to_write(tmp_path, monkeypatch):
    """The run of a colleague: only its owner may open the lock for writing, whoever root is."""
    right = os.open

    def read_only(path, flags, *mode):
        if flags & (os.O_RDWR | os.O_CREAT):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return right(path, flags, *mode)

    with held(tmp_path):
        monkeypatch.setattr(os, "access", lambda *_: False)
        monkeypatch.setattr(os, "open", read_only)
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_who_looks_does_not_keep_another_from_beginning(tmp_path):
    """To look, the lock is taken for a moment: a sweep beside `patchlaw status` lost runs by it."""
    with (tmp_path / "lock").open("w") as looking:
        fcntl.flock(looking, fcntl.LOCK_EX | fcntl.LOCK_NB)
        threading.Timer(0.02, lambda: fcntl.flock(looking, fcntl.LOCK_UN)).start()
        with held(tmp_path):
            assert is_held(tmp_path)
