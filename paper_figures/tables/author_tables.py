"""The two kinds of tables: our values beside the author's, and our means over seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.tables.content import Column, Panel, Row, TableContent
from patchlaw.paper_figures.tables.protocol import (
    EVERY_RUN,
    BySeed,
    OnRecord,
    analyse,
    author_by_configuration,
    planned_seeds,
    select_runs,
    train,
    train_all,
)
from patchlaw.paper_figures.tables.quantity import Quantity
from patchlaw.paper_figures.tables.table import PaperTable
from patchlaw.verification.cells import Cell, Count
from patchlaw.verification.records.run_facts import AUTHOR_SEED, SCALE_EPOCHS

_LOST = (
    "Author: the paper's values of this table were not readable in the copy that this project was "
    "made from, so there is no comparison."
)
_OF_SEEDS = (
    "Mean ± standard deviation (n - 1 in the denominator) over so many seeds; one seed has no "
    "deviation."
)
_SEEDS = Column("n_seeds", "seeds")


@dataclass(frozen=True, kw_only=True)
class _OfRecords(PaperTable):
    """A table of numbers from records.

    Attributes:
        select: the records that it may use.
        stage: of the analysis that its numbers are from; empty for training.
        notes: below it.
        extra: columns of ours without a counterpart of the author's.
        extra_cells: theirs, of what the records of a configuration hold.
        remark: a note on what one record holds; empty for none.
    """

    select: Callable[[Records], BySeed[OnRecord[Any]]]
    notes: tuple[str, ...]
    stage: str = ""
    extra: tuple[Column, ...] = ()
    extra_cells: Callable[[Sequence[Any]], dict[str, Cell]] = lambda _: {}
    remark: Callable[[Any], str] = lambda _: ""


@dataclass(frozen=True, kw_only=True)
class BesideAuthor(_OfRecords):
    """Our values with the author's seed beside the author's; below, means over all seeds.

    Attributes:
        panels: quantities compared, by the heading of their panel.
        averaged: quantities averaged over all seeds on record.
    """

    panels: Mapping[str, Sequence[Quantity]]
    averaged: Sequence[Quantity] = ()

    def content(self, records: Records) -> TableContent:
        """What it says; see ``PaperTable``."""
        runs, found = select_runs(records), self.select(records)
        rows, remarks, sources, missing, several, n_missing = [], [], [], [], False, 0
        for configuration, author in author_by_configuration().items():
            of_seeds = found.get(configuration, {})
            own = [each for seed, each in of_seeds.items() if seed == AUTHOR_SEED]
            used = list(of_seeds.values()) if self.averaged else own
            sources += [each.source for each in used]
            several |= len(used) > 1
            cells = self.extra_cells([each.value for each in own])
            for quantity in chain(*self.panels.values()):
                cells |= quantity.compared(author, own[0].value if own else None)
            for quantity in self.averaged:
                cells |= quantity.averaged([each.value for each in used])
                cells["n_seeds"] = Count(len(used))
            rows.append(Row(configuration.patches, configuration.depth, cells))
            if own:
                remark = self.remark(own[0].value)
                remarks += [f"{configuration}: {remark}"] if remark else []
                continue
            commands, state = [], "not run"
            if AUTHOR_SEED not in runs.minima.get(configuration, {}):
                commands.append(train(configuration, AUTHOR_SEED))
            if self.stage:
                commands.append(analyse(configuration.run_config(AUTHOR_SEED).run_id, self.stage))
            elif AUTHOR_SEED in runs.unfinished.get(configuration, {}):
                state = (
                    f"{runs.unfinished[configuration][AUTHOR_SEED]} of {SCALE_EPOCHS} epochs done"
                )
            missing += commands
            n_missing += 1
            remarks.append(f"{configuration}: {state}; {_in_turn(commands)}")
        panels = [
            Panel(tuple(chain(*(q.comparison() for q in quantities))), heading)
            for heading, quantities in self.panels.items()
        ]
        panels[-1] = replace(panels[-1], columns=panels[-1].columns + self.extra)
        if self.averaged:
            columns = (_SEEDS, *chain(*(q.over_seeds() for q in self.averaged)))
            panels.append(Panel(columns, "Ours over all seeds on record", shown=several))
        return TableContent(
            number=self.number,
            title=self.title,
            panels=tuple(panels),
            rows=tuple(rows),
            notes=(*self.notes, *((_OF_SEEDS,) if several else ()), *remarks),
            sources=tuple(sources),
            missing=tuple(missing),
            n_found=len(rows) - n_missing,
            n_missing=n_missing,
        )


@dataclass(frozen=True, kw_only=True)
class OverSeeds(_OfRecords):
    """Mean and standard deviation of our values over the planned seeds; the author's are lost.

    Attributes:
        quantities: averaged.
    """

    quantities: Sequence[Quantity]

    def content(self, records: Records) -> TableContent:
        """What it says; see ``PaperTable``."""
        found, seeds = self.select(records), planned_seeds()
        rows, sources, none = [], [], []
        for configuration in author_by_configuration():
            of_seeds = found.get(configuration, {})
            ours = [of_seeds[seed] for seed in seeds if seed in of_seeds]
            values = [each.value for each in ours]
            cells = {"n_seeds": Count(len(ours)), **self.extra_cells(values)}
            for quantity in self.quantities:
                cells |= quantity.averaged(values, lost=True)
            rows.append(Row(configuration.patches, configuration.depth, cells))
            sources += [each.source for each in ours]
            none += [] if ours else [configuration]
        n_all = len(rows) * len(seeds)
        n_missing = n_all - len(sources)
        missing = (train_all(), *((analyse(EVERY_RUN, self.stage),) if self.stage else ()))
        empty = f" Not run: {'; '.join(map(str, none))}." if none else ""
        short = (
            f"{n_missing} of {n_all} runs over all seeds are missing.{empty} To make them: "
            f"{_in_turn(missing)}"
        )
        means = chain(*(q.over_seeds(lost=True) for q in self.quantities))
        return TableContent(
            number=self.number,
            title=self.title,
            panels=(Panel((_SEEDS, *means, *self.extra)),),
            rows=tuple(rows),
            notes=(
                _LOST,
                " ".join(("Ours: runs by the author's protocol.", _OF_SEEDS, *self.notes)),
                *([short] if n_missing else ()),
            ),
            sources=tuple(sources),
            missing=missing if n_missing else (),
            n_found=len(sources),
            n_missing=n_missing,
        )


def _in_turn(commands: Sequence[str]) -> str:
    return ", then ".join(f"`{command}`" for command in commands)
