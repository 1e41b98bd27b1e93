"""The rules that turn evidence into a verdict, for a part of a claim and for a whole claim.

Nothing else in the project names a verdict: data holds evidence, and these functions judge it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from patchlaw.verification.claims.piece_of_evidence import Evidence, Grade, Outcome


class Verdict(StrEnum):
    """What the evidence says of a statement."""

    CONFIRMED = "confirmed"
    QUALIFIED = "confirmed with a qualification"
    IN_PART = "holds in part"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    NOT_MEASURED = "not measured"


class Reach(StrEnum):
    """What a statement speaks of, which decides the evidence that can settle it.

    Attributes:
        MATHEMATICS: a statement about formulas; proofs and exact checks settle it.
        ANY_SIZE: a statement about every trained model of this kind: a small one can refute it,
            and supports it with a qualification.
        PAPER_SCALE: a statement about models like the paper's (depth 50 and more, trained on all
            60,000 images): small models are a lead, not evidence that counts.
    """

    MATHEMATICS = "mathematics"
    ANY_SIZE = "models of any size"
    PAPER_SCALE = "models at the paper's scale"


class Role(StrEnum):
    """What a part's verdict does to its claim's.

    Attributes:
        STATED: it carries the claim, whose headline is made of these parts alone.
        PREMISE: the claim needs it for its full reach; refuted, it qualifies the claim.
        ASIDE: a side remark of the paper's or a wider reading of ours, with a verdict of its own;
            it never changes the claim's.
    """

    STATED = "carries the claim"
    PREMISE = "premise or wider reach"
    ASIDE = "beside the claim"


@dataclass(frozen=True)
class Judgement:
    """A verdict with the reason for it: one sentence, with counts."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Tally:
    """Pieces of evidence of one grade, counted by outcome; ``cells``: comparisons decided."""

    met: int
    missed: int
    undecided: int
    cells: int

    @classmethod
    def of(cls, evidence: Sequence[Evidence], grade: Grade) -> "Tally":
        """Count the pieces of one grade that bear on the statement."""
        found = [e for e in evidence if e.grade is grade]
        outcomes = [e.outcome for e in found]
        return cls(
            met=outcomes.count(Outcome.FOR),
            missed=outcomes.count(Outcome.AGAINST),
            undecided=outcomes.count(Outcome.OPEN),
            cells=len({e.cell for e in found if e.outcome is not Outcome.OPEN}),
        )

    @property
    def decided(self) -> int:
        """Pieces that speak for or against."""
        return self.met + self.missed

    def holds(self, quorum: float) -> bool:
        """Whether enough of the decided pieces meet the criterion."""
        return self.decided > 0 and self.met >= quorum * self.decided

    def __str__(self) -> str:
        undecided = f", {self.undecided} undecided" if self.undecided else ""
        return f"{self.met} of {self.decided} meet the criterion{undecided}"


def judge_part(
    evidence: Sequence[Evidence], reach: Reach, *, quorum: float = 1.0, complete: int = 1
) -> Judgement:
    """The verdict on one statement.

    1. A proven contradiction or a violated exact check refutes, whatever else there is.
    2. Mathematics is confirmed when every proof and check it names holds; one that is missing or
       no longer holds leaves it open; with a qualification where there are checks and no proof.
    3. Otherwise our own measurements at the paper's scale decide: below the quorum they refute;
       they confirm if every one meets the criterion, at least ``complete`` comparisons were
       decided (two seeds of one count once), none is undecided, and no other set of numbers that
       bears on the statement disagrees; else they confirm with a qualification.
    4. Without them, the author's numbers may refute but not confirm: agreement with the numbers
       from which a statement was read is no test.
    5. Without those, small models decide statements about any size; they confirm at best with a
       qualification.
    6. Otherwise what counts was measured and decides nothing, or was not measured.

    Args:
        evidence: the pieces.
        reach: what the statement speaks of.
        quorum: share of the decided pieces that must meet the criterion, in (0, 1].
        complete: comparisons decided at the paper's scale for an unqualified confirmation.
    """
    hard = [e for e in evidence if e.grade in (Grade.PROOF, Grade.EXACT)]
    against = [e for e in hard if e.outcome is Outcome.AGAINST]
    if against:
        return Judgement(Verdict.REFUTED, f"contradicted by {_names(against)}")
    if reach is Reach.MATHEMATICS:
        missing = [e for e in hard if e.outcome is Outcome.OPEN]
        if missing or not hard:
            return Judgement(
                Verdict.NOT_MEASURED, f"not established: {_names(missing) or 'no proof'}"
            )
        if all(e.grade is Grade.EXACT for e in hard):
            return Judgement(Verdict.QUALIFIED, f"checked, not proved: {_names(hard)}")
        return Judgement(Verdict.CONFIRMED, f"established by {_names(hard)}")
    return _judge_measured(evidence, reach, quorum, complete)


def _judge_measured(
    evidence: Sequence[Evidence], reach: Reach, quorum: float, complete: int
) -> Judgement:
    own, author, small = (
        Tally.of(evidence, grade) for grade in (Grade.SCALE, Grade.AUTHOR, Grade.SMALL)
    )
    if own.decided:
        text = f"at the paper's scale {own}"
        if not own.holds(quorum):
            return Judgement(Verdict.REFUTED, text)
        doubts = []
        if own.missed:
            doubts.append(f"{own.missed} do not")
        if own.cells < complete:
            doubts.append(f"{own.cells} of the {complete} comparisons the statement speaks of")
        if own.undecided:
            doubts.append("some are undecided")
        if author.decided and not author.holds(quorum):
            doubts.append(f"of the author's numbers {author}")
        if reach is Reach.ANY_SIZE and small.decided and not small.holds(quorum):
            doubts.append(f"at small scale {small}")
        if doubts:
            return Judgement(Verdict.QUALIFIED, f"{text}; but {'; '.join(doubts)}")
        return Judgement(Verdict.CONFIRMED, text)
    if author.decided and not author.holds(quorum):
        return Judgement(Verdict.REFUTED, f"of the author's own numbers {author}")
    if reach is Reach.ANY_SIZE and small.decided:
        word = Verdict.QUALIFIED if small.holds(quorum) else Verdict.REFUTED
        return Judgement(word, f"at small scale only: {small}")
    verdict, text, leads = Verdict.NOT_MEASURED, "not measured at scale", []
    undecided, scale = own.undecided, "the paper's"
    if not undecided and reach is Reach.ANY_SIZE:
        undecided, scale = small.undecided, "small"
    if undecided:
        verdict = Verdict.UNDECIDED
        text = f"{undecided} undecided at {scale} scale, none decided"
    if author.decided or author.undecided:
        leads.append(f"of the author's own numbers {author}")
    if small.decided or small.undecided:
        leads.append(f"at small scale {small}")
    tail = f"; leads: {', '.join(leads)}" if leads else ""
    return Judgement(verdict, f"{text}{tail}")


def judge_claim(parts: Sequence[tuple[str, Role, Judgement]]) -> Judgement:
    """The verdict on a claim from those of the parts that carry it.

    If one of them is refuted, the claim holds in part where another is confirmed (with or without
    a qualification), and is refuted where none is. Else one that is not measured leaves it so, or
    one that is undecided. Else the claim is confirmed, with a qualification if such a part has one
    or a premise is refuted.

    Args:
        parts: (id, role, judgement) of every part.

    Raises:
        ValueError: no part carries the claim.
    """
    stated = [(name, judgement) for name, role, judgement in parts if role is Role.STATED]
    if not stated:
        raise ValueError(f"parts: expected at least one of role {Role.STATED!r}, got none")
    refuted = [f"{name} {j.reason}" for name, j in stated if j.verdict is Verdict.REFUTED]
    unknown = {
        verdict: names
        for verdict in (Verdict.NOT_MEASURED, Verdict.UNDECIDED)
        if (names := ", ".join(name for name, j in stated if j.verdict is verdict))
    }
    rest = "; ".join(f"{verdict}: {names}" for verdict, names in unknown.items())
    if refuted:
        good = (Verdict.CONFIRMED, Verdict.QUALIFIED)
        held = [f"{name} {j.reason}" for name, j in stated if j.verdict in good]
        reason = f"fails: {'; '.join(refuted)}"
        if held:
            reason = f"holds: {'; '.join(held)}. Fails: {'; '.join(refuted)}"
        if unknown:
            reason += f". {rest.capitalize()}"
        return Judgement(Verdict.IN_PART if held else Verdict.REFUTED, reason)
    if unknown:
        return Judgement(next(iter(unknown)), rest)
    doubts = [f"{name} {j.reason}" for name, j in stated if j.verdict is Verdict.QUALIFIED]
    doubts += [
        f"premise {name} {j.reason}"
        for name, role, j in parts
        if role is Role.PREMISE and j.verdict is Verdict.REFUTED
    ]
    if doubts:
        return Judgement(Verdict.QUALIFIED, "; ".join(doubts))
    return Judgement(Verdict.CONFIRMED, "; ".join(f"{name} {j.reason}" for name, j in stated))


def _names(evidence: Sequence[Evidence]) -> str:
    labels = [e.label for e in evidence]
    more = f" and {len(labels) - 4} more" if len(labels) > 4 else ""
    return ", ".join(labels[:4]) + more
