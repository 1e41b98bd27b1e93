"""How far each law has been off on record, which turns a predicted ratio into an interval.

The score of a pair of models is |log(predicted / measured)| of the ratio of lambda_max. From m
scores the interval at coverage c is value * exp(-+q), q the ceil(c (m + 1))-th smallest of them
(split conformal prediction, e.g. arXiv 2107.07511), the largest where there are fewer. Fixed before
any coverage was computed: c = 0.8; depths from 50 on and below 50 are calibrated apart, and
together for a question without a depth; coverage is that of pairs at depths left out, each depth's
interval coming from all others; the best law is the one of least q among those that the inputs
allow and that have pairs at two depths at least, the first registered of equals.

Pairs of one depth share models, so the interval promises less than m independent scores would.

The numbers are in ``calibration.json``, written from measured models by `make docs`.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

CALIBRATION_FILE = Path(__file__).with_name("calibration.json")
COVERAGE = 0.8
DEEP = 50  # the paper's shallowest circuits

REGIMES: Mapping[str, tuple[int, float]] = {
    "deep": (DEEP, math.inf),
    "shallow": (1, DEEP),
    "any": (1, math.inf),
}
"""Depths, from (included) and to (not), that are calibrated together."""


@dataclass(frozen=True)
class Calibration:
    """One law's errors for one measured matrix in one regime.

    Attributes:
        law: its name.
        matrix: whose measured ratios of lambda_max it was held against.
        regime: a key of ``REGIMES``.
        depths: on record.
        patches: least and most on record.
        n_pairs: scores.
        log_error: q, the half width of the interval in log lambda_max.
        held_out: by source, how many of how many pairs lie within the interval from the other
            depths.
    """

    law: str
    matrix: str
    regime: str
    depths: tuple[int, ...]
    patches: tuple[int, int]
    n_pairs: int
    log_error: float
    held_out: Mapping[str, tuple[int, int]]

    @property
    def factor(self) -> float:
        """exp(q): the interval is [value / factor, value factor]."""
        return math.exp(self.log_error)

    @property
    def inside(self) -> int:
        """Pairs at depths left out that lie within, of all sources."""
        return sum(inside for inside, _ in self.held_out.values())

    @property
    def coverage(self) -> float:
        """Their share."""
        return self.inside / sum(pairs for _, pairs in self.held_out.values())

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> "Calibration":
        """From an entry of the file."""
        lists = {name: tuple(stored[name]) for name in ("depths", "patches")}
        held_out = {source: (n[0], n[1]) for source, n in stored["held_out"].items()}
        return cls(**{**stored, **lists, "held_out": held_out})


def regime_of(depth: int | None) -> str:
    """The regime that a depth is calibrated in; "any" where it is not known."""
    return "any" if depth is None else "deep" if depth >= DEEP else "shallow"


def log_error_quantile(scores: Iterable[float], coverage: float = COVERAGE) -> float:
    """The ceil(c (m + 1))-th smallest of m scores, the largest if m is too small for one."""
    ascending = sorted(scores)
    rank = math.ceil(coverage * (len(ascending) + 1))
    return ascending[min(rank, len(ascending)) - 1]


@cache
def calibrations() -> Mapping[tuple[str, str, str], Calibration]:
    """What is on record, by law, matrix and regime."""
    found = map(Calibration.of_json, _stored()["calibrations"])
    return {(each.law, each.matrix, each.regime): each for each in found}


def choice_counts(matrix: str, regime: str) -> tuple[int, int]:
    """Of how many pairs at depths left out, and all sets of inputs, the answer held how many.

    The law is chosen without that depth too, so this is what an answer's interval is worth; a
    law's own coverage leaves out that it was chosen for its narrowness.
    """
    inside, pairs = _stored()["choices"][matrix][regime]
    return inside, pairs


@cache
def _stored() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(CALIBRATION_FILE.read_text(encoding="utf-8"))
    return stored
