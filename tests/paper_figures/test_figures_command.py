"""patchlaw figures: provenance, what is missing, what is refused, recomputing."""

import getpass
import hashlib
import json
import re
import socket
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from paper_figures import recompute
from paper_figures.catalogue import FIGURES, PaperFigure, find
from paper_figures.commands.figures import figures
from paper_figures.drawing import Inputs
from paper_figures.records import RESULTS, RecordError, Records
from paper_figures.study import paper_study, scaling_study
from paper_figures.tables import TABLES
from tests.paper_figures.synthetic_records import (
    COMMIT,
    analysis_content,
    config_of,
    seal,
    small_config,
    write_analysis,
    write_everything,
    write_landscape,
    write_run,
)
from verification.commands.train import train

SMALL = small_config(4, 1)


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(figures, [str(argument) for argument in arguments])


def sidecar(folder: Path, name: str) -> dict:
    return json.loads((folder / f"{name}.json").read_text())


@pytest.fixture
def small(tmp_path) -> Path:
    """One small run with all its records."""
    folder = tmp_path / "kept"
    write_everything(folder, SMALL)
    return folder


# --- provenance


def test_a_figure_states_its_records_seeds_samples_and_commits(small, tmp_path):
    out = tmp_path / "out"
    result = invoke("figure-4", "--small", "--records", small, "--out", out)
    assert result.exit_code == 0, result.output
    found = sidecar(out, "figure-4")
    (record,) = found["records"]
    assert record["file"] == f"analyses/{SMALL.run_id}.json"
    assert record["run"] == SMALL.run_id
    assert found["seeds"] == [record["seed"]] == [7]
    assert record["samples"] == {
        "training images": 200,
        "test images": 10_000,
        "subset of the training images": 200,
    }
    assert record["commits"] == [COMMIT]
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", found["drawn_at_commit"])
    assert found["paper"] == "Fig. 4"
    assert found["missing"] == []


@pytest.mark.parametrize(("name", "seen"), [("figure-4", "analyses"), ("figure-3", "landscapes")])
def test_the_sha256_is_that_of_the_file(small, tmp_path, name, seen):
    """Of its bytes, as ``sha256sum`` prints it: the digest of parsed JSON would differ."""
    assert invoke(name, "--small", "--records", small, "--out", tmp_path).exit_code == 0
    (record,) = sidecar(tmp_path, name)["records"]
    content = (small / seen / f"{SMALL.run_id}.json").read_bytes()
    assert record["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_metadata_of_every_format_hold_the_same_statement(small, tmp_path):
    result = invoke(
        "figure-1", "--small", "--records", small, "--out", tmp_path, "--format", "svg,png,pdf"
    )
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "figure-1.png") as image:
        png = image.text["Description"]
        assert image.text["Software"].startswith("patchlaw ")
    svg = (tmp_path / "figure-1.svg").read_text()
    pdf = (tmp_path / "figure-1.pdf").read_bytes().decode("latin-1")
    parts = [
        f"records: runs/{SMALL.run_id}/checkpoint.json (sha256 ",
        "seeds: 7",
        "200 training images",
        "10000 test images",
        f"computed at commit: {COMMIT}",
        "drawn at commit: ",
    ]
    for part in parts:
        assert part in png
        assert part in svg
        # PDF escapes brackets
        assert part.replace("(", r"\(") in pdf
    assert "CreationDate" not in pdf
    assert "<dc:date>" not in svg


def test_no_file_names_the_machine_its_user_or_its_folders(small, tmp_path):
    out = tmp_path / "out"
    result = invoke(
        "figure-1", "law-summary", "--records", small, "--out", out,
        "--format", "png,pdf,svg",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "not run" in result.output
    secret = [str(tmp_path), str(Path.home()), str(Path.cwd())]
    secret += [name for name in (socket.gethostname(), getpass.getuser()) if len(name) > 4]
    files = sorted(out.iterdir())
    assert len(files) == 8
    for path in files:
        content = path.read_bytes().decode("latin-1")
        if path.suffix == ".png":
            with Image.open(path) as image:
                content = " ".join(image.text.values())
        assert not [name for name in secret if name in content], path.name


@pytest.mark.parametrize("name", ["figure-3-surfaces", "figure-5"])
def test_the_same_records_give_the_same_bytes(small, tmp_path, name):
    """Random ids of SVG or a date in the PDF would differ."""
    for folder in ("one", "two"):
        result = invoke(
            name, "--small", "--records", small, "--out", tmp_path / folder,
            "--format", "pdf,png,svg",
        )  # fmt: skip
        assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == [f"{name}.{suffix}" for suffix in ("json", "pdf", "png", "svg")]
    for file in names:
        one, two = ((tmp_path / folder / file).read_bytes() for folder in ("one", "two"))
        assert one == two, file


# --- what is missing


def test_without_records_every_figure_says_what_to_run(tmp_path):
    empty = tmp_path / "none"
    empty.mkdir()
    names = ["figure-1", "figure-4", "level-off"]
    result = invoke(*names, "--records", empty, "--out", tmp_path / "out", "--format", "png")
    assert result.exit_code == 0, result.output
    for name in names:
        assert re.search(rf"^{name} +not run, \d+ commands", result.output, re.MULTILINE), name
        found = sidecar(tmp_path / "out", name)
        assert found["numbers"]["panels"] == []
        assert found["missing"]
        assert found["records"] == []
    missing = sidecar(tmp_path / "out", "figure-4")["missing"]
    assert [gap["panel"] for gap in missing] == [
        f"P = {p}, d = {d}" for p in (4, 9, 16) for d in (50, 100, 150, 200)
    ]
    assert missing[0]["commands"] == [
        "patchlaw train --patches 4 --depth 50 --out none/runs",
        "patchlaw analyse none/runs/P4_d50_s1001 --out none/analyses",
    ]
    # on screen the folder is the one that was typed
    line = f"patchlaw train --patches 4 --depth 50 --out {empty}/runs  # figure-1"
    assert line in result.output


def drawing(name: str, folder: Path):
    (item,) = find([name])
    records = Records.read(folder)
    return item.draw(Inputs(records, paper_study(), scaling_study()))


def test_panels_without_records_are_grey_and_hold_the_command(tmp_path):
    write_everything(tmp_path, config_of(4, 50))
    write_run(tmp_path, config_of(9, 50))
    found = drawing("figure-4", tmp_path)
    texts = {
        axes.get_title(): " ".join(text.get_text().replace("\n", " ") for text in axes.texts)
        for axes in found.figure.axes
    }
    assert "not run" not in texts["$P = 4$, $d = 50$"]
    grey = texts["$P = 9$, $d = 50$"]
    # its run is there, so only the analysis is missing
    assert "not run: patchlaw analyse" in grey
    assert "train" not in grey
    assert "patchlaw train --patches 16 --depth 200" in texts["$P = 16$, $d = 200$"]
    assert len(found.gaps) == 11
    assert len(found.numbers["panels"]) == 1


def test_an_unfinished_landscape_is_drawn_and_said_to_be_so(tmp_path):
    write_run(tmp_path, config_of(4, 50))
    write_landscape(tmp_path, config_of(4, 50), done=217)
    found = drawing("figure-3", tmp_path)
    (gap,) = (gap for gap in found.gaps if gap.reason != "not run")
    assert gap.reason == "217 of 400 losses"
    assert [recipe.words[0] for recipe in gap.recipes] == ["landscape"]
    panel = found.numbers["panels"][0]
    assert np.isfinite(panel["loss"]).sum() == 217


@pytest.mark.parametrize("name", ["figure-3", "figure-3-surfaces"])
def test_a_landscape_over_a_part_of_the_images_says_so_in_its_panel(tmp_path, name):
    write_run(tmp_path, config_of(4, 50))
    write_run(tmp_path, config_of(9, 50))
    write_landscape(tmp_path, config_of(4, 50))
    write_landscape(tmp_path, config_of(9, 50), images=10_000, done=390)
    panels = {axes.get_title(): axes for axes in drawing(name, tmp_path).figure.axes}
    said = {
        title: [text.get_text() for text in axes.texts if "train" not in text.get_text()]
        for title, axes in panels.items()
    }
    assert said["$P = 4$, $d = 50$"] == []
    assert said["$P = 9$, $d = 50$"] == ["10,000 images\n390 of 400 losses"]


def test_losses_that_are_not_there_yet_are_null_in_the_sidecar(tmp_path):
    """NaN is no JSON: other readers than Python's would refuse the file."""
    write_run(tmp_path, SMALL)
    write_landscape(tmp_path, SMALL, done=217)
    result = invoke("figure-3", "--small", "--records", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    (panel,) = sidecar(tmp_path / "out", "figure-3")["numbers"]["panels"]
    losses = np.ravel(panel["loss"])
    assert [value is None for value in losses] == [False] * 217 + [True] * 183


def test_the_bias_parts_are_drawn_where_its_blocks_are_not_on_record(tmp_path):
    """A record with top vectors only: in the figure for its shares, in the gaps for the rest."""
    for patches in (4, 9):
        write_run(tmp_path, config_of(patches, 50))
    write_analysis(tmp_path, config_of(4, 50))
    path = write_analysis(tmp_path, config_of(9, 50))
    content = json.loads(path.read_text())
    content.pop("sha256")
    for name in ("G over the bias", "R over the bias"):
        content["eigenvalues"].pop(name)
    seal(path, content)
    found = drawing("pixel-bias", tmp_path)
    sizes = {panel["n_patches"]: panel["largest_eigenvalues"] for panel in found.numbers["panels"]}
    assert sizes[9]["G over the bias"] is None
    assert sizes[9]["G over the angles"] > 0
    assert None not in sizes[4].values()
    assert "P = 9, d = 50" in {gap.panel for gap in found.gaps}
    assert "P = 4, d = 50" not in {gap.panel for gap in found.gaps}
    said = {text.get_text() for axes in found.figure.axes for text in axes.texts}
    assert "not run: $P$ = 16\nin part: $P$ = 9" in said


def test_an_unfinished_run_is_drawn_and_said_to_be_so(tmp_path):
    write_run(tmp_path, config_of(4, 50), epochs_done=30)
    found = drawing("figure-1", tmp_path)
    assert found.gaps[0].reason == "30 of 50 epochs"
    assert found.numbers["panels"][0]["epoch"][-1] == 30


def test_an_analysis_without_a_section_counts_as_missing_for_that_section(tmp_path):
    write_run(tmp_path, config_of(4, 50))
    write_analysis(tmp_path, config_of(4, 50), without=("density", "along_training"))
    assert drawing("figure-4", tmp_path).numbers["panels"] == []
    assert drawing("split-along-training", tmp_path).numbers["panels"] == []
    assert len(drawing("alignment", tmp_path).numbers["panels"]) == 1


def test_a_density_alone_is_drawn_with_the_eigenvalues_over_all_images(tmp_path):
    """Without the subset's eigenvalues, and without outliers, as of an analysis that goes on."""
    write_run(tmp_path, config_of(4, 50))
    write_analysis(tmp_path, config_of(4, 50), without=("subset", "outliers"))
    found = drawing("figure-4", tmp_path)
    (panel,) = found.numbers["panels"]
    assert panel["exact_on"] == "all training images"
    assert panel["exact_images"] == 60_000
    assert len(panel["exact_eigenvalues"]) == 12
    assert panel["outliers"] is None
    (axes,) = (a for a in found.figure.axes if a.get_title() == "$P = 4$, $d = 50$")
    lines = {line.get_label() for line in (*axes.collections, *axes.lines)}
    assert "eigenvalues with error bound: outliers" in lines
    assert "edge of the bulk" not in lines
    # no edge is known, so nothing can be called one of the others
    (others,) = (c for c in axes.collections if c.get_label() == "others of the largest")
    assert others.get_segments() == []


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (10, 10, "10 outliers\n6,000 images"),
        (9, 10, "10 outliers (9 to 10)\n6,000 images"),
        (10, None, "10 or more outliers\n6,000 images"),
    ],
)
def test_a_panel_says_what_the_count_of_outliers_leaves_open(tmp_path, low, high, expected):
    write_run(tmp_path, config_of(4, 50))
    content = analysis_content(config_of(4, 50))
    content["outliers"] |= {"low": low, "high": high}
    seal(tmp_path / "analyses" / f"{config_of(4, 50).run_id}.json", content)
    axes = drawing("figure-4", tmp_path).figure.axes[0]
    assert expected in [text.get_text() for text in axes.texts]


def test_places_of_a_grid_that_no_run_belongs_to_stay_empty(tmp_path):
    configs = small_config(4, 1), small_config(9, 2)
    for config in configs:
        write_run(tmp_path, config)
    records = Records.read(tmp_path)
    (item,) = find(["figure-c-loss"])
    found = item.draw(Inputs(records, records.study(), records.study(), small=True))
    assert [panel["run"] for panel in found.numbers["panels"]] == [c.run_id for c in configs]
    assert [axes.axison for axes in found.figure.axes] == [True, False, False, True]


def test_no_runs_at_all_give_an_empty_grid_and_no_error(tmp_path):
    empty = tmp_path / "none"
    empty.mkdir()
    result = invoke("figure-4", "--small", "--records", empty, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert re.search("^figure-4 +not run", result.output, re.MULTILINE)
    assert sidecar(tmp_path / "out", "figure-4")["numbers"]["panels"] == []


@pytest.mark.parametrize("name", ["law-ratios", "law-summary"])
def test_runs_that_make_no_pair_are_said_to_make_none(small, tmp_path, name):
    """Nothing is missing and nothing is drawn: silence would read as a law without error."""
    result = invoke(name, "--small", "--records", small, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    (gap,) = sidecar(tmp_path / "out", name)["missing"]
    assert gap == {
        "panel": "runs on record",
        "reason": "no two runs that differ in P only",
        "commands": [],
    }


def test_laws_whose_inputs_are_missing_are_said_to_be(tmp_path):
    """lambda_max(H) alone feeds some laws; the panel counts its run, the gap names the rest."""
    for p in (4, 9):
        config = config_of(p, 50)
        write_run(tmp_path, config)
        content = analysis_content(config)
        content["eigenvalues"] = {"H": content["eigenvalues"]["H"]}
        seal(tmp_path / "analyses" / f"{config.run_id}.json", content)
    found = drawing("law-ratios", tmp_path)
    ours = next(p for p in found.numbers["panels"] if p["name"].startswith("our runs, author"))
    assert {row["law"] for row in ours["rows"]} == {
        "elementwise",
        "aligned",
        "aligned_loss",
        "aligned_curvature",
    }
    blocks = [gap for gap in found.gaps if gap.reason == "no eigenvalues of blocks"]
    assert [gap.panel for gap in blocks] == ["P = 4, d = 50", "P = 9, d = 50"]
    assert sum(gap.reason == "not run" for gap in found.gaps) == 10 + 16


def test_only_the_author_s_protocol_is_drawn_as_the_paper_s(tmp_path):
    """A small run of the same P, d and seed must not pass for the paper's."""
    small = small_config(4, 50, seed=1001)
    write_everything(tmp_path, small)
    assert small.run_id.startswith("P4_d50_s1001_")
    for name in ("figure-1", "figure-3", "figure-4"):
        assert drawing(name, tmp_path).numbers["panels"] == []


# --- what is refused


def test_unknown_names_and_formats_are_refused_with_those_that_are_known(tmp_path):
    result = invoke("figure-9", "--out", tmp_path)
    assert result.exit_code == 2
    for item in (*FIGURES, *TABLES):
        assert item.name in result.output
    result = invoke("figure-1", "--out", tmp_path, "--format", "pdf,gif")
    assert result.exit_code == 2
    assert "expected some of pdf, png, svg, got 'gif'" in " ".join(result.output.split())
    assert invoke("--format", ",", "--out", tmp_path).exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["runs", "analyses", "landscapes"])
def test_a_damaged_record_is_named_and_nothing_drawn(small, tmp_path, kind):
    path = small / kind / f"{SMALL.run_id}.json"
    if kind == "runs":
        path = small / kind / SMALL.run_id / "checkpoint.json"
    text = path.read_text()
    # one digit changed: still JSON, and only the checksum can tell
    number = re.search(r"\d\.\d+", text)
    assert number is not None
    digit = text[number.end() - 1]
    changed = "1" if digit != "1" else "2"
    path.write_text(text[: number.end() - 1] + changed + text[number.end() :])
    result = invoke("figure-1", "--small", "--records", small, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert path.name in result.output
    assert "checksum mismatch" in " ".join(result.output.split())
    assert list((tmp_path / "out").iterdir()) == []


def test_a_record_of_an_earlier_state_of_its_run_is_refused(small, tmp_path):
    """The run went on, so its minimum may be another epoch: such an analysis is stale."""
    write_run(small, SMALL, epochs_done=4)
    with pytest.raises(RecordError, match=r"as it is: 4 epochs, .* got 6 epochs"):
        Records.read(small)


def test_a_record_named_after_another_run_is_refused(small):
    path = small / "analyses" / f"{SMALL.run_id}.json"
    path.rename(path.with_name("P9_d1_s7.json"))
    with pytest.raises(RecordError, match="expected the record of run P9_d1_s7, got that of P4"):
        Records.read(small)


def test_a_run_in_the_folder_of_another_is_refused(small):
    path = small / "runs" / SMALL.run_id
    path.rename(path.with_name("P9_d1_s7"))
    with pytest.raises(
        RecordError,
        match=rf"expected the folder of run P9_d1_s7, got that of {SMALL.run_id}; rename it",
    ):
        Records.read(small)


def test_folders_that_are_no_runs_are_passed_over(small):
    (small / "runs" / "notes").mkdir()
    assert set(Records.read(small).runs) == {SMALL.run_id}


# --- the rest of the command


def test_the_list_names_everything(tmp_path):
    result = invoke("--list", "--out", tmp_path / "out")
    assert result.exit_code == 0
    names = [line.split()[0] for line in result.output.splitlines()]
    assert names == [item.name for item in (*FIGURES, *TABLES)]
    assert not (tmp_path / "out").exists()


def test_every_name_is_unique_and_every_figure_says_what_it_is():
    captions = [figure.caption for figure in FIGURES]
    assert len({caption.name for caption in captions}) == len(captions)
    for number in range(1, 6):
        assert any(caption.paper == f"Fig. {number}" for caption in captions)
    for figure in FIGURES:
        module = __import__(figure.draw.__module__, fromlist=["__doc__"])
        opening = "Ours" if figure.caption.paper == "ours" else figure.caption.paper.split(",")[0]
        assert module.__doc__.startswith(opening)


def test_tables_are_written_by_name_beside_figures(small, tmp_path):
    result = invoke("table-2", "figure-2", "--records", small, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    files = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert files == {"table-2.md", "table-2.tex", "table-2.csv", "table-2.json"} | {
        "figure-2.pdf",
        "figure-2.png",
        "figure-2.json",
    }


def test_the_committed_records_are_read_by_default():
    assert RESULTS.is_dir()
    records = Records.read()
    assert "P4_d50_s1001" in records.runs
    assert records.label == records.typed == "paper_figures/results"


def test_ctrl_c_ends_with_130_and_keeps_what_is_written(small, tmp_path, monkeypatch):
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    write = PaperFigure.write
    monkeypatch.setattr(
        PaperFigure,
        "write",
        lambda self, *rest: (
            interrupted() if self.caption.name == "figure-5" else write(self, *rest)
        ),
    )
    options = ("--small", "--records", small, "--out", tmp_path / "out", "--format", "png")
    result = invoke("figure-1", "figure-5", *options)
    assert result.exit_code == 130
    assert "Interrupted; the same command goes on where it was" in result.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"figure-1.png", "figure-1.json"}


# --- recomputing


def test_recompute_runs_what_is_missing_once_and_draws_it(tmp_path, monkeypatch):
    folder, out = tmp_path / "kept", tmp_path / "out"
    write_run(folder, SMALL)
    ran = []

    def run(command: str, where: Path) -> None:
        ran.append(command)
        write_analysis(folder, SMALL)

    monkeypatch.setattr(recompute, "run_command", run)
    options = ("--small", "--records", folder, "--out", out, "--format", "png")
    write_landscape(folder, SMALL)
    first = invoke("figure-3", "figure-4", "alignment", *options)
    assert "figure-4" in first.output
    assert ran == []
    assert sidecar(out, "figure-4")["numbers"]["panels"] == []
    result = invoke("figure-3", "figure-4", "alignment", *options, "--recompute")
    assert result.exit_code == 0, result.output
    # two figures need the one command
    assert ran == [f"patchlaw analyse {folder}/runs/{SMALL.run_id} --out {folder}/analyses"]
    assert "may take hours" in result.output
    assert "not run" not in result.output
    assert len(sidecar(out, "figure-4")["numbers"]["panels"]) == 1
    # and finished records are left alone
    assert invoke("figure-4", *options, "--recompute").exit_code == 0
    assert len(ran) == 1


def test_a_failing_command_is_named(tmp_path):
    folder = tmp_path / "kept"
    write_run(folder, SMALL)  # without its parameters, so there is nothing to analyse
    result = invoke(
        "figure-4", "--small", "--records", folder, "--out", tmp_path / "out", "--recompute"
    )
    assert result.exit_code == 1
    assert "patchlaw analyse" in result.output
    assert "expected exit code 0, got 1" in " ".join(result.output.split())


@pytest.mark.slow
def test_recompute_on_a_real_run(tmp_path):
    """The commands that are named do exist, take these options, and write what is drawn."""
    folder, out = tmp_path / "kept", tmp_path / "out"
    arguments = ["--patches", 4, "--depth", 1, "--epochs", 2, "--images", 40, "--batch-size", 20]
    trained = CliRunner().invoke(
        train, [*map(str, arguments), "--out", str(folder / "runs"), "--threads", "1"]
    )
    assert trained.exit_code == 0, trained.output
    (run,) = Records.read(folder).runs
    options = ("--small", "--records", folder, "--out", out, "--format", "png")
    result = invoke("figure-3", *options, "--recompute")
    assert result.exit_code == 0, result.output
    (panel,) = sidecar(out, "figure-3")["numbers"]["panels"]
    assert panel["run"] == run
    assert np.shape(panel["loss"]) == (20, 20)
    stored = json.loads((folder / "landscapes" / f"{run}.json").read_text())
    assert panel["loss"] == stored["grid"]["loss"]
