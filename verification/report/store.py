"""Writing reports so that whatever is on disk is whole, whenever the run stops."""

import dataclasses
import os
import tempfile
from pathlib import Path
from typing import Any

from verification.report.data import Report
from verification.report.markdown import as_markdown


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write bytes or UTF-8 text under a temporary name in the same folder, flush, then rename."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class ReportStore:
    """Holds the latest report and keeps report.json and report.md in ``folder`` up to date.

    Args:
        folder: created if missing.
        report: the first version; written at once.
    """

    def __init__(self, folder: Path, report: Report) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.report = report
        self._write()

    def update(self, **changes: Any) -> Report:
        """Replace fields of the report and write it again."""
        self.report = dataclasses.replace(self.report, **changes)
        self._write()
        return self.report

    def _write(self) -> None:
        write_atomically(self.folder / "report.json", self.report.to_json())
        write_atomically(self.folder / "report.md", as_markdown(self.report))
