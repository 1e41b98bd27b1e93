"""README.md and docs/*.md taken apart: code blocks, commands in the text, links."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^```(?P<language>\S*)[^\n]*\n(?P<code>.*?)^```\s*$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: its file.
        line: number of the fence's line, from 1.
        language: after the opening fence.
        code: between the fences.
    """

    page: Path
    line: int
    language: str
    code: str

    @property
    def place(self) -> str:
        """Page and line, as compilers write it."""
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, m.start()) + 1, m["language"], m["code"])
        for m in _FENCE.finditer(text)
    ]


def command_lines(block: Block) -> Iterator[list[str]]:
    """The words of every command of a shell block; comments are left out."""
    assert block.language == "sh"
    for line in block.code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield words


def commands_in_text(page: Path) -> list[str]:
    """Code spans of the running text that begin with a program this project has."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    spans = (" ".join(span.split()) for span in _SPAN.findall(text))
    return [span for span in spans if span.startswith(("patchlaw ", "make ", "python -m "))]


def links(page: Path) -> list[str]:
    """Targets of links that lie in this repository."""
    text = _SPAN.sub("", _FENCE.sub("", page.read_text(encoding="utf-8")))
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """What a link into a page can name: headings as viewers spell them, and explicit anchors."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    found = set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        kept = re.sub(r"[^\w\- ]", "", heading.replace("\\", "").lower())
        found.add(kept.strip().replace(" ", "-"))
    return found
