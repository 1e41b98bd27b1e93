"""Findings from experiment records and reports: read as they are meant, refused when broken."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from patchlaw.paper_figures.records import ANALYSES
from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.claims import Grade, find, read_report
from patchlaw.verification.claims.claim import Findings
from patchlaw.verification.comparison import compare_models
from patchlaw.verification.records import RunFacts, TrainedModel, read_analyses
from patchlaw.verification.runs import execute_run
from patchlaw.verification.store.json_files import plain
from tests.verification.analysis_cases import OPTIONS, SAMPLES
from tests.verification.claim_worlds import AUTHOR
from tests.verification.comparison_cases import analysed, solved, write_analysis
from tests.verification.run_cases import toy_config


def eigenvalue(value: float) -> dict[str, Any]:
    return {"value": value, "residual_norm": 0.01, "converged": True, "n_samples": 60000}


def record(n_patches: int = 4, top: float = 16.0) -> dict[str, Any]:
    return {
        "format": "patchlaw analysis",
        "version": 1,
        "reproduce": "patchlaw analyse RUN",
        "run": {"n_patches": n_patches, "depth": 50, "seed": 1, "images": 60000, "epochs": 50},
        "minimum": {
            "epoch": 10,
            "train": {"loss": 0.02, "trace_s": 0.03, "gradient_norm": 0.04, "n_samples": 60000},
            "test": {"loss": 0.06, "accuracy": 0.98, "n_samples": 10000},
        },
        "eigenvalues": {"H": [eigenvalue(top), eigenvalue(3.0)], "G": [eigenvalue(15.0)]},
        "bias_share": 0.1,
        "outliers": {"count": 10, "low": 9, "high": 11, "rule": "gap"},
        "near_zero": {"share": 0.97, "standard_error": 0.01},
        "along_training": [{"epoch": 0, "loss": 2.0, "top": {"G": eigenvalue(9.0)}}],
        "trajectory": {"pc_ratios": [0.9, 0.05], "n_points": 51},
    }


REPORT: dict[str, Any] = {
    "format": 3,
    "reproduce": "patchlaw verify",
    "theorems": [],
    "checks": [],
    "models": [],
}


# each of these turned a verdict, or counted at a scale that it does not have
INCONSISTENT: list[dict[str, Any]] = [
    {"eigenvalues": {"H": [eigenvalue(3.0), eigenvalue(16.0)]}},
    {"eigenvalues": {"H": [eigenvalue(16.0) | {"n_samples": 6000}]}},
    {"subset": {"n_samples": 70_000}},
    {"subset": {"n_samples": 6000, "top": [eigenvalue(1.0), eigenvalue(2.0)]}},
    {"subset": {"n_samples": 6000, "bottom": [eigenvalue(-1.0), eigenvalue(-2.0)]}},
    {"minimum": {"epoch": 51}},
    {"trajectory": {"pc_ratios": [0.05, 0.9]}},
    {"trajectory": {"pc_ratios": [0.9, 0.9]}},
    {"trajectory": {"pc_ratios": [0.9], "pc_ratios_to_minimum": [0.5, -0.1]}},
    {"outliers": {"count": 10, "low": 12, "high": 13, "rule": "gap"}},
    {"bias_share": 1.5},
    {"near_zero": {"share": 97.6, "standard_error": 0.01}},
]


def write(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_whole_record(tmp_path: Path) -> None:
    """Only this catches a field read from the wrong place of the record."""
    write(tmp_path, "a.json", record())
    (model,) = read_analyses(tmp_path)
    run, train, test = model.run, model.minimum.train, model.minimum.test
    assert (Grade.of(model), run.n_patches, run.depth, run.seed) == (Grade.SCALE, 4, 50, 1)
    assert (train.loss, train.mean_softmax_trace, train.mean_abs_slope) == (0.02, 0.03, 0.04)
    assert (test.loss, test.accuracy, test.n_samples) == (0.06, 0.98, 10000)
    top = model.top("H")
    assert top is not None
    assert top.interval == (15.99, 16.01)
    assert model.top("R") is None
    assert model.blocks("G") == ()
    assert model.outliers is not None
    assert (model.outliers.count, model.outliers.low, model.outliers.high) == (10, 9, 11)
    assert model.near_zero is not None
    assert (model.near_zero.value, model.near_zero.standard_error) == (0.97, 0.01)
    moments = [(m.epoch, m.loss, m.top["G"].value) for m in model.along_training]
    assert moments == [(0, 2.0, 9.0)]
    assert model.trajectory is not None
    assert (model.trajectory.pc_ratios, model.trajectory.n_points) == ((0.9, 0.05), 51)


def test_sections_may_be_missing_and_other_files_are_passed_over(tmp_path: Path) -> None:
    short = {k: record()[k] for k in ("format", "version", "run", "reproduce")}
    write(tmp_path, "a.json", short)
    write(tmp_path, "b.json", {"format": "another"})
    write(tmp_path, "c.json", [1, 2])
    (model,) = read_analyses(tmp_path)
    assert model.minimum.train.loss is None
    assert model.eigenvalues == {}
    assert read_analyses(tmp_path / "missing") == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [("depth", 20), ("images", 12000), ("epochs", 15), ("id", "P4_d50_s1_0123abcd")],
)
def test_smaller_runs_are_not_at_the_papers_scale(tmp_path: Path, key: str, value: Any) -> None:
    """Nor one of other settings: only this catches 60,000 images of one's own that refute 9a."""
    small = record() | {"eigenvalues": {}}  # of 60,000 images
    small["run"][key] = value
    write(tmp_path, "a.json", small)
    assert Grade.of(read_analyses(tmp_path)[0]) is Grade.SMALL


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("{", "a.json: expected a whole JSON file"),
        ({"version": 2}, "expected version 1 of 'patchlaw analysis', got 2"),
        ({"run": {"n_patches": 4}}, "expected the sections of .* `depth`"),
        ({"bias_share": "much"}, "expected `float`, got `str`"),
        ({"eigenvalues": {"H": [{"value": 1.0}]}}, "`residual_norm`"),
        ({"eigenvalues": {"H": [eigenvalue(1.0) | {"converged": 1}]}}, "expected `bool`, got"),
        ({"eigenvalues": {"H": [eigenvalue(1.0) | {"residual_norm": -1}]}}, ">= 0"),
        ({"eigenvalues": {"H": [eigenvalue(1.0) | {"rounding": -1}]}}, ">= 0.*rounding"),
        ({"eigenvalues": {"H": [eigenvalue(1.0) | {"value": "inf"}]}}, "got `str`"),
        ({"outliers": 10}, "expected the sections of"),
        ({"misclassified": [*range(199)]}, "expected 200 ascending indices .* 0.98 says, got 199"),
        ({"misclassified": [*range(199), 198]}, "expected 200 ascending indices"),
        ({"misclassified": [*range(199), 10_000]}, "expected 200 ascending indices"),
        ({"misclassified": [1], "minimum": {}}, "expected minimum.test with accuracy"),
        ({"sha256": "0" * 64}, "a.json: checksum mismatch"),
        *((change, "expected .*, got others") for change in INCONSISTENT),
        ({"minimum": {"test": {"accuracy": 98.17, "n_samples": 10_000}}}, "<= 1"),
        ({"minimum": {"test": {"loss": -0.1}}}, ">= 0"),
    ],
)
def test_broken_records_are_refused(tmp_path: Path, change: Any, message: str) -> None:
    write(tmp_path, "a.json", change if isinstance(change, str) else record() | change)
    with pytest.raises(ValueError, match=message):
        read_analyses(tmp_path)


@pytest.mark.parametrize(
    ("epochs", "message"), [(50, "P4_d50_s1, got"), (60, "move one"), (15, "")]
)
def test_two_records_of_one_run_are_refused(tmp_path: Path, epochs: int, message: str) -> None:
    """Only this catches a copy that counts as a run of its own: three turn 4l to undecided."""
    write(tmp_path, "a.json", record() | {"run": record()["run"] | {"id": "P4_d50_s1"}})
    assert len(read_analyses(tmp_path)) == 1
    copy = json.loads((tmp_path / "a.json").read_text())
    copy["run"]["epochs"] = epochs  # longer, and its minimum the same
    write(tmp_path, "a copy.json", copy)
    if message:
        with pytest.raises(ValueError, match=message):
            read_analyses(tmp_path)
    else:  # shorter than the paper's, it is a study of its own
        assert len(read_analyses(tmp_path)) == 2


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [("outliers", {"low": 30}, "low <= count"), ("near_zero", {"share": 7.0}, "shares near zero")],
)
def test_moments_along_training_are_held_to_the_same(
    tmp_path: Path, section: str, change: dict[str, float], message: str
) -> None:
    """Only this catches an interval upside down that counts for 13i."""
    content = json.loads((ANALYSES / "P4_d5_s1001_7c926719.json").read_text())
    del content["sha256"]
    write(tmp_path, "a.json", content)
    assert len(read_analyses(tmp_path)) == 1
    content["spectra_along_training"][-1][section] |= change
    write(tmp_path, "a.json", content)
    with pytest.raises(ValueError, match=message):
        read_analyses(tmp_path)


def test_sealed_records_of_the_analysis_are_read_whole(tmp_path: Path) -> None:
    """Its extra keys are passed over; one altered digit is noticed."""
    written = write_analysis(tmp_path, analysed(4, top={"H": solved(16.0, 0.01, 0.002), "R": 2.0}))
    (model,) = read_analyses(tmp_path)
    assert model.label == "P 4, d 50, seed 1001"
    top = model.top("H")
    assert top is not None
    assert top.interval == pytest.approx((15.988, 16.012))  # residual norm and rounding
    text = written.read_text()
    written.write_text(text.replace('"value": 16.0', '"value": 17.0'))
    with pytest.raises(ValueError, match=r"P4_d50_s1001\.json: checksum mismatch"):
        read_analyses(tmp_path)


def test_an_analysed_run_reaches_comparison_and_ledger(tmp_path: Path) -> None:
    """Two real runs of seconds: the ledger and ``patchlaw compare`` see the same numbers."""
    records = []
    for n_patches in (4, 9):
        config = toy_config(SAMPLES, 1, dtype="float64")
        config = replace(config, model=replace(config.model, n_patches=n_patches))
        run = execute_run(tmp_path / f"run-{n_patches}", config, SAMPLES, threads=1)
        stages = ("hessian", "gauss-newton", "residual", "gauss-newton blocks", "bias blocks")
        records.append(execute_analysis(run, SAMPLES, tmp_path / "out", OPTIONS, stages=stages))
    rows = {(r.matrix, r.law): r for r in compare_models(records)}
    models = [  # the ledger's small models have the author's number of classes
        replace(model, run=replace(model.run, n_classes=10))
        for model in read_analyses(tmp_path / "out")
    ]
    assert [Grade.of(m) for m in models] == [Grade.SMALL] * 2
    entry = find("4")[0].entry(Findings(models=models))
    pieces = next(p for p in entry.parts if p.part.id == "4c").evidence
    for piece, record in zip(pieces, records, strict=True):
        assert record.alignment is not None
        assert piece.value == pytest.approx(record.run.n_patches * record.alignment.value)
        assert piece.interval == pytest.approx(
            [record.run.n_patches * end for end in (record.alignment.low, record.alignment.high)]
        )
    ratio = find("6")[0].entry(Findings(models=models)).parts[3].evidence[0]
    one, two = (record.top("G over the bias") for record in records)
    assert one is not None
    assert two is not None
    assert ratio.value == pytest.approx(two.value / one.value)
    # the laws' identity holds on real numbers: A times the blocks' sum is G over the angles
    assert rows["G over the angles", "exact"].relative_error == pytest.approx(0, abs=1e-9)
    measured = rows["G", "blocks"]
    assert measured.measured_interval is not None
    assert measured.measured_interval[0] < measured.measured < measured.measured_interval[1]


def test_numbers_of_a_subset_say_so(tmp_path: Path) -> None:
    """Only this catches 60,000 images named for a spectrum that 6,000 gave."""
    subset = {"n_samples": 6000, "seed": 0, "top": [eigenvalue(20.0)]}
    gap = {"count": 7, "low": 7, "high": 7, "rule": "widest ratio"}
    write(tmp_path, "a.json", record() | {"subset": subset, "outliers_by_gap": gap})
    findings = Findings(models=read_analyses(tmp_path))
    for claim, part in (("11", "11a"), ("11", "11b"), ("13", "13c")):
        entry = find(claim)[0].entry(findings)
        (piece,) = next(p for p in entry.parts if p.part.id == part).evidence
        assert piece.samples == "6,000 images"
        assert "whose lambda_max(H) is 1.250 of all images'" in piece.note
        assert ("7 by the widest ratio" in piece.note) is (part != "11a")
    write(tmp_path, "a.json", record())
    entry = find("11")[0].entry(Findings(models=read_analyses(tmp_path)))
    assert [p.evidence[0].samples for p in entry.parts[:2]] == ["60,000 images"] * 2
    assert entry.parts[0].evidence[0].note == ""


@pytest.mark.parametrize(
    "change", [{"epochs": 30}, {"images": 12_000}, {"seed": 2}, {"id": "P9_d50_s1_0123abcd"}]
)
def test_runs_of_different_protocols_are_never_neighbours(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    """Small runs of one depth and seed, told apart by images, epochs or the id's suffix."""
    base = {"depth": 50, "seed": 1, "images": 60_000, "epochs": 20}
    ids = {4: "P4_d50_s1", 9: "P9_d50_s1"}
    write(tmp_path, "a.json", record(4) | {"run": base | {"n_patches": 4, "id": ids[4]}})
    write(tmp_path, "b.json", record(9) | {"run": base | {"n_patches": 9, "id": ids[9]}})
    assert len(list(Findings(models=read_analyses(tmp_path)).neighbours("n_patches"))) == 1
    other = {"run": base | {"n_patches": 9, "id": ids[9]} | change, "eigenvalues": {}}
    write(tmp_path, "b.json", record(9) | other)
    assert list(Findings(models=read_analyses(tmp_path)).neighbours("n_patches")) == []


@pytest.mark.parametrize(
    ("settings", "pairs"),
    [("aaa", 2), ("---", 2), ("aa-", 1), ("aab", 1), ("abc", 0), ("ab-", 0), ("a--b", 1)],
)
def test_runs_of_other_settings_are_no_neighbours(
    tmp_path: Path, settings: str, pairs: int
) -> None:
    """P = 4, 9, 16, 49 under a name with a suffix; "-": a record that does not say its settings.

    Only this catches a model of one data set held against a model of another.
    """
    for n_patches, known in zip((4, 9, 16, 49), settings, strict=False):
        facts = {"depth": 5, "seed": 1, "images": 60_000, "epochs": 15, "n_patches": n_patches}
        of_run = record() | {"run": facts | {"id": f"P{n_patches}_d5_s1_0123456{n_patches % 7}"}}
        if known != "-":
            of_run["settings"] = plain(replace(AUTHOR, data_sha256=known, author_protocol=False))
        write(tmp_path, f"{n_patches}.json", of_run)
    found = list(Findings(models=read_analyses(tmp_path)).neighbours("n_patches"))
    assert len(found) == pairs


@pytest.mark.parametrize(
    ("nines", "steps"),
    [
        ([], 1),
        ([{"depth": 100}], 0),
        ([{}, {}], 0),  # which of the two belongs there is not known
        ([{"depth": 100, "epochs": 60}], 1),  # of another study
        ([{"depth": 100, "settings": {"learning_rate": 0.1, "author_rate": False}}], 1),
    ],
)
def test_a_step_over_a_p_that_others_have_is_none(
    tmp_path: Path, nines: list[dict[str, Any]], steps: int
) -> None:
    """Only this catches 4 to 16 that stands for the two steps by 9, where 9 was not measured."""
    for k, change in enumerate([{"n_patches": 4}, {"n_patches": 16}, *nines]):
        known = plain(AUTHOR) | {"author_protocol": False} | change.pop("settings", {})
        facts = record(9)["run"] | change
        write(tmp_path, f"{k}.json", record() | {"run": facts, "settings": known})
    found = list(Findings(models=read_analyses(tmp_path)).neighbours("n_patches"))
    assert len(found) == steps


def test_runs_of_other_rates_are_neighbours_along_the_depth_only() -> None:
    """The author's rates go with the depth; at one depth another is another training."""
    for along, pairs in (("n_patches", 0), ("depth", 1)):
        models = tuple(
            TrainedModel(
                replace(RunFacts(4, 5, 1, 2000, 15), **{along: 6 + k}),
                "",
                settings=replace(
                    AUTHOR, learning_rate=rate, author_rate=False, author_protocol=False
                ),
            )
            for k, rate in enumerate((0.1, 0.01))
        )
        assert len(list(Findings(models=models).neighbours(along))) == pairs


def test_runs_that_cannot_be_told_apart_are_no_neighbours(tmp_path: Path) -> None:
    """Only this catches P = 9 held against whichever of two runs with P = 4 came last."""
    for name, n_patches in (("a", 4), ("b", 4), ("c", 9), ("d", 16)):
        write(tmp_path, f"{name}.json", record(n_patches))
    found = list(Findings(models=read_analyses(tmp_path)).neighbours("n_patches"))
    assert [(one.run.n_patches, two.run.n_patches) for one, two in found] == [(9, 16)]


def test_an_open_count_of_outliers_decides_nothing(tmp_path: Path) -> None:
    """Only this catches 'ten or more' taken for ten."""
    unknown = {"count": 10, "low": 10, "high": None, "rule": "gap"}
    write(tmp_path, "a.json", record() | {"outliers": unknown})
    claim, _ = find("11")
    entry = claim.entry(Findings(models=read_analyses(tmp_path)))
    (piece,) = next(p for p in entry.parts if p.part.id == "11b").evidence
    assert (piece.value, piece.outcome.value) == (10, "undecided")


def test_records_reach_the_ledger(tmp_path: Path) -> None:
    """The paper's law from two records: their ratio, its interval, their command."""
    write(tmp_path, "a.json", record(4, 16.0))
    write(tmp_path, "b.json", record(9, 16.0 * 16 / 81))
    claim, _ = find("4")
    entry = claim.entry(Findings(models=read_analyses(tmp_path)))
    (piece,) = next(p for p in entry.parts if p.part.id == "4b").evidence
    assert piece.value == pytest.approx(16 / 81)
    assert piece.interval is not None
    assert piece.interval[0] < 16 / 81 < piece.interval[1]
    assert (piece.samples, piece.reproduce) == ("60,000 images", "patchlaw analyse RUN")
    assert piece.outcome.value == "for"


def test_the_records_of_this_tree_can_be_read() -> None:
    assert all(model.reproduce for model in read_analyses(ANALYSES))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected a whole JSON file, got"),
        ("[]", "expected the keys checks, format"),
        (json.dumps({"format": 3}), "expected the keys checks, format"),
        (json.dumps(REPORT | {"format": 2}), "expected format 3, got 2; run verify again"),
        (json.dumps(REPORT | {"theorems": [{"name": "a"}]}), "form that `patchlaw verify` writes"),
        (json.dumps(REPORT | {"models": [1]}), "form that `patchlaw verify` writes"),
    ],
)
def test_other_files_are_no_reports(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_report(write(tmp_path, "report.json", content))


def test_a_reports_models_are_the_records_beside_it(tmp_path: Path) -> None:
    """Theorems and checks from the file, an infinite violation too; models from where it says."""
    path = write_analysis(tmp_path / "analyses", analysed(4, top={"H": 16.0}))
    check = {"name": "split", "statement": "s", "passed": False, "measured": "inf"}
    check |= {"tolerance": 1e-12, "tolerance_from": "rounding", "instances": 4}
    theorem = {"name": "eq4", "status": "proved", "steps": 3, "numerical_test": "tests/a.py::b"}
    content = REPORT | {"theorems": [theorem], "checks": [check]}
    report = write(tmp_path, "report.json", content | {"models": [f"analyses/{path.name}"]})
    findings = read_report(report)
    assert (findings.theorems["eq4"].steps, findings.check_command) == (3, "patchlaw verify")
    assert findings.checks["split"].measured == math.inf
    (model,) = findings.models
    assert (model.origin, model.name, model.label) == ("verify", path.stem, "verify's P 4, d 50")
    path.unlink()
    with pytest.raises(ValueError, match=rf"whose record .*{path.name} is not there"):
        read_report(report)
