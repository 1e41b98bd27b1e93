"""What a figure module hands over: the drawing, the numbers drawn, their sources, the gaps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from patchlaw.paper_figures.recipes import Recipe, analyse, landscape, train
from patchlaw.paper_figures.records import Records, Source
from patchlaw.paper_figures.study import Study, StudyRun
from patchlaw.verification.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Gap:
    """A panel, or a part of one, that could not be drawn.

    Attributes:
        panel: which.
        recipes: commands that make what is missing, in the order in which they must run.
        reason: what is the matter.
    """

    panel: str
    recipes: tuple[Recipe, ...]
    reason: str = "not run"


@dataclass(frozen=True, eq=False)
class Drawing:
    """One figure, drawn.

    Attributes:
        figure: matplotlib's.
        numbers: what was drawn, as JSON, one entry a panel.
        sources: every file behind the numbers.
        gaps: what is missing.
    """

    figure: "Figure"
    numbers: Mapping[str, Any]
    sources: tuple[Source, ...]
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a figure is drawn from.

    Attributes:
        records: all of them.
        paper: the paper's runs or, in small mode, those that have records.
        scaling: the scaling study's, or the same small ones.
        small: whether curves are drawn with fewer points.
    """

    records: Records
    paper: Study
    scaling: Study
    small: bool = False

    @property
    def grid(self) -> tuple[StudyRun, ...]:
        """The runs of the paper's grid, one a panel, by P, then d."""
        return self.paper.representatives()


@dataclass
class Parts:
    """Collects what the panels of a figure add to its drawing."""

    panels: list[dict[str, Any]] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def drawing(self, figure: "Figure", **more: Any) -> Drawing:
        """The drawing, every source once."""
        unique = tuple({source.file: source for source in self.sources}.values())
        return Drawing(figure, {"panels": self.panels, **more}, unique, tuple(self.gaps))


def training_of(run: StudyRun) -> tuple[Recipe, ...]:
    """The command that trains a run, if its study says how."""
    return () if run.request is None else (train(run.request),)


def unfinished(run: StudyRun, found: Run) -> tuple[Gap, ...]:
    """The gap that a run leaves whose goal is not reached."""
    if found.finished:
        return ()
    reason = f"{found.epochs_done} of {found.config.training.epochs} epochs"
    return (Gap(run.label, training_of(run), reason),)


def analysis_gap(run: StudyRun, records: Records) -> Gap:
    """The gap that a run leaves whose analysis, or a section of it, is missing."""
    return Gap(run.label, (*_training_if_missing(run, records), analyse(run.run_id)))


def landscape_gap(run: StudyRun, records: Records, reason: str = "not run") -> Gap:
    """The gap that a run leaves whose landscape is missing or not complete."""
    recipes = (*_training_if_missing(run, records), landscape(run.run_id))
    return Gap(run.label, recipes, reason)


def _training_if_missing(run: StudyRun, records: Records) -> tuple[Recipe, ...]:
    return () if run.run_id in records.runs else training_of(run)
