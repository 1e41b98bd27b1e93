"""A table as CSV: one row a configuration, full precision, empty where there is no number."""

import csv
import io

from patchlaw.paper_figures.tables.content import TableContent
from patchlaw.verification.cells import Cell, Count, Gap, Number


def render(content: TableContent) -> str:
    """All panels side by side; the header has names only, RFC 4180 otherwise."""
    columns = [column for panel in content.panels for column in panel.columns]
    header = ["patches", "depth"]
    for column in columns:
        header.append(column.key)
        if column.uncertainty_key is not None:
            header.append(column.uncertainty_key)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in content.rows:
        values = [str(row.patches), str(row.depth)]
        for column in columns:
            cell = row.cells[column.key]
            values.append(_value(cell))
            if column.uncertainty_key is not None:
                values.append(_uncertainty(cell))
        writer.writerow(values)
    return text.getvalue()


def _value(cell: Cell) -> str:
    return "" if isinstance(cell, Gap) else repr(cell.value)


def _uncertainty(cell: Cell) -> str:
    if isinstance(cell, Gap | Count) or cell.uncertainty is None:
        return ""
    assert isinstance(cell, Number)
    return repr(cell.uncertainty)
