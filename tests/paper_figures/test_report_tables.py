"""The report's tables: every number as an interval that holds; spectra from the records."""

import dataclasses
import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from patchlaw.paper_figures.report.page import as_html
from patchlaw.paper_figures.report.store import ReportStore
from patchlaw.paper_figures.report.tables import eigenvalue_table, law_tables
from patchlaw.verification.comparison import compare_models
from patchlaw.verification.records import ANALYSIS, TERMS, TrainedModel, read_analyses
from patchlaw.verification.solvers import outliers_above_bulk, spectral_density, top_eigenpairs
from patchlaw.verification.tables import Table
from patchlaw.verification.training import Evaluation
from tests.paper_figures.report_cases import finished_report, having, model, top

INTERVAL = re.compile(r"(-?\d+\.?\d*) ± (\d\.\de[+-]\d+)")


def intervals(cell: str) -> list[tuple[Fraction, Fraction]]:
    """Every printed interval of a cell, exactly as printed."""
    pairs = [(Fraction(value), Fraction(radius)) for value, radius in INTERVAL.findall(cell)]
    return [(value - radius, value + radius) for value, radius in pairs]


def sharp_model(n_patches: int) -> TrainedModel:
    """Eigenvalues with more digits than a table used to show, and radii far below those."""
    value = 21.7573456789 / n_patches
    parts = {"H": 1.0, "G": 0.9, "R": 0.1, "G over the angles": 0.5}
    tops = {name: top(part * value, 3.81e-7) for name, part in parts.items()}
    tops |= {
        f"G_{p}{p}": top((value + 0.0123456789 * p) / n_patches, 2.7e-7) for p in range(n_patches)
    }
    return having(model(n_patches), **tops)


@pytest.fixture(scope="module")
def table() -> Table:
    report = dataclasses.replace(finished_report(), models=(sharp_model(4), sharp_model(9)))
    return eigenvalue_table(report)


def cells(table: Table, patches: int, matrix: str) -> str:
    (row,) = [row for row in table.rows if row[:2] == (str(patches), matrix)]
    return row[2]


@pytest.mark.parametrize("n_patches", [4, 9])
def test_printed_intervals_contain_the_measured_ones(table: Table, n_patches: int) -> None:
    """Only this catches 5.4393 ± 4e-07 for 5.43933642: an interval without the eigenvalue."""
    measured = sharp_model(n_patches)
    for name in TERMS:
        found = measured.top(name)
        ((low, high),) = intervals(cells(table, n_patches, name))
        assert low <= Fraction(found.interval[0])
        assert high >= Fraction(found.interval[1])
        assert high - low < 3 * Fraction(found.residual_norm)
    least, most, total = intervals(cells(table, n_patches, f"{n_patches} blocks G_pp"))
    values = [b.value for b in measured.blocks("G")]
    for (low, high), value, radius in (
        (least, min(values), 2.7e-7),
        (most, max(values), 2.7e-7),
        (total, sum(values), 2.7e-7 * n_patches),
    ):
        assert low <= Fraction(value - 0.999 * radius)
        assert high >= Fraction(value + 0.999 * radius)


def test_the_alignment_holds_whatever_the_intervals_leave_open(table: Table) -> None:
    measured = sharp_model(4)
    ((low, high),) = intervals(cells(table, 4, "alignment"))
    angles = measured.top("G over the angles")
    possible = [
        (angles.value + sign * angles.residual_norm)
        / sum(b.value + other * b.residual_norm for b in measured.blocks("G"))
        for sign in (-0.999, 0.999)
        for other in (-0.999, 0.999)
    ]
    assert low <= Fraction(min(possible))
    assert high >= Fraction(max(possible))
    assert high - low < 1.2 * (max(possible) - min(possible))


def test_an_alignment_without_bounds_says_so() -> None:
    vague = having(model(4), **{f"G_{p}{p}": top(1.0, 2.0) for p in range(4)})
    report = dataclasses.replace(finished_report(), models=(vague,))
    assert "no bounds" in cells(eigenvalue_table(report), 4, "alignment")


def test_measured_ratios_are_intervals_and_the_authors_are_not() -> None:
    models = (sharp_model(4), sharp_model(9))
    report = dataclasses.replace(
        finished_report(), models=models, comparisons=tuple(compare_models(models))
    )
    *ours, author = law_tables(report)
    for found in ours:
        matrix = re.fullmatch(r"Ratios of our lambda_max\((.*)\), .*", found.title)
        assert matrix
        ((low, high),) = intervals(found.rows[0][3])
        first, second = (m.top(matrix[1]) for m in models)
        assert low <= Fraction(second.interval[0] / first.interval[1])
        assert high >= Fraction(second.interval[1] / first.interval[0])
    assert {len(intervals(row[3])) for row in author.rows} == {0}


def write_record(folder: Path, n_patches: int, depth: int, with_density: bool = True) -> None:
    """An analysis record of a diagonal matrix: bulk in [0, 1], outliers 8 and 9."""
    op = aslinearoperator(np.diag(np.concatenate([np.linspace(0, 1, 60), [8.0, 9.0]])))
    density = spectral_density(op, n_probes=4, n_steps=20)
    pairs = top_eigenpairs(op, k=4, tol=1e-8)
    facts = Evaluation(0.5, 0.8, 0.3, 0.4, 60)
    run = {"id": f"P{n_patches}_d{depth}_s7", "n_patches": n_patches, "depth": depth, "seed": 7}
    run |= {"images": 60, "epochs": 5, "n_classes": 10, "n_parameters": 62}
    evidence = {"residual_norm": 1e-9, "rounding": 0.0, "converged": True, "matvecs": 9}
    evidence |= {"n_samples": 60, "dtype": "float64", "tol": 1e-8, "seed": 0, "seconds": 1.0}
    body: dict[str, object] = {
        "reproduce": "patchlaw analyse RUN",
        "run": run | {"configuration_sha256": "0" * 64},
        "minimum": {"epoch": 3, "train": facts, "test": facts},
        "subset": {
            "n_samples": 60,
            "seed": 0,
            "top": [evidence | {"value": float(value)} for value in pairs.values],
        },
        "outliers": outliers_above_bulk(pairs, density, width=0.1),
    }
    if with_density:
        body["density"] = replace(density, n_samples=60)
    folder.mkdir(exist_ok=True)
    ANALYSIS.write(folder / f"{run['id']}.json", body)


def test_recorded_densities_are_drawn_a_figure_a_depth(tmp_path: Path) -> None:
    """Only this catches spectra that are on record and not in the report."""
    records = tmp_path / "analyses"
    for n_patches, depth in ((9, 50), (4, 100), (4, 50)):
        write_record(records, n_patches, depth)
    write_record(records, 16, 50, with_density=False)
    report = dataclasses.replace(finished_report(), experiments=read_analyses(records))
    ReportStore(tmp_path / "out", report)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    figures = re.findall(r'<figure id="(figure-densities-[^"]*)">(.*?)</figure>', page, re.DOTALL)
    assert [(name, re.findall(r">(P = .*?)<", text)) for name, text in figures] == [
        (
            "figure-densities-depth-50",
            ["P = 4, seed 7, 60 images", "P = 9, seed 7, 60 images"],
        ),
        ("figure-densities-depth-100", ["P = 4, seed 7, 60 images"]),
    ]


def test_a_report_shows_a_ratio_that_was_not_measured() -> None:
    """Only this catches a page that stops at a missing ratio, or one taken from a loose value."""
    loose = dataclasses.replace(top(1.0), converged=False)
    models = (model(4), having(model(9), H=loose))
    rows = compare_models(models)
    assert {row.matrix for row in rows if np.isnan(row.measured)} == {"H"}
    report = dataclasses.replace(finished_report(), comparisons=tuple(rows), models=models)
    assert "lambda_max(H) at P = 9 did not converge" in as_html(report)
    (row, *_) = json.loads(report.to_json())["comparisons"]
    assert (row["measured"], row["relative_error"]) == ("nan", None)


def test_an_unbounded_ratio_is_shown() -> None:
    """Only this catches a table or a drawing that stops at an infinite interval."""
    models = (having(model(4), R=top(0.005)), model(9))
    rows = tuple(compare_models(models))
    (found,) = {row.measured_interval for row in rows if row.matrix == "R"}
    assert found == (-np.inf, np.inf)
    report = dataclasses.replace(finished_report(), comparisons=rows, models=models)
    assert "355.556 ± inf" in as_html(report)
