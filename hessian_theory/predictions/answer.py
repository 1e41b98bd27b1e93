"""One answer: the best law's ratio with an interval calibrated on record, and the paper's beside.

Which law is best is a rule fixed beforehand; ``calibration`` has it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from patchlaw.hessian_theory.predictions.architecture import Architecture
from patchlaw.hessian_theory.predictions.calibration import (
    COVERAGE,
    Calibration,
    choice_counts,
    regime_of,
)
from patchlaw.hessian_theory.predictions.calibration import calibrations as on_record
from patchlaw.hessian_theory.predictions.evidence import Interval, Number
from patchlaw.hessian_theory.predictions.laws import (
    BESIDE,
    Law,
    RatioInputs,
    RatioPrediction,
    find_law,
    laws_for,
)

PAPER_LAW = "elementwise"


@dataclass(frozen=True)
class Improvement:
    """What more would narrow the interval.

    Attributes:
        law: that would answer then.
        inputs: names of what it lacks.
        each: whether one of them is a list, a number a patch.
        factor: half width of its interval.
    """

    law: str
    inputs: tuple[str, ...]
    each: bool
    factor: float


@dataclass(frozen=True)
class Answer:
    """lambda_max at P2 over lambda_max at P1, by the law that has been off least.

    Attributes:
        matrix: "H", or "G over the angles" for a model without pixel bias.
        prediction: of that law.
        calibration: of that law.
        paper: what the paper's law says.
        paper_calibration: how far off it has been.
        candidates: calibrated laws that the inputs allow.
        improvements: the best law that takes numbers only, and the best of all.
        outside: in what the question lies outside the records.
    """

    matrix: str
    prediction: RatioPrediction
    calibration: Calibration
    paper: RatioPrediction
    paper_calibration: Calibration
    candidates: int
    improvements: tuple[Improvement, ...]
    outside: tuple[str, ...]

    @property
    def law(self) -> str:
        """Name of the law."""
        return self.prediction.law

    @property
    def value(self) -> Number:
        """The ratio."""
        assert self.prediction.ratio is not None
        return self.prediction.ratio

    @property
    def interval(self) -> Interval:
        """Of ``aimed`` coverage: [value / factor, value factor]."""
        value, factor = float(self.value), self.calibration.factor
        return Interval(value / factor, value * factor, "errors as on record")

    @property
    def aimed(self) -> float:
        """The coverage that the interval is made for."""
        return COVERAGE

    @property
    def coverage(self) -> float:
        """That of pairs at depths left out, by this law."""
        return self.calibration.coverage

    @property
    def choice_coverage(self) -> float:
        """The same of answers, the law chosen without those depths, over all sets of inputs."""
        inside, pairs = choice_counts(self.matrix, self.calibration.regime)
        return inside / pairs


def best_answer(
    inputs: RatioInputs,
    *,
    architectures: tuple[Architecture, ...] = (),
    include_bias: bool = True,
) -> Answer:
    """The answer to what the inputs allow.

    Args:
        inputs: the two models and alpha.
        architectures: the models' sizes; without them all depths on record count together.
        include_bias: whether the models have the pixel bias.
    """
    depth = architectures[0].depth if architectures else None
    matrix = "H" if include_bias else "G over the angles"
    known = {
        law.name: record
        for law in laws_for()
        if matrix in BESIDE[law.matrix]
        and (record := on_record().get((law.name, matrix, regime_of(depth)))) is not None
    }
    found = {name: find_law(name).predict(inputs) for name in known}
    able = [name for name, one in found.items() if one.ratio is not None and one.ratio > 0]
    best = min(able, key=lambda name: known[name].log_error)
    lacking = [
        _improvement(find_law(name), inputs, record)
        for name, record in known.items()
        if found[name].ratio is None and record.log_error < known[best].log_error
    ]
    lacking.sort(key=lambda each: each.factor)
    simple = [each for each in lacking if not each.each]
    return Answer(
        matrix=matrix,
        prediction=found[best],
        calibration=known[best],
        paper=found[PAPER_LAW],
        paper_calibration=known[PAPER_LAW],
        candidates=len(able),
        improvements=tuple(dict.fromkeys([*simple[:1], *lacking[:1]])),
        outside=tuple(_outside(inputs, known[best], architectures)),
    )


def _improvement(law: Law, inputs: RatioInputs, record: Calibration) -> Improvement:
    missing = [
        (name, bool(each.each))
        for each in law.inputs
        for name, value in zip(each.names, each.values(inputs), strict=True)
        if value is None
    ]
    names = tuple(name for name, _ in missing)
    return Improvement(law.name, names, any(each for _, each in missing), record.factor)


def _outside(
    inputs: RatioInputs, record: Calibration, architectures: tuple[Architecture, ...]
) -> Iterable[str]:
    alpha = inputs.aggregation_exponent
    if alpha != 1:
        yield f"alpha = {alpha} (on record 1)"
    least, most = record.patches
    for model in (inputs.first, inputs.second):
        if not least <= model.n_patches <= most:
            yield f"P = {model.n_patches} (on record {least} to {most})"
    shallowest, deepest = min(record.depths), max(record.depths)
    names = {"n_qubits": "n", "image_side": "image side", "n_classes": "C", "scale": "c"}
    for sizes in architectures[:1]:
        if not shallowest <= sizes.depth <= deepest:
            yield f"d = {sizes.depth} (on record {shallowest} to {deepest})"
        for name, symbol in names.items():
            value, ours = getattr(sizes, name), getattr(Architecture, name)
            if value != ours:
                yield f"{symbol} = {value} (on record {ours})"
