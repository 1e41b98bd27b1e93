"""What the text names exists: files, parts of claims, figures, commands, keys of plans."""

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from docs.website.markdown import FENCE, SPAN, headings
from patchlaw.cli import main
from patchlaw.paper_figures.catalogue import find
from patchlaw.verification.claims import CLAIMS
from patchlaw.verification.runs import RunRequest
from tests.docs.pages import PAGES, ROOT, blocks, commands_in_text

PAGE_IDS = [page.name for page in PAGES]
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."}
PARTS = {part.id for claim in CLAIMS for part in claim.parts}

_PART = r"\d+[a-z](?![\w-])"
_PART_LIST = re.compile(rf"\bparts? ({_PART}(?:(?:, and |, | and | to ){_PART})*)")
_ALONE = re.compile(rf"\(({_PART})\)")
_FIGURE = re.compile(r"\bfigure ([a-z]+(?:-[a-z0-9]+)+)")
_DRAWN = re.compile(r"(?:study|figure|table)-[a-z0-9-]+")


def prose(page: Path) -> str:
    """The page without fences, on one line."""
    return " ".join(FENCE.sub("", page.read_text(encoding="utf-8")).split())


def empty_sections(text: str) -> list[str]:
    """Headings with nothing below, not even a section of their own; comments are nothing."""
    found = list(headings(text))
    empty = []
    for one, two in zip(found, [*found[1:], None], strict=True):
        below = text[one.start : two.start if two else None].split("#" * one.level + " ", 1)[1]
        content = re.sub(r"<!--.*?-->", "", below.partition("\n")[2], flags=re.DOTALL)
        if not content.strip() and (two is None or two.level <= one.level):
            empty.append(one.title)
    return empty


def missing_files(text: str) -> list[str]:
    """Code spans that name a file or folder of the repository which is not there."""
    words = [span.split()[0] for span in SPAN.findall(text) if span.strip()]
    paths = [word for word in words if re.fullmatch(r"[\w.-]+/[\w./-]*", word)]
    return [p for p in paths if p.split("/")[0] in FOLDERS and not (ROOT / p).exists()]


def missing_parts(text: str) -> list[str]:
    """Parts of claims that no claim has."""
    named = [part for each in _PART_LIST.findall(text) for part in re.findall(_PART, each)]
    return [part for part in [*named, *_ALONE.findall(text)] if part not in PARTS]


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_no_section_is_empty(page: Path) -> None:
    """A part of a page that is written by a program and was not would leave such a one."""
    assert empty_sections(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_files_parts_and_figures_exist(page: Path) -> None:
    """Of a file that was moved the links are noticed elsewhere, its name in the text here."""
    text = prose(page)
    figures = {item.name for item in find(())}
    drawn = {*_FIGURE.findall(text), *(s for s in SPAN.findall(text) if _DRAWN.fullmatch(s))}
    assert missing_files(text) == []
    assert missing_parts(text) == []
    assert drawn - figures == set()


def test_every_command_is_on_a_page() -> None:
    """A command that nobody is told of."""
    assert isinstance(main, click.Group)
    told = [line for page in PAGES for line in commands_in_text(page)]
    told += [line for page in PAGES for b in blocks(page) for line in b.code.splitlines()]
    for name in main.list_commands(click.Context(main)):
        assert any(line.startswith(f"patchlaw {name}") for line in told), name


def test_every_key_of_plans_is_on_the_page_of_experiments() -> None:
    """An axis of the model that its table lacks."""
    text = prose(ROOT / "docs" / "experiments.md")
    for key in (field.name for field in fields(RunRequest)):
        assert re.search(rf"--{key.replace('_', '-')}\b|\b{key}\b", text), key


def test_what_does_not_exist_is_noticed() -> None:
    """The checks themselves."""
    text = "## A\n\n<!-- x -->\n\n## B\n\n### C\n\nText `docs/no.md`, `docs/index.md`.\n\n## D\n"
    assert empty_sections(text) == ["A", "D"]
    assert missing_files(text) == ["docs/no.md"]
    assert missing_parts("parts 4m, 4z and 6f, part 7c (99a), 2e or 3d") == ["4z", "99a"]
