"""What a reader sees: no label cut off or printed over another, everything told apart in grey."""

from itertools import combinations, pairwise
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from patchlaw.hessian_theory.predictions import BESIDE, LAWS
from patchlaw.paper_figures import style
from patchlaw.paper_figures.catalogue import FIGURES
from patchlaw.paper_figures.drawing import Inputs
from patchlaw.paper_figures.provenance import lay_out
from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.study import paper_study, scaling_study
from patchlaw.verification.runs import load_samples
from tests.paper_figures.synthetic_records import (
    config_of,
    write_analysis,
    write_everything,
    write_landscape,
    write_run,
)

_DOT = 1.0  # pixels at 100 dots an inch that a box may exceed its glyphs by


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Inputs:
    """A column of the paper's grid in full, a row begun, one panel in part, the rest missing."""
    folder: Path = tmp_path_factory.mktemp("records")
    for p in (4, 9, 16):
        write_everything(folder, config_of(p, 50))
    write_everything(folder, config_of(4, 100))
    write_landscape(folder, config_of(9, 50), done=217)
    scaling = scaling_study()
    samples = load_samples(None, scaling.runs[0].request.images)
    for run in scaling.runs:
        if run.depth <= 5 or run.n_patches == 4:
            config = run.request.config(samples)
            assert config.run_id == run.run_id
            write_run(folder, config)
            write_analysis(folder, config)
    return Inputs(Records.read(folder), paper_study(), scaling, small=True)


def printed_texts(figure, monkeypatch) -> list[tuple[Text, Bbox]]:
    """Every text that is drawn, with its box; ticks outside their axes are not drawn."""
    seen: list[Text] = []
    draw = Text.draw

    def record(self, renderer, *args, **kwargs):
        if self.get_visible() and self.get_text().strip():
            seen.append(self)
        return draw(self, renderer, *args, **kwargs)

    canvas = FigureCanvasAgg(figure)
    lay_out(figure)
    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", record)
        canvas.draw()
    unique = {id(text): text for text in seen}.values()
    return [(text, text.get_window_extent(canvas.get_renderer())) for text in unique]


@pytest.fixture(scope="module")
def drawings(inputs):
    with style.figure_style():
        yield {figure.name: figure.draw(inputs).figure for figure in FIGURES}


@pytest.mark.parametrize("name", [figure.name for figure in FIGURES])
def test_no_text_is_cut_off_or_printed_over_another(drawings, name, monkeypatch):
    figure = drawings[name]
    texts = printed_texts(figure, monkeypatch)
    assert texts
    page = figure.bbox
    for text, box in texts:
        inside = (
            box.x0 >= page.x0 - _DOT
            and box.y0 >= page.y0 - _DOT
            and box.x1 <= page.x1 + _DOT
            and box.y1 <= page.y1 + _DOT
        )
        assert inside, f"{text.get_text()!r} is cut off: {box} in {page}"
    # the box of an oblique text, as along axes in perspective, is far larger than its glyphs
    straight = [(text, box) for text, box in texts if text.get_rotation() % 90 == 0]
    for (one, first), (two, second) in combinations(straight, 2):
        width = min(first.x1, second.x1) - max(first.x0, second.x0)
        height = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert width <= 2 * _DOT or height <= 2 * _DOT, (
            f"{one.get_text()!r} and {two.get_text()!r} overlap"
        )


@pytest.mark.parametrize("name", [figure.name for figure in FIGURES])
def test_figures_fit_a_journal_s_page(drawings, name):
    width, height = drawings[name].get_size_inches()
    assert width == style.TWO_COLUMNS
    assert height <= style.PAGE_HEIGHT
    smallest = min(text.get_fontsize() for text in drawings[name].findobj(Text) if text.get_text())
    assert smallest >= style.TINY_TEXT - 1


def luminance(colour: str) -> float:
    """Relative luminance of sRGB (IEC 61966-2-1): what is left of a colour in grey."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_patches_are_told_apart_in_grey():
    looks = [style.patch_style(p) for p in (49, 4, 9, 16)]
    assert len({look.marker for look in looks}) == len({str(look.line) for look in looks}) == 4
    # lightness, in which equal steps look equal: CIE L* = 116 Y^(1/3) - 16
    lightness = [116 * max(luminance(look.colour), 0.008856) ** (1 / 3) - 16 for look in looks]
    assert all(later - earlier > 15 for earlier, later in pairwise(lightness))
    assert lightness[-1] < 80  # on white


def test_laws_matrices_and_depths_differ_in_more_than_colour():
    drawn = (law for law in LAWS.values() if "H" in BESIDE[law.matrix])
    laws = [style.law_style(law.name) for law in drawn]
    assert len(laws) >= 8
    assert len({look.marker for look in laws}) == len(laws)
    matrices = list(style.MATRICES.values())
    assert len({(look.marker, look.filled) for look in matrices}) == len(matrices)
    depths = [style.depth_style(rank) for rank in range(4)]
    assert len({(look.marker, str(look.line)) for look in depths}) == 4
    landmarks = {style.START.marker, style.END.marker, style.MINIMUM.marker}
    assert len(landmarks) == 3


def test_the_style_is_left_behind_when_the_figures_are_done():
    from matplotlib import rcParams

    before = dict(rcParams)
    with style.figure_style():
        assert rcParams["mathtext.fontset"] == "stix"
        assert rcParams["svg.hashsalt"] == "patchlaw"
    assert dict(rcParams) == before


def test_a_user_s_own_settings_do_not_reach_the_figures():
    from matplotlib import rc_context, rcParams

    with rc_context({"axes.grid": True, "lines.linestyle": ":"}), style.figure_style():
        assert not rcParams["axes.grid"]
        assert rcParams["lines.linestyle"] == "-"
