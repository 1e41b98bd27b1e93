"""Studies of other models beside the paper's, each of one axis, and their models side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.study import Study, axis_study
from patchlaw.verification.kernels.record import KernelMoment
from patchlaw.verification.records import RunFacts, TrainedModel

MOMENTS = ("start", "minimum")


@dataclass(frozen=True)
class Axis:
    """A study as it is told.

    Attributes:
        plan: name of its plan, from which figure and table have theirs.
        kind: ``RunFacts.axis`` of its models.
        shows: one line.
    """

    plan: str
    kind: str
    shows: str

    @property
    def name(self) -> str:
        """Of its figure and its table."""
        return f"study-{self.plan.replace('_', '-')}"

    def study(self, records: Records, small: bool = False) -> Study:
        """Its plan's runs or, if ``small``, whatever runs of its kind are on record."""
        return records.study(self.kind) if small else axis_study(self.plan)


AXES = (
    Axis("alpha", "alpha", "the exponent alpha of s = c / P^alpha"),
    Axis("bias", "pixel bias", "models with and without the pixel bias"),
    Axis("sharing", "shared angles", "angles of each patch's own or shared by all"),
    Axis("data", "data", "other data: Fashion-MNIST and digits"),
    Axis("noise", "noise", "global depolarising after every gate"),
    Axis("one_qnn", "one QNN", "one QNN on the whole image beside the distributed model"),
)


@dataclass(frozen=True, eq=False)
class Member:
    """An analysed model of a study, with its spectra beside the tangent kernel's law."""

    model: TrainedModel
    moments: dict[str, KernelMoment]

    @property
    def run(self) -> RunFacts:
        """Which run it is."""
        return self.model.run

    @property
    def words(self) -> str:
        """What is not the paper's."""
        words = [word for word in self.run.changes if word != self.run.family]
        return ", ".join(["one QNN"] * (self.run.n_patches == 1) + words) or "as the paper's"

    def errors(self, moment: str) -> tuple[float, ...]:
        """The law's relative errors of all eigenvalues, where they are measured."""
        return self.moments[moment].errors if moment in self.moments else ()

    def numbers(self) -> dict[str, Any]:
        """Everything drawn of it."""
        model, top = self.model, self.model.top("H")
        return {
            **self.run.place,
            "model": self.words,
            "parameters": self.run.n_parameters,
            "train_loss": model.minimum.train.loss,
            "test_loss": model.minimum.test.loss,
            "largest_eigenvalue": top and top.value,
            "radius": top and top.radius,
            "kernel_over_measured": {
                name: [1 + error for error in self.errors(name)] for name in MOMENTS
            },
        }


def members(records: Records, study: Study) -> list[Member]:
    """The analysed runs of a study in its order."""
    found = []
    for run in study.runs:
        if (model := records.analyses.get(run.run_id)) and model.top("H"):
            kernel = records.kernels.get(run.run_id)
            found.append(Member(model, dict(kernel.moments) if kernel else {}))
    return found


def series(found: Sequence[Member]) -> Iterator[tuple[str, int, list[Member]]]:
    """Models that differ in P alone, ascending: what they are, d, and themselves."""
    order = list(dict.fromkeys(member.words for member in found))

    def key(member: Member) -> tuple[int, int]:
        return order.index(member.words), member.run.depth

    for (rank, depth), group in groupby(sorted(found, key=key), key):
        yield order[rank], depth, sorted(group, key=lambda member: member.run.n_patches)
