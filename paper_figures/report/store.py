"""Writing reports so that whatever is on disk is whole, whenever the run stops."""

import dataclasses
from pathlib import Path
from typing import Any

from patchlaw.paper_figures.report.data import Report
from patchlaw.paper_figures.report.page import Page
from patchlaw.paper_figures.report.text import as_markdown
from patchlaw.verification.store.atomic_write import write_atomically


class ReportStore:
    """Holds the latest report and keeps report.json, .md and .html in ``folder`` up to date.

    Args:
        folder: created if missing.
        report: the first version; written at once.
    """

    def __init__(self, folder: Path, report: Report) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.report = report
        self._page = Page()
        self._write()

    def update(self, **changes: Any) -> Report:
        """Replace fields of the report and write it again."""
        self.report = dataclasses.replace(self.report, **changes)
        self._write()
        return self.report

    def _write(self) -> None:
        write_atomically(self.folder / "report.json", self.report.to_json())
        write_atomically(self.folder / "report.md", as_markdown(self.report))
        write_atomically(self.folder / "report.html", self._page.render(self.report))
