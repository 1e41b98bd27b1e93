"""Our records that a table of the paper may use: the author's protocol, all its epochs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from patchlaw.paper_figures.records import Records, Source
from patchlaw.paper_figures.tables.protocol import EPOCHS, TRAIN_IMAGES, Configuration
from patchlaw.verification.records import Eigenvalue, TrainedModel
from patchlaw.verification.runs import EpochEntry

_T = TypeVar("_T")

BySeed: TypeAlias = Mapping[Configuration, Mapping[int, _T]]
"""What is on record of each configuration, by seed, ascending."""


@dataclass(frozen=True)
class OnRecord(Generic[_T]):
    """Something of one run, with the record that it is from."""

    value: _T
    source: Source


@dataclass(frozen=True)
class Runs:
    """The runs there are.

    Attributes:
        minima: of those with all epochs done: the epoch of least training loss.
        unfinished: epochs done of the others.
    """

    minima: BySeed[OnRecord[EpochEntry]]
    unfinished: BySeed[int]


def select_runs(records: Records) -> Runs:
    """Runs by the author's protocol, from runs/."""
    minima: dict[Configuration, dict[int, OnRecord[EpochEntry]]] = {}
    unfinished: dict[Configuration, dict[int, int]] = {}
    for run in records.runs.values():
        model = run.config.model
        configuration, seed = Configuration(model.n_patches, model.depth), model.seed
        if run.config.sha256 != configuration.run_config(seed).sha256:
            continue
        if run.epochs_done < EPOCHS:
            unfinished.setdefault(configuration, {})[seed] = run.epochs_done
            continue
        # the paper's runs end after so many epochs, ours may have gone on
        entry = min(run.history[1 : EPOCHS + 1], key=lambda e: e.train.loss)
        minima.setdefault(configuration, {})[seed] = OnRecord(entry, records.run_source(run))
    return Runs(_by_seed(minima), _by_seed(unfinished))


def select_eigenvalues(records: Records) -> BySeed[OnRecord[Eigenvalue]]:
    """Largest eigenvalues of H over all training images, from analyses/."""
    found: dict[Configuration, dict[int, OnRecord[Eigenvalue]]] = {}
    for configuration, record in _analyses(records):
        top = record.top("H")
        if top is not None and top.n_samples == TRAIN_IMAGES:
            source = records.analysis_source(record)
            found.setdefault(configuration, {})[record.run.seed] = OnRecord(top, source)
    return _by_seed(found)


def select_components(records: Records) -> BySeed[OnRecord[tuple[float, float]]]:
    """Contribution ratios, from landscapes/ where there is one, else from analyses/."""
    found: dict[Configuration, dict[int, OnRecord[tuple[float, float]]]] = {}
    for configuration, record in _analyses(records):
        trajectory = record.trajectory
        if trajectory is not None and trajectory.n_points == EPOCHS + 1:
            first, second = trajectory.pc_ratios[:2]
            source = records.analysis_source(record)
            found.setdefault(configuration, {})[record.run.seed] = OnRecord((first, second), source)
    for landscape in records.landscapes.values():
        run = landscape.run
        configuration = Configuration(run.n_patches, run.depth)
        if _is_paper(configuration, run.seed, run.configuration_sha256, run.epochs):
            first, second = (float(ratio) for ratio in landscape.pca.ratios[:2])
            source = records.landscape_source(landscape)
            found.setdefault(configuration, {})[run.seed] = OnRecord((first, second), source)
    return _by_seed(found)


def _analyses(records: Records) -> Iterator[tuple[Configuration, TrainedModel]]:
    for record in records.analyses.values():
        run = record.run
        configuration = Configuration(run.n_patches, run.depth)
        if _is_paper(configuration, run.seed, run.configuration_sha256, run.epochs):
            yield configuration, record


def _is_paper(configuration: Configuration, seed: int, sha256: str, epochs: int) -> bool:
    return epochs == EPOCHS and sha256 == configuration.run_config(seed).sha256


def _by_seed(found: Mapping[Configuration, Mapping[int, _T]]) -> BySeed[_T]:
    return {configuration: dict(sorted(each.items())) for configuration, each in found.items()}
