"""The author's protocol: its configurations, our runs by it, the commands that make records."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeAlias, TypeVar

from patchlaw.paper_figures import recipes
from patchlaw.paper_figures.recipes import FOLDER, Recipe
from patchlaw.paper_figures.records import Records, Source
from patchlaw.paper_figures.study import PAPER_PLAN, paper_study
from patchlaw.verification.landscape.record import LandscapeRecord
from patchlaw.verification.records import (
    AuthorResult,
    Eigenvalue,
    TrainedModel,
    author_results,
)
from patchlaw.verification.records.run_facts import SCALE_EPOCHS
from patchlaw.verification.runs import EpochEntry, RunConfig, RunRequest

_T = TypeVar("_T")
_Record = TypeVar("_Record", TrainedModel, LandscapeRecord)


@dataclass(frozen=True)
class Configuration:
    """P patches at depth d, trained by the author's protocol."""

    patches: int
    depth: int

    def __str__(self) -> str:
        return f"P = {self.patches}, d = {self.depth}"

    def run_config(self, seed: int) -> RunConfig:
        """Its run with one seed."""
        return RunConfig.paper(self.patches, self.depth, seed, SCALE_EPOCHS)


EVERY_RUN = "P*_d*_s????"  # of the author's protocol

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


@cache
def author_by_configuration() -> Mapping[Configuration, AuthorResult]:
    """The author's recorded results, in the order of the tables."""
    return {Configuration(r.n_patches, r.depth): r for r in author_results()}


@cache
def planned_seeds() -> tuple[int, ...]:
    """Seeds of the plan of the paper's runs, ascending: the author's and four more."""
    return tuple(sorted({run.seed for run in paper_study().runs}))


def select_runs(records: Records) -> Runs:
    """Runs by the author's protocol, from runs/."""
    minima, unfinished = [], []
    for run in records.runs.values():
        model = run.config.model
        configuration, seed = Configuration(model.n_patches, model.depth), model.seed
        if run.config.sha256 != configuration.run_config(seed).sha256:
            continue
        if run.epochs_done < SCALE_EPOCHS:
            unfinished.append((configuration, seed, run.epochs_done))
            continue
        # the paper's runs end after so many epochs, ours may have gone on
        entry = min(run.history[1 : SCALE_EPOCHS + 1], key=lambda e: e.train.loss)
        minima.append((configuration, seed, OnRecord(entry, records.source(run))))
    return Runs(_by_seed(minima), _by_seed(unfinished))


def select_eigenvalues(records: Records) -> BySeed[OnRecord[Eigenvalue]]:
    """Largest eigenvalues of H over all training images, from analyses/."""
    return _by_seed(
        (configuration, record.run.seed, OnRecord(top, records.source(record)))
        for configuration, record in _by_protocol(records.analyses)
        if (top := record.top("H")) is not None
    )


def select_components(records: Records) -> BySeed[OnRecord[tuple[float, float]]]:
    """Contribution ratios, from landscapes/ where there is one, else from analyses/."""
    found = []
    for configuration, record in _by_protocol(records.analyses):
        trajectory = record.trajectory
        if trajectory is not None and trajectory.n_points == SCALE_EPOCHS + 1:
            first, second = trajectory.pc_ratios[:2]
            of_run = OnRecord((first, second), records.source(record))
            found.append((configuration, record.run.seed, of_run))
    for configuration, landscape in _by_protocol(records.landscapes):
        first, second = (float(ratio) for ratio in landscape.pca.ratios[:2])
        of_run = OnRecord((first, second), records.source(landscape))
        found.append((configuration, landscape.run.seed, of_run))
    return _by_seed(found)


def _by_protocol(kept: Mapping[str, _Record]) -> Iterator[tuple[Configuration, _Record]]:
    for record in kept.values():
        run = record.run
        configuration = Configuration(run.n_patches, run.depth)
        expected = SCALE_EPOCHS, configuration.run_config(run.seed).sha256
        if (run.epochs, run.configuration_sha256) == expected:
            yield configuration, record


def _by_seed(found: Iterable[tuple[Configuration, int, _T]]) -> BySeed[_T]:
    """Of several with the same seed the last one."""
    result: dict[Configuration, dict[int, _T]] = {}
    for configuration, seed, value in found:
        result.setdefault(configuration, {})[seed] = value
    return {configuration: dict(sorted(each.items())) for configuration, each in result.items()}


def train(configuration: Configuration, seed: int) -> str:
    """Command that trains one run, with FOLDER for the folder of records, as in those below."""
    return _line(recipes.train(RunRequest(configuration.patches, configuration.depth, seed)))


def train_all() -> str:
    """Command that trains every run of the paper's plan that is not there."""
    return _line(Recipe(("sweep", "/".join(PAPER_PLAN.parts[-3:]), "--out", f"{FOLDER}/runs")))


def analyse(runs: str, stage: str) -> str:
    """Command that does one stage of the analysis of a run, or of all whose names fit a pattern."""
    return f"{_line(recipes.analyse(runs))} --stage {shlex.quote(stage)}"


def _line(recipe: Recipe) -> str:
    return " ".join(("patchlaw", *recipe.words))
