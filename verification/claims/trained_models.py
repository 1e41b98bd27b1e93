"""Claims 10 to 13: generalisation, spectrum, trajectory, and the paper's future work."""

import math

from patchlaw.verification.claims.claim import Claim, Part
from patchlaw.verification.claims.evidence import Band
from patchlaw.verification.claims.findings import ModelFindings
from patchlaw.verification.claims.measures import (
    Pair,
    changes_of_test_accuracy,
    changes_of_test_loss,
    on_subset,
    per_model,
    subset_note,
)
from patchlaw.verification.claims.verdict import Reach, Role
from patchlaw.verification.landscape.random_walk import random_walk_ratio

_LAST_DEPTH_OF_THE_TREND = 150  # paper, Sec. 3.2.3: 'up to 150, slightly worsens at 200'


def _within_the_trend(pair: Pair) -> bool:
    return pair[1].depth <= _LAST_DEPTH_OF_THE_TREND


def _plane(model: ModelFindings) -> tuple[float, None] | None:
    return (sum(model.pc_ratios[:2]), None) if len(model.pc_ratios) >= 2 else None


def _points(model: ModelFindings) -> str:
    return f"{model.n_points} epoch ends"


def _plane_to_minimum(model: ModelFindings) -> tuple[float, None] | None:
    found = model.pc_ratios_to_minimum
    return (sum(found[:2]), None) if len(found) >= 2 else None


def _points_to_minimum(model: ModelFindings) -> str:
    return f"{model.n_points_to_minimum} epoch ends, up to the minimum"


def _beyond_the_walk(model: ModelFindings) -> Band:
    if model.n_points is None:
        return Band.above(math.nan, "unknown number of points")  # decides nothing
    ratio = random_walk_ratio(model.n_points, 2)
    return Band.above(ratio, f"above {ratio:.4f}, a random walk's")


def _outliers(model: ModelFindings) -> tuple[float, tuple[float, float]] | None:
    count = model.outliers
    if count is None:
        return None
    high = math.inf if count.high is None else float(count.high)
    return float(count.count), (float(count.low), high)


def _count_note(model: ModelFindings) -> str:
    """The rule, what a second one counts, and what the subset is."""
    notes = [model.outliers.rule] if model.outliers else []
    if model.outliers_by_gap:
        other = model.outliers_by_gap
        notes.append(f"{other.count} by the {other.rule}")
    return "; ".join(filter(None, (*notes, subset_note(model))))


def _top_gap(model: ModelFindings) -> tuple[float, tuple[float, float] | None] | None:
    """(lambda_1 - lambda_2) / (lambda_2 - lambda_C), with its interval."""
    values = model.eigenvalues.get("H", ())
    if len(values) < model.n_classes:
        return None
    chosen = (values[0], values[1], values[model.n_classes - 1])
    if not all(v.converged for v in chosen):
        return math.nan, None
    one, two, last = (v.value for v in chosen)
    if two <= last:
        return math.nan, None
    slack = [v.radius or 0.0 for v in chosen]
    spread_slack = slack[1] + slack[2]
    high = math.inf
    if spread_slack < two - last:
        high = (one - two + slack[0] + slack[1]) / (two - last - spread_slack)
    low = (one - two - slack[0] - slack[1]) / (two - last + spread_slack)
    return (one - two) / (two - last), (low, high)


def _with_error(found: tuple[float, float] | None) -> tuple[float, tuple[float, float]] | None:
    """A value with two standard errors on either side."""
    if found is None:
        return None
    value, error = found
    return value, (value - 2 * error, value + 2 * error)


_TREND = (
    "A tendency, so exceptions are allowed: three quarters of the comparisons must agree, all of "
    "them for a confirmation without qualification."
)

GENERALISATION = Claim(
    "10",
    "Test loss and accuracy improve with P, and with d up to 150",
    "Secs. 3.2.1 and 3.2.3, Tables 1 and 4",
    tuple(
        Part(
            part,
            statement,
            "Secs. 3.2.1 and 3.2.3, Tables 1 and 4",
            f"Fewer than three quarters of the comparisons of neighbouring {step} show it.",
            _TREND,
            reach=Reach.PAPER_SCALE,
            measures=(measure,),
            quorum=0.75,
            complete=complete,
        )
        for part, statement, step, measure, complete in (
            ("10a", "Test loss falls with P at fixed d", "P", changes_of_test_loss("n_patches"), 8),
            (
                "10b",
                "Test accuracy rises with P at fixed d",
                "P",
                changes_of_test_accuracy("n_patches"),
                8,
            ),
            (
                "10c",
                "Test loss falls with d up to 150 at fixed P",
                "d",
                changes_of_test_loss("depth", _within_the_trend),
                6,
            ),
            (
                "10d",
                "Test accuracy rises with d up to 150 at fixed P",
                "d",
                changes_of_test_accuracy("depth", _within_the_trend),
                6,
            ),
        )
    ),
)

SPECTRUM = Claim(
    "11",
    "The spectrum is a bulk near zero plus about as many outliers as classes",
    "Sec. 3.2.3, Fig. 4",
    (
        Part(
            "11a",
            "Most eigenvalues lie near zero",
            "Sec. 3.2.3, Fig. 4",
            "Fewer than nine in ten eigenvalues of H lie within lambda_max / 100 of zero.",
            "'Most', read strictly, and 'near zero' as one bin of a hundred on the scale of the "
            "figure's axis.",
            reach=Reach.PAPER_SCALE,
            measures=(
                per_model(
                    "share of eigenvalues near zero",
                    lambda m: _with_error(m.near_zero),
                    lambda m: Band.above(0.9),
                    on_subset,
                    subset_note,
                ),
            ),
            complete=12,
        ),
        Part(
            "11b",
            "About C = 10 eigenvalues stand out of the bulk",
            "Sec. 3.2.3, Fig. 4",
            "The number counted by the rule that the record states is below 8 or above 12.",
            "'Approximately', read as 20 %; what the count's uncertainty allows must lie within.",
            reach=Reach.PAPER_SCALE,
            measures=(
                per_model(
                    "outliers",
                    _outliers,
                    lambda m: Band(
                        0.8 * m.n_classes, 1.2 * m.n_classes, f"C = {m.n_classes} within 20 %"
                    ),
                    on_subset,
                    _count_note,
                ),
            ),
            complete=12,
        ),
        Part(
            "11c",
            "The largest eigenvalue stands apart from the other outliers",
            "Sec. 3.2.3",
            "The gap between the first two eigenvalues is smaller than the spread of the second to "
            "the C-th.",
            "'Deviates significantly from the rest, even among the outliers': further away than "
            "they are from each other.",
            reach=Reach.PAPER_SCALE,
            measures=(
                per_model(
                    "(lambda_1 - lambda_2) / (lambda_2 - lambda_C)",
                    _top_gap,
                    lambda m: Band.above(1.0),
                ),
            ),
            complete=12,
        ),
    ),
)


TRAJECTORY = Claim(
    "12",
    "Two principal components explain over 0.90 of the trajectory",
    "Appendix B, Table 6",
    (
        Part(
            "12a",
            "PC1 + PC2 exceed 0.90 for every model",
            "Appendix B, Table 6",
            "One model at 0.90 or less.",
            "The paper's own number.",
            reach=Reach.PAPER_SCALE,
            measures=(per_model("PC1 + PC2", _plane, lambda m: Band.above(0.9), _points),),
            complete=12,
        ),
        Part(
            "12b",
            "That is more than a random walk of the same length gives",
            "ours: without it 12a says little of training",
            "One model at or below the random walk's value.",
            "Exact for a walk in many dimensions; there are 10^4 and more.",
            reach=Reach.PAPER_SCALE,
            measures=(per_model("PC1 + PC2", _plane, _beyond_the_walk, _points),),
            complete=12,
            role=Role.PREMISE,
        ),
        Part(
            "12c",
            "It holds of the way to the minimum, around which the landscape is drawn",
            "ours: PCA of all 50 epochs also sees what happens after the minimum",
            "One model whose epoch ends up to the minimum give 0.90 or less.",
            "The paper's own number; one epoch of unstable steps after the minimum can carry the "
            "trajectory further than all others together, and PC1 is then that one step. Added "
            "after this was seen in our (4, 50), seed 1001, so of that run it is no prediction.",
            reach=Reach.PAPER_SCALE,
            measures=(
                per_model(
                    "PC1 + PC2 up to the minimum",
                    _plane_to_minimum,
                    lambda m: Band.above(0.9),
                    _points_to_minimum,
                ),
            ),
            complete=12,
            role=Role.PREMISE,
        ),
    ),
)


def _open_question(part: str, statement: str, how: str) -> Part:
    return Part(
        part,
        statement,
        "Sec. 4, future work",
        how,
        "Named by the paper as future work; no experiment here looks at it yet.",
        reach=Reach.PAPER_SCALE,
    )


FUTURE_WORK = Claim(
    "13",
    "What the paper leaves to future work",
    "Sec. 4",
    (
        Part(
            "13a",
            "With s = c / sqrt(P) the first term's elements fall as 1/P in place of 1/P^2",
            "Sec. 4",
            "Another exponent at alpha = 1/2 in the derived expressions, or on random circuits.",
            "A statement about formulas; the check 'element scaling' includes alpha = 1/2.",
            theorems=("aggregation-table", "element-exponents"),
            checks=("element scaling",),
        ),
        _open_question(
            "13b",
            "s = c / sqrt(P) is an effective improvement",
            "Trained beside s = c / P at equal P and d, its test loss is not lower.",
        ),
        Part(
            "13c",
            "The number of outliers equals the number of classes exactly",
            "Sec. 4, future work",
            "A model whose count, by the rule that its record states, is not C.",
            "'Exactly'.",
            reach=Reach.PAPER_SCALE,
            measures=(
                per_model(
                    "outliers",
                    _outliers,
                    lambda m: Band(m.n_classes, m.n_classes, f"C = {m.n_classes}"),
                    on_subset,
                    _count_note,
                ),
            ),
            complete=12,
        ),
        _open_question(
            "13d",
            "Bulk and outliers change in a regular way during training",
            "Outlier counts and bulk widths at recorded epochs show no common course over runs.",
        ),
        _open_question(
            "13e",
            "A single large QNN has a sharper landscape than the distributed model",
            "Trained on the same data at equal parameter count, its lambda_max is not larger.",
        ),
        _open_question(
            "13f",
            "The flattening survives noise",
            "With noise in the circuits lambda_max no longer falls with P.",
        ),
        _open_question(
            "13g",
            "The findings carry over to harder data",
            "On another data set claims 9 to 11 have other verdicts.",
        ),
    ),
)

CLAIMS = (GENERALISATION, SPECTRUM, TRAJECTORY, FUTURE_WORK)
