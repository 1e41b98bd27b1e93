"""Tables 1 and 4: losses and accuracies at the minimum of the training loss."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.tables.cells import Cell
from patchlaw.paper_figures.tables.comparison import N_SEEDS, Quantity, n_seeds
from patchlaw.paper_figures.tables.content import Panel, Row, TableContent
from patchlaw.paper_figures.tables.notes import (
    LOST,
    OF_SEEDS,
    OUR_PROTOCOL,
    not_run,
    short_of_seeds,
)
from patchlaw.paper_figures.tables.protocol import (
    AUTHOR_SEED,
    Configuration,
    author_by_configuration,
    planned_seeds,
    train,
    train_all,
)
from patchlaw.paper_figures.tables.selection import Minimum, Runs, select_runs
from patchlaw.verification.records import AuthorResult
from patchlaw.verification.runs import EpochEntry


@dataclass(frozen=True)
class _Column:
    """A quantity, and where the author's value and ours are found."""

    quantity: Quantity
    author: Callable[[AuthorResult], float]
    ours: Callable[[EpochEntry], float]


# Digits of the losses as in the paper; of the accuracies what 60,000 and 10,000 images resolve.
_EPOCH = _Column(
    Quantity("minimum_epoch", "epochs done", 0),
    lambda author: author.epoch_of_min_train_loss + 1,  # counted from 0 there
    lambda ours: ours.epoch,
)
_TRAIN = (
    _Column(
        Quantity("train_loss", "train loss", 5),
        lambda author: author.train_loss,
        lambda ours: ours.train.loss,
    ),
    _Column(
        Quantity("train_accuracy", "train accuracy", 5),
        lambda author: author.train_accuracy,
        lambda ours: ours.train.accuracy,
    ),
)
_TEST = (
    _Column(
        Quantity("test_loss", "test loss", 5),
        lambda author: author.test_loss,
        lambda ours: ours.test.loss,
    ),
    _Column(
        Quantity("test_accuracy", "test accuracy", 4),
        lambda author: author.test_accuracy,
        lambda ours: ours.test.accuracy,
    ),
)

TITLE_1 = "Loss and accuracy at the minimum of the training loss, training and test set"
TITLE_4 = "Test loss and accuracy at the minimum of the training loss, over seeds"


def table_1(records: Records) -> TableContent:
    """Our runs with the author's seed beside the author's; below, means over all seeds."""
    runs = select_runs(records)
    rows, notes, sources, missing, several = [], [], [], [], False
    for configuration, author in author_by_configuration().items():
        minima = runs.minima.get(configuration, {})
        ours = minima.get(AUTHOR_SEED)
        several |= len(minima) > 1
        cells: dict[str, Cell] = {}
        for column in (_EPOCH, *_TRAIN, *_TEST):
            value = None if ours is None else column.ours(ours.entry)
            cells |= column.quantity.compared(column.author(author), value)
        for column in (*_TRAIN, *_TEST):
            cells |= column.quantity.averaged([column.ours(m.entry) for m in minima.values()])
        rows.append(Row(configuration.patches, configuration.depth, cells | n_seeds(len(minima))))
        sources += [m.source for m in minima.values()]
        if ours is None:
            missing.append(train(configuration, AUTHOR_SEED))
            done = runs.unfinished.get(configuration, {}).get(AUTHOR_SEED)
            notes.append(not_run(configuration, missing[-1:], done))
    of_seeds = (OF_SEEDS,) if several else ()
    return TableContent(
        number=1,
        title=TITLE_1,
        panels=(
            Panel(
                tuple(column.quantity.comparison() for column in (_EPOCH, *_TRAIN)),
                "Training set, 60,000 images",
            ),
            Panel(
                tuple(column.quantity.comparison() for column in _TEST),
                "Test set, 10,000 images",
            ),
            Panel(
                (N_SEEDS, *(column.quantity.over_seeds() for column in (*_TRAIN, *_TEST))),
                "Ours over all seeds on record",
                shown=several,
            ),
        ),
        rows=tuple(rows),
        notes=(
            "Author: recorded results, seed 1001. Ours: one run, the author's seed and protocol. "
            "Difference: ours less the author's.",
            "Losses are means of the softmax cross-entropy in nats, accuracies are fractions. "
            "Epochs done: the author's epoch number, which counts from 0, plus one.",
            *of_seeds,
            *notes,
        ),
        sources=tuple(sources),
        missing=tuple(missing),
        n_found=len(rows) - len(missing),
        n_missing=len(missing),
    )


def table_4(records: Records) -> TableContent:
    """Mean and standard deviation of our runs over the seeds; the author's are lost."""
    runs, seeds = select_runs(records), planned_seeds()
    rows, sources, none = [], [], []
    for configuration in author_by_configuration():
        minima = _planned(runs, configuration, seeds)
        cells: dict[str, Cell] = {}
        for column in _TEST:
            values = [column.ours(m.entry) for m in minima.values()]
            cells |= column.quantity.averaged(values, lost=True)
        rows.append(Row(configuration.patches, configuration.depth, cells | n_seeds(len(minima))))
        sources += [m.source for m in minima.values()]
        if not minima:
            none.append(configuration)
    n_missing = len(rows) * len(seeds) - len(sources)
    missing = (train_all(),) if n_missing else ()
    return TableContent(
        number=4,
        title=TITLE_4,
        panels=(Panel((N_SEEDS, *(column.quantity.over_seeds(lost=True) for column in _TEST))),),
        rows=tuple(rows),
        notes=(
            LOST,
            f"{OUR_PROTOCOL} {OF_SEEDS} Over the 10,000 test images.",
            *short_of_seeds(none, n_missing, len(rows) * len(seeds), missing),
        ),
        sources=tuple(sources),
        missing=missing,
        n_found=len(sources),
        n_missing=n_missing,
    )


def _planned(
    runs: Runs, configuration: Configuration, seeds: Sequence[int]
) -> Mapping[int, Minimum]:
    found = runs.minima.get(configuration, {})
    return {seed: found[seed] for seed in seeds if seed in found}
