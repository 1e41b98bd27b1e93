"""Fitted exponents of runs and the laws' errors, with the arithmetic redone by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from patchlaw.hessian_theory.predictions import BESIDE, LAWS
from patchlaw.verification.comparison import (
    QUANTITIES,
    FittedExponent,
    compare_author,
    compare_models,
    fitted_exponents,
    summarise_laws,
)
from patchlaw.verification.comparison.tables import input_tables, ratio_tables, summary_tables
from patchlaw.verification.records import author_models, author_results
from patchlaw.verification.records.run_facts import Settings
from tests.verification.comparison_cases import analysed, solved


def study(**extra: object) -> list:
    """P = 4, 9, 16, 49 at two depths; each quantity falls with a power of its own."""
    return [
        analysed(
            p,
            depth=d,
            images=2000,
            epochs=15,
            suffix=f"_{p:04x}{d:04x}",
            top={"H": d * p**-1.5, "G": d * p**-1.75, "R": d / p, "G over the angles": d * p**-1.8},
            blocks=[d * p**-2.2 * (1 + q) / (p + 1) for q in range(p)],  # their sum: d p^-1.2 / 2
            residual_blocks=[d * p**-0.5 / (1 + q) for q in range(p)],
        )
        for p in (4, 9, 16, 49)
        for d in (5, 10)
    ]


def by_place(fits: list[FittedExponent]) -> dict[tuple[str, int | None], FittedExponent]:
    return {(fit.quantity, fit.depth): fit for fit in fits}


def test_exponents_of_every_quantity() -> None:
    """Only this catches the exponent of another quantity, or of a mean where a sum is meant."""
    fits = fitted_exponents(study())
    found = by_place(fits)
    assert len(found) == len(fits) == len(QUANTITIES) * 3
    expected = dict(zip(QUANTITIES, (-1.5, -1.75, -1, -1.8, -1.2, -0.5), strict=True))
    for (quantity, depth), one in found.items():
        assert one.fit.exponent == pytest.approx(expected[quantity], abs=1e-9)
        assert one.patches == (4, 9, 16, 49)
        assert (one.fit.n_groups, one.fit.dof) == ((2, 5) if depth is None else (1, 2))
        assert one.seed == (None if depth is None else 1001)
        assert one.protocol == "2,000 images, 15 epochs, other settings"


def test_exponents_are_fitted_within_one_protocol() -> None:
    """Only this catches short runs and long ones on one line."""
    long = [analysed(p, top={"H": 100 * p**-2.0}) for p in (4, 9, 16)]
    found = {(f.protocol, f.depth): f.fit.exponent for f in fitted_exponents([*study(), *long])
             if f.quantity == "H"}  # fmt: skip
    assert found["60,000 images, 50 epochs", 50] == pytest.approx(-2)
    assert found["2,000 images, 15 epochs, other settings", None] == pytest.approx(-1.5)


def test_rates_are_summed_up_apart() -> None:
    """Only this catches one rate's ratios in the other's place, or beside the other's fit."""
    models = [
        replace(
            analysed(p, images=2000, epochs=15, suffix=f"_{k:08x}", top={"H": p**exponent}),
            settings=Settings(rate, 20, 5e-5, 5, "float32", "0" * 64, k == 0, False),
        )
        for k, (rate, exponent) in enumerate(((0.01, -2.0), (0.03, 1.0)))
        for p in (4, 9, 16)
    ]
    rows, fits = compare_models(models), fitted_exponents(models)
    laws = summarise_laws(rows, fits)
    held = {s.study: s.exponent_in_interval for s in laws if s.law == "elementwise"}
    (author, holds), (other, fails) = sorted(held.items(), key=lambda each: "0.03" in each[0])
    assert (holds, fails) == (True, False)
    assert "the author's rate" in author
    assert "rate 0.03" in other
    for tables in (ratio_tables("our", rows), input_tables("our", rows), summary_tables("", laws)):
        titles = [table.title for table in tables]
        assert len(set(titles)) == 2
        assert all("rate" in title for title in titles)
    assert [len(table.rows) for table in ratio_tables("our", rows)] == [3, 3]
    (same,) = {table.title for table in ratio_tables("our", compare_models(models[:3]))}
    assert same.endswith("other settings")  # of one study the protocol says enough


def test_two_values_of_p_have_an_exponent_but_no_interval() -> None:
    (found,) = fitted_exponents([analysed(p, top={"H": 1.0 / p}) for p in (4, 9)])
    assert found.fit.exponent == pytest.approx(-1)
    assert (found.fit.interval, found.fit.dof) == (None, 0)
    assert (found.depth, found.seed, found.patches) == (50, 1001, (4, 9))


def test_eigenvalues_that_cannot_be_used_are_counted() -> None:
    """An unconverged one, one below zero; a run without the matrix is none of them."""
    records = [
        analysed(4, top={"R": 1.0}),
        analysed(9, top={"R": 0.5}),
        analysed(16, top={"R": solved(9.0, converged=False)}),
        analysed(25, top={"R": -1.0}),
        analysed(36),
    ]
    (found,) = fitted_exponents(records)
    assert found.left_out == 2
    assert found.patches == (4, 9)
    assert found.fit.exponent == pytest.approx(math.log(0.5) / math.log(9 / 4))


def test_one_depth_alone_is_not_listed_twice() -> None:
    """The other depth has one run only, which says nothing of an exponent."""
    records = [analysed(p, top={"H": 1.0 / p}) for p in (4, 9, 16)]
    fits = fitted_exponents([*records, analysed(4, depth=100, top={"H": 1.0})])
    assert [(fit.quantity, fit.depth, fit.fit.n_points) for fit in fits] == [("H", 50, 3)]


def test_the_authors_exponent() -> None:
    """Independent: least squares over the twelve values with one indicator a depth."""
    results = author_results()
    depths = sorted({r.depth for r in results})
    design = np.array(
        [[float(r.depth == d) for d in depths] + [math.log(r.n_patches)] for r in results]
    )
    target = np.log([r.top_hessian_eigenvalue for r in results])
    solution, squares, rank, _ = np.linalg.lstsq(design, target, rcond=None)
    assert rank == 5
    variance = squares[0] / 7
    radius = stats.t.ppf(0.975, 7) * math.sqrt(variance * np.linalg.inv(design.T @ design)[-1, -1])
    together, *alone = fitted_exponents(author_models())
    assert together.fit.dof == 7
    assert together.fit.interval == pytest.approx((solution[-1] - radius, solution[-1] + radius))
    assert [one.depth for one in alone] == depths
    for one in alone:
        group = [r for r in results if r.depth == one.depth]
        expected = stats.linregress(
            np.log([r.n_patches for r in group]), np.log([r.top_hessian_eigenvalue for r in group])
        )
        assert one.fit.exponent == pytest.approx(expected.slope)
        assert one.fit.dof == 1


def test_summary_by_hand() -> None:
    """Measured 1/2, 1/4 and 1/2 against 16/81, 1/16 and 81/256."""
    records = [analysed(p, top={"H": h}) for p, h in ((4, 4.0), (9, 2.0), (16, 1.0))]
    summaries = {
        s.law: s for s in summarise_laws(compare_models(records), fitted_exponents(records))
    }
    found = summaries["elementwise"]
    errors = sorted(
        abs(math.log(predicted / measured))
        for predicted, measured in ((16 / 81, 1 / 2), (1 / 16, 1 / 4), (81 / 256, 1 / 2))
    )
    assert (found.n_pairs, found.n_missing, found.n_within) == (3, 0, 0)
    assert found.largest_log_error == pytest.approx(errors[2])
    assert found.median_log_error == pytest.approx(errors[1])
    # aligned: 4/9, 1/4, 9/16 against the same
    assert summaries["aligned"].n_within == 3
    assert summaries["aligned"].largest_log_error == pytest.approx(math.log(9 / 8))
    assert summaries["blocks"].n_pairs == 0
    assert summaries["blocks"].n_missing == 3
    assert summaries["blocks"].largest_log_error is None
    assert summaries["blocks"].exponent_in_interval is None


@pytest.mark.parametrize(("power", "fits"), [(-2.0, "elementwise"), (-1.0, "aligned")])
def test_the_law_whose_exponent_fits(power: float, fits: str) -> None:
    """The statement turns with the data, for H and for R alike."""
    rng = np.random.default_rng(1)
    records = [
        analysed(p, depth=d, top=dict.fromkeys(("H", "R"), p**power * rng.lognormal(sigma=0.05)))
        for p in (4, 9, 16)
        for d in (50, 100, 150)
    ]
    summaries = summarise_laws(compare_models(records), fitted_exponents(records))
    found = {(s.matrix, s.law): s.exponent_in_interval for s in summaries}
    exponents = {law.name: law.exponent for law in LAWS.values() if law.exponent is not None}
    assert exponents == {"elementwise": -2, "aligned": -1, "residual_elementwise": -1}
    for law, exponent in exponents.items():
        matrix = BESIDE[LAWS[law].matrix][0]
        assert found[matrix, law] is (exponent == power)
    assert found["H", fits]
    assert found["H", "aligned_loss"] is None


def test_ratios_without_a_logarithm_are_counted_as_missing() -> None:
    records = [
        analysed(4, top={"R": 1.0}),
        analysed(9, top={"R": -1.0}),
        analysed(16, top={"R": solved(1.0, converged=False)}),
    ]
    (found,) = (
        s for s in summarise_laws(compare_models(records)) if s.law == "residual_elementwise"
    )
    assert (found.n_pairs, found.n_missing) == (0, 3)
    assert found.fitted is None


def test_summary_of_the_authors_table() -> None:
    """Known leads: two ratios of twelve within 20 % of the paper's law, ten of aligned x loss."""
    found = {
        s.law: s
        for s in summarise_laws(compare_author(every_pair=True), fitted_exponents(author_models()))
    }
    assert {law: (s.n_within, s.n_pairs) for law, s in found.items()} == {
        "elementwise": (2, 12), "aligned": (3, 12), "aligned_loss": (10, 12),
    }  # fmt: skip
    assert found["elementwise"].exponent_in_interval is False
    assert found["aligned"].exponent_in_interval is True
