"""Markdown taken apart: fences, code spans, links, headings and what a link can name."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<code>.*?)^ *```[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=[)\s])")

_HEADING = re.compile(r"^(?P<marks>#+) (?P<title>.+)$", re.MULTILINE)
_ANCHOR = re.compile(r'<a (?:id|name)="([^"]+)"')
_MATH = re.compile(r"\$[^$\n]+\$")
_LITERAL = re.compile("|".join(f"(?:{each})" for each in (r"(?<!`)`[^`]+`(?!`)", _MATH.pattern)))


@dataclass(frozen=True)
class Heading:
    """A heading outside of fences.

    Attributes:
        level: 1 to 6.
        title: as written.
        start: where its line begins in the page, before an anchor of its own on the lines above.
    """

    level: int
    title: str
    start: int


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """The page with everything that is no fence changed."""
    parts, end = [], 0
    for fence in FENCE.finditer(text):
        parts += [change(text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, change(text[end:])])


def outside_literals(text: str, change: Callable[[str], str]) -> str:
    """The same, and without code spans and formulas."""

    def prose(part: str) -> str:
        pieces, end = [], 0
        for literal in _LITERAL.finditer(part):
            pieces += [change(part[end : literal.start()]), literal[0]]
            end = literal.end()
        return "".join([*pieces, change(part[end:])])

    return outside_fences(text, prose)


def links(text: str) -> list[str]:
    """Targets of links and pictures that lie in the repository."""
    prose = SPAN.sub("", FENCE.sub("", text))
    return [target for target in LINK.findall(prose) if not is_elsewhere(target)]


def is_elsewhere(target: str) -> bool:
    """Whether a link has a scheme, so that it leads out of the repository."""
    return re.match(r"[a-z]+:", target) is not None


def headings(text: str) -> Iterator[Heading]:
    """The headings of a page, in order."""
    place, start = 0, None  # where the anchors above a heading begin
    for line in FENCE.sub(lambda fence: " " * len(fence[0]), text).splitlines(keepends=True):
        if found := _HEADING.match(line):
            at = place if start is None else start
            yield Heading(len(found["marks"]), found["title"].rstrip(), at)
        if not line.startswith("<a id="):
            start = start if not line.strip() else None
        elif start is None:
            start = place
        place += len(line)


def slug(title: str) -> str:
    """The anchor that code hosts and the site give a heading."""
    kept = re.sub(r"[^\w\- ]", "", title.replace("\\", "").lower())
    return kept.strip().replace(" ", "-")


@cache
def anchors(text: str) -> frozenset[str]:
    """What a link into a page can name: its headings, and explicit anchors."""
    explicit = _ANCHOR.findall(FENCE.sub("", text))
    return frozenset({*explicit, *(slug(heading.title) for heading in headings(text))})


def promoted(text: str, by: int) -> str:
    """The page with its headings that many levels higher."""
    return outside_fences(
        text, lambda part: _HEADING.sub(lambda m: f"{m['marks'][by:] or '#'} {m['title']}", part)
    )


def for_python_markdown(text: str) -> str:
    """The page as Python-Markdown reads what CommonMark wrote.

    What belongs to a list item is indented by four columns and nothing else is indented, lists and
    fences have a blank line before them, and what would be a tag or a reference is escaped.
    """
    text = outside_fences(text, lambda part: _HEADING.sub(_with_its_anchor, part))
    lines: list[str] = []
    within: str | None = None  # the indentation of the fence that a line is in
    listed = False  # whether an indented line belongs to a list item
    for line in text.splitlines():
        bare, above = line.lstrip(" "), lines[-1] if lines else ""
        if within is None:
            item = re.match(r"([-*]|\d+\.) ", bare)
            if ((item and not listed) or bare.startswith("```")) and above.strip():
                lines.append("")
            listed = bool(item) or (listed and (bare != line or not bare or bool(above.strip())))
            indent = line[: len(line) - len(bare)]
            pad = _padded(indent, listed)
            within = indent if bare.startswith("```") else None
        else:
            pad = _padded(within, listed)
            bare = line.removeprefix(within)
            within = None if bare.strip() == "```" else within
        lines.append((pad + bare).rstrip())
    return outside_literals("\n".join(lines) + "\n", _escaped)


def _padded(indent: str, listed: bool) -> str:
    return indent if len(indent) > 3 or not indent else "    " if listed else ""


def _escaped(part: str) -> str:
    part = part.replace("\\<", "&lt;").replace("\\>", "&gt;")
    return re.sub(r"\]( ?)\[", r"]\1\\[", part)


def _with_its_anchor(heading: re.Match[str]) -> str:
    """Python-Markdown takes "<a> <= b" for a tag when it makes an anchor of a heading."""
    anchor = f" {{ #{slug(heading['title'])} }}" if "\\<" in heading["title"] else ""
    return heading[0] + anchor
