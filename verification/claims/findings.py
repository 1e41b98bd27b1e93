"""What is known when the ledger is written: facts without judgement, of all sources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from patchlaw.verification.checks import CheckResult
from patchlaw.verification.records import TrainedModel
from patchlaw.verification.records.trained_model import Along, alike_but_for


@dataclass(frozen=True)
class TheoremResult:
    """Outcome of checking a derivation of ``hessian_theory`` again.

    Attributes:
        name: of the theorem.
        status: "proved", "instances", "failed" or "vacuous".
        steps: how many were checked.
        title: what it says.
        source: where from.
        error: of the first step that fails.
        seconds: wall-clock time.
        numerical_test: pytest node of the property that tests it on the model, if known.
    """

    name: str
    status: str
    steps: int
    title: str = ""
    source: str = ""
    error: str = ""
    seconds: float = 0.0
    numerical_test: str = ""


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything that may bear on a claim.

    Attributes:
        theorems: by name; only those that were checked.
        checks: by name; only those that were run.
        models: of every source.
        check_command: command that runs the exact checks again.
    """

    theorems: Mapping[str, TheoremResult] = field(default_factory=dict)
    checks: Mapping[str, CheckResult] = field(default_factory=dict)
    models: tuple[TrainedModel, ...] = ()
    check_command: str = "patchlaw verify"

    def neighbours(self, along: Along) -> Iterator[tuple[TrainedModel, TrainedModel]]:
        """Models next to each other in P or in depth, and alike otherwise.

        Args:
            along: "n_patches" or "depth".
        """
        for group in alike_but_for(along, self.models):
            yield from pairwise(group)
