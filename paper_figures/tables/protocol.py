"""The paper's configurations and seeds, and the commands that make their records."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from patchlaw.paper_figures import recipes
from patchlaw.paper_figures.recipes import Recipe
from patchlaw.verification.records import AuthorResult, author_results
from patchlaw.verification.runs import RunConfig, RunRequest
from patchlaw.verification.runs.plan import read_plan

AUTHOR_SEED = 1001  # of all the author's recorded runs
EPOCHS = 50
TRAIN_IMAGES = 60_000

# Stands for the records' folder in a command, as in a Recipe's words; see TableContent.at.
FOLDER = "{records}"

_PLAN = Path(__file__).resolve().parents[1] / "plans" / "paper.toml"


@dataclass(frozen=True)
class Configuration:
    """P patches at depth d, trained by the author's protocol."""

    patches: int
    depth: int

    def __str__(self) -> str:
        return f"P = {self.patches}, d = {self.depth}"

    def run_config(self, seed: int) -> RunConfig:
        """Its run with one seed."""
        return RunConfig.paper(self.patches, self.depth, seed, EPOCHS)


@cache
def author_by_configuration() -> Mapping[Configuration, AuthorResult]:
    """The author's recorded results, in the order of the tables."""
    return {Configuration(r.n_patches, r.depth): r for r in author_results()}


@cache
def planned_seeds() -> tuple[int, ...]:
    """Seeds of the plan of the paper's runs, ascending: the author's and four more."""
    return tuple(sorted({request.seed for request in read_plan(_PLAN)}))


def train(configuration: Configuration, seed: int) -> str:
    """Command that trains one run, with a placeholder for the folder of records."""
    return _line(recipes.train(RunRequest(configuration.patches, configuration.depth, seed)))


def train_all() -> str:
    """Command that trains every run of the paper's plan that is not there."""
    plan = _PLAN.relative_to(_PLAN.parents[2]).as_posix()
    return _line(Recipe(("sweep", plan, "--out", f"{FOLDER}/runs")))


def analyse(configuration: Configuration, seed: int, stage: str) -> str:
    """Command that does one stage of a run's analysis."""
    run_id = configuration.run_config(seed).run_id
    return f"{_line(recipes.analyse(run_id))} --stage {shlex.quote(stage)}"


def analyse_all(stage: str) -> str:
    """The same for every run of the author's protocol that is there."""
    runs = f"{FOLDER}/runs/P*_d*_s????"
    return f"patchlaw analyse {runs} --out {FOLDER}/analyses --stage {shlex.quote(stage)}"


def _line(recipe: Recipe) -> str:
    return " ".join(("patchlaw", *recipe.words))
