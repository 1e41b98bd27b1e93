"""Standard streams that take any text, whatever their encoding, and end the program tidily.

``printable_streams`` surrounds the whole program, so that what click, rich and our own code print
passes here.
"""

import errno
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import click

from patchlaw.verification.printable import printable

CLOSED_PIPE = 141  # the shell's code for a process ended by SIGPIPE
FAILED = 1


class OutputLostError(SystemExit):
    """Standard output takes no more.

    A SystemExit, which no command takes for the failure of one run or one file.
    """


class _Stream:
    """A text stream whose ``write`` never fails for a character and ends the program tidily.

    It shows no binary ``buffer``, with which click would go around an encoding that it mistrusts.

    Args:
        stream: the true one.
        required: whether the program ends where it cannot be written to; else that is passed over.
    """

    buffer = None

    def __init__(self, stream: TextIO, required: bool) -> None:
        self._stream, self._required = stream, required
        self.encoding = stream.encoding or "utf-8"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str | bytes) -> int:
        """Write the text, in ASCII where need be."""
        # click's completions, as there is no buffer for them; no bytes are its question whether
        # this is a binary stream, which it would wrap in one that writes "?" for a letter
        if isinstance(text, bytes) and text:
            text = text.decode("utf-8", "surrogateescape")
        if not isinstance(text, str):
            raise TypeError(f"write: expected text, got {type(text).__name__}")
        try:
            self._stream.write(printable(text, self.encoding))
        except OSError as error:
            self._lost(error)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what is held back."""
        try:
            self._stream.flush()
        except OSError as error:
            self._lost(error)

    def probe(self) -> None:
        """Notice at once, before any work, what can be noticed without writing a byte."""
        with suppress(OSError, ValueError):  # no file behind it
            number = self._stream.fileno()
            try:
                os.write(number, b"")
                if hasattr(select, "poll"):
                    poll = select.poll()
                    poll.register(number, select.POLLERR)
                    if any(event & select.POLLERR for _, event in poll.poll(0)):
                        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
            except OSError as error:
                self._lost(error)

    def _lost(self, error: OSError) -> None:
        # what is still held back would fail again when the interpreter ends
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        if not self._required:
            return
        if isinstance(error, BrokenPipeError):
            raise OutputLostError(CLOSED_PIPE)
        click.echo(f"Error: standard output: {error.strerror or error}", err=True)
        raise OutputLostError(FAILED)


@contextmanager
def printable_streams() -> Iterator[None]:
    """Replace stdout and stderr for as long as the program runs.

    Raises:
        OutputLostError: standard output is full or closed, at the beginning or later: exit code
            141 for a pipe that nobody reads, 1 and one line on stderr for all else.
    """
    before = sys.stdout, sys.stderr
    # either is None where the shell has closed it; then nothing is printed
    shown = [
        None if stream is None else _Stream(stream, required)
        for stream, required in zip(before, (True, False), strict=True)
    ]
    sys.stdout, sys.stderr = shown
    try:
        if shown[0] is not None:
            shown[0].probe()
        yield
        if shown[0] is not None:
            shown[0].flush()
    finally:
        sys.stdout, sys.stderr = before
