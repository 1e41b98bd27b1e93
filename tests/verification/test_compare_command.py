"""``patchlaw compare``: the numbers of the library, as tables and as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from patchlaw.commands.compare import QUANTITIES, compare
from patchlaw.verification.comparison import QUANTITIES as KNOWN
from patchlaw.verification.comparison import compare_models, fitted_exponents
from patchlaw.verification.comparison.tables import ratio_tables
from patchlaw.verification.records import read_analyses
from tests.verification.comparison_cases import analysed, solved, write_analysis


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """P = 4, 9, 16 at two depths; R did not converge at one of them."""
    for d in (50, 100):
        for p in (4, 9, 16):
            write_analysis(
                tmp_path,
                analysed(
                    p,
                    depth=d,
                    top={
                        "H": d * p**-1.4 * (1 + 0.01 * (p == 9)),
                        "R": solved(d / p, converged=(p, d) != (9, 50)),
                        "G over the angles": d * p**-1.5 / 2,
                    },
                    blocks=[d * p**-2.5] * p,
                ),
            )
    return tmp_path


def run(*arguments: object, columns: int = 160) -> Result:
    runner = CliRunner(env={"COLUMNS": str(columns)})
    return runner.invoke(compare, [str(a) for a in arguments], catch_exceptions=False)


def as_json(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    content: dict[str, Any] = json.loads(result.stdout)
    return content


def test_the_commands_matrices_are_the_librarys() -> None:
    assert QUANTITIES == KNOWN


def test_json_holds_the_librarys_numbers(folder: Path) -> None:
    content = as_json("--records", folder)["records"]
    records = read_analyses(folder)
    rows = compare_models(records)
    assert content["n_records"] == 6
    assert content["indistinct"] == []
    assert len(content["comparisons"]) == len(rows)
    for written, row in zip(content["comparisons"], rows, strict=True):
        assert (written["law"], written["predicted"]) == (row.law, row.predicted)
        assert written["inputs"] == row.inputs
        if row.matrix != "R" or 9 not in row.n_patches or row.depth == 100:
            assert written["measured"] == row.measured
            assert written["measured_interval"] == list(row.measured_interval or ())
        else:
            assert written["measured"] == "nan"
    fits = fitted_exponents(records)
    assert [e["fit"]["exponent"] for e in content["exponents"]] == [f.fit.exponent for f in fits]
    law = next(s for s in content["laws"] if (s["matrix"], s["law"]) == ("H", "elementwise"))
    assert law["exponent"] == -2
    assert law["exponent_in_interval"] is False
    assert law["fitted"]["exponent"] == pytest.approx(-1.4, abs=0.01)


def test_the_authors_table_comes_along(tmp_path: Path) -> None:
    content = as_json("--records", tmp_path)
    assert content["records"]["comparisons"] == []
    assert len({(r["depth"], *r["n_patches"]) for r in content["author"]["comparisons"]}) == 12
    assert content["author"]["exponents"][0]["fit"]["dof"] == 7
    text = run("--records", tmp_path).output
    assert "No analysed runs in" in text
    assert "Ratios of the author's lambda_max(H), 60,000 images, 50 epochs" in text


def test_tables(folder: Path) -> None:
    text = run("--records", folder).output
    for wanted in (
        "Ratios of our lambda_max(H), 60,000 images, 50 epochs",
        "Ratios of our lambda_max(G over the angles)",
        "Inputs of our ratios",
        "How each law does on our ratios",
        "Exponents of P of our eigenvalues",
        "sum of G_pp",
        "did not converge",
        "(+1 left out)",
        "4→16",
    ):
        assert wanted in text
    # elementwise 4 to 9: 16/81 against (4/9)^1.4 x 1.01
    measured = (4 / 9) ** 1.4 * 1.01
    assert f"0.1975 ({16 / 81 / measured - 1:+.0%})" in text
    assert f"{measured:.4f}"[:5] in text


def test_tables_without_rows_are_left_out(tmp_path: Path) -> None:
    """At a loss of zero no law of R has an input that was measured."""
    for p in (4, 9):
        write_analysis(tmp_path, analysed(p, loss=0.0, curvature=0.0, top={"R": 1 / p}))
    text = run("--records", tmp_path, "--matrix", "R").output
    assert "Ratios of our lambda_max(R)" in text
    assert "Inputs of our ratios" not in text


def test_two_values_of_p_give_an_exponent_without_interval(tmp_path: Path) -> None:
    for p in (4, 9):
        write_analysis(tmp_path, analysed(p, top={"H": 50 * p**-1.4}))
    text = run("--records", tmp_path, "--matrix", "H").output
    assert "-1.40 (no interval: dof 0)" in text


def test_a_law_that_one_pair_alone_can_feed_is_left_open_for_the_others() -> None:
    """R's blocks were measured at d = 50 only; an empty cell would read as a prediction lost."""
    records = [
        analysed(p, depth=d, top={"R": 1 / p}, residual_blocks=[1 / p] * p if d == 50 else ())
        for d in (50, 100)
        for p in (4, 9)
    ]
    (table,) = ratio_tables("our", compare_models(records))
    assert table.header[-1] == "residual blocks"
    assert [(row[0], row[-1]) for row in table.rows] == [("50", "0.4444 (+0%)"), ("100", "-")]


def test_one_matrix(folder: Path) -> None:
    content = as_json("--records", folder, "--matrix", "R")
    for source in ("records", "author"):
        assert {row["matrix"] for row in content[source]["comparisons"]} <= {"R"}
        assert {fit["quantity"] for fit in content[source]["exponents"]} <= {"R"}
    assert content["records"]["comparisons"]
    both = as_json("--records", folder, "--matrix", "H", "--matrix", "sum of G_pp")["records"]
    assert {row["matrix"] for row in both["comparisons"]} == {"H"}
    assert {fit["quantity"] for fit in both["exponents"]} == {"H", "sum of G_pp"}
    wrong = run("--records", folder, "--matrix", "K")
    assert wrong.exit_code == 2
    assert "sum of G_pp" in wrong.output


def test_runs_that_cannot_be_told_apart_are_named(folder: Path) -> None:
    for suffix in ("_00000001", "_00000002"):
        write_analysis(folder, analysed(4, depth=5, suffix=suffix, top={"H": 1.0}))
    text = run("--records", folder, "--matrix", "H").output
    assert "P4_d5_s1001_00000001: not compared" in text
    assert as_json("--records", folder)["records"]["indistinct"] == [
        "P4_d5_s1001_00000001",
        "P4_d5_s1001_00000002",
    ]


def test_records_that_stand_apart_are_counted(folder: Path) -> None:
    """Of a former release: only this catches a pair that is left out without a word."""
    assert "do not say how" not in run("--matrix", "R").output  # of the records that come along
    silent = run("--records", folder, "--matrix", "R").output
    assert "6 of 6 records do not say how their runs were trained" in silent


def test_damaged_records_are_refused(folder: Path) -> None:
    path = folder / "P4_d50_s1001.json"
    path.write_text(path.read_text().replace('"loss": 0.02', '"loss": 0.03'))
    result = run("--records", folder)
    assert result.exit_code == 1
    assert "checksum mismatch" in result.output
    assert run("--records", folder / "missing").exit_code == 2


@pytest.mark.parametrize("columns", [80, 200])
def test_the_tables_fit_the_terminal(folder: Path, columns: int) -> None:
    lines = run("--records", folder, columns=columns).output.splitlines()
    assert max(map(len, lines)) <= columns


def test_records_of_other_programs_are_compared(tmp_path: Path) -> None:
    """By the documented format: no seal, no names of ours, and what was not computed left out."""
    for n_patches, top in ((4, 16.0), (9, 4.0)):
        eigenvalue = {"value": top, "residual_norm": 0.1, "converged": True, "n_samples": 500}
        run = {"n_patches": n_patches, "depth": 7, "seed": 1, "images": 500, "epochs": 3}
        content = {"format": "patchlaw analysis", "version": 1, "reproduce": "their program"}
        content |= {"run": run, "eigenvalues": {"H": [eigenvalue]}}
        (tmp_path / f"{n_patches}.json").write_text(json.dumps(content))
    (tmp_path / "other.json").write_text('{"format": "another"}')
    found = as_json("--records", tmp_path)["records"]
    assert found["n_records"] == 2
    laws = {row["law"]: row for row in found["comparisons"]}
    assert laws["elementwise"]["measured"] == 0.25
    assert laws["elementwise"]["measured_interval"] == pytest.approx([3.9 / 16.1, 4.1 / 15.9])
    assert (laws["blocks"]["predicted"], laws["blocks"]["reason"]) == (
        None,
        "needs blocks1 and blocks2",
    )
    assert laws["elementwise"]["runs"] == [
        f"P {p}, d 7, seed 1, 500 images, 3 epochs" for p in (4, 9)
    ]
