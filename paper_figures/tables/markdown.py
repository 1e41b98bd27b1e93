"""A table as Markdown: one pipe table a panel, notes below."""

from patchlaw.paper_figures.tables.content import Panel, TableContent
from patchlaw.verification.tables import markdown_lines


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
    heads, group = ["P", "d"], ""
    for column in panel.columns:
        # Markdown has one line of headings, so the group's stands before its first column's
        new = column.group and column.group != group
        heads.append(f"{column.group}: {column.heading}" if new else column.heading)
        group = column.group
    rows = (
        (str(row.patches), str(row.depth), *(row.cells[column.key] for column in panel.columns))
        for row in content.rows
    )
    return markdown_lines(heads, rows, "---:")
