"""Tables 1 to 6 of the paper: the author's values beside ours, from the records."""

from patchlaw.paper_figures.tables.components import TITLE_6, table_6
from patchlaw.paper_figures.tables.eigenvalues import TITLE_3, TITLE_5, table_3, table_5
from patchlaw.paper_figures.tables.minima import TITLE_1, TITLE_4, table_1, table_4
from patchlaw.paper_figures.tables.parameters import TITLE_2, table_2
from patchlaw.paper_figures.tables.table import PaperTable

TABLES: tuple[PaperTable, ...] = (
    PaperTable("table-1", TITLE_1, table_1),
    PaperTable("table-2", TITLE_2, table_2),
    PaperTable("table-3", TITLE_3, table_3),
    PaperTable("table-4", TITLE_4, table_4),
    PaperTable("table-5", TITLE_5, table_5),
    PaperTable("table-6", TITLE_6, table_6),
)

__all__ = ["TABLES", "PaperTable"]
