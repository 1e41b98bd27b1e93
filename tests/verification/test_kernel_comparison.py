"""The tangent kernel's law beside measured ratios: whose eigenvalues, of which images, when."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.commands.compare import compare
from patchlaw.commands.predict import predict
from patchlaw.hessian_theory.predictions import predict_eigenvalue_ratio
from patchlaw.paper_figures.law_pairs import author_pairs, study_pairs
from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.study import paper_study
from patchlaw.verification.comparison import compare_author, compare_models, on_their_images
from patchlaw.verification.records.run_facts import Settings
from tests.paper_figures.synthetic_records import config_of, write_everything

NAMES = {p: config_of(p, 50).run_id for p in (4, 9, 16)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = tmp_path_factory.mktemp("kept")
    for patches in NAMES:
        write_everything(out, config_of(patches, 50))
    return out


@pytest.fixture(scope="module")
def records(folder: Path) -> Records:
    return Records.read(folder)


def content(folder: Path, patches: int) -> dict:
    found: dict = json.loads((folder / "kernels" / f"{NAMES[patches]}.json").read_text())
    return found["moments"]


def of_law(rows):
    return {(row.matrix, row.n_patches): row for row in rows if row.law == "tangent_kernel"}


def compared(records: Records, **changes):
    """Rows of the law with the record of P = 9 changed."""
    kernels = {**records.kernels, NAMES[9]: replace(records.kernels[NAMES[9]], **changes)}
    return of_law(compare_models(records.analyses.values(), kernels.values()))


def test_ratios_at_the_minima_by_hand(folder: Path, records: Records) -> None:
    """Catches the start's eigenvalues, the second one's, or another run's, at the minima."""
    rows = of_law(compare_models(records.analyses.values(), records.kernels.values()))
    pairs = ((4, 9), (4, 16), (9, 16))
    assert set(rows) == {(m, p) for m in ("H", "G", "G over the angles") for p in pairs}
    for (_, (one, two)), row in rows.items():
        first, second = (content(folder, p)["minimum"]["whole"][0] for p in (one, two))
        assert row.predicted == pytest.approx(second / first, rel=1e-12)
        assert row.inputs == {"kernel_eigenvalue1": first, "kernel_eigenvalue2": second}
        assert (row.status, row.note) == ("assumed", "")


@pytest.mark.parametrize(
    ("moment", "protocol"),
    [
        ("start", "1,000 images, before training"),
        ("minimum", "60,000 images, 50 epochs, spectrum of 1,000 of them"),
    ],
)
def test_on_the_same_images_by_hand(
    folder: Path, records: Records, moment: str, protocol: str
) -> None:
    """Catches starts held against minima, and 1,000 images against all of them."""
    kernels = records.kernels.values()
    found = compare_models([*records.analyses.values(), *on_their_images(kernels)], kernels)
    rows = [row for row in found if row.protocol == protocol]
    assert {row.matrix for row in rows} == {"G over the angles"}
    assert set(of_law(rows)) == {("G over the angles", p) for p in ((4, 9), (4, 16), (9, 16))}
    for row in of_law(rows).values():
        first, second = (content(folder, p)[moment] for p in row.n_patches)
        tops = [moment["measured"][0]["value"] for moment in (first, second)]
        assert row.measured == pytest.approx(tops[1] / tops[0], rel=1e-12)
        assert row.predicted == pytest.approx(second["predicted"][0] / first["predicted"][0])
        assert row.measured_interval is not None
    paper = next(r for r in rows if r.law == "elementwise" and r.n_patches == (4, 9))
    assert paper.predicted == pytest.approx(16 / 81)


def test_spectra_of_runs_of_other_rates_are_not_divided(records: Records) -> None:
    """A kernel's record does not say the rate: catches a ratio of two, or one left out for it."""
    other = Settings(0.5, 60, 5e-5, 5, "float32", "0" * 64, False, False)
    models = [
        replace(model, settings=other if name == NAMES[9] else model.settings)
        for name, model in records.analyses.items()
    ]
    kernels = list(records.kernels.values())
    found = of_law(compare_models(on_their_images(kernels, models), kernels))
    assert {pair for _, pair in found} == {(4, 16)}


def test_kernels_of_other_images_or_laws_are_not_divided(records: Records) -> None:
    """Catches a ratio of 400 images to 1,000, whose eigenvalues differ by the images alone."""
    for change in ({"law": 1}, {"whole_law": 9}):
        moment = replace(records.kernels[NAMES[9]].moments["minimum"], **change)
        found = compared(records, moments={"minimum": moment})
        assert {pair for _, pair in found} == {(4, 16)}
    moment = replace(records.kernels[NAMES[9]].moments["minimum"], whole=())
    found = compared(records, moments={"minimum": moment})
    assert found["H", (4, 9)].reason == "needs kernel_eigenvalue2"  # not over all images
    for change in ({"n_samples": 400}, {"subset_seed": 1}):
        other = replace(records.kernels[NAMES[9]], **change)
        kernels = {**records.kernels, NAMES[9]: other}.values()
        found = of_law(compare_models(on_their_images(kernels), kernels))
        assert {pair for _, pair in found} == {(4, 16)}
    only = [records.kernels[NAMES[4]]]
    rows = of_law(compare_models(records.analyses.values(), only))
    assert rows["H", (4, 9)].predicted is None
    assert rows["H", (4, 9)].reason == "needs kernel_eigenvalue2"


def test_a_kernel_of_another_minimum_is_refused(records: Records) -> None:
    """Catches a record made before the run was trained on and its minimum moved."""
    moments = records.kernels[NAMES[9]].moments
    moved = {**moments, "minimum": replace(moments["minimum"], epoch=3)}
    with pytest.raises(ValueError, match=r"P9_d50_s1001: expected a kernel's record of the min"):
        compared(records, moments=moved)
    found = compared(records, moments={"start": moments["start"]})
    assert found["H", (4, 9)].reason == "needs kernel_eigenvalue2"  # not measured yet


def test_the_authors_ratios_say_whose_softmax_outputs_they_take(
    folder: Path, records: Records
) -> None:
    """Only this catches our outputs passed off as his."""
    rows = of_law(compare_author(records.kernels.values(), every_pair=True))
    assert {pair for _, pair in rows} == {(4, 9), (4, 16), (9, 16)}
    for (_, (one, two)), row in rows.items():
        first, second = (content(folder, p)["minimum"]["whole"][0] for p in (one, two))
        assert row.predicted == pytest.approx(second / first)
        assert row.note == (
            "tangent kernel: with the softmax outputs of our runs at the author's P, d and seed"
        )
    others = {row.note for row in compare_author(records.kernels.values()) if row.law == "aligned"}
    assert others == {""}
    pairs = author_pairs(records)
    assert {f"kernels/{name}.json" for name in NAMES.values()} < {s.file for s in pairs.sources}
    ours = study_pairs("ours", paper_study(), records)
    assert {f"kernels/{name}.json" for name in NAMES.values()} < {s.file for s in ours.sources}


def test_compare_takes_kernels_beside_the_folder(folder: Path) -> None:
    """Catches records that are not looked for, and a note that no reader sees."""
    arguments = ["--records", str(folder / "analyses")]
    runner = CliRunner(env={"COLUMNS": "400"})
    found = json.loads(runner.invoke(compare, [*arguments, "--json"]).stdout)
    assert {row["law"] for row in found["author"]["comparisons"]} >= {"tangent_kernel"}
    protocols = {row["protocol"] for row in found["records"]["comparisons"]}
    assert "1,000 images, before training" in protocols
    sizes = {(each["run"], each["moment"]): each for each in found["kernels"]}
    assert len(sizes) == 2 * len(NAMES)
    minimum = content(folder, 9)["minimum"]
    assert sizes[NAMES[9], "minimum"]["tangent_kernel"] == minimum["predicted"]
    assert sizes[NAMES[9], "minimum"]["measured"] == [x["value"] for x in minimum["measured"]]
    only_h = json.loads(runner.invoke(compare, [*arguments, "--matrix", "H", "--json"]).stdout)
    assert only_h["kernels"] == []
    text = runner.invoke(compare, arguments).output
    assert "measured, by the law, by the commutator kernel" in " ".join(text.split())
    assert text.count("with the softmax outputs of our runs at the author's") == 1


def test_from_the_command_line_and_python() -> None:
    """Catches an input that does not reach the law, and one that is taken unchecked."""
    options = ["--from", "4", "--to", "9", "--kernel-eigenvalue1", "426"]
    result = CliRunner().invoke(predict, [*options, "--kernel-eigenvalue2", "157", "--json"])
    laws = {item["law"]: item for item in json.loads(result.stdout)["ratios"]}
    assert laws["tangent_kernel"]["ratio"]["exact"] == "157/426"
    bad = CliRunner().invoke(predict, [*options, "--kernel-eigenvalue2=-1"])
    assert bad.exit_code == 2
    assert "kernel_eigenvalue: expected a finite number, >= 0, got -1" in bad.output
    known = {"law": "tangent_kernel", "kernel_eigenvalue": (4, 1)}
    assert predict_eigenvalue_ratio(4, 9, **known) == Fraction(1, 4)
    with pytest.raises(TypeError, match="kernel_eigenvalue: expected a real number, got 'x'"):
        predict_eigenvalue_ratio(4, 9, law="tangent_kernel", kernel_eigenvalue=("x", 1))
    with pytest.raises(ValueError, match="kernel_eigenvalue1 is zero, so the ratio is undefined"):
        predict_eigenvalue_ratio(4, 9, law="tangent_kernel", kernel_eigenvalue=(0, 1))
