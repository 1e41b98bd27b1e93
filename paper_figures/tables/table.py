"""A table of the paper as files: one content, three renderings and their provenance."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from patchlaw.paper_figures.drawing import Inputs
from patchlaw.paper_figures.outcome import Outcome, status_of
from patchlaw.paper_figures.provenance import Format
from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.tables import csv, latex, markdown, sidecar
from patchlaw.paper_figures.tables.content import TableContent
from patchlaw.verification.store.atomic_write import write_atomically


@dataclass(frozen=True)
class PaperTable(ABC):
    """A table of the paper, written from the records.

    Attributes:
        number: in the paper.
        title: what it shows, one line.
    """

    number: int
    title: str

    @property
    def name(self) -> str:
        """As given on the command line, and of its files."""
        return f"table-{self.number}"

    @abstractmethod
    def content(self, records: Records) -> TableContent:
        """What it says."""

    def write(self, inputs: Inputs, out: Path, formats: Sequence[Format] = ()) -> Outcome:
        """Write Markdown, LaTeX, CSV and the sidecar, whatever the formats of figures.

        Args:
            inputs: the records; there may be none.
            out: folder of the files, which exists.
            formats: of figures.

        Raises:
            OSError: the folder cannot be written.
        """
        records = inputs.records
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
