"""README.md and the pages of docs/ taken apart: code blocks, and commands in the text."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.website.markdown import FENCE, SPAN

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))


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
        for m in FENCE.finditer(text)
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
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    spans = (" ".join(span.split()) for span in SPAN.findall(text))
    return [span for span in spans if span.startswith(("patchlaw ", "make ", "python -m "))]
