"""A table of the paper as files: one content, three renderings and their provenance."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from patchlaw.paper_figures.outcome import Outcome, status_of
from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.tables import csv, latex, markdown, sidecar
from patchlaw.paper_figures.tables.content import TableContent
from patchlaw.verification.atomic_write import write_atomically


@dataclass(frozen=True)
class PaperTable:
    """A table; see ``paper_figures.outcome.Table``.

    Attributes:
        name: as given on the command line, and of its files.
        title: what it shows, one line.
        content: makes it from the records.
    """

    name: str
    title: str
    content: Callable[[Records], TableContent]

    def write(self, results: Path, out: Path) -> Outcome:
        """Write Markdown, LaTeX, CSV and the sidecar.

        Args:
            results: folder of the records (runs/, analyses/, landscapes/); may be empty.
            out: folder of the files, which exists.

        Raises:
            RecordError: a record is damaged or stale.
            OSError: the folder cannot be written.
        """
        records = Records.read(results)
        found = self.content(records)
        # what is printed names the folder as it is typed; files name no path of this machine
        content = found.at(records.label)
        texts = {
            ".md": markdown.render(content),
            ".tex": latex.render(content),
            ".csv": csv.render(content),
            ".json": sidecar.render(self.name, content),
        }
        files = tuple(out / f"{self.name}{suffix}" for suffix in texts)
        for file, text in zip(files, texts.values(), strict=True):
            write_atomically(file, text)
        status = status_of(content.n_found, content.n_missing)
        return Outcome(self.name, files, status, found.at(records.typed).missing)
