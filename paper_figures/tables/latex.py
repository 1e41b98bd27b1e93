r"""A table in LaTeX with booktabs, the only package it needs; \input it where it belongs."""

import re
from itertools import groupby

from patchlaw.paper_figures.tables.content import Column, Panel, Row, TableContent
from patchlaw.verification.cells import Cell, Count, Gap

# A backslash first would be escaped again with its braces, so one pass over single characters.
_SPECIAL = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "±": r"$\pm$",
    "\N{MINUS SIGN}": r"$-$",
    "—": "---",
}


def render(content: TableContent) -> str:
    r"""The table environment: a tabular a panel, notes in a minipage below."""
    lines = [
        f"% Table {content.number} of arXiv 2504.19239 beside our runs, written by patchlaw.",
        r"% In the preamble: \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(content.title)}}}",
        rf"\label{{tab:patchlaw-{content.number}}}",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{4pt}",
    ]
    for panel in content.shown_panels():
        if panel.heading:
            lines.append(rf"\textit{{{escaped(panel.heading)}}}\par\smallskip")
        lines += [*_panel(content, panel), r"\par\medskip"]
    lines += [r"\begin{minipage}{\linewidth}\scriptsize\raggedright"]
    lines += [rf"{_note(note)}\par" for note in content.notes]
    lines += [r"\end{minipage}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text with LaTeX's special characters made harmless.

    Raises:
        ValueError: a character beyond ASCII that has no replacement here.
    """
    result = "".join(_SPECIAL.get(character, character) for character in text)
    strange = sorted({character for character in result if ord(character) > 126})
    if strange:
        raise ValueError(
            f"text: expected ASCII and {' '.join(c for c in _SPECIAL if ord(c) > 126)}, got "
            f"{' '.join(strange)} in {text!r}"
        )
    return result


def cell_text(cell: Cell) -> str:
    """The cell; numbers in mathematics, so that signs are set as such."""
    if isinstance(cell, Gap):
        return escaped(cell.text)
    if isinstance(cell, Count):
        return f"${cell.rounded().replace(',', '{,}')}$"
    value, uncertainty = cell.rounded()
    text = value if uncertainty is None else rf"{value} \pm {uncertainty}"
    if cell.percent:
        text = rf"({text})\,\%" if uncertainty is not None else rf"{text}\,\%"
    return f"${text}$"


def _panel(content: TableContent, panel: Panel) -> list[str]:
    lines = [rf"\begin{{tabular}}{{{'r' * (2 + len(panel.columns))}}}", r"\toprule"]
    if any(column.group for column in panel.columns):
        lines += _group_headings(panel.columns)
    heads = [column.latex or escaped(column.heading) for column in panel.columns]
    lines += [_line(["$P$", "$d$", *heads]), r"\midrule"]
    previous: Row | None = None
    for row in content.rows:
        if previous is not None and row.patches != previous.patches:
            lines.append(r"\addlinespace")
        cells = [cell_text(row.cells[column.key]) for column in panel.columns]
        lines.append(_line([str(row.patches), str(row.depth), *cells]))
        previous = row
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _group_headings(columns: tuple[Column, ...]) -> list[str]:
    cells, rules, first = ["", ""], [], 3
    for (group, latex), found in groupby(columns, lambda c: (c.group, c.group_latex)):
        width = len(list(found))
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{latex or escaped(group)}}}")
        if group:
            rules.append(rf"\cmidrule(lr){{{first}-{first + width - 1}}}")
        first += width
    return [_line(cells), "".join(rules)]


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _note(note: str) -> str:
    """Backquoted commands in typewriter; two hyphens kept from becoming a dash."""
    parts = re.split(r"`([^`]*)`", note)
    texts = [
        rf"\texttt{{{escaped(part).replace('--', '-{}-')}}}" if position % 2 else escaped(part)
        for position, part in enumerate(parts)
    ]
    return "".join(texts)
