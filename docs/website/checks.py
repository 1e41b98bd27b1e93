"""What a built site must not have: dead links, requests elsewhere, silent pictures, bad TeX."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

# Attributes that make a browser fetch something, by element; an <a href> fetches nothing.
FETCHED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
}
# Classes at which the theme's script would fetch a library from unpkg.com.
FETCHING = {"mermaid", "glightbox", "pyodide"}
NOT_FETCHED = {"canonical", "next", "prev", "alternate"}  # of <link rel>


@dataclass
class Document(HTMLParser):
    """What one HTML page names.

    Attributes:
        ids: anchors of the page.
        links: targets of <a href>.
        fetched: what a browser loads to show the page.
        silent: pictures without a text alternative.
        formulas: LaTeX between its delimiters.
    """

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    formulas: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._in_formula = False

    @classmethod
    def read(cls, path: Path) -> "Document":
        """The page at ``path``."""
        document = cls()
        document.feed(path.read_text(encoding="utf-8"))
        document.close()
        return document

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what an element names."""
        named = {name: value or "" for name, value in attrs}
        self.ids.update(named[name] for name in ("id", "name") if name in named)
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        if tag == "img" and not named.get("alt", "").strip():
            self.silent.append(named.get("src", ""))
        if not NOT_FETCHED & set(named.get("rel", "").split()):
            self.fetched += [named[each] for each in FETCHED.get(tag, ()) if each in named]
        classes = named.get("class", "").split()
        self.fetched += [f"https://unpkg.com/{each}" for each in classes if each in FETCHING]
        if "arithmatex" in classes:
            self._in_formula = True
            self.formulas.append("")

    def handle_endtag(self, tag: str) -> None:
        """Formulas hold no elements, so the next end is theirs."""
        self._in_formula = False

    def handle_data(self, data: str) -> None:
        """Text of formulas."""
        if self._in_formula:
            self.formulas[-1] += data


def read_site(site: Path) -> dict[Path, Document]:
    """Every page of a built site."""
    return {path: Document.read(path) for path in sorted(site.resolve().rglob("*.html"))}


def faults(site: Path) -> list[str]:
    """Everything wrong with a built site but its formulas, page by page."""
    site = site.resolve()
    documents = read_site(site)
    found = []
    for path, document in documents.items():
        place = path.relative_to(site).as_posix()
        found += [f"{place}: {fault}" for fault in _dead_links(site, path, documents)]
        found += [f"{place}: {each}: from the network" for each in document.fetched if remote(each)]
        found += [f"{place}: {each}: a picture without alt" for each in document.silent]
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        remotes = [part for part in text.split("url(")[1:] if remote(part.strip("\"' "))]
        found += [f"{sheet.relative_to(site)}: {part[:60]}: from the network" for part in remotes]
    return found


def remote(target: str) -> bool:
    """Whether a browser would ask another machine for it."""
    return urlsplit(target).scheme in {"http", "https"} or target.startswith("//")


def _dead_links(site: Path, path: Path, documents: dict[Path, Document]) -> Iterator[str]:
    for link in (*documents[path].links, *documents[path].fetched):
        target, anchor = urldefrag(link)
        if urlsplit(link).scheme or link.startswith("//"):
            continue
        # the page of errors is served from any folder, so its links begin at the root
        base = site if target.startswith("/") else path.parent
        file = (base / unquote(target).lstrip("/")).resolve() if target else path
        if not file.exists():
            yield f"{link}: no such file"
        elif anchor and file in documents and unquote(anchor) not in documents[file].ids:
            yield f"{link}: no such anchor"


def formula_faults(katex: Path, formulas: Iterable[str]) -> list[str]:
    r"""Formulas that KaTeX refuses, each with its complaint.

    Args:
        katex: katex.min.js, the one that the site has.
        formulas: with their delimiters, ``\(..\)`` or ``\[..\]``.
    """
    import dukpy

    interpreter = dukpy.JSInterpreter()
    interpreter.evaljs(f"{katex.read_text(encoding='utf-8')};0")
    texts = sorted({formula.strip() for formula in formulas})
    complaints: list[str] = interpreter.evaljs(
        """
        dukpy['texts'].map(function (text) {
          try {
            katex.renderToString(text.slice(2, -2), {displayMode: text[1] == '[', strict: 'error'});
            return '';
          } catch (error) { return String(error.message); }
        })
        """,
        texts=texts,
    )
    return [f"{text}: {said}" for text, said in zip(texts, complaints, strict=True) if said]
