"""patchlaw figures: what is drawn and said of records that are missing, unfinished or partial."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from patchlaw.paper_figures.catalogue import find
from patchlaw.paper_figures.drawing import Inputs
from patchlaw.paper_figures.records import Records
from patchlaw.verification.landscape.record import LandscapeRecord
from tests.paper_figures.figure_cases import SMALL, drawing, invoke, sidecar
from tests.paper_figures.synthetic_records import (
    analysis_content,
    config_of,
    seal,
    small_config,
    write_analysis,
    write_everything,
    write_kernel,
    write_landscape,
    write_run,
)


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


def test_small_mode_without_any_record_draws_empty_panels(tmp_path):
    """No study, so no run that a grey panel could name: trace-law ended in an IndexError."""
    (tmp_path / "none").mkdir()
    options = ("--small", "--records", tmp_path / "none", "--format", "png")
    result = invoke("figure-1", "level-off", "trace-law", *options, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert len(set(re.findall(r"^([\w-]+) +not run", result.output, re.MULTILINE))) == 3
    assert sidecar(tmp_path / "out", "trace-law")["numbers"]["panels"] == []


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


def test_a_kernel_without_measured_spectra_is_a_gap(tmp_path):
    """Catches a law drawn on its own, and a command that would not measure what is missing."""
    write_kernel(tmp_path, config_of(4, 50), measured=False)
    write_run(tmp_path, config_of(4, 50))
    found = drawing("kernel-spectra", tmp_path)
    assert found.numbers["panels"] == []
    commands = [recipe.text("kept") for recipe in found.gaps[0].recipes]
    assert commands == ["patchlaw kernel kept/runs/P4_d50_s1001 --out kept/kernels"]
    write_kernel(tmp_path, config_of(4, 50))
    found = drawing("kernel-spectra", tmp_path)
    assert [len(panel["models"]) for panel in found.numbers["panels"]] == [1, 1]
    assert "P = 4, d = 50" not in {gap.panel for gap in found.gaps}
    assert [source.file for source in found.sources] == ["kernels/P4_d50_s1001.json"]


def test_an_unfinished_landscape_is_drawn_and_said_to_be_so(tmp_path):
    write_run(tmp_path, config_of(4, 50))
    path = write_landscape(tmp_path, config_of(4, 50), done=217)
    record = LandscapeRecord.read(path)
    replace(record, reproduce=f"{record.reproduce} --images 50 --points 20").write(path)
    found = drawing("figure-3", tmp_path)
    (gap,) = (gap for gap in found.gaps if gap.reason != "not run")
    assert gap.reason == "217 of 400 losses"
    (rest,) = gap.recipes
    # a command without its options would be refused
    begun = "patchlaw landscape a/runs/P4_d50_s1001 --images 50 --points 20 --out a/landscapes"
    assert rest.text("a") == begun
    panel = found.numbers["panels"][0]
    assert np.isfinite(panel["loss"]).sum() == 217


@pytest.mark.parametrize("name", ["figure-3", "figure-3-surfaces"])
def test_a_landscape_of_a_part_of_the_images_or_another_seed_says_so(tmp_path, name):
    """Whole ones of another seed stand in for those of the first seed that are begun or missing."""
    places = (4, 50), (9, 50), (16, 50), (16, 50, 1002)
    configs = [config_of(*place) for place in places]
    for config in configs:
        write_run(tmp_path, config)
    write_landscape(tmp_path, configs[0])
    write_landscape(tmp_path, configs[1], images=10_000, done=390)
    write_landscape(tmp_path, configs[2], done=1)
    write_landscape(tmp_path, configs[3])
    panels = {axes.get_title(): axes for axes in drawing(name, tmp_path).figure.axes}
    said = {
        title: [text.get_text() for text in axes.texts if "train" not in text.get_text()]
        for title, axes in panels.items()
    }
    assert said["$P = 4$, $d = 50$"] == []
    assert said["$P = 9$, $d = 50$"] == ["10,000 images\n390 of 400 losses"]
    assert said["$P = 16$, $d = 50$"] == ["seed 1002"]


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


def test_a_curve_that_ends_early_leaves_its_panel_open(tmp_path):
    """Only this catches a panel cut at the last epoch done, which looks like a whole run."""
    write_run(tmp_path, config_of(4, 50), epochs_done=30)
    found = drawing("figure-c-loss", tmp_path)
    (panel,) = [axes for axes in found.figure.axes if axes.lines]
    assert panel.get_xlim() == (0, 50)
    assert "30 of 50 epochs" in {text.get_text() for text in panel.texts}


@pytest.mark.parametrize("missing", ["eigenvalues", "shares"])
def test_alignment_and_shares_do_not_wait_for_each_other(tmp_path, missing):
    write_run(tmp_path, config_of(4, 50))
    write_analysis(tmp_path, config_of(4, 50), without=(missing,))
    found = drawing("alignment", tmp_path)
    (panel,) = found.numbers["panels"]
    assert (panel["alignment"] is None) == (missing == "eigenvalues")
    assert (panel["bias_share"] is None) == (missing == "shares")
    assert "P = 4, d = 50" in {gap.panel for gap in found.gaps}
    bars = [bar for axes in found.figure.axes for bar in axes.patches if bar.get_height() < 1]
    assert bool(bars) == (missing == "eigenvalues")


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
        (9, None, "10 outliers (9 or more)\n6,000 images"),
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
