"""The measured tables of docs/findings.md and own-models.md: what the records give, by hand."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from patchlaw.paper_figures.law_pairs import LawPairs, study_pairs
from patchlaw.paper_figures.records import ANALYSES, Records
from patchlaw.paper_figures.study import paper_study
from patchlaw.paper_figures.tables import findings_tables
from patchlaw.paper_figures.tables.evolution_tables import moments_table, powers_table
from patchlaw.paper_figures.tables.findings_tables import (
    PAGES,
    bounds_table,
    shown_laws,
    with_tables,
)
from patchlaw.paper_figures.tables.kernel_tables import (
    criteria_table,
    spectra_table,
    whole_table,
)
from patchlaw.paper_figures.tables.page_markup import marks
from patchlaw.paper_figures.tables.protocol import Configuration, author_by_configuration
from patchlaw.verification.comparison import LawComparison, fitted_exponents
from patchlaw.verification.records import ANALYSIS, author_models
from tests.paper_figures.synthetic_records import (
    config_of,
    write_analysis,
    write_kernel,
    write_run,
)

MINUS = "\N{MINUS SIGN}"


def rows_of(table: str) -> list[list[str]]:
    """Cells of a table's body."""
    return [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]


def number(text: str) -> float:
    """The first number of a cell."""
    return float(text.replace(MINUS, "-").split()[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two P at two seeds, a third P at one; one analysis lacks its blocks."""
    out: Path = tmp_path_factory.mktemp("kept")
    for patches, seed in ((4, 1001), (9, 1001), (16, 1001), (4, 1002), (9, 1002)):
        config = config_of(patches, 50, seed)
        write_run(out, config)
        write_analysis(out, config)
        write_kernel(out, config)
    return out


@pytest.fixture(scope="module")
def records(folder: Path) -> Records:
    return Records.read(folder)


def test_the_committed_pages_are_what_the_records_give() -> None:
    """A new record makes the pages stale: then `make docs`, and read the text again."""
    pages = {path: path.read_text(encoding="utf-8") for path in PAGES}
    written = with_tables(pages, findings_tables.tables(Records.read()))
    for path, text in pages.items():
        assert written[path] == text, f"{path.name}: run `make docs`"


def test_a_table_that_no_page_shows_is_refused() -> None:
    """Only this catches marks that stay empty: findings had such a pair for days."""
    begin, end = marks("ratios")
    pages = {Path("page.md"): f"{begin}\n{end}\n"}
    assert with_tables(pages, {"ratios": "new"}) == {Path("page.md"): f"{begin}\n\nnew\n\n{end}\n"}
    with pytest.raises(ValueError, match=r"got none of \['laws'\]"):
        with_tables(pages, {"ratios": "new", "laws": "more"})
    with pytest.raises(ValueError, match=r"page\.md: expected marks of \['laws'\]"):
        with_tables(pages, {"laws": "more"})


def test_bounds_are_over_the_measured_eigenvalue() -> None:
    """From a committed record's JSON by hand; only this catches bounds of the angles beside G's."""
    (path,) = ANALYSES.glob("P16_d10_s1001_1805f2fc.json")
    content = json.loads(path.read_text())
    top, found = content["eigenvalues"]["G"][0]["value"], content["bounds"]["interval"]
    (row,) = [r for r in rows_of(bounds_table(Records.read())) if r[:2] == ["16, 10", "2,000"]]
    assert float(row[3]) == pytest.approx(content["bounds"]["output_ritz"] / top, abs=5e-4)
    assert float(row[4]) == pytest.approx(found["ritz"][0] / top, abs=5e-4)
    assert float(row[5]) == pytest.approx(found["upper"] / top, abs=5e-4)
    assert float(row[3]) < float(row[4]) < 1 < float(row[5]) < float(row[6]) < float(row[7])
    # s^2 min(1, 2 <tr S>) (P n_p + sum m^2), with the sum over pixels counted here
    s, n_p, starts = 100 / 16, 48 * 10 + 128, (0, 2, 4, 6)
    times = [sum(start <= x < start + 8 for start in starts) for x in range(14)]
    squares = sum((a * b) ** 2 for a in times for b in times)
    spread = min(1, 2 * content["minimum"]["train"]["trace_s"])
    ceiling = number(row[9].replace(",", ""))
    assert ceiling <= s**2 * spread * (16 * n_p + squares) / top * 1.001


def test_minima_are_the_runs_with_the_authors_in_brackets(folder: Path, records: Records) -> None:
    """Only this catches a column of the author's beside another seed, or his epoch from zero."""
    rows = {row[0]: row for row in rows_of(findings_tables.minima_table(records))}
    assert list(rows) == ["4, 50", "4, 50, seed 1002", "9, 50", "9, 50, seed 1002", "16, 50"]
    author = author_by_configuration()[Configuration(9, 50)]
    run = config_of(9, 50).run_id
    stored = json.loads((folder / "runs" / run / "checkpoint.json").read_text())
    best = min(stored["body"]["history"][1:], key=lambda entry: entry["train"]["loss"])
    _, epoch, train, test, accuracy, top = rows["9, 50"]
    assert epoch == f"{best['epoch']} ({author.epoch_of_min_train_loss + 1})"
    for cell, name, value in (
        (train, "train", author.train_loss),
        (test, "test", author.test_loss),
    ):
        ours, his = cell.strip(")").split(" (")
        places = len(ours.split(".")[1])
        assert float(ours) == round(best[name]["loss"], places)
        assert float(his) == pytest.approx(value, abs=0.51 * 10**-places)
    assert accuracy.startswith(f"{100 * best['test']['accuracy']:.2f}%")
    assert top.endswith("(4.48)")
    assert "(" not in "".join(rows["9, 50, seed 1002"])


def test_ratios_are_those_of_the_records(folder: Path, records: Records) -> None:
    """Arithmetic from the JSON: only this catches seeds mixed, or an error over the prediction."""
    pairs = study_pairs("ours", paper_study(), records)
    table = findings_tables.ratio_table(pairs)
    rows = {(row[0], row[1]): row[2:] for row in rows_of(table)}
    assert list(rows) == [
        ("50", "4→9"),
        ("50, seed 1002", "4→9"),
        ("50", "4→16"),
        ("50", "9→16"),
    ]

    def content(patches: int, seed: int) -> dict:
        name = config_of(patches, 50, seed).run_id
        return json.loads((folder / "analyses" / f"{name}.json").read_text())

    def kernel(patches: int, seed: int) -> dict:
        name = config_of(patches, 50, seed).run_id
        return json.loads((folder / "kernels" / f"{name}.json").read_text())["moments"]

    for seed, place in ((1001, "50"), (1002, "50, seed 1002")):
        one, two = content(4, seed), content(9, seed)
        tops = [record["eigenvalues"]["H"][0]["value"] for record in (one, two)]
        losses = [record["minimum"]["train"]["loss"] for record in (one, two)]
        angles = one["eigenvalues"]["G over the angles"][0]["value"]
        bias = one["eigenvalues"]["G over the bias"][0]["value"]
        blocks = [
            sum(record["eigenvalues"][f"G_{p}{p}"][0]["value"] for p in range(n))
            for record, n in ((one, 4), (two, 9))
        ]
        kernels = [kernel(patches, seed)["minimum"]["whole"][0] for patches in (4, 9)]
        measured, *cells = rows[place, "4→9"]
        ratio = tops[1] / tops[0]
        shown, radius = measured.split(" ± ")
        assert abs(float(shown) - ratio) <= float(radius)
        expected = {
            "elementwise": (4 / 9) ** 2,
            "aligned": 4 / 9,
            "aligned_loss": 4 / 9 * losses[1] / losses[0],
            "tangent_kernel": kernels[1] / kernels[0],
            "level_off_loss": (4 / 9 * angles + bias) / (angles + bias) * losses[1] / losses[0],
            "blocks": blocks[1] / blocks[0],
        }
        assert list(expected) == list(shown_laws())
        for cell, value in zip(cells, expected.values(), strict=True):
            assert number(cell) == pytest.approx(value, abs=5.1e-5)
            (error,) = re.findall(r"\((.*) %\)", cell)
            assert number(error) == pytest.approx(100 * (value / ratio - 1), abs=0.51)
            assert error[0] in f"+{MINUS}"


def test_spectra_and_criteria_by_hand(folder: Path, records: Records) -> None:
    """Catches errors over the prediction, a median over signed errors, one law's for another's."""
    rows = {(row[0], row[2]): row for row in rows_of(spectra_table(records.kernels.values()))}
    assert len(rows) == 10  # five runs, two moments
    moments = json.loads((folder / "kernels" / "P9_d50_s1002.json").read_text())["moments"]
    for name, moment in moments.items():
        _, images, _, top, *cells = rows["9, 50, seed 1002", name]
        values = [each["value"] for each in moment["measured"]]
        assert (images, top) == ("1,000", f"{values[0]:.4g}")
        for cell, law in zip(cells, ("predicted", "commutator"), strict=True):
            errors = [100 * (x / y - 1) for x, y in zip(moment[law], values, strict=True)]
            sizes = sorted(map(abs, errors))
            found = [number(part) for part in cell.split(", ")]
            expected = [errors[0], (sizes[5] + sizes[6]) / 2, sizes[-1]]
            assert found == pytest.approx(expected, abs=0.0501)
    criteria = rows_of(criteria_table(records.kernels.values()))
    laws = [(law, moment, models) for law, moment, _, _, models, *_ in criteria]
    assert laws == [
        ("tangent kernel", "start", "5"),
        ("tangent kernel", "minimum", "5"),
        ("commutator kernel", "minimum", "4"),  # but for the run it was found on
    ]
    for _, _, median, worst, _, _, word in criteria:
        limits = [float(re.findall(r"below (\d+)", cell)[0]) for cell in (median, worst)]
        kept = all(number(c) < limit for c, limit in zip((median, worst), limits, strict=True))
        assert word == ("met" if kept else "not met")


def test_spectra_between_start_and_minimum_have_their_rows(records: Records) -> None:
    """Only this catches a moment that is lost, or judged as the start or the minimum."""
    record = records.kernels["P9_d50_s1002"]
    between = {f"epoch {e}": replace(record.moments["start"], epoch=e) for e in (2, 5)}
    more = replace(record, moments={**record.moments, **between})
    rows = {row[2]: row[3:] for row in rows_of(spectra_table([more]))}
    assert list(rows) == ["start", "minimum", "epoch 2", "epoch 5"]
    assert rows["epoch 2"] == rows["start"]
    judged = [(row[0], row[1]) for row in rows_of(criteria_table([more]))]
    assert judged.count(("tangent kernel", "training")) == 1
    worst = next(row for row in rows_of(criteria_table([more])) if row[1] == "training")[5]
    assert worst.startswith("P9_d50_s1002, epoch 2, lambda_")


def test_the_law_over_all_images_by_hand(folder: Path, records: Records) -> None:
    """Catches the few images' law in place of that of all, and another matrix' eigenvalue."""
    rows = {row[0]: row for row in rows_of(whole_table(records.kernels.values(), records.analyses))}
    assert len(rows) == 5
    moment = json.loads((folder / "kernels" / "P9_d50_s1002.json").read_text())["moments"][
        "minimum"
    ]
    model = records.analyses["P9_d50_s1002"]
    measured, law = model.eigenvalues["G over the angles"][0].value, moment["whole"][0]
    _, images, top, predicted, off = rows["9, 50, seed 1002"]
    assert (images, top, predicted) == ("60,000", f"{measured:.4g}", f"{law:.4g} ± 1.0 %")
    assert number(off) == pytest.approx(100 * (law / measured - 1), abs=0.0501)


def test_the_spectra_along_training_by_hand(folder: Path, records: Records) -> None:
    """Powers by numpy's own line through the logarithms; rows by the file.

    Catches lambda_C read off another eigenvalue, and a power of another quantity.
    """
    content = json.loads((folder / "analyses" / "P9_d50_s1002.json").read_text())
    moments = content["spectra_along_training"]
    rows = [r for r in rows_of(moments_table(records.analyses.values())) if r[0].endswith("1002")]
    own = [row for row in rows if row[0].startswith("9, 50")]
    assert [int(row[1]) for row in own] == [moment["epoch"] for moment in moments]
    for row, moment in zip(own, moments, strict=True):
        assert row[3:5] == [f"{moment['top'][k]['value']:.4g}" for k in (0, 9)]
        assert row[6] == "10 (9 to 10)"
        assert (row[7], row[8]) == ("99.0 %", "6,000")
    powers = {row[0]: row for row in rows_of(powers_table(records.analyses.values()))}
    loss = np.log([moment["loss"] for moment in moments])
    columns = [[moment["top"][k]["value"] for moment in moments] for k in (0, 9)]
    columns.append([moment["outliers"]["edge"] for moment in moments])
    found = [number(cell) for cell in powers["9, 50, seed 1002"][2:]]
    expected = [np.polyfit(loss, np.log(column), 1)[0] for column in columns]
    assert found == pytest.approx(expected, abs=5.1e-4)


def test_what_a_law_lacks_is_not_measured(tmp_path: Path) -> None:
    """No bias block, no blocks: the cell says so instead of a number or an empty place."""
    for patches in (4, 9):
        config = config_of(patches, 50)
        write_run(tmp_path, config)
        write_analysis(tmp_path, config)
        path = tmp_path / "analyses" / f"{config.run_id}.json"
        content = json.loads(path.read_text())
        kept = {"H", "G over the angles"}
        content["eigenvalues"] = {k: v for k, v in content["eigenvalues"].items() if k in kept}
        content.pop("sha256")
        ANALYSIS.write(path, content)
    pairs = study_pairs("ours", paper_study(), Records.read(tmp_path))
    ((*_, loss, kernel, level_off, blocks),) = rows_of(findings_tables.ratio_table(pairs))
    assert (kernel, level_off, blocks) == ("not measured",) * 3
    assert "%" in loss
    summary = rows_of(findings_tables.summary_table([(pairs, ())]))
    assert [row[1] for row in summary[-3:]] == ["not measured"] * 3


def comparison(law: str, predicted: float, measured: float, protocol: str) -> LawComparison:
    return LawComparison(
        matrix="H",
        depth=50,
        n_patches=(4, 9),
        measured=measured,
        measured_interval=None,
        law=law,
        formula="",
        status="assumed",
        predicted=predicted,
        relative_error=predicted / measured - 1,
        reason=None,
        protocol=protocol,
    )


def test_a_law_is_summed_up_over_every_protocol() -> None:
    """Factors by hand, above and below; one unfinished run must not split or stop the table."""
    rows = tuple(
        comparison("aligned", predicted, 0.5, protocol)
        for predicted, protocol in ((0.25, "50 epochs"), (0.55, "50 epochs"), (0.75, "41 epochs"))
    )
    pairs = LawPairs("ours", rows, ())
    table = findings_tables.summary_table([(pairs, fitted_exponents(author_models()))])
    cells = dict(rows_of(table))
    assert cells["aligned, P₁/P₂"] == "1.50, 2.00, 1 of 3"  # 1.1, 1.5 and 2
    assert cells["sum of blocks"] == "not measured"
    exponent = -math.log(15.987028 / 3.341) / math.log(4)  # of d = 50 alone, roughly all's
    found = cells["fitted exponent of P"].replace(MINUS, "-")
    assert float(found.split()[0]) == pytest.approx(exponent, abs=0.2)
    fitted = r"-1\.\d\d \[-1\.\d\d, -\d\.\d\d\]"
    depths = "over 4 depths, P 4, 9, 16, seed 1001"
    assert re.fullmatch(f"{fitted}, 12 models; {depths}: {fitted}", found)


def test_the_command_writes_between_the_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    begin, end = marks("ratios")
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    monkeypatch.setattr(findings_tables, "PAGES", (page,))
    monkeypatch.setattr(findings_tables, "tables", lambda _: {"ratios": "new"})
    done = CliRunner().invoke(findings_tables.main)
    assert done.exit_code == 0, done.output
    assert page.read_text() == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"
    page.write_text("no marks")
    refused = CliRunner().invoke(findings_tables.main)
    assert refused.exit_code == 1
    assert "got none of ['ratios']" in refused.output
    assert page.read_text() == "no marks"
