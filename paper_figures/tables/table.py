"""A table of the paper as files: one content, three renderings and their provenance."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from patchlaw.paper_figures.drawing import Inputs
from patchlaw.paper_figures.outcome import Outcome, status_of, write_files
from patchlaw.paper_figures.provenance import Format
from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.tables import latex, renderings
from patchlaw.paper_figures.tables.content import TableContent


@dataclass(frozen=True)
class PaperTable(ABC):
    """A table of the paper by its number there, written from the records."""

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
        """Write Markdown, LaTeX, CSV and the sidecar to a folder, whatever the formats of figures.

        Raises:
            OSError: the folder, which must exist, cannot be written.
        """
        records = inputs.records
        found = self.content(records)
        # what is printed names the folder as it is typed; files name no path of this machine
        content = found.at(records.label)
        texts = {
            "md": renderings.as_markdown(content),
            "tex": latex.render(content),
            "csv": renderings.as_csv(content),
            "json": renderings.as_json(self.name, content),
        }
        files = write_files(out, self.name, texts)
        status = status_of(content.n_found, content.n_missing)
        return Outcome(self.name, files, status, found.at(records.typed).missing)
