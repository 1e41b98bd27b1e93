"""The hand-written numbers of docs/ on other models than the paper's: what the records give.

Only this catches a sentence on an axis that a record contradicts.
"""

from collections.abc import Callable
from statistics import median
from typing import Any

import pytest

from patchlaw.paper_figures.records import SOURCE_TREE
from patchlaw.paper_figures.tables.findings_tables import FINDINGS
from tests.paper_figures.quoted_sentences import (
    by_hand,
    ends,
    fall,
    held,
    kernel,
    loss,
    loss_on_tests,
    model,
    term,
    top,
)

NOISE = SOURCE_TREE / "docs" / "noise.md"

PAPER: dict[str, Any] = {}
NO_BIAS = {"pixel_bias": False}
SHARED = {"pixel_bias": False, "shared_angles": True}
DIGITS = {"dataset": "digits"}
FASHION = {"dataset": "fashion-mnist"}
HALF, ZERO = {"aggregation_exponent": 0.5}, {"aggregation_exponent": 0.0}
HALF_50 = {"aggregation_exponent": 0.5, "scale": 50.0}
SMALL = [(p, d) for d in (5, 10) for p in (4, 9, 16)]
DEPTHS, PATCHES = (5, 10), (4, 9, 16)
P_VALUES = (0.001, 0.003)


def h(*place: int, **axes: object) -> float:
    return top("H", *place, **axes)


def per_loss(*place: int, **axes: object) -> float:
    return h(*place, **axes) / loss(*place, **axes)


def averaging(of: Callable[..., float]) -> list[float]:
    """Of the QNNs that average four observables a class, then of those that read one."""
    return [
        of(1, 5, seed, family=f"{word}_observable", dataset="digits")
        for word in ("four", "one")
        for seed in (1001, 1002)
    ]


def first(moment: str, *place: int, **axes: object) -> float:
    return kernel(*place, **axes).moments[moment].measured[0].value


def errors(moment: str, *place: int, **axes: object) -> tuple[float, ...]:
    return kernel(*place, **axes).moments[moment].errors


def off_by_bias() -> list[float]:
    """Relative differences of losses with and without a bias, per cent."""
    return [
        100 * abs(of(p, d, **NO_BIAS) / of(p, d) - 1)
        for of in (loss, loss_on_tests)
        for p in (*PATCHES, 49)
        for d in DEPTHS
    ]


SENTENCES: dict[str, Callable[[], list[float]]] = {
    "by factors of # to # of the fall with one": lambda: ends(
        [
            fall(term("G"), *step, d, **NO_BIAS) / fall(term("G"), *step, d)
            for step in ((4, 9), (9, 16), (16, 49))
            for d in DEPTHS
        ]
    ),
    "λ_max(G) is # without a bias, and # over the angles with one": lambda: [
        top("G", 9, 10, **NO_BIAS),
        top("G over the angles", 9, 10),
    ],
    "losses are the same to # % with and without it": lambda: [round(max(off_by_bias()) + 0.5)],
    "λ_max(H) falls to # and # of its value without one, and to # and # with one": lambda: [
        fall(h, 16, 49, d, **axes) for axes in (NO_BIAS, PAPER) for d in DEPTHS
    ],
    "at 49 patches, # and #, is the angles' part with a bias, # and #": lambda: [
        *(top("G over the angles", 49, d, **NO_BIAS) for d in DEPTHS),
        *(top("G over the angles", 49, d) for d in DEPTHS),
    ],
    "stays at # to #, where own angles reach # to #": lambda: [
        *ends([loss(*place, **SHARED) for place in SMALL]),
        *reversed(ends([loss(*place, **NO_BIAS) for place in SMALL])),
    ],
    "shared angles stay at # to # at d = 5, own ones fall from # to #": lambda: [
        *ends([per_loss(p, 5, **SHARED) for p in PATCHES]),
        *(per_loss(p, 5, **NO_BIAS) for p in (4, 16)),
    ],
    "the training loss is # to # times lower, the test loss #, # and # times higher": lambda: [
        *ends([loss(p, 10) / loss(p, 10, **HALF) for p in PATCHES]),
        *(loss_on_tests(p, 10, **HALF) / loss_on_tests(p, 10) for p in PATCHES),
    ],
    "it is still # and # times higher (P = 9, 16)": lambda: [
        loss_on_tests(p, 10, **HALF_50) / loss_on_tests(p, 10) for p in (9, 16)
    ],
    "Per unit of training loss λ_max(H) falls as #, #, #": lambda: [
        per_loss(p, 10) for p in PATCHES
    ],
    "(#, #, # with c = 100; # and # at P = 9 and 16 with c = 50, after #), and it grows at 0 "
    "(#, #)": lambda: [
        *(per_loss(p, 10, **HALF) for p in PATCHES),
        *(per_loss(p, 10, **HALF_50) for p in (9, 16)),
        per_loss(4, 10),
        *(per_loss(p, 10, **ZERO) for p in (4, 9)),
    ],
    "sharper on MNIST (λ_max(H) # against #) and flatter on digits (# against #)": lambda: [
        *(h(1, 49, images=2000), h(4, 10)),
        *(h(1, 40, **DIGITS), h(4, 10, **DIGITS)),
    ],
    "Per unit of training loss the one QNN is # and # times sharper": lambda: [
        per_loss(1, 49, images=2000) / per_loss(4, 10),
        per_loss(1, 40, **DIGITS) / per_loss(4, 10, **DIGITS),
    ],
    "at the minimum on digits, # in the distributed model, and # in the one": lambda: [
        top("R", *place, **axes) / h(*place, **axes)
        for place, axes in (((4, 10), DIGITS), ((1, 49), {"images": 2000}))
    ],
    "λ_max(H) of # and # (seeds 1001, 1002), with one observable # and #, at a lower training "
    "loss (# and # against # and #) and test loss (# and # against # and #)": lambda: [
        value for of in (h, loss, loss_on_tests) for value in averaging(of)
    ],
    "fall from one P to the next as on MNIST (by # and #, # and #)": lambda: [
        fall(of, *step, 10, **FASHION) for of in (h, loss_on_tests) for step in ((4, 9), (9, 16))
    ],
    "λ_max(H) is # to # times that on MNIST, as the training loss is # to # times higher": lambda: [
        end for of in (h, loss) for end in ends([of(p, 10, **FASHION) / of(p, 10) for p in PATCHES])
    ],
    "p = 0.001 it is # times that without": lambda: [h(16, 10, noise=0.001) / h(16, 10)],
    "sharing raises # to # times at the start and # to # times at the minimum, to # %": lambda: [
        *(
            end
            for moment in ("start", "minimum")
            for end in ends(
                [first(moment, *p, **SHARED) / first(moment, *p, **NO_BIAS) for p in SMALL]
            )
        ),
        max(100 * abs(errors("start", *place, **SHARED)[0]) for place in SMALL),
    ],
    "but is # % too low in λ₁ at the minimum of (16, 5)": lambda: [
        -100 * errors("minimum", 16, 5, **SHARED)[0]
    ],
    "at p = 0.001 its median error is # % there, at 0.003 it is too low at every P and depth, by "
    "# to # %": lambda: [
        100 * median(abs(x) for place in SMALL for x in errors("minimum", *place, noise=0.001)),
        *ends([-100 * x for place in SMALL for x in errors("minimum", *place, noise=0.003)]),
    ],
    "eight features a qubit, it is right to # % and at d = 40 to # %": lambda: [
        max(100 * abs(errors(m, 1, d, **DIGITS)[0]) for m in ("start", "minimum")) for d in (10, 40)
    ],
}

ON_NOISE: dict[str, Callable[[], list[float]]] = {
    "from 4 to 9 patches # without noise, # to # and # to # with it": lambda: [
        max(fall(h, 4, 9, d) for d in DEPTHS),
        *(end for p in P_VALUES for end in ends([fall(h, 4, 9, d, noise=p) for d in DEPTHS])),
    ],
    "p = 0.003 λ_max(G) is # of λ_max(H) = #": lambda: [
        top("G", 16, 10, noise=0.003),
        h(16, 10, noise=0.003),
    ],
}


@pytest.mark.parametrize("quoted", SENTENCES)
def test_a_sentence_of_the_findings_says_what_is_on_record(quoted: str) -> None:
    held(by_hand(*FINDINGS), quoted, SENTENCES[quoted]())


@pytest.mark.parametrize("quoted", ON_NOISE)
def test_a_sentence_on_noise_says_what_is_on_record(quoted: str) -> None:
    held(by_hand(NOISE), quoted, ON_NOISE[quoted]())


def test_noise_lowers_eleven_of_twelve() -> None:
    assert "eleven of twelve" in by_hand(NOISE)
    lower = [h(*place, noise=p) < h(*place) for place in SMALL for p in P_VALUES]
    assert (sum(lower), len(lower)) == (11, 12)
    assert model(16, 10).run.noise == 0
