"""Pages taken apart and put together: cuts, links, lists, outputs, notebooks, gallery."""

import re
from pathlib import Path

import markdown
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from docs.website.gallery import Exhibit
from docs.website.markdown import FENCE, for_python_markdown, promoted, slug
from docs.website.navigation import navigation
from docs.website.notebooks import _shown, notebook_page
from docs.website.outputs import with_outputs
from docs.website.pages import Links, Page, PageError, cut

LONG = Page(
    "long.md",
    "docs/long.md",
    """# Long

[below](#part-two), [an explicit one](#lemma)

## Kept

## Part one

[back](#long) and `[no](#link)`

```python
## no heading
[no](#link)
```

### Wanted

text

<a id="lemma"></a>

## Part two

[a file](../simulators/a.py) [a page](other.md#there)
""",
)
OTHER = Page("other.md", "docs/other.md", "# Other\n\n## There\n\n[part](long.md#wanted)\n")


@pytest.fixture
def pages() -> list[Page]:
    return [*cut(LONG, keep=["Kept"], below=["Wanted"]), OTHER]


@pytest.fixture
def links(tmp_path: Path, pages: list[Page]) -> Links:
    (tmp_path / "simulators").mkdir()
    (tmp_path / "simulators" / "a.py").write_text("x = 1\n")
    return Links(tmp_path, pages, tmp_path / "none")


def test_a_long_page_is_cut_at_its_chapters(pages: list[Page]) -> None:
    assert [page.path for page in pages[:-1]] == [
        "long.md",
        "long/part-one.md",
        "long/wanted.md",
        "long/part-two.md",
    ]
    assert [page.title for page in pages] == ["Long", "Part one", "Wanted", "Part two", "Other"]
    assert "## Kept" in pages[0].text
    assert "- [Wanted](#wanted)\n" in pages[0].text
    assert "## no heading" in pages[1].text  # in a fence
    assert pages[3].text.startswith('<a id="lemma"></a>')  # goes with its heading


def test_links_lead_to_where_things_are_now(pages: list[Page], links: Links) -> None:
    long, one, _, two, other = (links.rewritten(page).text for page in pages)
    assert "[below](long/part-two.md#part-two), [an explicit one](long/part-two.md#lemma)" in long
    assert "[back](../long.md#long) and `[no](#link)`" in one
    assert "```python\n## no heading\n[no](#link)\n```" in one
    assert "[a file](../source/simulators/a.py.md) [a page](../other.md#there)" in two
    assert "[part](long/wanted.md#wanted)" in other
    assert "x = 1" in links.sources["simulators/a.py"].text


@pytest.mark.parametrize("link", ["no.md", "other.md#no", "#no", "../../etc/passwd", "no.png"])
def test_a_link_to_nothing_is_refused(link: str, links: Links) -> None:
    page = Page("x.md", "docs/other.md", f"# X\n\n[x]({link})\n")
    with pytest.raises(PageError, match=re.escape(f"docs/other.md: {link}: expected")):
        links.rewritten(page)


def test_headings_rise_outside_of_fences() -> None:
    assert promoted("## A\n\n```sh\n## b\n```\n\n### C\n", 1) == "# A\n\n```sh\n## b\n```\n\n## C\n"


def test_headings_are_slugged_as_code_hosts_do() -> None:
    assert slug("Bounds on λ_max(G)") == "bounds-on-λ_maxg"
    assert slug("lambda\\_max(G) \\<= a: why?") == "lambda_maxg--a-why"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("1. a\n\n   b\n\n2. c\n", "<ol><li><p>a</p><p>b</p></li><li><p>c</p></li></ol>"),
        ("- a\n  - b\n- c\n", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
        ("words\n- a\n- b\n", "<p>words</p><ul><li>a</li><li>b</li></ul>"),
        ("- a\n  wraps\n- b\n", "<ul><li>awraps</li><li>b</li></ul>"),
        ("words\n  wrapped\n\n  and on\n", "<p>wordswrapped</p><p>andon</p>"),
        ("- a\n\n  b\n\nc\n\n  d\n", "<ul><li><p>a</p><p>b</p></li></ul><p>c</p><p>d</p>"),
        ("1 \\< 2 `\\<`\n", "<p>1&lt;2<code>\\&lt;</code></p>"),
        ("[O, x] [P, y] `[a] [b]`\n", "<p>[O,x][P,y]<code>[a][b]</code></p>"),
    ],
)
def test_python_markdown_reads_what_commonmark_wrote(text: str, html: str) -> None:
    """Its own rules differ: four columns for a list item, a blank line before a list."""
    found = markdown.markdown(for_python_markdown(text))
    assert re.sub(r"\s+", "", found) == re.sub(r"\s+", "", html)


def test_a_fence_in_a_list_keeps_its_lines() -> None:
    text = for_python_markdown("1. a\n\n   ```math\n   x\n     y\n   ```\n   b\n")
    fence = FENCE.search(text)
    assert fence is not None
    assert (fence["indent"], fence["code"]) == ("    ", "    x\n      y\n")


def test_a_fence_beside_a_list_is_not_indented() -> None:
    """A code host lets three columns pass; Python-Markdown makes four of them code."""
    text = for_python_markdown("- a\n\nwords\n\n  ```math\n  x\n  ```\n")
    assert "\n```math\nx\n```\n" in text


def test_a_heading_that_looks_like_a_tag_keeps_its_anchor() -> None:
    text = for_python_markdown("## \\<1 - pi\\_y\\> \\<= L\n")
    html = markdown.markdown(text, extensions=["attr_list", "toc"])
    assert html == '<h2 id="1---pi_y--l">&lt;1 - pi_y&gt; &lt;= L</h2>'


def test_outputs_stand_below_their_blocks() -> None:
    text = (
        "# A\n\n```python\nx = 2\n```\n\n```python\nprint(x)\nprint(3)\n```\n"
        "<!-- output: 1 lines -->\n\nend\n"
    )
    found = with_outputs(Page("a.md", "docs/a.md", text)).text
    assert "print(3)\n```\n\n```text\n2\n…\n```\n\nend" in found
    with pytest.raises(PageError, match="no-such"):
        with_outputs(Page("a.md", "a.md", "```sh\npatchlaw no-such\n```\n<!-- output -->\n"))


def test_a_cell_that_fails_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs" / "notebooks").mkdir(parents=True)
    book = new_notebook(cells=[new_markdown_cell("# A"), new_code_cell("1 / 0")])
    nbformat.write(book, tmp_path / "docs" / "notebooks" / "a.ipynb")
    with pytest.raises(PageError, match="ZeroDivisionError"):
        notebook_page(tmp_path, "docs/notebooks/a.ipynb")


def test_outputs_of_cells() -> None:
    pictures: dict[str, bytes] = {}
    stream = new_output("stream", name="stderr", text="oops")
    with pytest.raises(PageError, match="nothing on stderr, got 'oops'"):
        _shown(stream, "a, cell 1", "notebooks/a.md", pictures)
    silent = new_output("display_data", data={"image/png": "AAAA"})
    with pytest.raises(PageError, match="expected a text alternative"):
        _shown(silent, "a, cell 1", "notebooks/a.md", pictures)
    told = new_output("display_data", data={"image/png": "AAAA"}, metadata={"alt": "a dot"})
    assert _shown(told, "a, cell 1", "notebooks/a.md", pictures) == "![a dot](a-0.png)"
    assert pictures == {"notebooks/a-0.png": b"\0\0\0"}


def test_a_script_of_the_gallery_says_what_it_shows(tmp_path: Path) -> None:
    script = tmp_path / "a.py"
    script.write_text('"""A.\n\nNo alternative.\n"""\n')
    with pytest.raises(PageError, match="a docstring of title, caption and 'Alt"):
        Exhibit.read(script)
    script.write_text('"""A.\n\nB\nc.\n\nAlt: d\ne.\n"""\n\nx = 1\n')
    exhibit = Exhibit.read(script)
    assert (exhibit.title, exhibit.caption, exhibit.alternative) == ("A", "B c.", "d e.")
    assert exhibit.code == "x = 1"
    with pytest.raises(PageError, match=r"expected it to write a\.png"):
        exhibit.draw(tmp_path)


def test_every_page_has_a_place_in_the_menu() -> None:
    def page(path: str) -> Page:
        return Page(path, path, f"# {path.upper()}\n")

    paths = ("new.md", "own-models/a.md", "index.md", "own-models.md", "clusters.md", "theory.md")
    menu = navigation([page(path) for path in (*paths, "theory/b.md")])
    assert menu == [
        {"Start": [{"INDEX.MD": "index.md"}]},
        {
            "How to": [
                {
                    "OWN-MODELS.MD": [
                        {"Overview": "own-models.md"},
                        {"OWN-MODELS/A.MD": "own-models/a.md"},
                    ]
                },
                {"CLUSTERS.MD": "clusters.md"},
            ]
        },
        {"Theory": [{"Overview": "theory.md"}, {"THEORY/B.MD": "theory/b.md"}]},
        {"More": [{"NEW.MD": "new.md"}]},
    ]
