"""Records of other models beside the paper's: kept apart, and told by studies of their own."""

from dataclasses import replace

import pytest

from patchlaw.paper_figures.axes import AXES, members, series
from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.study import axis_study, paper_study, scaling_study
from patchlaw.paper_figures.tables.axis_tables import axis_table, needs_scale
from patchlaw.paper_figures.tables.calibration_file import calibration_data
from patchlaw.paper_figures.tables.findings_tables import bounds_table
from patchlaw.verification.claims import Evidence, Grade, Outcome, Reach, Verdict
from patchlaw.verification.records import RunFacts

PLANS = {axis.plan: axis_study(axis.plan) for axis in AXES}
OTHERS = frozenset().union(*(s.ids for s in PLANS.values())) - scaling_study().ids


@pytest.fixture(scope="module")
def records() -> Records:
    return Records.read()


def without(records: Records, names: frozenset[str]) -> Records:
    kinds = (records.runs, records.analyses, records.landscapes, records.kernels)
    kept = ({k: v for k, v in kind.items() if k not in names} for kind in kinds)
    return Records(records.folder, *kept)


def test_plans_and_axes_name_the_same_models(records: Records) -> None:
    """Catches an axis that takes another study's models in, or a plan whose runs it misses."""
    for axis in AXES:
        elsewhere = frozenset().union(*(PLANS[a.plan].ids for a in AXES if a != axis))
        own = PLANS[axis.plan].ids & OTHERS - elsewhere
        assert {records.facts[name].axis for name in own & records.facts.keys()} <= {axis.kind}
        found = {name for name, facts in records.facts.items() if facts.axis == axis.kind}
        assert found <= OTHERS
    assert not paper_study().ids & OTHERS


def test_the_paper_s_numbers_do_not_see_other_models(records: Records) -> None:
    """Only this catches a calibration, a table or a drawn grid that takes them in."""
    plain = without(records, OTHERS)
    assert OTHERS & records.analyses.keys()
    assert not OTHERS & records.of_the_paper.facts.keys()
    assert records.of_the_paper.facts == plain.of_the_paper.facts
    assert calibration_data(records) == calibration_data(plain)
    assert bounds_table(records.of_the_paper) == bounds_table(plain)
    assert records.study() == plain.study()
    one_model = {
        (run.n_patches, run.depth, run.seed, records.facts[run.run_id].images)
        for run in records.study().runs
    }
    assert len(one_model) == len(records.study().runs)


def test_a_folder_of_other_models_alone_is_a_study_of_the_first_kind(records: Records) -> None:
    """Catches a small figure that is empty, or one grid of models of several kinds."""
    only = without(records, frozenset(records.facts.keys() - OTHERS))
    study = only.study()
    (kind,) = {only.facts[run.run_id].axis for run in study.runs}
    assert kind
    assert all(run.changes for run in study.runs if run.n_patches > 1)


@pytest.mark.parametrize("axis", AXES, ids=lambda axis: axis.plan)
def test_a_study_holds_each_model_once(records: Records, axis) -> None:
    """Catches models of one series that differ in more than P, or a row that is another model's."""
    found = members(records, PLANS[axis.plan])
    lines = list(series(found))
    assert sorted(m.run.id for _, _, group in lines for m in group) == sorted(
        m.run.id for m in found
    )
    for _, _, group in lines:
        patches = [member.run.n_patches for member in group]
        assert patches == sorted(set(patches))
        alike = {
            replace(m.run, id="", n_patches=1, n_parameters=0, configuration_sha256="", family="")
            for m in group
        }
        assert len(alike) == 1
    rows = axis_table(found).splitlines()[2:]
    assert len(rows) == len(found)
    for row, member in zip(rows, found, strict=True):
        assert f"{member.run.n_patches}, {member.run.depth}" in row
        assert f"{member.model.top('H').value:.4g}" in row


@pytest.mark.parametrize(
    ("outcomes", "reach", "verdict", "word"),
    [
        ("", Reach.ANY_SIZE, Verdict.NOT_MEASURED, "nothing"),
        ("f", Reach.PAPER_SCALE, Verdict.QUALIFIED, "yes, it speaks"),
        ("ff", Reach.ANY_SIZE, Verdict.QUALIFIED, "without qualification"),
        ("ffa", Reach.ANY_SIZE, Verdict.QUALIFIED, "both sides"),
        ("fa", Reach.ANY_SIZE, Verdict.REFUTED, "both sides"),
        ("aa", Reach.ANY_SIZE, Verdict.REFUTED, "not for the refutation"),
    ],
)
def test_when_the_paper_s_scale_is_needed(outcomes, reach, verdict, word) -> None:
    """Only this catches a refutation by every piece that asks for more, or a mixed one that not."""
    words = {"f": Outcome.FOR, "a": Outcome.AGAINST}
    pieces = [Evidence("", Grade.SMALL, words[each], 1.0, None, "", "", "") for each in outcomes]
    assert word in needs_scale(reach, verdict, pieces)


def test_the_axis_of_a_run() -> None:
    """By hand: catches an axis that hides behind another, and the paper's own taken for one."""
    plain = RunFacts(4, 5, 1, 2000, 15)
    assert plain.axis == replace(plain, scale=20.0, n_qubits=4).axis == ""
    full = RunFacts(4, 50, 1, 60_000, 50, id="P4_d50_s1_0123abcd")
    assert full.of_paper_size
    assert full.other_settings  # by its name alone
    for kind, change in {
        "alpha": {"aggregation_exponent": 0.5, "scale": 50.0},
        "pixel bias": {"pixel_bias": False},
        "shared angles": {"pixel_bias": False, "shared_angles": True},
        "data": {"dataset": "digits"},
        "one QNN": {"n_patches": 1, "dataset": "digits"},
        "another model": {"family": "own circuit 1"},
    }.items():
        assert replace(plain, **change).axis == kind
