"""Table 6: contribution ratios of the trajectory's first two principal components."""

from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.tables.cells import Cell
from patchlaw.paper_figures.tables.comparison import N_SEEDS, Quantity, n_seeds
from patchlaw.paper_figures.tables.content import Panel, Row, TableContent
from patchlaw.paper_figures.tables.notes import OF_SEEDS, not_run
from patchlaw.paper_figures.tables.protocol import (
    AUTHOR_SEED,
    analyse,
    author_by_configuration,
    train,
)
from patchlaw.paper_figures.tables.selection import select_components, select_runs

# Digits as in the paper.
_PC = (Quantity("pc1_ratio", "PC1", 4), Quantity("pc2_ratio", "PC2", 4))
_STAGE = "trajectory"

TITLE_6 = "Contribution ratios of the first two principal components of the trajectory"


def table_6(records: Records) -> TableContent:
    """Our runs with the author's seed beside the author's; below, means over all seeds."""
    found, minima = select_components(records), select_runs(records).minima
    rows, notes, sources, missing = [], [], [], []
    n_missing, several = 0, False
    for configuration, author in author_by_configuration().items():
        of_seeds = found.get(configuration, {})
        ours = of_seeds.get(AUTHOR_SEED)
        several |= len(of_seeds) > 1
        cells: dict[str, Cell] = {}
        for index, quantity in enumerate(_PC):
            recorded = (author.pca_ratio_1, author.pca_ratio_2)[index]
            cells |= quantity.compared(recorded, None if ours is None else ours.ratios[index])
            cells |= quantity.averaged([each.ratios[index] for each in of_seeds.values()])
        rows.append(Row(configuration.patches, configuration.depth, cells | n_seeds(len(of_seeds))))
        sources += [each.source for each in of_seeds.values()]
        if ours is None:
            commands = [analyse(configuration, AUTHOR_SEED, _STAGE)]
            if AUTHOR_SEED not in minima.get(configuration, {}):
                commands.insert(0, train(configuration, AUTHOR_SEED))
            missing += commands
            n_missing += 1
            notes.append(not_run(configuration, commands))
    return TableContent(
        number=6,
        title=TITLE_6,
        panels=(
            Panel(tuple(q.comparison() for q in _PC)),
            Panel(
                (N_SEEDS, *(q.over_seeds() for q in _PC)),
                "Ours over all seeds on record",
                shown=several,
            ),
        ),
        rows=tuple(rows),
        notes=(
            "Author: recorded results, seed 1001. Ours: one run, the author's seed and protocol. "
            "Difference: ours less the author's.",
            "Principal components of the 51 vectors of angles, at the start and at every epoch's "
            "end, the pixel bias left out; a ratio is a share of the summed squared distances from "
            "their mean.",
            *((OF_SEEDS,) if several else ()),
            *notes,
        ),
        sources=tuple(sources),
        missing=tuple(missing),
        n_found=len(rows) - n_missing,
        n_missing=n_missing,
    )
