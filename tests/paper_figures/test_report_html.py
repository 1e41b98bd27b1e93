"""report.html: structure by Python's parser, behaviour in headless Chromium where there is one."""

import dataclasses
import json
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.sparse.linalg import LinearOperator

from patchlaw.paper_figures.report.figures import SERIES, eigenvalue_figure, inline_svg, law_figure
from patchlaw.paper_figures.report.page import Page, as_html
from patchlaw.verification.records import TrainedModel
from patchlaw.verification.solvers import spectral_density
from tests.paper_figures.report_cases import (
    HOSTILE,
    empty_report,
    finished_report,
    having,
    model,
    top,
)
from tests.verification.comparison_cases import analysed

VOID = {"meta", "link", "br", "hr", "img", "input"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
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


def with_density(n_patches: int, depth: int) -> TrainedModel:
    """An analysed run whose Hessian is diagonal."""
    matrix = LinearOperator((20, 20), matvec=lambda v: np.arange(20.0) * np.ravel(v))
    spectrum = spectral_density(matrix, n_probes=2, n_steps=5)
    return dataclasses.replace(analysed(n_patches, depth=depth), density=spectrum)


@pytest.fixture(scope="module")
def page() -> str:
    return as_html(dataclasses.replace(finished_report(), experiments=(with_density(4, 50),)))


def test_well_formed_with_unique_ids_that_links_find(page: str) -> None:
    """Only this catches two drawings whose clip paths share an id, or a link into nothing."""
    found = outline(page)
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"] for a in found.all("a")]
    assert links.count("explorer.html") == 1  # a file of the same run, beside the report
    targets = [a["href"] for a in found.all("use")]
    targets += [link for link in links if link != "explorer.html"]
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


def test_a_drawing_with_an_address_is_refused() -> None:
    """Only this catches a label that would make the page depend on the network."""
    figure = Figure()
    figure.add_subplot().set_xlabel("see http://example.org")
    with pytest.raises(ValueError, match="x: expected a drawing without addresses"):
        inline_svg(figure, "x", "label")


def test_a_matrix_without_positive_eigenvalue_is_left_out_of_the_drawing() -> None:
    """A logarithmic axis has no place for it; matplotlib would warn, or draw at the edge."""
    models = [having(model(p), R=top(-1.0)) for p in (4, 9)]
    label = re.compile(r">\s*R\s*<")
    assert label.search(eigenvalue_figure("x", [model(4), model(9)]).svg)
    drawing = eigenvalue_figure("x", models)
    assert not label.search(drawing.svg)
    assert re.search(r">\s*G\s*<", drawing.svg)


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

    monkeypatch.setattr("patchlaw.paper_figures.report.page.law_figure", counting)
    report, page = finished_report(), Page()
    first = page.render(report)
    count = len(drawn)
    assert count == 4
    assert page.render(dataclasses.replace(report, stage="later")) == first
    assert len(drawn) == count
    page.render(dataclasses.replace(report, author_comparisons=report.author_comparisons[:6]))
    assert len(drawn) == count + 1


def test_densities_of_one_depth_share_a_figure() -> None:
    """Only this catches curves of another depth drawn into the same axes, or drawn twice."""
    models = tuple(with_density(p, d) for d in (50, 100) for p in (4, 9))
    page = as_html(dataclasses.replace(empty_report(), experiments=models))
    figures = [a["id"] for a in outline(page).all("figure")]
    assert figures == ["figure-densities-depth-50", "figure-densities-depth-100"]
    drawn = re.findall(r"<svg.*?</figcaption>", page, flags=re.DOTALL)
    for depth, figure in zip((50, 100), drawn, strict=True):
        assert f"Eigenvalue densities, depth {depth}, on a logarithmic scale; bands" in figure
        assert [figure.count(f">P = {p}, seed 1001") for p in (4, 9)] == [1, 1]


def chromium(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    if CHROMIUM is None:
        pytest.skip(f"no browser here (one of {', '.join(BROWSERS)}): install chromium to run this")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


HINTS = ("willReadFrequently", "GPU stall due to ReadPixels")  # on speed, of drawing without a GPU

# What a page tells about itself: is it as wide as its window, what is in it, what can be focused
# and whether the focus is seen, its colours.
QUESTIONS = """
const d = frames[0].document, w = frames[0], e = d.documentElement;
const folded = e.scrollWidth;
for (const part of d.querySelectorAll('details')) part.open = true;
const stops = [...d.querySelectorAll('a[href], summary, [tabindex="0"]')];
const reached = stops.filter(s => {
  s.focus({focusVisible: true});
  return d.activeElement === s && w.getComputedStyle(s).outlineStyle !== 'none';
});
const scrolling = [...d.querySelectorAll('*')].filter(s => s.scrollWidth > s.clientWidth
  && w.getComputedStyle(s).overflowX === 'auto');
document.title = JSON.stringify({
  width: Math.max(folded, e.scrollWidth), room: e.clientWidth, mode: d.compatMode,
  tables: d.querySelectorAll('table').length,
  claims: d.querySelectorAll('.ledger tbody tr').length,
  stops: stops.length, reached: reached.length,
  unreachable: scrolling.filter(s => s.tabIndex < 0).length,
  paper: w.getComputedStyle(d.body).backgroundColor, ink: w.getComputedStyle(d.body).color,
});
"""


def ask_chromium(
    folder: Path, page: str, *options: str, width: int = 390, questions: str = QUESTIONS
) -> dict[str, object]:
    """The page's answers in a frame as wide as a telephone; the console has no complaint."""
    (folder / "report.html").write_text(page, encoding="utf-8")
    frame = folder / "frame.html"
    frame.write_text(
        f'<iframe src="report.html" style="width:{width}px;height:800px"></iframe>'
        f"<script>onload = () => {{ {questions} }}</script>"
    )
    flags = ("--allow-file-access-from-files", "--enable-logging=stderr", "--v=0", *options)
    done = chromium(folder, *flags, "--virtual-time-budget=5000", "--dump-dom", frame.as_uri())
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert [line for line in said if not any(word in line for word in HINTS)] == []
    found = re.search(r"<title>(.*)</title>", done.stdout)
    assert found, done.stdout[:500]
    answers: dict[str, object] = json.loads(unescape(found[1]))
    return answers


@pytest.mark.slow
def test_in_chromium(tmp_path: Path, page: str) -> None:
    """Only this catches what a browser objects to, a page too wide, or a part no key reaches."""
    answers = ask_chromium(tmp_path, page)
    assert answers["width"] <= answers["room"]
    assert answers["tables"] == len(outline(page).tables)
    assert (answers["claims"], answers["mode"]) == (13, "CSS1Compat")
    found = outline(page)
    stops = len(found.all("a")) + len(found.all("summary"))
    stops += sum(a.get("tabindex") == "0" for _, a in found.tags)
    assert answers["reached"] == answers["stops"] == stops
    assert answers["unreachable"] == 0


@pytest.mark.slow
def test_in_chromium_light_and_dark(tmp_path: Path, page: str) -> None:
    """Only this catches a rule for dark pages that a browser does not take."""
    light = ask_chromium(tmp_path, page, "--blink-settings=preferredColorScheme=1", width=1200)
    dark = ask_chromium(tmp_path, page, "--blink-settings=preferredColorScheme=0", width=1200)
    for answers, scheme in ((light, "light"), (dark, "dark")):
        colours = palettes()[scheme]
        assert (answers["paper"], answers["ink"]) == (rgb(colours["paper"]), rgb(colours["ink"]))
    assert light["paper"] != dark["paper"]


def rgb(colour: str) -> str:
    """As browsers write it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"


def palettes() -> dict[str, dict[str, str]]:
    """The stylesheet's colours by scheme."""
    css = (files("patchlaw.paper_figures.report") / "page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)
    colours = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks]
    return dict(zip(("light", "dark", "print"), colours, strict=True))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2), from 1 to 21."""
    lights = []
    for colour in (one, other):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_colours_can_be_read_in_every_scheme() -> None:
    """WCAG 2.2, level AA: text 4.5 : 1, lines and markers 3 : 1; against black on white, 21 : 1."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    text = ("ink", "faint", "link", "confirmed", "qualified", "refuted", "not-measured")
    series = [f"series-{i}" for i in range(len(SERIES))]
    for scheme, colours in palettes().items():
        assert set(colours) == {"paper", "panel", "rule", *text, *series}, scheme
        assert contrast(colours["ink"], colours["panel"]) >= 4.5, scheme
        for name in text:
            assert contrast(colours[name], colours["paper"]) >= 4.5, (scheme, name)
        for name in series:
            assert contrast(colours[name], colours["paper"]) >= 3, (scheme, name)


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
