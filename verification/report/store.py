"""Writing reports so that whatever is on disk is whole, whenever the run stops."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from patchlaw.verification.atomic_write import write_atomically
from patchlaw.verification.report.data import Report
from patchlaw.verification.report.figures import DensityCurve
from patchlaw.verification.report.markdown import as_markdown
from patchlaw.verification.report.page import Page


class ReportStore:
    """Holds the latest report and keeps report.json, .md and .html in ``folder`` up to date.

    Args:
        folder: created if missing.
        report: the first version; written at once.
        densities: eigenvalue densities for the page, such as ``recorded_densities`` finds.
    """

    def __init__(
        self, folder: Path, report: Report, densities: Sequence[DensityCurve] = ()
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.report = report
        self._page = Page(densities)
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
