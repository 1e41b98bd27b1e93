"""Tables 1 to 6 of the paper: the author's values beside ours, from the records."""

from patchlaw.paper_figures.tables.paper_tables import TABLES
from patchlaw.paper_figures.tables.table import PaperTable

__all__ = ["TABLES", "PaperTable"]
