"""The common exponent of grouped data against regressions by other hands."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from patchlaw.verification.power_law import PowerLawFit, PowerLawPoint, fit_power_law

PATCHES = (4, 9, 16, 49)
logarithms = st.floats(-3, 3)


def points(groups: dict[str, dict[int, float]]) -> list[PowerLawPoint]:
    return [PowerLawPoint(g, x, y) for g, values in groups.items() for x, y in values.items()]


def fitted(groups: dict[str, dict[int, float]], confidence: float = 0.95) -> PowerLawFit:
    found = fit_power_law(points(groups), confidence)
    assert found is not None
    return found


def one_group(least: int) -> st.SearchStrategy[dict[int, float]]:
    """Values at ``least`` or more of the P there are."""
    chosen = st.lists(st.sampled_from(PATCHES), min_size=least, max_size=4, unique=True)
    return chosen.flatmap(
        lambda xs: st.fixed_dictionaries({x: logarithms.map(math.exp) for x in xs})
    )


@given(one_group(3), st.floats(0.5, 0.99))
def test_one_group_is_linregress(group: dict[int, float], confidence: float) -> None:
    """Independent: scipy's simple regression, with its own standard error and n - 2."""
    assume(len(set(group.values())) > 1)  # linregress has no correlation for a constant
    x, y = np.log(list(group)), np.log(list(group.values()))
    expected = stats.linregress(x, y)
    found = fitted({"a": group}, confidence)
    assert found.exponent == pytest.approx(expected.slope, rel=1e-9, abs=1e-9)
    assert found.dof == len(x) - 2
    assert found.interval is not None
    quantile = stats.t.ppf((1 + confidence) / 2, len(x) - 2)
    # linregress takes sqrt(1 - r^2), which is off by sqrt(1e-15) where the points are on a line
    slack = 1e-7 * quantile * y.std() / x.std()
    assert (found.interval[1] - found.interval[0]) / 2 == pytest.approx(
        quantile * expected.stderr, rel=1e-6, abs=slack
    )


@given(st.lists(one_group(1), min_size=2, max_size=5))
def test_several_groups_are_a_regression_with_indicators(groups: list[dict[int, float]]) -> None:
    """Independent: least squares with one column a group; its covariance gives the interval.

    Only this catches one intercept for all groups, or degrees of freedom that forget them.
    """
    named = {str(i): group for i, group in enumerate(groups)}
    found = fit_power_law(points(named))
    informative = [group for group in groups if len(group) > 1]
    if not informative:
        assert found is None
        return
    assert found is not None
    # groups of one point have an indicator of their own here, and change nothing
    rows = [(i, x, y) for i, group in enumerate(groups) for x, y in group.items()]
    design = np.zeros((len(rows), len(groups) + 1))
    for row, (i, x, _) in enumerate(rows):
        design[row, i], design[row, -1] = 1, math.log(x)
    target = np.log([y for _, _, y in rows])
    solution = np.linalg.lstsq(design, target, rcond=None)[0]
    assert found.exponent == pytest.approx(solution[-1], rel=1e-8, abs=1e-8)
    assert (found.n_groups, found.n_points) == (len(informative), sum(map(len, informative)))
    dof = len(rows) - np.linalg.matrix_rank(design)
    assert found.dof == dof
    if dof == 0:
        assert found.interval is None
        assert found.residual_std is None
        assert found.contains(-2.0) is None
        return
    variance = float(((target - design @ solution) ** 2).sum()) / dof
    covariance = variance * np.linalg.inv(design.T @ design)
    radius = stats.t.ppf(0.975, dof) * math.sqrt(covariance[-1, -1])
    assert found.interval is not None
    assert found.interval == pytest.approx(
        (solution[-1] - radius, solution[-1] + radius), rel=1e-6, abs=1e-6
    )
    assert found.residual_std == pytest.approx(math.sqrt(variance), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_interval_covers_the_exponent_as_often_as_it_says(confidence: float) -> None:
    """2,500 data sets of two groups and three P: 3 degrees of freedom.

    A wrong number of them changes the coverage: 4 in place of 3 gives 0.905 for 0.95 and 0.733 for
    0.8 (by the t distribution), more than six standard errors of the count away.
    """
    rng, draws, covered = np.random.default_rng(0), 2500, 0
    x = np.array(PATCHES[:3])
    for _ in range(draws):
        exponent, prefactors = rng.uniform(-3, 0), rng.lognormal(sigma=2, size=2)
        noise = np.exp(0.3 * rng.standard_normal((2, 3)))
        values = prefactors[:, None] * x**exponent * noise
        named = {
            str(i): dict(zip(x.tolist(), row, strict=True)) for i, row in enumerate(values.tolist())
        }
        covered += bool(fitted(named, confidence).contains(exponent))
    error = math.sqrt(confidence * (1 - confidence) / draws)
    assert abs(covered / draws - confidence) < 3.5 * error
    wrong = 2 * stats.t.cdf(stats.t.ppf((1 + confidence) / 2, 4) * math.sqrt(3 / 4), 3) - 1
    assert abs(wrong - confidence) > 7 * error


@given(st.floats(-3, 3), st.lists(logarithms, min_size=1, max_size=4))
def test_an_exact_power_law_has_its_exponent_in_an_interval_of_no_width(
    exponent: float, prefactors: list[float]
) -> None:
    """Only this catches a law refused because of a rounding in the last digit."""
    named = {
        str(i): {x: math.exp(a) * x**exponent for x in PATCHES} for i, a in enumerate(prefactors)
    }
    found = fitted(named)
    assert found.contains(exponent)
    assert not found.contains(exponent + 1e-3)
    assert found.residual_std == pytest.approx(0, abs=1e-12)


def test_the_order_of_points_and_the_unit_of_y_do_not_matter() -> None:
    groups = {"a": {4: 16.0, 9: 4.4, 16: 3.3}, "b": {4: 55.0, 16: 7.0}}
    scaled = {g: {x: 1e-6 * y for x, y in reversed(v.items())} for g, v in groups.items()}
    assert fitted(scaled).exponent == pytest.approx(fitted(groups).exponent, rel=1e-12)
    assert fitted(scaled).interval == pytest.approx(fitted(groups).interval, rel=1e-9)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_numbers_without_a_logarithm_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="y: expected a positive finite number, got"):
        fit_power_law([PowerLawPoint("a", 4, 1.0), PowerLawPoint("a", 9, bad)])
    with pytest.raises(ValueError, match="x: expected a positive finite number, got"):
        fit_power_law([PowerLawPoint("a", bad, 1.0)])


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
def test_confidence_is_checked(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence: expected a number between 0 and 1"):
        fit_power_law([], confidence)


def test_nothing_to_fit() -> None:
    assert fit_power_law([]) is None
    assert fit_power_law([PowerLawPoint("a", 4, 1.0), PowerLawPoint("b", 9, 1.0)]) is None
