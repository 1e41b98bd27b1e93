"""Matplotlib's SVG made fit for a page: inline, no foreign addresses, the page's colours."""

import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Drawn in these colours, which nothing else uses, and replaced by the page's variables, so that
# one drawing serves light, dark and paper.
INK, FAINT = "#000101", "#000102"
SERIES = tuple(f"#0002{index:02x}" for index in range(8))
_VARIABLES = {INK: "var(--ink)", FAINT: "var(--faint)"} | {
    colour: f"var(--series-{index})" for index, colour in enumerate(SERIES)
}


def inline_svg(figure: "Figure", prefix: str, label: str) -> str:
    """The figure as one <svg> element for HTML.

    Args:
        figure: drawn in the colours above, on no background.
        prefix: put before every id, so that figures of one page do not clash.
        label: what a screen reader says.

    Raises:
        ValueError: an address is left in the drawing.
    """
    from html import escape

    from matplotlib import rc_context

    buffer = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "patchlaw"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = text[text.index("<svg") :]
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = text.replace("xlink:href", "href")
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r"url\(#", f"url(#{prefix}-", text)
    text = re.sub(r'href="#', f'href="#{prefix}-', text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    # the page sets the size; the viewBox keeps the proportions
    text = re.sub(r'\s(width|height)="[\d.]+pt"', "", text, count=2)
    text = text.replace("<svg", f'<svg role="img" aria-label="{escape(label, quote=True)}"', 1)
    if "://" in text:
        raise ValueError(f"{prefix}: expected a drawing without addresses, got one with '://'")
    return text.strip()
