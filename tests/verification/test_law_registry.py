"""A law made up here, with an input made up here, turns up wherever laws are shown."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.commands.compare import compare
from patchlaw.commands.predict import predict
from patchlaw.hessian_theory.predictions import (
    LAWS,
    LOSS,
    Input,
    Law,
    MeasuredModel,
    RatioInputs,
    predict_eigenvalue_ratio,
    register,
)
from patchlaw.paper_figures.drawing import Inputs
from patchlaw.paper_figures.figures import law_ratios, law_summary
from patchlaw.paper_figures.law_pairs import study_pairs
from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.style import law_style
from patchlaw.paper_figures.tables import findings_tables
from tests.paper_figures.synthetic_records import small_config, write_everything


def stiffness(model: MeasuredModel) -> float | None:
    """Of the model as compared, which knows its depth; a number by name otherwise."""
    record = model.more.get("record")
    if record is None:
        found: float | None = model.known("stiffness")
        return found
    return float(10 * record.run.depth + record.run.n_patches)


@pytest.fixture
def law() -> Iterator[Law]:
    made_up = Law(
        "made_up",
        "G over the angles",
        "(P1/P2)^3 K2/K1 L2/L1",
        r"(P_1/P_2)^3\,K_2L_2/(K_1L_1)",
        "assumed",
        "nothing, it is made up",
        inputs=(Input("stiffness", "K", "made-up stiffness", stiffness), LOSS),
        power=lambda alpha: 3 * alpha,
        label="the made-up law",
        heading="made up, K times loss",
        colour="#123456",
        marker="p",
    )
    register(made_up)
    yield made_up
    del LAWS[made_up.name]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("records")
    for patches in (4, 9):
        write_everything(folder, small_config(patches, 2))
    return folder


def by_hand(records: Path) -> float:
    """(4/9)^3 (20 + 9) / (20 + 4) times the losses' ratio, read from the files."""
    one, two = (
        json.loads((records / "analyses" / f"{small_config(p, 2).run_id}.json").read_text())
        for p in (4, 9)
    )
    losses = [record["minimum"]["train"]["loss"] for record in (one, two)]
    return float((4 / 9) ** 3 * 29 / 24 * losses[1] / losses[0])


def test_predictions(law: Law) -> None:
    result = CliRunner().invoke(predict, ["--from", "4", "--to", "9", "--json"])
    found = {item["law"]: item for item in json.loads(result.stdout)["ratios"]}
    assert found["made_up"]["reason"] == "needs stiffness1 and stiffness2"
    assert found["made_up"]["formula"] == law.formula
    text = (
        CliRunner()
        .invoke(predict, ["--from", "4", "--to", "9", "--all"], env={"COLUMNS": "160"})
        .output
    )
    assert "made_up" in text
    ratio = predict_eigenvalue_ratio(2, 4, "made_up", stiffness=(2, 3), loss=(1, 4))
    assert ratio == (1 / 2) ** 3 * 3 / 2 * 4
    with pytest.raises(ValueError, match=r"known: expected inputs of laws, loss, .*, got 'stiff'"):
        predict_eigenvalue_ratio(2, 4, "made_up", stiff=(2, 3))


def test_comparisons(law: Law, records: Path) -> None:
    arguments = ["--records", str(records / "analyses")]
    runner = CliRunner(env={"COLUMNS": "400"})
    content = json.loads(runner.invoke(compare, [*arguments, "--json"]).stdout)["records"]
    found = [row for row in content["comparisons"] if row["law"] == "made_up"]
    other = ("before training", "spectrum of")  # on the kernels' images
    rows = [row for row in found if not any(words in row["protocol"] for words in other)]
    assert len(found) == len(rows) + len(other)
    assert [row["matrix"] for row in rows] == ["H", "G", "G over the angles"]
    for row in rows:
        assert row["predicted"] == pytest.approx(by_hand(records), rel=1e-12)
        assert (row["inputs"]["stiffness1"], row["inputs"]["stiffness2"]) == (24, 29)
    assert {s["matrix"] for s in content["laws"] if s["law"] == "made_up"} == {
        "H", "G", "G over the angles",
    }  # fmt: skip
    text = runner.invoke(compare, arguments).output
    assert "made up" in text
    assert "24 → 29" in text
    assert "K: made-up stiffness" in text


def test_figures_and_pages(law: Law, records: Path) -> None:
    found = Records.read(records)
    inputs = Inputs.of(found, small=True)
    drawn = {
        panel["name"]: [row["predicted"] for row in panel["rows"] if row["law"] == "made_up"]
        for panel in law_ratios.draw(inputs).numbers["panels"]
    }
    assert drawn["runs on record"] == pytest.approx([by_hand(records)], rel=1e-12)
    assert len(drawn["author's Table 3"]) == 12
    summary = law_summary.draw(inputs)
    assert "made_up" in {lane["law"] for lane in summary.numbers["panels"]}
    labels = [text.get_text() for text in summary.figure.axes[0].get_yticklabels()]
    assert "the made-up law" in labels
    assert (law_style("made_up").colour, law_style("made_up").marker) == ("#123456", "p")
    head = findings_tables.ratio_table(study_pairs("ours", found.study(), found)).splitlines()[0]
    assert "made up, K times loss" in head
    assert rf"| ${law.latex}$ | `stiffness`, `loss` |" in findings_tables.law_table()


def test_removed_it_is_gone_and_names_are_taken_once(records: Path) -> None:
    assert "made_up" not in findings_tables.law_table()
    with pytest.raises(ValueError, match=r"expected one of elementwise, .*, got 'made_up'"):
        predict_eigenvalue_ratio(4, 9, "made_up")
    with pytest.raises(ValueError, match="expected a new name, got 'aligned', which is registered"):
        register(LAWS["aligned"])


@pytest.mark.parametrize(
    ("matrix", "inputs", "message"),
    [
        ("K", (LOSS,), "matrix: expected one of G over the angles, G, R over the angles, got 'K'"),
        ("G", (), "law 'other': expected power, inputs or compute, got none"),
    ],
)
def test_laws_that_say_nothing_are_refused(
    matrix: str, inputs: tuple[Input, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Law("other", matrix, "", "", "assumed", inputs=inputs)


def test_the_inputs_of_a_model_are_open() -> None:
    """What is no attribute of a model is kept under its name, and laws see it by name."""
    model = MeasuredModel.of(4, {"loss": 0.5, "stiffness": 7})
    assert (model.loss, model.known("loss"), model.known("stiffness")) == (0.5, 0.5, 7)
    assert model.known("other") is None
    assert Input("stiffness", "K", "").values(RatioInputs(model, model)) == (7, 7)
