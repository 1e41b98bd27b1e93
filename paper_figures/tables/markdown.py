"""A table as Markdown: one pipe table a panel, notes below."""

from patchlaw.paper_figures.tables.cells import Cell, Count, Gap
from patchlaw.paper_figures.tables.content import Panel, TableContent


def render(content: TableContent) -> str:
    """The page, with the table's title as its heading."""
    lines = [f"# Table {content.number}. {content.title}", ""]
    for panel in content.shown_panels():
        if panel.heading:
            lines += [f"**{panel.heading}**", ""]
        lines += [*_panel(content, panel), ""]
    lines += [f"- {note}" for note in content.notes]
    return "\n".join(lines).rstrip() + "\n"


def _panel(content: TableContent, panel: Panel) -> list[str]:
    heads = ["P", "d"]
    for group in panel.groups:
        # Markdown has one line of headings, so the group's stands before its first column's
        for position, column in enumerate(group.columns):
            prefix = f"{group.heading}: " if group.heading and position == 0 else ""
            heads.append(prefix + column.heading)
    lines = [_line(heads), _line(["---:"] * len(heads))]
    for row in content.rows:
        cells = [cell_text(row.cells[column.key]) for column in panel.columns]
        lines.append(_line([str(row.patches), str(row.depth), *cells]))
    return lines


def cell_text(cell: Cell) -> str:
    """The cell with a typographic minus sign."""
    if isinstance(cell, Gap):
        return cell.text
    if isinstance(cell, Count):
        return _signs(cell.rounded())
    value, uncertainty = cell.rounded()
    text = value if uncertainty is None else f"{value} ± {uncertainty}"
    if cell.percent:
        text = f"({text}) %" if uncertainty is not None else f"{text} %"
    return _signs(text)


def _signs(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
