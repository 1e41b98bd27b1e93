"""The form of a claim: its parts, what would refute each, and how evidence is gathered for it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import pairwise
from typing import TypeAlias, get_args

from patchlaw.verification.checks import CheckResult
from patchlaw.verification.claims.piece_of_evidence import Evidence, Grade, Outcome
from patchlaw.verification.claims.verdict import (
    Judgement,
    Reach,
    Role,
    Verdict,
    judge_claim,
    judge_part,
)
from patchlaw.verification.kernels.record import KernelRecord
from patchlaw.verification.records import TrainedModel
from patchlaw.verification.records.trained_model import Along, alike_but_for


@dataclass(frozen=True)
class TheoremResult:
    """Outcome of checking a derivation of ``hessian_theory`` again.

    Attributes:
        status: "proved", "failed" or "vacuous".
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
    """Everything that may bear on a claim: theorems and checks that were run, models of any source.

    Attributes:
        check_command: command that runs the exact checks again.
        kernels: spectra beside the tangent kernel's law.
    """

    theorems: Mapping[str, TheoremResult] = field(default_factory=dict)
    checks: Mapping[str, CheckResult] = field(default_factory=dict)
    models: tuple[TrainedModel, ...] = ()
    check_command: str = "patchlaw verify"
    kernels: tuple[KernelRecord, ...] = ()

    @property
    def of_the_paper(self) -> "Findings":
        """Without models that are not the paper's: see ``RunFacts.axis``."""
        models = tuple(model for model in self.models if not model.run.axis)
        kernels = tuple(record for record in self.kernels if not record.run.axis)
        return replace(self, models=models, kernels=kernels)

    def neighbours(self, along: Along) -> Iterator[tuple[TrainedModel, TrainedModel]]:
        """Models next to each other in P or in depth, and alike otherwise.

        A step over a value that other models of the study have is none: a longer step would stand
        for the two that were not measured.
        """
        for group in alike_but_for(along, self.models):
            yield from (pair for pair in pairwise(group) if not self.passes_over(*pair, along))

    def passes_over(self, one: TrainedModel, two: TrainedModel, along: Along) -> bool:
        """Whether models of the same study, of any depth (or P) and seed, lie between the two."""
        low, high = getattr(one.run, along), getattr(two.run, along)
        return any(low < value < high for value in self._values[one.kind(along), along])

    @cached_property
    def _values(self) -> Mapping[tuple[tuple[str, ...], Along], set[int]]:
        found: dict[tuple[tuple[str, ...], Along], set[int]] = defaultdict(set)
        for along in get_args(Along):
            for model in self.models:
                found[model.kind(along), along].add(getattr(model.run, along))
        return found


Measure: TypeAlias = Callable[[Findings], Iterable[Evidence]]

OURS, PAPER = "ours", "the paper"  # who set a criterion


@dataclass(frozen=True)
class Threshold:
    """A number of ours in place of a word of the paper's, such as 20 % for "almost".

    Attributes:
        word: the word, as the paper has it.
        value: the number.
        measures: the measures that hold numbers against any such number.
    """

    word: str
    value: float
    measures: Callable[[float], tuple[Measure, ...]]

    @property
    def others(self) -> tuple[float, float]:
        """Half and twice the number, at which the verdict is reported as well."""
        return self.value / 2, self.value * 2


@dataclass(frozen=True)
class Part:
    """One statement that evidence can settle.

    The proofs and checks that bear on a part, its criterion with every threshold, and the quorum
    are fixed here, from the claim's own words and before any measurement of ours at the paper's
    scale (the author's table and small runs were known) unless ``reasoning`` says otherwise;
    numbers come from the findings only. Which parts carry a claim (``role``) was settled again on
    27 Nov 2026, measurements known: by what the paper says, and what only we do.

    Attributes:
        id: number of the claim and a letter.
        statement: what is stated.
        source: where the paper says it, or "ours" for a reading or premise of it.
        refuted_if: what would refute it.
        quote: the paper's words, a sentence at most; empty for a statement of ours.
        criterion_by: who set the criterion: ``PAPER`` where its words leave no choice, else
            ``OURS``.
        since: day of the commit that set the criterion.
        known: what was known of the numbers when the criterion was set or changed, and from what;
            it then confirms with a qualification at best.
        reasoning: why the criterion reads as it does, thresholds included.
        reach: what the statement speaks of.
        theorems: must be proved for the statement to hold.
        contradicted_by: theorems that refute it when proved.
        checks: exact checks that must pass.
        contradicted_by_checks: exact checks that refute it when they pass.
        measures: gathers the measured pieces.
        threshold: what gathers them where the criterion is a number of ours for a word.
        quorum: share of the measured pieces that must meet the criterion.
        complete: comparisons at the paper's scale for an unqualified confirmation, whatever the
            number of seeds.
        role: what its verdict does to the claim's.
        variants: whether its measures see models that are not the paper's as well.
    """

    id: str
    statement: str
    source: str
    refuted_if: str
    reasoning: str
    reach: Reach = Reach.MATHEMATICS
    theorems: tuple[str, ...] = ()
    contradicted_by: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    contradicted_by_checks: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    threshold: Threshold | None = None
    quorum: float = 1.0
    complete: int = 1
    role: Role = Role.STATED
    variants: bool = False
    quote: str = ""
    criterion_by: str = OURS
    since: str = "2026-11-22"
    known: str = ""

    @property
    def all_theorems(self) -> tuple[str, ...]:
        """Names of all theorems that bear on it."""
        return (*self.theorems, *self.contradicted_by)

    @property
    def all_checks(self) -> tuple[str, ...]:
        """Names of all exact checks that bear on it."""
        return (*self.checks, *self.contradicted_by_checks)

    def gather(self, findings: Findings, at: float | None = None) -> tuple[Evidence, ...]:
        """Every piece of evidence that the findings hold, by another threshold if given."""
        pieces = [_theorem(name, findings, Outcome.FOR) for name in self.theorems]
        pieces += [_theorem(name, findings, Outcome.AGAINST) for name in self.contradicted_by]
        pieces += [_check(name, findings, Outcome.FOR) for name in self.checks]
        pieces += [_check(name, findings, Outcome.AGAINST) for name in self.contradicted_by_checks]
        seen = findings if self.variants else findings.of_the_paper
        measures = self.measures
        if self.threshold:
            value = self.threshold.value if at is None else at
            measures = (*measures, *self.threshold.measures(value))
        return (*pieces, *(piece for measure in measures for piece in measure(seen)))

    def judge(self, evidence: tuple[Evidence, ...]) -> Judgement:
        """The verdict on this part."""
        found = judge_part(evidence, self.reach, quorum=self.quorum, complete=self.complete)
        if self.known and found.verdict is Verdict.CONFIRMED:
            reason = f"{found.reason}; but the criterion was set with numbers known"
            return Judgement(Verdict.QUALIFIED, reason)
        return found


scale_part = partial(Part, reach=Reach.PAPER_SCALE)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper: number, title, where it stands there, and its statements."""

    id: str
    title: str
    source: str
    parts: tuple[Part, ...]

    @property
    def carried_by(self) -> str:
        """The parts that its headline is made of."""
        return ", ".join(part.id for part in self.parts if part.role is Role.STATED)

    def entry(self, findings: Findings) -> "Entry":
        """The ledger's entry: evidence gathered and judged."""
        parts = []
        for part in self.parts:
            evidence = part.gather(findings)
            values = part.threshold.others if part.threshold else ()
            others = tuple((value, part.judge(part.gather(findings, value))) for value in values)
            parts.append(PartEntry(part, evidence, part.judge(evidence), others))
        judged = [(p.part.id, p.part.role, p.judgement) for p in parts]
        return Entry(self, tuple(parts), judge_claim(judged))


@dataclass(frozen=True)
class PartEntry:
    """A part with its evidence and the verdict computed from it.

    Attributes:
        others: the verdict at half and at twice the part's threshold, if it has one.
    """

    part: Part
    evidence: tuple[Evidence, ...]
    judgement: Judgement
    others: tuple[tuple[float, Judgement], ...] = ()


@dataclass(frozen=True)
class Entry:
    """A claim with its parts' entries and the verdict computed from them."""

    claim: Claim
    parts: tuple[PartEntry, ...]
    judgement: Judgement


def _theorem(name: str, findings: Findings, when_proved: Outcome) -> Evidence:
    found = findings.theorems.get(name)
    proved = found is not None and found.status == "proved"
    test = f"; pytest {found.numerical_test}" if found and found.numerical_test else ""
    return Evidence(
        label=f"theorem {name}",
        grade=Grade.PROOF,
        outcome=when_proved if proved else Outcome.OPEN,
        value=None,
        interval=None,
        criterion="every step re-checked",
        samples=f"{found.steps} steps" if found else "not checked",
        reproduce=f"patchlaw derive {name} --check{test}",
        note="" if proved else f"status: {found.status if found else 'not checked'}",
    )


def _check(name: str, findings: Findings, when_passed: Outcome) -> Evidence:
    found = findings.checks.get(name)
    # a statement that an exact check denies is not supported by that check's failure
    failed = Outcome.AGAINST if when_passed is Outcome.FOR else Outcome.OPEN
    outcome = Outcome.OPEN
    if found is not None:
        outcome = when_passed if found.passed else failed
    return Evidence(
        label=f"exact check '{name}'",
        grade=Grade.EXACT,
        outcome=outcome,
        value=found.measured if found else None,
        interval=None,
        criterion=_allowed(found),
        samples=f"{found.instances} random circuits" if found else "not run",
        reproduce=findings.check_command,
    )


def _allowed(found: CheckResult | None) -> str:
    if found is None:
        return "violation explained by rounding"
    return f"violation at most {found.tolerance:.1e}" if found.tolerance else "violation exactly 0"
