"""Markdown of the generated pages: escapes, and the part of a file between two marks."""

import re


def escaped(text: str) -> str:
    """Text in which Markdown finds no markup; "|" and "<" matter most in tables."""
    for character in "\\*_|<>[]":
        text = text.replace(character, f"\\{character}")
    return text


def marks(name: str) -> tuple[str, str]:
    """The lines between which a part that ``make docs`` writes stands in a page written by hand."""
    return f"<!-- {name}: written by `make docs` -->", f"<!-- end of {name} -->"


def marked(text: str) -> list[str]:
    """Names of the parts that begin in a page."""
    return re.findall(r"<!-- (\S+): written by `make docs` -->", text)


def replaced_between(text: str, begin: str, end: str, content: str) -> str:
    """The text with ``content`` on lines of its own between the two marks.

    Raises:
        ValueError: not exactly one begin, followed by exactly one end.
    """
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise ValueError(f"page: expected one {begin!r} and after it one {end!r}, got others")
    before, after = text.split(begin)[0], text.split(end)[1]
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"
