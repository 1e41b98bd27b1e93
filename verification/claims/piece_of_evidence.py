"""One piece of evidence: a number, where it comes from, and what it says of a statement."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from patchlaw.verification.records import TrainedModel


class Grade(StrEnum):
    """What kind of evidence it is, the strongest first."""

    PROOF = "proof"
    EXACT = "exact check"
    SCALE = "measured at the paper's scale"
    AUTHOR = "the author's numbers, not ours"
    SMALL = "measured at small scale"

    @classmethod
    def of(cls, model: TrainedModel) -> "Grade":
        """What the numbers of a trained model are."""
        if model.origin == "author":
            return cls.AUTHOR
        return cls.SCALE if model.at_paper_scale else cls.SMALL


class Outcome(StrEnum):
    """What it says of the statement; OPEN where the number cannot decide."""

    FOR = "for"
    AGAINST = "against"
    OPEN = "undecided"


@dataclass(frozen=True)
class Evidence:
    """One piece of evidence.

    Attributes:
        label: what it is, short enough for a table.
        outcome: what it says, by the part's criterion.
        value: the number; None for a proof.
        interval: contains the number, where an error bound is known.
        criterion: what the number was held against.
        samples: how many, of what: "60,000 images", "6 circuits", "12 steps".
        reproduce: command that gives the number again.
        note: anything a reader must know.
    """

    label: str
    grade: Grade
    outcome: Outcome
    value: float | None
    interval: tuple[float, float] | None
    criterion: str
    samples: str
    reproduce: str
    note: str = ""

    @property
    def cell(self) -> str:
        """The comparison that it is, whatever the seed: two seeds of one are one."""
        return without_seed(self.label)

    @property
    def ours(self) -> bool:
        """Whether this project computed it."""
        return self.grade is not Grade.AUTHOR


def without_seed(label: str) -> str:
    """The label of a model, or of what is made of models, whatever the seed."""
    return re.sub(r", (seed \d+|the table's seed|another seed)", "", label)


@dataclass(frozen=True)
class Band:
    """The numbers that meet a criterion: low <= number <= high (open on a side that is infinite).

    Attributes:
        low: lower end, -inf for none.
        high: upper end, inf for none.
        text: the criterion in words.
    """

    low: float
    high: float
    text: str

    @classmethod
    def around(cls, centre: float, tolerance: float, of: str) -> "Band":
        """Within a relative tolerance of ``centre`` > 0, a number called ``of``."""
        text = f"within {tolerance:.0%} of {of} = {centre:.4g}"
        return cls(centre * (1 - tolerance), centre * (1 + tolerance), text)

    @classmethod
    def below(cls, high: float, text: str = "") -> "Band":
        """At most ``high``."""
        return cls(-math.inf, high, text or f"at most {high:g}")

    @classmethod
    def above(cls, low: float, text: str = "") -> "Band":
        """At least ``low``."""
        return cls(low, math.inf, text or f"at least {low:g}")

    def judge(self, value: float, interval: tuple[float, float] | None = None) -> Outcome:
        """FOR if the whole interval lies inside, AGAINST if all of it outside, else OPEN.

        A number without interval is taken as it stands; one that is not finite decides nothing.
        """
        low, high = (value, value) if interval is None else interval
        if not math.isfinite(value) or math.isnan(low) or math.isnan(high):
            return Outcome.OPEN
        if self.low <= low and high <= self.high:
            return Outcome.FOR
        if high < self.low or low > self.high:
            return Outcome.AGAINST
        return Outcome.OPEN
