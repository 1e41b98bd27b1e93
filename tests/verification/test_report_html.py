"""report.html: structure by Python's parser, behaviour in headless Chromium where there is one."""

import dataclasses
import re
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from tests.verification.report_cases import HOSTILE, empty_report, finished_report
from verification.report import as_html
from verification.report.figures import DensityCurve, law_figure
from verification.report.page import Page
from verification.solvers import spectral_density

VOID = {"meta", "link", "br", "hr", "img", "input"}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Outline(HTMLParser):
    """Collects what the tests ask for and insists on proper nesting."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[set[str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> repeats an attribute: {names}"
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append(set())
        elif self.tables and "table" in self.open:
            self.tables[-1].add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """See HTMLParser."""
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()} closes another element"

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element of one kind, in order."""
        return [attributes for name, attributes in self.tags if name == tag]


def outline(html: str) -> Outline:
    parser = Outline()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def page() -> str:
    matrix = LinearOperator((20, 20), matvec=lambda v: np.arange(20.0) * np.ravel(v))
    curve = DensityCurve.of("diagonal", spectral_density(matrix, n_probes=2, n_steps=5), (19.0,))
    return as_html(finished_report(), [curve])


def test_well_formed_with_unique_ids_that_links_find(page: str) -> None:
    """Only this catches two drawings whose clip paths share an id, or a link into nothing."""
    found = outline(page)
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = [a["href"] for a in (*found.all("a"), *found.all("use"))]
    assert all(t and t.startswith("#") and t[1:] in ids for t in targets)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)
    described = [a["aria-labelledby"] for _, a in found.tags if "aria-labelledby" in a]
    assert set(described) <= set(ids)


def test_nothing_comes_from_elsewhere(page: str) -> None:
    found = outline(page)
    assert "://" not in page
    assert "@import" not in page
    assert found.all("script") == []
    assert [a["href"] for a in found.all("link")] == ["data:,"]
    assert not any("src" in a or any(k.startswith("on") for k in a) for _, a in found.tags)


def test_semantics(page: str) -> None:
    found = outline(page)
    assert found.all("html")[0]["lang"] == "en"
    assert found.tables
    assert all({"caption", "thead", "th"} <= tags for tags in found.tables)
    assert all(a.get("scope") in ("col", "row") for a in found.all("th"))
    assert all(a.get("tabindex") == "0" for a in found.all("div") if a.get("class") == "scroll")
    assert all(a.get("role") == "img" and a.get("aria-label") for a in found.all("svg"))
    assert len(found.all("svg")) == len(found.all("figure")) == 6
    assert len(found.all("h1")) == len(found.all("main")) == 1
    assert len(found.all("summary")) == len(found.all("details"))
    assert found.all("a")[0] == {"class": "skip", "href": "#ledger"}
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_contents(page: str) -> None:
    text = " ".join("".join(outline(page).text).split())
    for wanted in ("Ledger of claims", "confirmed with a qualification", "200 images", "exact"):
        assert wanted in text
    assert "Evidence for 4b" in text
    assert "author's numbers, not ours" in text
    assert HOSTILE in text
    assert "<script" not in page


def test_every_stage_gives_a_page() -> None:
    """Only this catches a template that needs findings which an interrupted run does not have."""
    empty = as_html(empty_report())
    assert "partial report" in empty
    assert "(stopped during: starting)" in empty
    assert outline(empty).all("svg") == []
    failing = dataclasses.replace(
        finished_report(),
        checks=(dataclasses.replace(finished_report().checks[0], passed=False, measured=1.0),),
    )
    assert "check blocks of R: 1.00e+00" in as_html(failing)


def test_colours_follow_the_page(page: str) -> None:
    """Only this catches black axes on a dark page."""
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "var(--ink)" in drawn
    assert "var(--series-0)" in drawn
    assert set(re.findall(r"#[0-9a-f]{6}\b", drawn)) <= {"#ffffff"}


def test_figures_are_drawn_again_only_when_their_numbers_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[str] = []

    def counting(name: str, *arguments: object) -> object:
        drawn.append(name)
        return law_figure(name, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("verification.report.page.law_figure", counting)
    report, page = finished_report(), Page()
    first = page.render(report)
    count = len(drawn)
    assert count == 4
    assert page.render(dataclasses.replace(report, stage="later")) == first
    assert len(drawn) == count
    page.render(dataclasses.replace(report, author_comparisons=report.author_comparisons[:6]))
    assert len(drawn) == count + 1


def chromium(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: install the chromium package to run this test")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.slow
def test_in_chromium(tmp_path: Path, page: str) -> None:
    """Only this catches what a browser objects to, or a page wider than a telephone."""
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    # the page in a frame of a telephone's width, asked for its own width
    frame = tmp_path / "frame.html"
    frame.write_text(
        '<iframe src="report.html" style="width:390px;height:800px"></iframe><script>'
        "onload = () => { const d = frames[0].document, e = d.documentElement;"
        "document.title = JSON.stringify([e.scrollWidth, e.clientWidth,"
        "d.querySelectorAll('table').length, d.querySelectorAll('.ledger tbody tr').length,"
        "d.compatMode]) }</script>"
    )
    options = ("--allow-file-access-from-files", "--enable-logging=stderr", "--v=0")
    done = chromium(tmp_path, *options, "--virtual-time-budget=5000", "--dump-dom", frame.as_uri())
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    measured = re.search(r"<title>\[(\d+),(\d+),(\d+),(\d+),\"(\w+)\"\]</title>", done.stdout)
    assert measured, done.stdout[:500]
    width, room, tables, claims = map(int, measured.groups()[:4])
    assert width <= room
    assert tables == len(outline(page).tables)
    assert claims == 13
    assert measured[5] == "CSS1Compat"


@pytest.mark.slow
def test_print_opens_the_details(tmp_path: Path, page: str) -> None:
    """Only this catches paper on which the evidence stays folded away."""
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    paper = tmp_path / "report.pdf"
    chromium(tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={paper}", path.as_uri())
    assert paper.read_bytes().startswith(b"%PDF")
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext on this machine: install poppler-utils to read the printed page")
    text = subprocess.run(
        ["pdftotext", str(paper), "-"], capture_output=True, text=True, check=True
    ).stdout
    assert "Evidence for 4b" in text
