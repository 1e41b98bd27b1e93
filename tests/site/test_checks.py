"""The checks themselves: a site with each fault in it, and the fault is named."""

from pathlib import Path

import pytest

from docs.website import checks, reference
from docs.website.build import CONFIG, HERE, clear, refuse, toml
from docs.website.pages import PageError

KATEX = HERE / "katex" / "katex.min.js"


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ('<a href="no.html">', "no.html: no such file"),
        ('<a href="#no">', "#no: no such anchor"),
        ('<a href="other.html#no">', "other.html#no: no such anchor"),
        ('<script src="https://x.org/a.js"></script>', "https://x.org/a.js: from the network"),
        ('<link rel="stylesheet" href="//x.org/a.css">', "//x.org/a.css: from the network"),
        ('<link rel="preconnect" href="https://x.org">', "https://x.org: from the network"),
        ('<img alt="a" src="https://x.org/a.png">', "https://x.org/a.png: from the network"),
        ('<pre class="mermaid">', "https://unpkg.com/mermaid: from the network"),
        ('<img src="a.png">', "a.png: a picture without alt"),
        ('<img src="a.png" alt=" ">', "a.png: a picture without alt"),
        ('<img src="no.png" alt="a">', "no.png: no such file"),
    ],
)
def test_a_fault_is_named(html: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "other.html").write_text('<p id="here">')
    (tmp_path / "index.html").write_text(html)
    assert checks.faults(tmp_path) == [f"index.html: {fault}"]


def test_what_is_no_fault_is_let_through(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "index.html").write_text(
        '<p id="λ_max"><a href="https://arxiv.org"><a href="#%CE%BB_max"><a href="mailto:a@b.c">'
        '<img src="a.png" alt="a"><link rel="canonical" href="https://x.org">'
    )
    (tmp_path / "404.html").write_text('<a href="/index.html">')
    assert checks.faults(tmp_path) == []


def test_a_font_from_the_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@font-face { src: url('https://x.org/a.woff2') }")
    assert "from the network" in checks.faults(tmp_path)[0]


def test_katex_judges_formulas() -> None:
    good, bad = r"\(\lambda_{\max}\)", r"\[\frac{1}{\]"
    assert checks.formula_faults(KATEX, [good]) == []
    (fault,) = checks.formula_faults(KATEX, [good, bad])
    assert fault.startswith(bad)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("def f(a: int) -> int:\n    return a", "patchlaw.f: expected a docstring"),
        (
            'class C:\n    """C."""\n    def m(self) -> None: ...',
            "patchlaw.C.m: expected a docstring",
        ),
        ('def f(a: int) -> int:\n    """F.\n\n    Args:\n        b: no.\n    """', "'b'"),
        ('def f(a: int) -> int:\n    """F.\n\n    Args:\n        a: yes.\n    """', ""),
    ],
)
def test_a_missing_docstring_is_named(
    source: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "PUBLIC", {"patchlaw": "All"})
    (tmp_path / "patchlaw").mkdir()
    (tmp_path / "patchlaw" / "__init__.py").write_text(f'"""A."""\n{source}\n')
    found = list(reference.faults(tmp_path))
    assert (fault in found[0]) if fault else found == []


def test_faults_end_the_build() -> None:
    refuse([])
    with pytest.raises(PageError, match="one\ntwo"):
        refuse(["one", "two"])


def test_only_an_earlier_site_is_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(PageError, match="expected an earlier site, or nothing, got other files"):
        clear(tmp_path)
    assert (tmp_path / "thesis.tex").exists()
    (tmp_path / CONFIG).touch()
    clear(tmp_path)
    assert not tmp_path.exists()
    clear(tmp_path)


def test_navigation_as_toml() -> None:
    import tomllib

    menu = [{"Start": [{'A "title"': "a.md"}]}, {"λ": "b.md"}]
    assert tomllib.loads(f"nav = {toml(menu)}")["nav"] == menu
