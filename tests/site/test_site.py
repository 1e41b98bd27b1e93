"""The built site: everything that the repository says is in it, and nothing from elsewhere."""

import ast
import re
import zlib
from pathlib import Path

import nbformat
import pytest

from docs.website import checks
from docs.website.gallery import exhibits
from docs.website.markdown import FENCE, anchors
from docs.website.pages import ELSEWHERE, read_pages
from docs.website.reference import PUBLIC
from tests.docs.pages import PAGES, ROOT, blocks


@pytest.fixture(scope="session")
def documents(site: Path) -> dict[str, checks.Document]:
    return {
        path.relative_to(site).as_posix(): page for path, page in checks.read_site(site).items()
    }


def inventory(site: Path) -> set[str]:
    """Names that the API reference documents (the file that Sphinx and others link by)."""
    packed = (site / "objects.inv").read_bytes().split(b"zlib.\n", 1)[1]
    return {line.split()[0] for line in zlib.decompress(packed).decode().splitlines()}


def test_nothing_is_amiss(site: Path) -> None:
    """The build ends on faults; here they are looked for once more, in what it left on disk."""
    assert checks.faults(site) == []


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_anchors_of_a_code_host_hold_on_the_site(
    page: Path, documents: dict[str, checks.Document]
) -> None:
    """Cut pages included: a heading that the site spells differently breaks links from outside."""
    source = page.relative_to(ROOT).as_posix()
    if source == "README.md":  # the site has a first page of its own
        return
    parts = [part for part in read_pages(ROOT) if part.source == source]
    for part in parts:
        built = documents[part.path.replace(".md", ".html")]
        missing = {anchor for anchor in anchors(part.text) if anchor not in built.ids}
        assert missing == set(), part.path
    assert anchors(page.read_text(encoding="utf-8")) <= {
        anchor for part in parts for anchor in anchors(part.text)
    }


def test_every_formula_of_the_theory_is_on_the_site(documents: dict[str, checks.Document]) -> None:
    """A fence that Python-Markdown takes for text would lose its formula without a warning."""
    text = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
    fenced = sum(fence["language"] == "math" for fence in FENCE.finditer(text))
    inline = len(re.findall(r"\$[^$\n]+\$", FENCE.sub("", text)))
    shown = [
        formula
        for name, document in documents.items()
        if name.startswith("theory")
        for formula in document.formulas
    ]
    assert sum(formula.strip().startswith("\\[") for formula in shown) == fenced > 300
    assert sum(formula.strip().startswith("\\(") for formula in shown) == inline > 400


def test_every_name_that_the_pages_import_is_in_the_reference(site: Path) -> None:
    """What a page tells a user to import is public, so it is documented."""
    known = inventory(site)
    used = {
        f"{node.module}.{alias.name}"
        for page in PAGES
        for block in blocks(page)
        if block.language == "python"
        for node in ast.walk(ast.parse(block.code))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("patchlaw")
        for alias in node.names
    }
    shown = {name.rpartition(".")[2] for name in known}
    assert len(used) > 40
    unknown = {name for name in used - set(PUBLIC) if name.rpartition(".")[2] not in shown}
    assert unknown == set()


def test_the_gallery_shows_every_script_and_its_alternative(
    site: Path, documents: dict[str, checks.Document]
) -> None:
    html = (site / "gallery.html").read_text(encoding="utf-8")
    shown = exhibits(ROOT)
    assert len(shown) >= 8
    for exhibit in shown:
        assert f'src="gallery/{exhibit.picture}"' in html
        assert exhibit.alternative[:30].replace("'", "&#39;")[:20] in html
        assert len(exhibit.path.read_text(encoding="utf-8").splitlines()) <= 40


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_notebooks_are_kept_without_outputs_and_shown_with_them(path: Path, site: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert not any(cell.get("outputs") for cell in cells)
    html = (site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
    assert html.count("<pre") > sum(cell.cell_type == "code" for cell in cells)
    assert f"{path.stem}-0.png" in html


def test_every_page_of_docs_is_on_the_site(documents: dict[str, checks.Document]) -> None:
    for path in (ROOT / "docs").glob("**/*.md"):
        source = path.relative_to(ROOT).as_posix()
        name = ELSEWHERE.get(source, source.removeprefix("docs/"))
        assert name.replace(".md", ".html") in documents


def test_the_site_opens_from_a_disk(site: Path) -> None:
    """No link begins at the root, and the search index is a script: such pages fetch none."""
    documents = checks.read_site(site)
    rooted = [
        link
        for path, document in documents.items()
        if path.name != "404.html"
        for link in (*document.links, *document.fetched)
        if link.startswith("/")
    ]
    assert rooted == []
    assert (site / "search.js").is_file()
