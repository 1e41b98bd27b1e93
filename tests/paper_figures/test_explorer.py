"""The page to explore the records: its data by Python's parser, its behaviour in Chromium."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.cli import main
from patchlaw.paper_figures.drawing import Inputs
from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.report.explorer import explorer
from patchlaw.paper_figures.study import paper_study, scaling_study
from tests.paper_figures.test_report_html import ask_chromium, outline


@pytest.fixture(scope="module")
def records() -> Records:
    return Records.read()


@pytest.fixture(scope="module")
def page(records: Records) -> str:
    return explorer(Inputs.of(records))


def of(page: str) -> dict[str, list[dict[str, object]]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, list[dict[str, object]]] = json.loads(found[1])
    return data


def without_plotly(page: str) -> str:
    """The page less the library, whose source names addresses that it does not open by itself."""
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return page.replace(max(scripts, key=len), "")


def test_what_is_drawn_is_what_the_records_hold(page: str, records: Records) -> None:
    """Only this catches a spectrum beside another model's law, or a surface of another run."""
    data = of(page)
    known = paper_study().ids | scaling_study().ids
    for each in data["spectra"]:
        (record,) = (
            r
            for r in records.kernels.values()
            if r.run.id in known
            and (r.run.n_patches, r.run.depth, r.run.seed)
            == (each["patches"], each["depth"], each["seed"])
        )
        moment = record.moments[str(each["moment"])]
        assert each["measured"] == pytest.approx([m.value for m in moment.measured], rel=1e-4)
        assert each["predicted"] == pytest.approx(list(moment.predicted), rel=1e-4)
    for each in data["landscapes"]:
        (kept,) = (
            r
            for r in records.landscapes.values()
            if f"P = {r.run.n_patches}, d = {r.run.depth}, seed {r.run.seed}" == each["label"]
        )
        assert each["loss"] == [pytest.approx(row, rel=1e-4) for row in kept.grid.loss.tolist()]
    paper = [r for r in data["ratios"] if r["law"] == "elementwise" and "d 50" in str(r["text"])]
    one = next(r for r in paper if "P 4→9, d 50, seed 1001" in str(r["text"]) and "P4" in r["text"])
    assert one["factor"] == pytest.approx(16 / 81 / 0.266953, rel=1e-4)  # by hand, from findings.md


def test_nothing_comes_from_elsewhere_and_all_is_in_tables(page: str) -> None:
    bare = without_plotly(page)
    found = outline(bare)
    assert "://" not in bare
    assert [a["href"] for a in found.all("link")] == ["data:,"]
    assert not any("src" in a for _, a in found.tags)
    assert len(found.all("table")) == len(found.all("figure")) == len(found.all("details")) == 3
    data = of(page)
    n_rows = len(data["ratios"]) + len(data["spectra"]) + len(data["landscapes"])
    assert len(found.all("tr")) == n_rows + 3  # with the headings
    plots = [a for a in found.all("div") if "plot" in str(a.get("class"))]
    assert all(a["role"] == "img" and a["aria-label"] for a in plots)


def test_a_folder_without_records_gives_a_page_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    arguments = ["figures", "explorer", "--records", str(tmp_path / "none"), "--out"]
    result = CliRunner().invoke(main, [*arguments, str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    data = of((tmp_path / "out" / "explorer.html").read_text(encoding="utf-8"))
    assert data["spectra"] == data["landscapes"] == []


WEBGL = ("--use-gl=swiftshader", "--enable-unsafe-swiftshader")  # surfaces without a GPU

# Moves every control by its keys' event and reads what is drawn then.
QUESTIONS = """
const d = frames[0].document, w = frames[0], e = d.documentElement;
const move = (id, value) => {
  const control = d.getElementById(id);
  control.value = value;
  for (const kind of ['input', 'change']) control.dispatchEvent(new w.Event(kind));
};
const drawn = id => d.getElementById(id).data;
const first = drawn('spectra-plot')[0].y[0], points = drawn('ratios-plot').length;
for (const [id, k] of [['patches', 1], ['depth', 4], ['moment', 'minimum']]) move(id, k);
move('origin', d.getElementById('origin').options[1].value);
const sizes = [...d.querySelectorAll('.plot text, p, td, label')].map(
  t => parseFloat(w.getComputedStyle(t).fontSize));
const stops = [...d.querySelectorAll('a[href], summary, select, input, [tabindex="0"]')].filter(
  s => !s.closest('details:not([open])') || s.tagName === 'SUMMARY');
document.title = JSON.stringify({
  width: e.scrollWidth, room: e.clientWidth, smallest: Math.min(...sizes),
  plots: [...d.querySelectorAll('.plot .main-svg')].length > 0,
  wide: [...d.querySelectorAll('.plot .main-svg')].every(s => s.clientWidth <= e.clientWidth),
  surface: drawn('landscape-plot')[0].type, before: points, after: drawn('ratios-plot').length,
  moved: drawn('spectra-plot')[0].y[0] !== first,
  said: d.getElementById('spectrum-text').textContent,
  stops: stops.length,
  reached: stops.filter(s => { s.focus({focusVisible: true});
    return d.activeElement === s && w.getComputedStyle(s).outlineStyle !== 'none'; }).length,
});
"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1200])
def test_in_chromium(tmp_path: Path, page: str, width: int) -> None:
    """Only this catches a script that fails, a plot that no control moves, a page too wide."""
    answers = ask_chromium(tmp_path, page, *WEBGL, width=width, questions=QUESTIONS)
    assert answers["width"] <= answers["room"]
    assert answers["plots"]
    assert answers["wide"]
    assert answers["smallest"] >= 11
    assert answers["surface"] == "surface"
    assert (answers["before"], answers["after"]) == (3, 1)
    assert answers["moved"]
    assert str(answers["said"]).startswith("P = 9, d = 50, seed 1001, at the minimum: largest")
    assert answers["reached"] == answers["stops"]
