"""A law as one object, the two models it speaks of, and the registry of all laws.

A new law is a file that calls ``register(Law(...))`` and is imported by ``predictions/__init__``.
``patchlaw predict`` and ``compare``, the law figures and the tables go through the registry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, Literal

from patchlaw.hessian_theory.input_checks import aggregation_exponent, is_finite, one_of
from patchlaw.hessian_theory.predictions.evidence import Interval, Number, Status
from patchlaw.hessian_theory.predictions.measured_model import MeasuredModel
from patchlaw.hessian_theory.predictions.powers import power, quotient

OVER_ANGLES, OVER_ALL, RESIDUAL = "G over the angles", "G", "R over the angles"

BESIDE: Mapping[str, tuple[str, ...]] = {
    OVER_ANGLES: ("H", "G", "G over the angles"),
    OVER_ALL: ("H", "G"),
    RESIDUAL: ("R",),
}
"""What laws predict, and the measured matrices beside whose ratios they stand.

A law of G speaks of H as far as G carries H's top eigenvalue.
"""


@dataclass(frozen=True)
class RatioInputs:
    """The two models between which a ratio is predicted.

    Attributes:
        first: the model in the denominator, P1.
        second: the model in the numerator, P2.
        aggregation_exponent: alpha of s = c P^(-alpha), the same in both; c cancels.

    Raises:
        TypeError: alpha is not a real number.
        ValueError: alpha is NaN, infinite or beyond +-2.
    """

    first: MeasuredModel
    second: MeasuredModel
    aggregation_exponent: Number = Fraction(1)

    def __post_init__(self) -> None:
        """Check alpha; the models have checked themselves."""
        alpha = aggregation_exponent(self.aggregation_exponent)
        object.__setattr__(self, "aggregation_exponent", alpha)

    def patch_power(self, exponent: Number) -> Number:
        """(P1 / P2)^exponent, exact where rational."""
        return power(Fraction(self.first.n_patches, self.second.n_patches), exponent)


@dataclass(frozen=True)
class Input:
    """A quantity of a model that a law takes beside P and alpha.

    Attributes:
        name: on the command line and in ``MeasuredModel``.
        symbol: heading of its column in tables.
        meaning: in words, with its unit where it has one.
        value: the number that laws take of a model, None where it is not known; by default
            what the model has by that name. It is asked for often: keep what takes long.
        first_only: whether laws take that of the first model alone.
        each: what the command line takes of every patch; empty where it takes one number.
    """

    name: str
    symbol: str
    meaning: str
    value: Callable[[MeasuredModel], Number | None] | None = None
    first_only: bool = False
    each: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Of its values at P1 and P2, as the command line has them: ("loss1", "loss2")."""
        return (self.name,) if self.first_only else (f"{self.name}1", f"{self.name}2")

    def values(self, inputs: RatioInputs) -> tuple[Number | None, ...]:
        """Its values, one a name."""
        models = (inputs.first, inputs.second)[: len(self.names)]
        return tuple(m.known(self.name) if self.value is None else self.value(m) for m in models)

    def lacks(self, inputs: RatioInputs) -> str | None:
        """Why no ratio can be taken from it; None where one can."""
        values = self.values(inputs)
        missing = [name for name, x in zip(self.names, values, strict=True) if x is None]
        if missing:
            return f"needs {' and '.join(missing)}"
        first = values[0]
        if self.first_only or first is None or first > 0:
            return None
        size = f"gives {float(first):g}" if first else "is zero"
        return f"{self.names[0]} {size}, so the ratio is undefined"

    def ratio(self, inputs: RatioInputs) -> Number:
        """Second over first; only where ``lacks`` has no objection."""
        first, second = self.values(inputs)
        assert first is not None
        assert second is not None
        return quotient(second, first)


@dataclass(frozen=True)
class RatioPrediction:
    """The ratio one law predicts.

    Attributes:
        law: the law's name.
        formula: the law.
        ratio: lambda_max at P2 over lambda_max at P1; None where it cannot be computed.
        used: the inputs the ratio was computed from, by name.
        status: whether the ratio is proven, assumed or empirical.
        assumption: what it takes for the ratio to be right; empty for a proven one.
        interval: contains the true ratio under its premise; None where there is no such bound.
        reason: why there is no ratio; None where there is one.
    """

    law: str
    formula: str
    ratio: Number | None
    used: Mapping[str, Number]
    status: Status
    assumption: str
    interval: Interval | None
    reason: str | None = None

    @property
    def outside_interval(self) -> bool:
        """Whether the ratio lies outside the interval: the inputs contradict the law.

        Roundings of a relative 1e-9 are let pass.
        """
        if self.ratio is None or self.interval is None:
            return False
        return not self.interval.contains(self.ratio, relative_tolerance=1e-9)


@dataclass(frozen=True)
class Law:
    """One law for lambda_max at P2 patches over lambda_max at P1, depth and task unchanged.

    Without ``compute`` the ratio is (P1/P2)^power times every input's value at P2 over that at P1.
    A proven ratio is its own interval where no other is known.

    Attributes:
        name: of the law, a word of a command line.
        matrix: whose lambda_max it predicts, a key of ``BESIDE``.
        formula: in plain text.
        latex: the same in LaTeX, without dollar signs.
        status: how far it is to be trusted.
        assumption: what it takes for the ratio to be right; empty for a proven one.
        inputs: what it needs of the two models beside P and alpha, in the order of its formula.
        power: exponent of P1/P2 for an alpha; None where P does not enter by itself.
        interval: contains the true ratio under its premise; None where there is no such bound.
        compute: ratio and interval in place of power and interval, once every input is known.
        listed: "always", with what it lacks; "fed": only where one of the models has its first
            input; "predicted": where laws stand beside measurements only then.
        label: in legends, with mathtext; the name if left out.
        heading: in README's and docs/findings.md's tables; left out of them if empty.
        colour: of its points.
        marker: matplotlib's code.

    Raises:
        ValueError: an unknown matrix, or neither power, inputs nor compute.
    """

    name: str
    matrix: str
    formula: str
    latex: str
    status: Status
    assumption: str = ""
    inputs: tuple[Input, ...] = ()
    power: Callable[[Number], Number] | None = None
    interval: Callable[[RatioInputs], Interval | None] = lambda _: None
    compute: Callable[[RatioInputs], tuple[Number, Interval | None]] | None = None
    listed: Literal["always", "predicted", "fed"] = "always"
    label: str = ""
    heading: str = ""
    colour: str = "#777777"
    marker: str = "*"

    def __post_init__(self) -> None:
        """Check what a registry can; the label falls back on the name."""
        one_of("matrix", self.matrix, BESIDE)
        if self.power is None and self.compute is None and not self.inputs:
            raise ValueError(
                f"law {self.name!r}: expected power, inputs or compute, got none; "
                "a law without any predicts nothing"
            )
        object.__setattr__(self, "label", self.label or self.words)

    @property
    def words(self) -> str:
        """The name as tables show it."""
        return self.name.replace("_", " ")

    @property
    def exponent(self) -> float | None:
        """e of lambda_max ~ P^e at the paper's alpha = 1; None for a law with other inputs."""
        if self.power is None or self.inputs:
            return None
        return -float(self.power(Fraction(1)))

    def is_fed(self, inputs: RatioInputs) -> bool:
        """Whether one of the models has its first input, or it takes none."""
        return not self.inputs or any(x is not None for x in self.inputs[0].values(inputs))

    def predict(self, inputs: RatioInputs) -> RatioPrediction:
        """The ratio with the interval that contains the true one, or why there is none."""
        reason = next(filter(None, (each.lacks(inputs) for each in self.inputs)), None)
        ratio, interval = None, self.interval(inputs)
        if reason is None:
            ratio, interval = self._ratio(inputs, interval)
            if not is_finite(ratio):
                ratio = None
                reason = "the ratio is too large for a float; check the inputs' magnitudes"
        return RatioPrediction(
            law=self.name,
            formula=self.formula,
            ratio=ratio,
            used={} if ratio is None else self._used(inputs),
            status=self.status,
            assumption=self.assumption,
            interval=interval,
            reason=reason,
        )

    def _ratio(
        self, inputs: RatioInputs, interval: Interval | None
    ) -> tuple[Number, Interval | None]:
        if self.compute is not None:
            return self.compute(inputs)
        alpha = inputs.aggregation_exponent
        factor = Fraction(1) if self.power is None else inputs.patch_power(self.power(alpha))
        ratio = prod((each.ratio(inputs) for each in self.inputs), start=factor)
        if self.status == "proven" and interval is None and is_finite(ratio):
            interval = Interval(ratio, ratio)
        return ratio, interval

    def _used(self, inputs: RatioInputs) -> dict[str, Number]:
        used: dict[str, Number] = {}
        if self.power is not None or self.compute is not None:
            used = {
                "P1": Fraction(inputs.first.n_patches),
                "P2": Fraction(inputs.second.n_patches),
                "alpha": inputs.aggregation_exponent,
            }
        for each in self.inputs:
            found = zip(each.names, each.values(inputs), strict=True)
            used |= {name: value for name, value in found if value is not None}
        return used


LAWS: dict[str, Law] = {}
"""Every law by name, in the order in which they were registered."""


def register(*laws: Law) -> None:
    """Add laws to the registry.

    Raises:
        ValueError: a law of that name is there already.
    """
    for law in laws:
        if law.name in LAWS:
            raise ValueError(f"law: expected a new name, got {law.name!r}, which is registered")
        LAWS[law.name] = law


def laws_for(matrix: str | None = None) -> tuple[Law, ...]:
    """The laws for one matrix, a key of ``BESIDE``, or all of them."""
    return tuple(law for law in LAWS.values() if matrix in (None, law.matrix))


def find_law(name: str, matrix: str | None = None) -> Law:
    """A law by name.

    Raises:
        ValueError: no law for that matrix has this name.
    """
    known = {law.name: law for law in laws_for(matrix)}
    one_of("law", name, known)
    return known[name]


def law_inputs() -> tuple[Input, ...]:
    """What the laws take of a model, each once."""
    return tuple(dict.fromkeys(each for law in LAWS.values() for each in law.inputs))


def predict_ratios(inputs: RatioInputs, matrix: str = OVER_ANGLES) -> tuple[RatioPrediction, ...]:
    """What every law for one matrix predicts, in the registry's order."""
    return tuple(law.predict(inputs) for law in laws_for(matrix))


def predict_ratio(inputs: RatioInputs, law: str) -> RatioPrediction:
    """The ratio under one law, with the interval that contains the true one.

    Raises:
        ValueError: the law is unknown.
    """
    return find_law(law).predict(inputs)


def ratio_inputs(
    n_patches_1: int,
    n_patches_2: int,
    known: Mapping[str, Any],
    aggregation_exponent: Number = Fraction(1),
) -> RatioInputs:
    """The two models from pairs of what is known of them, by name; None is not known.

    What laws take of the first model alone may be one number.

    Raises:
        TypeError: an input is not a number of the right kind.
        ValueError: no law takes that name, no pair, or a value out of range.
    """
    names = [each.name for each in law_inputs()]
    first_only = {each.name for each in law_inputs() if each.first_only}
    pairs = {
        name: (given, None) if name in first_only and not hasattr(given, "__len__") else given
        for name, given in known.items()
        if given is not None
    }
    for name, pair in pairs.items():
        if name not in names:
            raise ValueError(
                f"known: expected inputs of laws, {', '.join(names)}, got {name!r}; the models' "
                "sizes go into sizes={'n_qubits': 6, ..}, their depth into depth=d"
            )
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise ValueError(
                f"{name}: expected a pair, one value for each model, got {pair!r}; "
                f"pass {name}=(first, second)"
            )
    first, second = (
        MeasuredModel.of(n_patches, {name: pair[index] for name, pair in pairs.items()})
        for index, n_patches in enumerate((n_patches_1, n_patches_2))
    )
    return RatioInputs(first, second, aggregation_exponent)


def predict_eigenvalue_ratio(
    n_patches_1: int,
    n_patches_2: int,
    law: str = "elementwise",
    *,
    aggregation_exponent: Number = Fraction(1),
    **known: Any,
) -> Number:
    """Predicted lambda_max at P2 over that at P1, under one law.

    ``predict_ratio`` returns the same number with its interval, assumption and status.

    Args:
        n_patches_1: P1.
        n_patches_2: P2.
        law: name of a registered law; most are for G.
        aggregation_exponent: alpha of s = c P^(-alpha); the paper has 1.
        **known: the law's inputs by name, each a pair, one value for each model: loss=(L1, L2),
            mean cross-entropies; curvature=(<tr S>_1, <tr S>_2); blocks, lambda_max(G_pp) of every
            patch at P1 and at P2; alignment=(A1, A2).

    Returns:
        A Fraction where the law and its inputs make the ratio rational, otherwise a float.

    Raises:
        TypeError: an input is not a number of the right kind.
        ValueError: an input is out of range, contradicts another, or is missing for this law.

    Example:
        >>> predict_eigenvalue_ratio(4, 9, law="elementwise")
        Fraction(16, 81)
    """
    inputs = ratio_inputs(n_patches_1, n_patches_2, known, aggregation_exponent)
    prediction = predict_ratio(inputs, law)
    if prediction.ratio is None:
        raise ValueError(f"law {law!r}: {prediction.reason}")
    return prediction.ratio
