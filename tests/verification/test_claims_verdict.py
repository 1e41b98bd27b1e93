"""The rules from evidence to verdict, tried on every mixture of evidence."""

import dataclasses

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from patchlaw.verification.claims import (
    Band,
    Evidence,
    Grade,
    Judgement,
    Outcome,
    Reach,
    Role,
    Verdict,
    judge_claim,
    judge_part,
)

RANK = {
    Verdict.REFUTED: 0,
    Verdict.NOT_MEASURED: 1,
    Verdict.UNDECIDED: 1,
    Verdict.QUALIFIED: 2,
    Verdict.CONFIRMED: 3,
}
HELD = {Verdict.CONFIRMED, Verdict.QUALIFIED}
OF_A_PART = st.sampled_from(sorted(RANK))  # a part is not judged in parts
HARD = (Grade.PROOF, Grade.EXACT)


def piece(grade: Grade, outcome: Outcome, label: str = "label") -> Evidence:
    return Evidence(label, grade, outcome, 1.0, None, "criterion", "samples", "command")


pieces = st.builds(
    piece, st.sampled_from(Grade), st.sampled_from(Outcome), st.sampled_from(["d 50", "d 100"])
)
evidence = st.lists(pieces, max_size=8)
reaches = st.sampled_from(Reach)
quorums = st.sampled_from([0.5, 0.75, 1.0])
completes = st.integers(1, 4)


def verdict(found: list[Evidence], reach: Reach, quorum: float = 1.0, complete: int = 1) -> Verdict:
    return judge_part(found, reach, quorum=quorum, complete=complete).verdict


@given(evidence, reaches, quorums, completes)
def test_a_proven_contradiction_refutes(
    found: list[Evidence], reach: Reach, quorum: float, complete: int
) -> None:
    for grade in HARD:
        contradicted = [*found, piece(grade, Outcome.AGAINST)]
        assert verdict(contradicted, reach, quorum, complete) is Verdict.REFUTED


@given(evidence, reaches, quorums, completes, st.data())
def test_better_evidence_never_worsens_the_verdict(
    found: list[Evidence], reach: Reach, quorum: float, complete: int, data: st.DataObject
) -> None:
    """Only this catches a rule that some mixture of grades turns upside down."""
    assume(found)
    index = data.draw(st.integers(0, len(found) - 1))
    improved = list(found)
    improved[index] = dataclasses.replace(found[index], outcome=Outcome.FOR)
    before = verdict(found, reach, quorum, complete)
    assert RANK[verdict(improved, reach, quorum, complete)] >= RANK[before]


@given(st.lists(pieces.filter(lambda p: p.grade is not Grade.SCALE), max_size=8), quorums)
def test_only_our_own_numbers_confirm_at_the_papers_scale(
    found: list[Evidence], quorum: float
) -> None:
    """Only this catches the author's table confirming the author's claims."""
    assert RANK[verdict(found, Reach.PAPER_SCALE, quorum)] <= RANK[Verdict.NOT_MEASURED]
    assert RANK[verdict(found, Reach.ANY_SIZE, quorum)] <= RANK[Verdict.QUALIFIED]


@given(st.permutations([piece(g, o) for g in Grade for o in Outcome][3:12]), reaches)
def test_order_does_not_matter(found: list[Evidence], reach: Reach) -> None:
    assert verdict(found, reach) is verdict(sorted(found, key=str), reach)


F, A, O = Outcome.FOR, Outcome.AGAINST, Outcome.OPEN  # noqa: E741
SCALE, SMALL, AUTHOR = Grade.SCALE, Grade.SMALL, Grade.AUTHOR


@pytest.mark.parametrize(
    ("found", "reach", "expected"),
    [
        ([], Reach.MATHEMATICS, Verdict.NOT_MEASURED),
        ([(Grade.PROOF, F)], Reach.MATHEMATICS, Verdict.CONFIRMED),
        ([(Grade.PROOF, F), (Grade.EXACT, O)], Reach.MATHEMATICS, Verdict.NOT_MEASURED),
        ([(Grade.PROOF, F), (Grade.EXACT, A)], Reach.MATHEMATICS, Verdict.REFUTED),
        ([(SCALE, F)] * 4, Reach.PAPER_SCALE, Verdict.CONFIRMED),
        ([(SCALE, F)] * 3, Reach.PAPER_SCALE, Verdict.QUALIFIED),  # four are asked for
        ([(SCALE, F)] * 4 + [(SCALE, O)], Reach.PAPER_SCALE, Verdict.QUALIFIED),
        ([(SCALE, F)] * 3 + [(SCALE, A)], Reach.PAPER_SCALE, Verdict.QUALIFIED),  # the quorum
        ([(SCALE, F)] * 2 + [(SCALE, A)], Reach.PAPER_SCALE, Verdict.REFUTED),
        ([(SCALE, F)] * 4 + [(AUTHOR, A)], Reach.PAPER_SCALE, Verdict.QUALIFIED),
        ([(SCALE, F)] * 4 + [(SMALL, A)], Reach.PAPER_SCALE, Verdict.CONFIRMED),
        ([(SCALE, F)] * 4 + [(SMALL, A)], Reach.ANY_SIZE, Verdict.QUALIFIED),
        ([(SCALE, O), (SMALL, F)], Reach.PAPER_SCALE, Verdict.UNDECIDED),
        ([(AUTHOR, F)] * 8, Reach.PAPER_SCALE, Verdict.NOT_MEASURED),
        ([(AUTHOR, A)], Reach.PAPER_SCALE, Verdict.REFUTED),
        ([(SMALL, A)], Reach.PAPER_SCALE, Verdict.NOT_MEASURED),
        ([(SMALL, A)], Reach.ANY_SIZE, Verdict.REFUTED),
        ([(SMALL, F)], Reach.ANY_SIZE, Verdict.QUALIFIED),
        ([(SMALL, O)], Reach.ANY_SIZE, Verdict.UNDECIDED),
        ([(SMALL, O)], Reach.PAPER_SCALE, Verdict.NOT_MEASURED),
    ],
)
def test_the_rule_case_by_case(
    found: list[tuple[Grade, Outcome]], reach: Reach, expected: Verdict
) -> None:
    """With a quorum of three quarters and four comparisons asked for."""
    pieces = [piece(*p, label=f"d {k}") for k, p in enumerate(found)]
    assert verdict(pieces, reach, 0.75, 4) is expected


def test_two_seeds_of_one_comparison_are_one() -> None:
    """Only this catches five seeds at one depth standing for the depths that were not measured."""
    of_seeds = [piece(SCALE, F, f"ratio, d 50, seed {seed}, noisy") for seed in range(1, 6)]
    of_depths = [piece(SCALE, F, f"ratio, d {depth}, seed 1, noisy") for depth in (50, 100, 150)]
    assert verdict(of_seeds, Reach.PAPER_SCALE, 1.0, 2) is Verdict.QUALIFIED
    assert verdict([*of_seeds, *of_depths], Reach.PAPER_SCALE, 1.0, 3) is Verdict.CONFIRMED
    assert verdict([*of_seeds, *of_depths], Reach.PAPER_SCALE, 1.0, 4) is Verdict.QUALIFIED


def part(name: str, role: Role, word: Verdict) -> tuple[str, Role, Judgement]:
    return name, role, Judgement(word, "why")


@given(OF_A_PART, st.lists(st.tuples(st.sampled_from(Role), OF_A_PART), max_size=5))
def test_a_claim_is_what_carries_it(first: Verdict, others: list[tuple[Role, Verdict]]) -> None:
    parts = [part("a", Role.STATED, first)]
    parts += [part(f"b{i}", role, word) for i, (role, word) in enumerate(others)]
    stated = {first} | {word for role, word in others if role is Role.STATED}
    found = judge_claim(parts).verdict
    if Verdict.REFUTED in stated:
        assert found is (Verdict.IN_PART if stated & HELD else Verdict.REFUTED)
    elif Verdict.NOT_MEASURED in stated:
        assert found is Verdict.NOT_MEASURED
    elif Verdict.UNDECIDED in stated:
        assert found is Verdict.UNDECIDED
    elif Verdict.QUALIFIED in stated or (Role.PREMISE, Verdict.REFUTED) in others:
        assert found is Verdict.QUALIFIED
    else:
        assert found is Verdict.CONFIRMED


def test_what_holds_in_part_says_which() -> None:
    words = {"a": Verdict.CONFIRMED, "b": Verdict.REFUTED, "c": Verdict.NOT_MEASURED}
    found = judge_claim([part(name, Role.STATED, word) for name, word in words.items()])
    assert found.reason == "holds: a why. Fails: b why. Not measured: c"


def test_a_claim_states_something() -> None:
    with pytest.raises(ValueError, match="expected at least one"):
        judge_claim([part("a", Role.ASIDE, Verdict.CONFIRMED)])


numbers = st.floats(-10, 10)


@given(numbers, st.floats(0, 3), numbers, st.floats(0, 3))
def test_a_band_decides_only_what_the_whole_interval_shows(
    centre: float, half: float, low: float, width: float
) -> None:
    band = Band(low, low + width, "text")
    ends = (centre - half, centre + half)
    found = band.judge(centre, ends)
    inside = [band.low <= v <= band.high for v in (*ends, centre)]
    if found is Outcome.FOR:
        assert all(inside)
    elif found is Outcome.AGAINST:
        assert not any(inside)
    else:
        assert half > 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_decide_nothing(value: float) -> None:
    assert Band.above(0.0).judge(value) is Outcome.OPEN
    assert Band.below(0.0).judge(1.0, (float("nan"), 2.0)) is Outcome.OPEN
