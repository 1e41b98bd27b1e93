"""Tables 1 to 6: the numbers in the files are the records', and what is missing is said."""

import glob
import json
import re
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from patchlaw.cli import main
from patchlaw.paper_figures.drawing import Inputs
from patchlaw.paper_figures.outcome import Outcome
from patchlaw.paper_figures.records import RESULTS, Records
from patchlaw.paper_figures.study import paper_study
from patchlaw.paper_figures.tables import TABLES
from patchlaw.verification.landscape.record import LandscapeRecord
from patchlaw.verification.records import author_results
from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.seal import digest
from tests.paper_figures.synthetic_records import (
    COMMIT,
    analysis_content,
    config_of,
    write_analysis,
    write_landscape,
    write_run,
)
from tests.paper_figures.table_readers import (
    check_latex,
    columns,
    is_rounded,
    read_csv,
    read_latex,
    read_markdown,
    shown_numbers,
)

GRID = [(p, d) for p in (4, 9, 16) for d in (50, 100, 150, 200)]
SEEDS = (1001, 1002, 1003, 1004, 1005)
AUTHOR = {(r.n_patches, r.depth): r for r in author_results()}


def write(name: str, results: Path, out: Path) -> Outcome:
    out.mkdir(exist_ok=True)
    (table,) = (table for table in TABLES if table.name == name)
    study = paper_study()
    return table.write(Inputs(Records.read(results), study, study), out)


def history(results: Path, run_id: str) -> list[dict[str, Any]]:
    """A run's history as it is on disk."""
    path = results / "runs" / run_id / "checkpoint.json"
    entries: list[dict[str, Any]] = json.loads(path.read_text())["body"]["history"]
    return entries


def at_minimum(results: Path, run_id: str) -> dict[str, Any]:
    """The entry of least training loss after an epoch, by numpy."""
    entries = history(results, run_id)
    return entries[1 + int(np.argmin([entry["train"]["loss"] for entry in entries[1:]]))]


def write_changed_analysis(results: Path, config: Any, **changes: Any) -> dict[str, Any]:
    """An analysis with other sections, sealed again."""
    path = write_analysis(results, config)
    content = analysis_content(config) | changes
    path.write_text(json.dumps(content | {"sha256": digest(content)}))
    return content


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All twelve configurations with the author's seed, (9, 100) and (4, 50) with more."""
    results = tmp_path_factory.mktemp("results")
    for p, d in GRID:
        write_run(results, config_of(p, d))
        write_analysis(results, config_of(p, d))
    for seed in (1002, 1003):
        write_run(results, config_of(9, 100, seed))
        write_analysis(results, config_of(9, 100, seed))
    for seed in SEEDS[1:]:
        write_run(results, config_of(4, 50, seed))
    return results


@pytest.fixture(scope="module")
def written(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Every table of those records, each in a folder of its own, by name."""
    out = tmp_path_factory.mktemp("tables")
    return {table.name: write(table.name, whole, out / table.name) for table in TABLES}


def file_of(outcome: Outcome, suffix: str) -> Path:
    (path,) = (path for path in outcome.files if path.suffix == suffix)
    return path


def test_names_and_titles() -> None:
    assert [table.name for table in TABLES] == [f"table-{n}" for n in range(1, 7)]
    assert all(table.title and "\n" not in table.title for table in TABLES)


def test_table_1_holds_the_runs_numbers(whole: Path, written: dict[str, Outcome]) -> None:
    outcome = written["table-1"]
    assert outcome.status == "complete"
    assert outcome.missing == ()
    rows = read_csv(file_of(outcome, ".csv"))
    assert list(rows) == GRID
    for (p, d), row in rows.items():
        entry = at_minimum(whole, f"P{p}_d{d}_s1001")
        assert int(row["minimum_epoch_ours"]) == entry["epoch"]
        for split in ("train", "test"):
            for name in ("loss", "accuracy"):
                key = f"{split}_{name}"
                ours, author = entry[split][name], getattr(AUTHOR[p, d], key)
                assert float(row[f"{key}_ours"]) == ours
                assert float(row[f"{key}_author"]) == author
                assert float(row[f"{key}_difference"]) == ours - author
        assert int(row["minimum_epoch_author"]) == AUTHOR[p, d].epoch_of_min_train_loss + 1


def test_table_1_holds_the_committed_run(tmp_path: Path) -> None:
    """Read by a JSON parser alone.

    The author's minimum was after the same epoch: an index from 0 taken for a number of epochs
    done would show a difference of one.
    """
    write("table-1", RESULTS, tmp_path)
    row = read_csv(tmp_path / "table-1.csv")[4, 50]
    entry = at_minimum(RESULTS, "P4_d50_s1001")
    assert float(row["train_loss_ours"]) == entry["train"]["loss"]
    assert float(row["train_accuracy_ours"]) == entry["train"]["accuracy"]
    assert float(row["test_loss_ours"]) == entry["test"]["loss"]
    assert float(row["test_accuracy_ours"]) == entry["test"]["accuracy"]
    assert row["minimum_epoch_ours"] == row["minimum_epoch_author"] == "37"
    sidecar = json.loads((tmp_path / "table-1.json").read_text())
    (record,) = [r for r in sidecar["records"] if r["run"] == "P4_d50_s1001"]
    assert record["seed"] == 1001
    assert sorted(record["samples"].values()) == [10_000, 60_000]
    assert re.fullmatch("[0-9a-f]{40}", record["commits"][0])


def test_table_2_counts_the_models_parameters(tmp_path: Path) -> None:
    """Against the formula of the paper's Appendix A."""
    assert write("table-2", tmp_path / "none", tmp_path / "out").status == "complete"
    rows = read_csv(tmp_path / "out" / "table-2.csv")
    for (p, d), row in rows.items():
        assert int(row["parameters_ours"]) == p * (48 * d + 128) + 196
        assert int(row["parameters_author"]) == AUTHOR[p, d].n_parameters
        assert row["parameters_difference"] == "0"
    assert "| 155,844 |" in (tmp_path / "out" / "table-2.md").read_text()


def test_table_3_holds_the_analyses_numbers(written: dict[str, Outcome]) -> None:
    assert written["table-3"].status == "complete"
    for (p, d), row in read_csv(file_of(written["table-3"], ".csv")).items():
        top = analysis_content(config_of(p, d))["eigenvalues"]["H"][0]
        author = AUTHOR[p, d].top_hessian_eigenvalue
        assert float(row["top_eigenvalue_ours"]) == top["value"]
        assert float(row["top_eigenvalue_radius"]) == top["residual_norm"] + top["rounding"]
        assert float(row["residual_norm"]) == top["residual_norm"]
        assert row["n_samples"] == "60000"
        assert float(row["top_eigenvalue_difference"]) == top["value"] - author
        assert float(row["top_eigenvalue_relative_difference"]) == pytest.approx(
            (top["value"] - author) / author, rel=1e-12, abs=1e-15
        )


@pytest.mark.parametrize(("factor", "sign"), [(1.5, "+"), (0.5, "\N{MINUS SIGN}")])
def test_a_difference_is_ours_less_the_authors(tmp_path: Path, factor: float, sign: str) -> None:
    """A swapped difference has the other sign in one of the two."""
    content = analysis_content(config_of(4, 50))
    entry = content["eigenvalues"]["H"][0]
    entry["value"] = factor * AUTHOR[4, 50].top_hessian_eigenvalue
    write_changed_analysis(tmp_path, config_of(4, 50), eigenvalues=content["eigenvalues"])
    write("table-3", tmp_path, tmp_path / "out")
    row = read_csv(tmp_path / "out" / "table-3.csv")[4, 50]
    assert float(row["top_eigenvalue_difference"]) == pytest.approx((factor - 1) * 15.987028)
    lines = (tmp_path / "out" / "table-3.md").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("| 4 | 50 |"))
    assert f"| {sign}7.994 | {sign}50.0 % |" in line


def test_table_4_averages_over_seeds(whole: Path, written: dict[str, Outcome]) -> None:
    """Against the statistics module, whose deviation has n - 1 in its denominator."""
    outcome = written["table-4"]
    assert outcome.status == "partial"
    rows = read_csv(file_of(outcome, ".csv"))
    for (p, d), n in {(4, 50): 5, (9, 100): 3, (16, 200): 1}.items():
        assert int(rows[p, d]["n_seeds"]) == n
        entries = [at_minimum(whole, f"P{p}_d{d}_s{seed}") for seed in SEEDS[:n]]
        for name in ("loss", "accuracy"):
            values = [entry["test"][name] for entry in entries]
            mean, deviation = (
                rows[p, d][f"test_{name}_{what}"] for what in ("mean", "standard_deviation")
            )
            assert float(mean) == pytest.approx(statistics.mean(values), rel=1e-14)
            if n == 1:
                assert deviation == ""
            else:
                assert float(deviation) == pytest.approx(statistics.stdev(values), rel=1e-12)
    assert all(row["test_loss_author"] == "" for row in rows.values())
    text = file_of(outcome, ".md").read_text()
    assert text.count("| not read |") == 2 * len(GRID)
    assert "42 of 60 runs over all seeds are missing" in text
    sidecar = json.loads(file_of(outcome, ".json").read_text())
    assert sidecar["seeds"] == list(SEEDS)
    assert (sidecar["found"], sidecar["missing"]) == (18, 42)


def test_with_every_seed_no_run_is_called_missing(tmp_path: Path) -> None:
    for p, d in GRID:
        for seed in SEEDS:
            write_run(tmp_path / "results", config_of(p, d, seed))
    outcome = write("table-4", tmp_path / "results", tmp_path / "out")
    assert outcome.status == "complete"
    assert "missing" not in file_of(outcome, ".md").read_text()


def test_table_5_averages_over_seeds(written: dict[str, Outcome]) -> None:
    row = read_csv(file_of(written["table-5"], ".csv"))[9, 100]
    tops = [analysis_content(config_of(9, 100, seed))["eigenvalues"]["H"][0] for seed in SEEDS[:3]]
    values = [top["value"] for top in tops]
    assert row["n_seeds"] == "3"
    assert float(row["top_eigenvalue_mean"]) == pytest.approx(statistics.mean(values))
    assert float(row["top_eigenvalue_standard_deviation"]) == pytest.approx(
        statistics.stdev(values)
    )
    assert float(row["largest_radius"]) == max(t["residual_norm"] + t["rounding"] for t in tops)


def test_means_over_seeds_stand_beside_the_authors_seed(written: dict[str, Outcome]) -> None:
    """Table 1 compares equal seeds, and its means are those of Table 4."""
    one, four = (read_csv(file_of(written[f"table-{n}"], ".csv"))[9, 100] for n in (1, 4))
    assert one["n_seeds"] == "3"
    assert one["test_loss_mean"] == four["test_loss_mean"]
    assert one["test_loss_mean"] != one["test_loss_ours"]
    assert "over all seeds" in file_of(written["table-1"], ".md").read_text()


def test_table_6_prefers_landscapes(tmp_path: Path) -> None:
    results = tmp_path / "results"
    for p, d in ((4, 50), (4, 100)):
        write_run(results, config_of(p, d))
        write_analysis(results, config_of(p, d))
    path = write_landscape(results, config_of(4, 100))
    record = LandscapeRecord.read(path)
    ratios = np.array([0.7, 0.2, *record.pca.ratios[2:]])
    replace(record, pca=replace(record.pca, ratios=ratios)).write(path)
    write("table-6", results, tmp_path)
    rows = read_csv(tmp_path / "table-6.csv")
    assert (rows[4, 50]["pc1_ratio_ours"], rows[4, 50]["pc2_ratio_ours"]) == ("0.86", "0.08")
    assert (rows[4, 100]["pc1_ratio_ours"], rows[4, 100]["pc2_ratio_ours"]) == ("0.7", "0.2")
    assert float(rows[4, 50]["pc1_ratio_author"]) == AUTHOR[4, 50].pca_ratio_1
    assert float(rows[4, 50]["pc2_ratio_author"]) == AUTHOR[4, 50].pca_ratio_2
    files = [r["file"] for r in json.loads((tmp_path / "table-6.json").read_text())["records"]]
    assert files == ["analyses/P4_d50_s1001.json", "landscapes/P4_d100_s1001.json"]


def checked_command(line: str) -> None:
    """The line is one that the console command accepts, as far as it can tell before it runs."""
    name, *words = line.split()
    arguments = [found for word in words for found in sorted(glob.glob(word)) or [word]]
    assert name == "patchlaw", line
    command = main.get_command(click.Context(main), arguments[0])
    assert command is not None, line
    command.make_context(arguments[0], arguments[1:])


@pytest.mark.parametrize("name", [table.name for table in TABLES])
def test_what_is_missing_is_said_with_its_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From an empty folder; every command is parsed by the program that it calls."""
    outcome = write(name, tmp_path / "empty", tmp_path)
    assert outcome.status == ("complete" if name == "table-2" else "missing")
    monkeypatch.chdir(tmp_path)
    for p, d in GRID:  # what a training command would have written
        (tmp_path / "empty" / "runs" / f"P{p}_d{d}_s1001").mkdir(parents=True, exist_ok=True)
    plan = Path("paper_figures/plans/paper.toml")
    plan.parent.mkdir(parents=True)
    plan.touch()
    for line in outcome.missing:
        checked_command(line)
    if name == "table-2":
        return
    for suffix in (".md", ".tex"):
        cells = (read_markdown if suffix == ".md" else read_latex)(tmp_path / f"{name}{suffix}")
        assert list(cells) == GRID
        assert all("not run" in panel for panels in cells.values() for panel in panels)
    text = (tmp_path / f"{name}.md").read_text()
    for line in outcome.missing:
        assert f"`{line.replace(str(tmp_path / 'empty'), 'empty')}`" in text
    assert str(tmp_path) not in text
    assert str(tmp_path) not in (tmp_path / f"{name}.json").read_text()


def test_committed_records_are_named_from_the_source_tree(tmp_path: Path) -> None:
    outcome = write("table-1", RESULTS, tmp_path)
    assert all("--out paper_figures/results/runs" in line for line in outcome.missing)


def test_only_whole_runs_of_the_authors_protocol_enter(tmp_path: Path) -> None:
    """A run of another rate (named with a suffix) and one that is not finished stay out."""
    config = config_of(4, 50)
    other = replace(config, training=replace(config.training, learning_rate=0.5))
    assert other.run_id != config.run_id
    write_run(tmp_path, other)
    write_analysis(tmp_path, other)
    write_run(tmp_path, config_of(9, 50), epochs_done=20)
    outcome = write("table-1", tmp_path, tmp_path / "out")
    assert outcome.status == "missing"
    text = (tmp_path / "out" / "table-1.md").read_text()
    assert "P = 4, d = 50: not run; `patchlaw train --patches 4 --depth 50" in text
    assert "P = 9, d = 50: 20 of 50 epochs done; `patchlaw train --patches 9 --depth 50" in text
    for name in ("table-3", "table-5", "table-6"):
        assert write(name, tmp_path, tmp_path / "out").status == "missing"


def test_eigenvalues_of_a_part_of_the_images_are_refused(tmp_path: Path) -> None:
    content = analysis_content(config_of(4, 50))
    content["eigenvalues"]["H"][0]["n_samples"] = 6000
    write_changed_analysis(tmp_path, config_of(4, 50), eigenvalues=content["eigenvalues"])
    with pytest.raises(ValueError, match="expected eigenvalues over all 60,000 images"):
        write("table-3", tmp_path, tmp_path / "out")


def test_an_eigenvalue_that_did_not_converge_says_so(tmp_path: Path) -> None:
    content = analysis_content(config_of(4, 50))
    content["eigenvalues"]["H"][0]["converged"] = False
    write_changed_analysis(tmp_path, config_of(4, 50), eigenvalues=content["eigenvalues"])
    write("table-3", tmp_path, tmp_path / "out")
    text = (tmp_path / "out" / "table-3.md").read_text()
    assert "- P = 4, d = 50: stopped before the tolerance 0.001 was reached" in text


def test_a_trained_run_needs_its_analysis_only(tmp_path: Path) -> None:
    write_run(tmp_path, config_of(4, 50))
    missing = write("table-3", tmp_path, tmp_path / "out").missing
    assert [line.split()[1] for line in missing[:3]] == ["analyse", "train", "analyse"]
    assert missing[0].endswith("--stage hessian")


def test_damaged_records_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path, config_of(4, 50))
    path = write_analysis(tmp_path, config_of(4, 50))
    path.write_text(path.read_text().replace('"epoch"', '"epic"', 1))
    with pytest.raises(RecordError, match="checksum"):
        write("table-1", tmp_path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", [table.name for table in TABLES])
def test_markdown_latex_and_csv_agree(written: dict[str, Outcome], name: str) -> None:
    """Cell by cell; each shown number is the CSV file's, rounded to the digits shown."""
    paths = written[name].files
    assert [path.name for path in paths] == [f"{name}{s}" for s in (".md", ".tex", ".csv", ".json")]
    assert sorted(paths[0].parent.iterdir()) == sorted(paths)  # no temporary files are left
    markdown, latex = read_markdown(paths[0]), read_latex(paths[1])
    assert markdown == latex
    rows = read_csv(paths[2])
    assert list(markdown) == list(rows) == GRID
    widths = [len(head) for head in columns(paths[0])]
    n_compared = 0
    for key, panels in markdown.items():
        assert [len(panel) for panel in panels] == widths
        values = [(name, row) for name, row in list(rows[key].items())[2:] if row]
        position = 0
        for cell in (cell for panel in panels for cell in panel):
            for shown in shown_numbers(cell):
                # the file's columns come in the table's order, those not shown in between
                while not is_rounded(
                    shown,
                    values[position][1],
                    percent=cell.endswith("%"),
                    bound=values[position][0].endswith(("radius", "residual_norm")),
                ):
                    position += 1
                position += 1
                n_compared += 1
    assert n_compared >= 2 * len(GRID)


@pytest.mark.parametrize("name", [table.name for table in TABLES])
def test_latex_is_well_formed(written: dict[str, Outcome], tmp_path: Path, name: str) -> None:
    """What a compiler would refuse: unbalanced braces, environments or columns, bare specials."""
    for outcome in (written[name], write(name, tmp_path / "empty", tmp_path / "out")):
        check_latex(file_of(outcome, ".tex").read_text(encoding="ascii"))


def test_the_same_records_give_the_same_bytes(
    whole: Path, written: dict[str, Outcome], tmp_path: Path
) -> None:
    again = write("table-1", whole, tmp_path).files
    assert [f.read_bytes() for f in again] == [f.read_bytes() for f in written["table-1"].files]


def test_sidecars_name_records_and_commits(written: dict[str, Outcome]) -> None:
    sidecar = json.loads(file_of(written["table-3"], ".json").read_text())
    assert sidecar["commits"] == [COMMIT]
    assert sidecar["seeds"] == [1001]
    assert sidecar["n_samples"]["training images"] == [60_000]
    assert [r["run"] for r in sidecar["records"]] == [f"P{p}_d{d}_s1001" for p, d in GRID]
