"""The hand-written numbers of docs/findings.md on the paper's model: what the records give.

The tables between marks have a test of their own. Only this catches a sentence that a new record
has made wrong, or that was wrong when it was written.
"""

import json
import math
import re
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from statistics import fmean, median
from typing import TypeAlias

import numpy as np
import pytest
from scipy import stats
from scipy.interpolate import RegularGridInterpolator

from patchlaw.hessian_theory.predictions import gauss_newton_trace
from patchlaw.hessian_theory.predictions.calibration import CALIBRATION_FILE
from patchlaw.paper_figures.tables.findings_tables import FINDINGS, OWN
from patchlaw.verification.claims.evolution import COURSES, power_of_loss
from patchlaw.verification.kernels.record import KernelMoment, KernelRecord
from patchlaw.verification.records import TrainedModel, author_results
from patchlaw.verification.records.run_facts import SCALE_IMAGES
from patchlaw.verification.solvers import OutlierCount
from tests.holm import rejected
from tests.paper_figures.quoted_sentences import (
    MINUS,
    by_hand,
    each_of,
    ends,
    fall,
    held,
    loss,
    model,
    records,
    same,
    term,
    top,
)

AT_50, AT_100 = ([(p, d) for p in (4, 9, 16)] for d in (50, 100))
BY_DEPTH = [(p, d) for d in (50, 100, 150, 200) for p in (4, 9, 16)]
OTHER_MINIMA = [p for p in BY_DEPTH if p[1] < 200]  # than the author's
STEPS = [(4, 9), (4, 16), (9, 16)]
SHALLOW = [(p, d) for d in (2, 5, 10, 20) for p in (4, 9, 16, 49)]


@cache
def seeds(depth: int, *patches: int) -> list[int]:
    """Those that every one of these models has a record of."""
    runs = [each.run for each in records().of_the_paper.analyses.values()]
    kept = ({r.seed for r in runs if (r.n_patches, r.depth) == (p, depth)} for p in patches)
    return sorted(set.intersection(*kept))


def pairs(one: int, two: int) -> list[tuple[int, int]]:
    """Depths and seeds of the paper's models with both P."""
    return [(d, seed) for d in (50, 100, 150, 200) for seed in seeds(d, one, two)]


def tops(one: int, two: int) -> list[float]:
    """Ratios of lambda_max(H), for every depth and seed."""
    return [top("H", two, *place) / top("H", one, *place) for place in pairs(one, two)]


def share(*place: int) -> float:
    """Of H's top eigenvector on the bias, per cent."""
    found = model(*place).bias_share
    assert found is not None
    return 100 * found


def alignment(*place: int) -> float:
    found = model(*place).alignment
    assert found is not None
    return found.value


def mean_block(*place: int) -> float:
    return fmean(block.value for block in model(*place).blocks("G"))


def largest_block(*place: int) -> float:
    return max(block.value for block in model(*place).blocks("R"))


def mean_over_depths() -> list[float]:
    """Geometric mean of lambda_max(H), P = 9 over 4, of each depth's seeds first; Student's t."""
    logs = [
        fmean(math.log(top("H", 9, d, seed) / top("H", 4, d, seed)) for seed in seeds(d, 4, 9))
        for d in (50, 100, 150, 200)
    ]
    interval = stats.t.interval(0.95, 3, fmean(logs), stats.sem(logs))
    return [math.exp(x) for x in (fmean(logs), *interval)]


def fall_of_the_largest_block() -> list[float]:
    """Slope of its logarithm against log P, each seed's means taken off, and Student's interval."""
    x = np.log([4, 9, 16])
    y = np.log([[largest_block(p, 50, seed) for p in (4, 9, 16)] for seed in (1001, 1002, 1003)])
    x, y = x - x.mean(), y - y.mean(axis=1, keepdims=True)
    slope = float((y @ x).sum() / (3 * x @ x))
    error = math.sqrt(((y - slope * x) ** 2).sum() / 5 / (3 * x @ x))  # 9 points, 4 fitted
    half = float(stats.t.ppf(0.975, 5)) * error
    return [slope, slope - half, slope + half]


def along(matrix: str, epoch: int, *place: int) -> float:
    (moment,) = (each for each in model(*place).along_training if each.epoch == epoch)
    return moment.top[matrix].value


def two_components(*place: int, to_minimum: bool = False) -> float:
    trajectory = model(*place).trajectory
    assert trajectory is not None
    return sum((trajectory.pc_ratios_to_minimum if to_minimum else trajectory.pc_ratios)[:2])


def passing(of: dict[str, list[float]], way: str) -> set[str]:
    """Steps whose paired changes pass scipy's test, by Holm's rule over all of them."""
    return rejected({k: stats.ttest_1samp(of[k], 0, alternative=way).pvalue for k in of})


def test_which_changes_in_the_mean_over_seeds_pass() -> None:
    """The sentence's verdicts by hand, beside scipy's paired test; also of d at both P."""
    steps = [(a, b, d) for d in (50, 100) for a, b in ((4, 9), (9, 16))]

    def accuracy(found: TrainedModel) -> float:
        return found.minimum.test.accuracy

    def log_loss(found: TrainedModel) -> float:
        return math.log(found.minimum.test.loss)

    def log_top(found: TrainedModel) -> float:
        return math.log(found.top("H").value)

    def over_p(number: Callable[[TrainedModel], float]) -> dict[str, list[float]]:
        return {
            f"{a} to {b}, d {d}": [
                number(model(b, d, s)) - number(model(a, d, s)) for s in seeds(d, a, b)
            ]
            for a, b, d in steps
        }

    def over_d(number: Callable[[TrainedModel], float]) -> dict[str, list[float]]:
        return {
            str(p): [number(model(p, 100, s)) - number(model(p, 50, s)) for s in seeds(100, p)]
            for p in (4, 9, 16)
        }

    assert passing(over_p(accuracy), "greater") == {
        "4 to 9, d 50",
        "9 to 16, d 50",
        "4 to 9, d 100",
    }
    assert passing(over_p(log_loss), "less") == {"4 to 9, d 50", "4 to 9, d 100"}
    assert passing(over_d(log_top), "greater") == {"4", "9", "16"}
    assert passing(over_d(log_loss), "less") == {"9", "16"}
    assert passing(over_d(accuracy), "greater") == {"4", "9", "16"}
    assert passing(over_p(log_top), "less") == over_p(log_top).keys()
    assert all(number > 0 for found in over_d(log_top).values() for number in found)


def outliers(places: Iterable[tuple[int, int]]) -> list[OutlierCount]:
    return [found for place in places if (found := model(*place).outliers)]


def rises(one: int, two: int) -> list[tuple[float, int]]:
    """Of the test accuracy in points, and the images that one of both alone gets right."""
    wrong = [
        [set(model(p, *place).misclassified or ()) for p in (one, two)] for place in pairs(one, two)
    ]
    return [((len(x) - len(y)) / 100, len(x ^ y)) for x, y in wrong]


def significant_rises() -> int:
    """By scipy's binomial test and Holm's rule."""
    pairs = enumerate((*rises(4, 9), *rises(9, 16)))
    return len(
        rejected(
            {
                k: stats.binomtest(round((n + 100 * rise) / 2), n, alternative="greater").pvalue
                for k, (rise, n) in pairs
            }
        )
    )


def test_which_counts_of_outliers_are_ten_in_words() -> None:
    """Places and the number six are written by hand."""
    counts = dict(zip(BY_DEPTH, outliers(BY_DEPTH), strict=True))
    ends = {place: (c.low, np.inf if c.high is None else c.high) for place, c in counts.items()}
    assert sum(low >= 8 and high <= 12 for low, high in ends.values()) == 6
    assert [place for place, found in ends.items() if found == (10, 10)] == [(9, 100)]
    others = {place for place, (low, high) in ends.items() if not low <= 10 <= high}
    assert others == {(4, 150), (4, 200), (16, 200)}
    assert all(model(*place).near_zero.value >= 0.9 for place in BY_DEPTH)


def test_how_many_ratios_from_9_to_16_are_near_which_law_in_words() -> None:
    """Ten of twelve above P1/P2, eleven nearer to it, one accuracy down: written by hand."""
    found = tops(9, 16)
    assert (len(found), sum(ratio > 9 / 16 for ratio in found)) == (12, 10)
    assert sum(ratio > (9 / 16) ** 1.5 for ratio in found) == 11
    assert sum(rise < 0 for rise, _ in rises(9, 16)) == 1
    assert min(rise for rise, _ in rises(4, 9)) > 0


def after_the_minimum(run: str) -> float:
    """Largest loss of the plane on the way between the later epoch ends."""
    found = records().landscapes[run]
    loss = RegularGridInterpolator((found.grid.y, found.grid.x), found.grid.loss)
    way = np.column_stack([found.trajectory.y, found.trajectory.x])[found.minimum_epoch :]
    steps = np.linspace(0, 1, 50)[:, None]
    return max(float(loss(a + (b - a) * steps).max()) for a, b in pairwise(way))


def test_but_for_two_landscapes_the_way_after_the_minimum_stays_low() -> None:
    """Their names and the bound are written by hand."""
    seeds = {50: 1001, 100: 1001, 150: 1002, 200: 1001}
    places = {f"P{p}_d{depth}_s{seed}" for depth, seed in seeds.items() for p in (4, 9, 16)}
    assert records().landscapes.keys() == places
    others = places - {"P4_d50_s1001", "P9_d50_s1001"}
    assert max(map(after_the_minimum, others)) < 0.7
    assert "in the other ten it stays below 0.7" in " ".join(by_hand(*FINDINGS).split())


def apart(eigenvalues: Iterable[float]) -> float:
    """Of the first from the second, over that of the second from the tenth."""
    values = list(eigenvalues)
    return (values[0] - values[1]) / (values[1] - values[9])


def apart_on_subset(*place: int) -> float:
    subset = model(*place).subset
    assert subset is not None
    return apart(each.value for each in subset.top)


def trace_law_error(*place: int) -> float:
    """Per cent."""
    found = model(*place)
    assert found.traces is not None
    assert found.run.architecture is not None
    law = gauss_newton_trace(
        found.run.architecture, curvature=found.minimum.train.mean_softmax_trace
    ).value
    assert law is not None
    return 100 * ((found.traces.total.value - found.traces.bias.value) / law - 1)


def over_author(of: str, *place: int) -> float:
    (author,) = (r for r in author_results() if (r.n_patches, r.depth) == place)
    if of == "loss":
        return loss(*place) / author.train_loss
    return top("H", *place) / author.top_hessian_eigenvalue


@cache
def deep_minima() -> list[tuple[KernelRecord, KernelMoment]]:
    """Kernels' records of d >= 20 that have a measured minimum."""
    return [
        (kernel, moment)
        for kernel in records().of_the_paper.kernels.values()
        for moment in kernel.at("minimum")
        if kernel.run.depth >= 20 and moment.errors
    ]


def mean_error(law: str, first: int, last: int) -> float:
    """Per cent, over the minima of d >= 20 and these eigenvalues."""
    return 100 * fmean(x for _, m in deep_minima() for x in m.errors_of(law)[first - 1 : last])


Place: TypeAlias = tuple[int, int, int]


def by_the_kernel(matrix: str) -> dict[tuple[Place, Place], float]:
    """Predicted over measured ratios, both over all of 60,000 images."""
    kernels = {
        (k.run.n_patches, k.run.depth, k.run.seed): k.moments["minimum"].whole[0]
        for k in records().of_the_paper.kernels.values()
        if k.run.images == SCALE_IMAGES
    }
    places = [place for place in kernels if model(*place).top(matrix) is not None]
    return {
        (a, b): kernels[b] / kernels[a] / (top(matrix, *b) / top(matrix, *a))
        for a in places
        for b in places
        if a[1:] == b[1:] and a[0] < b[0]
    }


def typical_and_worst(matrix: str) -> list[float]:
    errors = [abs(math.log(ratio)) for ratio in by_the_kernel(matrix).values()]
    return [math.exp(median(errors)), math.exp(max(errors))]


def n_close(ratios: Iterable[float]) -> int:
    """Of ratios to the measured one, those within 20 %."""
    return sum(abs(ratio - 1) <= 0.2 for ratio in ratios)


@cache
def followed() -> list[TrainedModel]:
    """The models whose spectra along training are on record."""
    return [
        each for each in records().of_the_paper.analyses.values() if each.spectra_along_training
    ]


def outliers_along(first: int, last: int = 15) -> list[float]:
    """Least and most in these epochs."""
    moments = (moment for each in followed() for moment in each.spectra_along_training)
    return ends(m.outliers.count for m in moments if first <= m.epoch <= last)


def near_zero_in_the_end() -> list[float]:
    return ends(each.spectra_along_training[-1].near_zero.value for each in followed())


def errors_in_training() -> list[float]:
    """The tangent kernel's, between start and minimum at d >= 20."""
    deep = [k for k in records().of_the_paper.kernels.values() if k.run.depth >= 20]
    return [x for k in deep for moment in k.at("training") for x in moment.errors]


# Quoted with # for each number, and what the records give for them; a number that is no result
# stands as it is.
SENTENCES: dict[str, Callable[[], list[float]]] = {
    "λ_max(H) there differs from his by # %": lambda: [100 * (over_author("H", 4, 200) - 1)],
    "our value over all images is # of that on the 6,000": lambda: [
        top("H", 16, 50) / along("H", 37, 16, 50)
    ],
    "λ_max(H) is # at epoch 35, # at the minimum (37) and # at epoch 27": lambda: [
        along("H", epoch, 16, 50) for epoch in (35, 37, 27)
    ],
    "the two differ by # to # %, up or down, at losses within # % of each other": lambda: [
        *(f(100 * abs(over_author("H", *p) - 1) for p in OTHER_MINIMA) for f in (min, max)),
        max(100 * abs(over_author("loss", *p) - 1) for p in OTHER_MINIMA),
    ],
    "a block falls there by # in the mean, by 1/P² times the loss it would by #": lambda: [
        fall(mean_block, 4, 9, 150),
        (4 / 9) ** 2 * fall(loss, 4, 9, 150),
    ],
    "Seed 1005 of d = 100 is its like (#, # %)": lambda: [
        fall(loss, 4, 9, 100, seed=1005),
        100
        * abs(4 / 9 * fall(loss, 4, 9, 100, seed=1005) / fall(term("H"), 4, 9, 100, seed=1005) - 1),
    ],
    "the training loss falls there by # and #, nearly 4/9": lambda: [
        fall(loss, 4, 9, 200),
        fall(loss, 4, 9, 100, seed=1004),
    ],
    "where the loss falls by # and *aligned": lambda: [loss(9, 50, 1005) / loss(4, 50, 1005)],
    "over the angles, is #, #, # (d = 50; P = 4, 9, 16), #, #, # (d = 100), #, # (d = 150; "
    "P = 4, 9) and # at (4, 200)": lambda: each_of(
        alignment, [p for p in BY_DEPTH if p not in ((16, 150), (9, 200), (16, 200))]
    ),
    "#, #, # % at d = 50, #, #, # % at d = 100, #, #, # % at d = 150, #, #, # % at d = 200": (
        lambda: each_of(share, BY_DEPTH)
    ),
    "block of G is #, #, # at d = 50 (P = 4, 9, 16: it does not fall from 9 to 16), #, # at "
    "d = 100 and #, # at d = 150": lambda: each_of(
        term("G over the bias"), [p for p in BY_DEPTH if p[1] < 200 and (p[0] < 16 or p[1] == 50)]
    ),
    "λ_max(R) falls by #, # and # (4→9": lambda: [fall(term("R"), *step) for step in STEPS],
    "ratio of training losses is off by #, # and # %": lambda: [
        100 * (one / two * fall(loss, one, two) / fall(term("R"), one, two) - 1)
        for one, two in STEPS
    ],
    "its largest eigenvalue lies #, # and # % above that of its largest block": lambda: [
        100 * (top("R", *place) / largest_block(*place) - 1) for place in AT_50
    ],
    "the mean ratio over four depths is #, 95 % interval # to #": lambda: mean_over_depths(),
    "From 9 to 16 patches the ratios lie between # and #": lambda: ends(tops(9, 16)),
    "of which the paper speaks, its ratios lie between # and #,": lambda: ends(tops(4, 9)),
    "from 9 to 16 they lie between # and #, ten of twelve": lambda: ends(tops(9, 16)),
    "law](findings-laws.md) gives # of # ratios within 20 %": lambda: [
        n_close(by_the_kernel("H").values()),
        len(by_the_kernel("H")),
    ],
    "which needs P alone, gives #, four of them from 4 to 9": lambda: [
        n_close((a / b) ** 2 / found for a, b in STEPS for found in tops(a, b))
    ],
    "patches many: # to # % of the top eigenvector at P = 49, # to # % in the paper's": lambda: [
        *ends(share(49, d) for d in (2, 5, 10, 20)),
        *ends(each_of(share, BY_DEPTH)),
    ],
    "lie near zero, and # to # stand out": lambda: ends(n.count for n in outliers(BY_DEPTH)),
    "falls at d = 50 as P to the power # over three seeds, 95 % interval # to #": (
        lambda: fall_of_the_largest_block()
    ),
    "λ_max(G) falls by #, # and # (4→9, 4→16, 9→16) and λ_max(R) by #, # and #": lambda: [
        along(matrix, 0, two, 50) / along(matrix, 0, one, 50)
        for matrix in "GR"
        for one, two in STEPS
    ],
    "(by # to # times from 4 to 49 patches, 12 for 1/P) and that of the bias hardly (by # to #": (
        lambda: [
            f(
                top(matrix, 4, d) / loss(4, d) / (top(matrix, 49, d) / loss(49, d))
                for d in (2, 5, 10, 20)
            )
            for matrix in ("G over the angles", "G over the bias")
            for f in (min, max)
        ]
    ),
    "it holds #, # and # % of the top eigenvector": lambda: [share(49, d) for d in (2, 5, 10)],
    "to # to # % at all sixteen minima": lambda: [
        f(each_of(trace_law_error, SHALLOW)) for f in (min, max)
    ],
    "4→9 at d = 100, is 0.416, over all images #": lambda: [
        fall(term("G over the angles"), 4, 9, 100)
    ],
    "factor of # of λ_max(G) over the angles, the worst to #; of λ_max(H) to # and #": lambda: [
        *typical_and_worst("G over the angles"),
        *typical_and_worst("H"),
    ],
    "At the # minima of d ≥ 20 the law's λ₁ is # % too high in the mean, the commutator kernel's "
    "# %, and λ₂ to λ₁₂ # and # %": lambda: [
        len(deep_minima()),
        *(mean_error(law, *of) for of in ((1, 1), (2, 12)) for law in ("predicted", "commutator")),
    ],
    "which at d ≥ 20 takes # to # s where the measurement takes # to #": lambda: [
        *(f(m.seconds_predicted for _, m in deep_minima()) for f in (min, max)),
        *(f(m.seconds_measured for _, m in deep_minima()) for f in (min, max)),
    ],
    "#, # and # % of the eigenvalues lie within a hundredth": lambda: [
        100 * found.value for place in AT_50 if (found := model(*place).near_zero)
    ],
    "of λ_max of zero; #, # and # stand out (# to #, # to #, # to #": lambda: [
        *(found.count for found in outliers(AT_50)),
        *(end for found in outliers(AT_50) for end in (found.low, found.high)),
    ],
    "At d = 100 it is #, # and # %, and #, # and # again (# or more, #, and # to #)": lambda: [
        *(100 * found.value for place in AT_100 if (found := model(*place).near_zero)),
        *(found.count for found in outliers(AT_100)),
        outliers(AT_100)[0].low,
        *{outliers(AT_100)[1].low, outliers(AT_100)[1].high},
        *(outliers(AT_100)[2].low, outliers(AT_100)[2].high),
    ],
    **{
        f"at d = {d} #, # and # %, and #, # and # (# to #, # to #, # to #)": lambda d=d: [
            *(100 * found.value for p in (4, 9, 16) if (found := model(p, d).near_zero)),
            *(found.count for found in outliers((p, d) for p in (4, 9, 16))),
            *(n for found in outliers((p, d) for p in (4, 9, 16)) for n in (found.low, found.high)),
        ]
        for d in (150, 200)
    },
    "each ± 0.0007: #, #, #, #, #, #, #, #, #, #, #, #.": lambda: [
        each.value for each in model(4, 50).eigenvalues["H"]
    ],
    "second is # of the distance from the second to the tenth, at (9, 50) #, at (16, 50) #": (
        lambda: [apart(each.value for each in model(*p).eigenvalues["H"]) for p in AT_50]
    ),
    "6,000 images it is #, # and # at d = 50, #, # and # at d = 100 (P = 4, 9, 16), #, # and # at "
    "d = 150, #, # and # at d = 200": lambda: each_of(apart_on_subset, BY_DEPTH),
    "From the first epoch on # to # eigenvalues stand out": lambda: outliers_along(1),
    "at the start it is # to #, and half of the spectrum is near zero, in the end # to # %": (
        lambda: [*outliers_along(0, 0), *(100 * x for x in near_zero_in_the_end())]
    ),
    "fall together, with powers of the loss from # to #": lambda: ends(
        fit.exponent
        for each in followed()
        for quantity in COURSES.values()
        if (fit := power_of_loss(each, quantity))
    ),
    "as near as at these ends: # % in the median and # % at worst": lambda: [
        100 * of([abs(error) for error in errors_in_training()]) for of in (median, max)
    ],
    "components explain #, # and # of the trajectory at d = 50, #, # and # at d = 100 "
    "(P = 4, 9, 16), #, # and # at d = 150, #, # and # at d = 200": lambda: each_of(
        two_components, BY_DEPTH
    ),
    "up to the minimum they explain #, #, #, and #, #, #": lambda: [
        two_components(*place, to_minimum=True) for place in BY_DEPTH[:6]
    ],
    "Seeds 1002 to 1005 give #, #, # and # at (4, 50) and #, #, # and # at (9, 50)": lambda: [
        two_components(p, 50, seed) for p in (4, 9) for seed in range(1002, 1006)
    ],
    "crosses a loss of # at (4, 50) and # at (9, 50), the one unstable epoch": lambda: [
        after_the_minimum("P4_d50_s1001"),
        after_the_minimum("P9_d50_s1001"),
    ],
    "At (16, 50) they give #, #, # and #": lambda: [
        two_components(16, 50, seed) for seed in range(1002, 1006)
    ],
    "further seeds of d = 100 give # to # at P = 4, # to # at P = 9, # to # at P = 16": lambda: [
        end
        for p in (4, 9, 16)
        for end in ends(two_components(p, 100, seed) for seed in seeds(100, p) if seed > 1001)
    ],
    "of d = 100, by factors of # from 4 to 9 and # from 9 to 16": lambda: [
        math.exp(abs(math.log(a / b * fall(loss, a, b, 100, seed=1003) / found)))
        for a, b in ((4, 9), (9, 16))
        if (found := fall(term("H"), a, b, 100, seed=1003))
    ],
    "which was made without it, says #": lambda: [
        by_the_kernel("H")[(9, 100, 1003), (16, 100, 1003)] * fall(term("H"), 9, 16, 100, seed=1003)
    ],
    "by # to # points; from 9 to 16 it changes by # to #, down in one of twelve. # to #": lambda: [
        *ends(rise for rise, _ in rises(4, 9)),
        *ends(rise for rise, _ in rises(9, 16)),
        *ends(apart for step in (rises(4, 9), rises(9, 16)) for _, apart in step),
    ],
    "By these pairs # of the # rises exceed two standard errors, and # pass": lambda: [
        sum(
            100 * rise > 2 * math.sqrt(apart - (100 * rise) ** 2 / 1e4)
            for step in (rises(4, 9), rises(9, 16))
            for rise, apart in step
        ),
        len(rises(4, 9)) + len(rises(9, 16)),
        significant_rises(),
    ],
}


@pytest.mark.parametrize("quoted", SENTENCES)
def test_a_sentence_says_what_is_on_record(quoted: str) -> None:
    held(by_hand(*FINDINGS), quoted, SENTENCES[quoted]())


def test_own_models_says_how_much_the_intervals_hold() -> None:
    """From the counts on record; only this catches percentages of the records before the last."""
    kept = json.loads(CALIBRATION_FILE.read_text())
    laws = [c["held_out"].values() for c in kept["calibrations"] if c["matrix"] == "H"]
    shares = [100 * sum(n for n, _ in of) / sum(m for _, m in of) for of in laws if of]
    text = by_hand(OWN)
    held(text, "from the other depths hold # to # %", ends(shares))
    choices = (100 * n / m for n, m in kept["choices"]["H"].values())
    held(text, "what an answer is worth, it is # to # %", ends(choices))


def rows_below(heading: str, first: str) -> list[list[str]]:
    """Cells of the table whose head begins so, below that heading."""
    section = by_hand(*FINDINGS).split(f"## {heading}\n", 1)[1]
    lines = section[section.index(first) :].split("\n\n")[0].splitlines()[2:]
    return [[c.strip().removesuffix(" %") for c in line.strip("|").split(" | ")] for line in lines]


def test_the_table_of_shallow_circuits_says_what_is_on_record() -> None:
    rows = rows_below("More patches, shallow circuits", "| d | P |")
    assert [(int(row[1]), int(row[0])) for row in rows] == SHALLOW
    for row, place in zip(rows, SHALLOW, strict=True):
        tops = [top(matrix, *place) for matrix in ("H", "G over the angles", "G over the bias")]
        rest = [value / loss(*place) for value in tops]
        same(row[2:], [loss(*place), *tops, alignment(*place), share(*place), *rest], str(place))


def test_the_table_of_both_terms_says_what_is_on_record() -> None:
    rows = rows_below("Why it is not 1/P²", "| P | λ_max(G) |")
    for row, place in zip(rows, AT_50, strict=True):
        blocks = [block.value for block in model(*place).blocks("R")]
        numbers = [*row[1:3], *row[3].split(" to "), *row[4:]]
        bias = [top(f"{matrix} over the bias", *place) for matrix in "GR"]
        found = [top("G", *place), top("R", *place), min(blocks), max(blocks), *bias]
        same(numbers, found, str(place))


def test_what_is_not_measured_yet_is_not() -> None:
    """A record that comes makes the sentence wrong."""
    planned = [(p, d) for d in (5, 20) for p in (4, 9, 16)]
    missing = [place for place in planned if not model(*place).spectra_along_training]
    text = by_hand(*FINDINGS)
    told = re.findall(r"\((\d+), (\d+)\) is not measured yet", text)
    assert missing == [(int(p), int(d)) for p, d in told]


def test_a_wrong_number_is_noticed() -> None:
    """The check itself: a digit, a number too few, a sentence that is gone."""
    text = f"it falls\nby {MINUS}1,280.5 and 0.36 %"
    held(text, "falls by # and # %", [-1280.46, 0.3649])
    for quoted, values in (
        ("falls by # and # %", [-1280.56, 0.36]),
        ("falls by # and # %", [-1280.46, 0.3651]),
    ):
        with pytest.raises(AssertionError, match="on record"):
            held(text, quoted, values)
    with pytest.raises(ValueError, match="zip"):
        held(text, "falls by # and", [-1280.5, 0.36])
    with pytest.raises(AssertionError, match="expected once"):
        held(text, "rises by #", [1.0])
