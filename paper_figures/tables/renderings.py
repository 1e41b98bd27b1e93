"""A table as Markdown, as CSV, and the JSON file beside them; LaTeX has a module of its own."""

import csv
import io
import json
from dataclasses import asdict

from patchlaw.paper_figures.provenance import samples_of, seeds_of
from patchlaw.paper_figures.tables.content import Panel, TableContent
from patchlaw.verification.cells import Gap
from patchlaw.verification.tables import markdown_lines

FORMAT, VERSION = "patchlaw table", 1
AUTHOR_SOURCE = "arXiv 2504.19239, results printed by the author's own runs (verification.records)"


def as_markdown(content: TableContent) -> str:
    """The table's title as a heading, one pipe table a panel, notes below."""
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


def as_csv(content: TableContent) -> str:
    """All panels side by side in full precision, a gap empty; RFC 4180 but for its line ends."""
    columns = [column for panel in content.panels for column in panel.columns]
    keys = (key for column in columns for key in (column.key, column.uncertainty_key) if key)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["patches", "depth", *keys])
    for row in content.rows:
        values: list[object] = [row.patches, row.depth]
        for column in columns:
            cell = row.cells[column.key]
            values.append(None if isinstance(cell, Gap) else cell.value)
            if column.uncertainty_key is not None:
                values.append(getattr(cell, "uncertainty", None))
        writer.writerow(["" if value is None else repr(value) for value in values])
    return text.getvalue()


def as_json(name: str, content: TableContent) -> str:
    """Records, seeds, samples and commits; the table's numbers are in the CSV file."""
    facts = {
        "format": FORMAT,
        "version": VERSION,
        "table": name,
        "number": content.number,
        "title": content.title,
        "author": AUTHOR_SOURCE,
        "records": [asdict(source) for source in content.sources],
        "seeds": seeds_of(content.sources),
        "n_samples": samples_of(content.sources),
        "commits": sorted({commit for source in content.sources for commit in source.commits}),
        "found": content.n_found,
        "missing": content.n_missing,
        "commands": list(content.missing),
        "notes": list(content.notes),
    }
    return json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
