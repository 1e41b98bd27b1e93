"""The pages of the site, made of the repository's Markdown, and the links between them.

A page of docs/ stays where it is. Long ones are cut at their headings, files outside of docs/ that
a page links to become pages of source text, and every link is written anew for where its page is.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from docs.website.markdown import (
    LINK,
    anchors,
    for_python_markdown,
    headings,
    is_elsewhere,
    outside_literals,
    promoted,
    slug,
)

PICTURES = {".png", ".svg"}
# A page and its headings that do not become pages of their own.
CUT = {
    "docs/theory.md": ("The argument in eleven steps", "Contents"),
    "docs/own-models.md": (),
    "docs/experiments.md": (),
    "CONTRIBUTING.md": (),
}
# Third-level headings that do, since they are what a reader looks for.
CUT_BELOW = ("On a GPU", "Job arrays")
ELSEWHERE = {
    "docs/index.md": "index.md",
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
}


class PageError(ValueError):
    """A page that cannot be part of the site, with where and why."""


@dataclass(frozen=True)
class Page:
    """One page of the site.

    Attributes:
        path: on the site, as how-to/data.md.
        source: the file in the repository that its links are meant from.
        text: Markdown.
    """

    path: str
    source: str
    text: str

    @property
    def title(self) -> str:
        """Its first heading."""
        found = next((heading.title for heading in headings(self.text)), None)
        if found is None:
            raise PageError(f"{self.source}: expected a heading, got none; begin it with '# Title'")
        return found


def read_pages(root: Path) -> list[Page]:
    """Every page that somebody wrote, those of ``CUT`` in their parts."""
    files = sorted((root / "docs").rglob("*.md"))
    files += [root / name for name in ELSEWHERE if not name.startswith(("docs/", "README"))]
    pages = []
    for file in files:
        source = file.relative_to(root).as_posix()
        path = ELSEWHERE.get(source, source.removeprefix("docs/"))
        page = Page(path, source, file.read_text(encoding="utf-8"))
        pages += cut(page, keep=CUT[source]) if source in CUT else [page]
    return pages


def cut(page: Page, *, keep: Iterable[str] = (), below: Iterable[str] = CUT_BELOW) -> list[Page]:
    """A page and its chapters, each a page; the first lists the others."""
    keep, below = set(keep), set(below)
    chapters = [
        heading
        for heading in headings(page.text)
        if (heading.level == 2 and heading.title not in keep)
        or (heading.level == 3 and heading.title in below)
    ]
    folder = page.path.removesuffix(".md")
    parts = []
    for heading, following in zip(chapters, [*chapters[1:], None], strict=True):
        text = page.text[heading.start : following.start if following else None]
        path = f"{folder}/{slug(heading.title)}.md"
        parts.append(Page(path, page.source, promoted(text, heading.level - 1)))
    first = page.text[: chapters[0].start] if chapters else page.text
    names = "".join(f"- [{part.title}](#{slug(part.title)})\n" for part in parts)
    if "Contents" not in keep:  # a list of its own
        first = f"{first.rstrip()}\n\n{names}"
    placed = [_with_its_place(part, page) for part in parts[1:]]
    return [replace(page, text=first), *parts[:1], *placed]


def _with_its_place(part: Page, whole: Page) -> Page:
    """The chapter with a word on what its blocks take from those before it, if it has any."""
    if "```python" not in part.text:
        return part
    first = f"[{whole.title}](#{slug(whole.title)})"
    note = f"\n\n*Its blocks go on from those of the chapters before it: {first}.*"
    text = re.sub(r"^# .+$", lambda title: title[0] + note, part.text, count=1, flags=re.MULTILINE)
    return replace(part, text=text)


class Links:
    """Where each file of the repository and each of its anchors is on the site.

    Args:
        root: the repository.
        pages: every page that a link may lead to.
        drawn: folder of the staged pages, where the pictures that the build drew already are.
    """

    def __init__(self, root: Path, pages: Iterable[Page], drawn: Path) -> None:
        self.root, self.drawn = root, drawn
        self.of_source: dict[str, list[Page]] = {}
        for page in pages:
            self.of_source.setdefault(page.source, []).append(page)
        self.of_source["README.md"] = self.of_source.get("docs/index.md", [])
        self.pictures: dict[str, Path] = {}
        self.sources: dict[str, Page] = {}

    def rewritten(self, page: Page) -> Page:
        """The page as it is staged: links from where it stands, in Python-Markdown's dialect."""

        def change(part: str) -> str:
            return LINK.sub(lambda link: self.target(page, link[1]), part)

        return replace(page, text=for_python_markdown(outside_literals(page.text, change)))

    def target(self, page: Page, link: str) -> str:
        """A link of a page, from where the page stands on the site.

        Raises:
            PageError: the link leads nowhere.
        """
        if is_elsewhere(link):
            return link
        name, _, anchor = link.partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(page.source), name))
        file = page.source if not name else file
        there = self._place(page, file, anchor, link)
        return posixpath.relpath(there, posixpath.dirname(page.path) or ".") + (
            f"#{anchor}" if anchor else ""
        )

    def _place(self, page: Page, file: str, anchor: str, link: str) -> str:
        if file in self.of_source:
            for target in self.of_source[file]:
                if not anchor or anchor in anchors(target.text):
                    return target.path
            raise PageError(f"{page.source}: {link}: expected a heading of {file}, got none")
        if (self.drawn / file.removeprefix("docs/")).is_file():
            return file.removeprefix("docs/")
        path = self.root / file
        if not path.exists() or not path.resolve().is_relative_to(self.root.resolve()):
            raise PageError(f"{page.source}: {link}: expected a file of the repository, got none")
        if path.suffix in PICTURES:
            self.pictures[file.removeprefix("docs/")] = path
            return file.removeprefix("docs/")
        if file not in self.sources:
            self.sources[file] = source_page(self.root, file)
        return self.sources[file].path


def source_page(root: Path, file: str) -> Page:
    """The text of a file, or the names in a folder, as a page."""
    path = root / file
    if path.is_dir():
        code = "\n".join(
            sorted(child.name for child in path.iterdir() if child.name[0] not in "._")
        )
    else:
        code = path.read_text(encoding="utf-8").rstrip()
    language = {".py": "python", ".toml": "toml", ".json": "json"}.get(path.suffix, "text")
    title = f"# {PurePosixPath(file).name}\n\n`{file}`\n\n"
    return Page(f"source/{file}.md", file, f"{title}````{language}\n{code}\n````\n")


def staged(root: Path, pages: Iterable[Page], drawn: Path) -> Iterator[Page | tuple[str, Path]]:
    """Pages as the generator takes them, then pictures of the repository, as (place, file)."""
    links = Links(root, pages := list(pages), drawn)
    yield from [links.rewritten(page) for page in pages]
    yield from links.sources.values()
    yield from links.pictures.items()
