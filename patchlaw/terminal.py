"""Standard streams that take any text, whatever their encoding, and end the program tidily.

``printable_streams`` surrounds the whole program, so that what click, rich and our own code print
passes here.
"""

import errno
import itertools
import os
import re
import select
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import click

CLOSED_PIPE = 141  # the shell's code for a process ended by SIGPIPE
FAILED = 1

_ASCII = {
    "±": "+-", "×": "x", "·": "*", "–": "-", "—": "-", "−": "-", "→": "->", "←": "<-",  # noqa: RUF001
    "≤": "<=", "≥": ">=", "≈": "~", "≠": "!=", "∞": "inf", "√": "sqrt", "∑": "sum", "†": "+",
    "…": "...", "‘": "'", "’": "'", "“": '"', "”": '"', "•": "*", "━": "-", "─": "-", "│": "|",  # noqa: RUF001
}  # fmt: skip
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ"
_SUPERSCRIPTS = re.compile(f"([{_RAISED}]+)")
_BASELINE = str.maketrans(_RAISED, "0123456789+-n")


class OutputLostError(SystemExit):
    """Standard output takes no more.

    A SystemExit, which no command takes for the failure of one run or one file.
    """


def printable(text: str, encoding: str) -> str:
    r"""The text with ASCII in place of each character that the encoding lacks.

    A Greek letter becomes its name, a superscript ^2, an accented letter loses its accent, and
    what has no such form becomes "?". Bytes of a file's name that are no text become \xNN.
    """
    if _encodable(text, encoding):
        return text
    parts = _SUPERSCRIPTS.split(text)  # an exponent is one part, at every second place
    return "".join(
        part
        if _encodable(part, encoding)
        else "^" + part.translate(_BASELINE)
        if odd
        else "".join(c if _encodable(c, encoding) else _in_ascii(c) for c in part)
        for part, odd in zip(parts, itertools.cycle((False, True)), strict=False)
    )


def _encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _in_ascii(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    if "\udc80" <= character <= "\udcff":  # as os.fsdecode writes a byte that is no text
        return f"\\x{ord(character) - 0xDC00:02x}"
    words = unicodedata.name(character, "").split()
    if words[:1] == ["GREEK"] and "LETTER" in words:
        name = words[words.index("LETTER") + 1].lower().replace("lamda", "lambda")
        return name.capitalize() if "CAPITAL" in words else name
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    if words[:2] == ["BOX", "DRAWINGS"]:
        return "+"
    if words[:1] == ["BRAILLE"]:  # the frames of a spinner
        return "*"
    return plain or ("" if unicodedata.combining(character) else "?")


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

    def write(self, text: str) -> int:
        """Write the text, in ASCII where need be."""
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
