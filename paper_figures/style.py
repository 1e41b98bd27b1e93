"""How every figure looks: sizes, fonts, colours, and what stands for which P, law or matrix.

Colours are Paul Tol's high-contrast and bright schemes: safe for the colour-blind, and the
high-contrast ones also differ in brightness, so that they stay apart in grey. Line styles and
markers vary along with the colours.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from patchlaw.hessian_theory.predictions import find_law

LineStyle: TypeAlias = str | tuple[float, tuple[float, ...]]

# Width of a journal's two columns and what fits on its page, inches.
TWO_COLUMNS, PAGE_HEIGHT = 7.0, 9.0

# Points. Labels below SMALL_TEXT cannot be read in print.
TEXT, TICK_TEXT, SMALL_TEXT, TINY_TEXT = 8.0, 7.0, 6.0, 5.0

# Drawing order of what must lie above everything else.
FRONT = 5.0
REMARK_MARGIN = 3.0
MARGIN = 0.15  # of a panel's height, above and below what must not touch its frame

BOLD_LINE, LINE, THIN_LINE, HAIR_LINE = 1.6, 1.1, 0.6, 0.35
MARKER, SMALL_MARKER, BIG_MARKER = 3.6, 2.4, 6.5

DPI, SMALL_DPI = 300, 120

INK, FAINT, PANEL_GREY = "#1a1a1a", "#b4b4b4", "#ebebeb"
BAND_ALPHA, PALE_ALPHA, POINT_ALPHA = 0.25, 0.45, 0.85

# Ticks along an axis of a small panel, at most.
FEW_TICKS = 4
# Factor between the outermost values and the ends of a logarithmic axis.
LOG_MARGIN = 1.25
# The same below a marker that has words under it.
LABEL_ROOM = 2.6

# Colour maps that grow darker or lighter in one direction.
LOSS_MAP, COUNT_MAP, DIGIT_MAP = "YlGnBu", "Greys", "Greys"

# Points of curves that are evaluated for a drawing.
CURVE_POINTS, SMALL_CURVE_POINTS = 800, 80

# Landscapes (paper, Fig. 3): a contour line every half unit of loss.
CONTOUR_STEP = 0.5
# Agreement that a reader may call good: a band of 20 % around equality.
GOOD_AGREEMENT = 1.2

# Colour bars beside a whole figure: length over width, and their distance from the panels.
COLOUR_BAR_ASPECT, COLOUR_BAR_PAD = 45.0, 0.01


@dataclass(frozen=True)
class SeriesStyle:
    """How one series is drawn; dashes as (offset, (on, off, ..)) in line widths."""

    colour: str
    marker: str
    line: LineStyle = "-"
    filled: bool = True

    def plot(self, *, line: bool = True, markers: bool = True) -> dict[str, Any]:
        """Keyword arguments of ``Axes.plot`` and ``Axes.errorbar``."""
        return {
            "color": self.colour,
            "linestyle": self.line if line else "none",
            "marker": self.marker if markers else "none",
            "markerfacecolor": self.colour if self.filled else "white",
            "markeredgecolor": self.colour,
        }


DASHED: LineStyle = (0, (4.0, 1.4))
DASH_DOTTED: LineStyle = (0, (4.0, 1.2, 1.0, 1.2))
DOTTED: LineStyle = (0, (1.0, 1.2))

_PATCHES = {
    4: SeriesStyle("#004488", "o", "-"),
    9: SeriesStyle("#bb5566", "s", DASHED),
    16: SeriesStyle("#ddaa33", "^", DASH_DOTTED),
    49: SeriesStyle("#000000", "D", DOTTED),
}
_OTHER_PATCHES = SeriesStyle("#777777", "v", "-")

# Of depths, from the shallowest on, where P is the axis.
_DEPTHS = (
    SeriesStyle("#1a1a1a", "o", "-"),
    SeriesStyle("#4d6a8a", "s", DASHED),
    SeriesStyle("#7fa3c7", "^", DASH_DOTTED),
    SeriesStyle("#b07aa1", "D", DOTTED),
)

# Of models that differ from the paper's, which comes first; markers tell one curve from the next.
_MODELS = ("#1a1a1a", "#004488", "#bb5566", "#ddaa33", "#66a0d8", "#8a5a00")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")

MATRICES = {
    "H": SeriesStyle("#1a1a1a", "D"),
    "G": SeriesStyle("#004488", "o"),
    "R": SeriesStyle("#bb5566", "s", DASHED, filled=False),
    "G over the angles": SeriesStyle("#66a0d8", "^", DASH_DOTTED),
    "G over the bias": SeriesStyle("#ddaa33", "v", DOTTED),
    "R over the bias": SeriesStyle("#8a5a00", "P", DASHED, filled=False),
}
MATRIX_LABELS = {
    "H": r"$H$",
    "G": r"$G$",
    "R": r"$R$",
    "G over the angles": r"$G$, angles",
    "G over the bias": r"$G$, pixel bias",
    "R over the bias": r"$R$, pixel bias",
}

# Markers of a trajectory's landmarks (paper, Fig. 3); the shapes tell them apart in grey.
TRAJECTORY = "#1a1a1a"
START = SeriesStyle("#cc2222", "x")
END = SeriesStyle("#00246b", "+")
MINIMUM = SeriesStyle("#ff8c00", "X")


# The pale ground of a remark on a filled panel.
REMARK_BOX = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}


def rim() -> list[Any]:
    """A white rim that keeps lines and markers apart from what is below them."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=2.2, foreground="white")]


def landmark(look: SeriesStyle, *, halo: bool = True) -> dict[str, Any]:
    """Keyword arguments of ``Axes.plot`` for a landmark, above everything else."""
    filled = look.marker == MINIMUM.marker
    return {
        "color": look.colour,
        "marker": look.marker,
        "linestyle": "none",
        "markersize": BIG_MARKER,
        "markeredgecolor": INK if filled else look.colour,
        "markeredgewidth": THIN_LINE if filled else BOLD_LINE,
        "zorder": FRONT,
        "path_effects": rim() if halo else None,
    }


_RC: dict[str, Any] = {
    # fonts that come with matplotlib, so that every machine draws the same
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "legend.fontsize": TICK_TEXT,
    **{
        f"{axis}tick.{name}": value
        for axis in "xy"
        for name, value in (
            ("labelsize", TICK_TEXT),
            ("color", INK),
            ("direction", "in"),
            ("major.size", 2.6),
            ("minor.size", 1.5),
            ("major.width", THIN_LINE),
            ("minor.width", HAIR_LINE),
            ("major.pad", 2.0),
        )
    },
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": THIN_LINE,
    "axes.titlepad": 3.0,
    "axes.labelpad": 2.0,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": HAIR_LINE,
    "grid.alpha": 0.6,
    "lines.linewidth": LINE,
    "lines.markersize": MARKER,
    "lines.markeredgewidth": 0.8,
    "errorbar.capsize": 1.8,
    "patch.linewidth": THIN_LINE,
    "hatch.linewidth": HAIR_LINE,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
    "legend.borderaxespad": 0.3,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "text.usetex": False,
    # text stays text in PDF; SVG gets outlines, so that it looks the same everywhere
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "patchlaw",
    "path.simplify": True,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Matplotlib's settings for as long as figures are drawn and saved, whatever the user's are."""
    from matplotlib.style import context

    with context(["default", _RC]):
        yield


def patch_style(n_patches: int) -> SeriesStyle:
    """The same look for the same P in every figure."""
    return _PATCHES.get(n_patches, _OTHER_PATCHES)


def depth_style(rank: int) -> SeriesStyle:
    """The look of the rank-th depth of a study, counted from 0."""
    return _DEPTHS[rank % len(_DEPTHS)]


def model_style(model: int, depth: int, curve: int) -> SeriesStyle:
    """Colour of a study's model, line of its depth and marker of its curve, counted from 0."""
    colour, marker = _MODELS[model % len(_MODELS)], _MARKERS[curve % len(_MARKERS)]
    return SeriesStyle(colour, marker, depth_style(depth).line)


def law_style(law: str) -> SeriesStyle:
    """The law's own look, from its registration; hollow for an identity, which predicts none."""
    found = find_law(law)
    return SeriesStyle(found.colour, found.marker, filled=found.status != "proven")
