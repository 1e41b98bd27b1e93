"""Measured pieces from models that are not the paper's: pairs that differ in one axis, other data.

The claims speak of the paper's model, so that their parts see no other, unless a part asks for them
(``Part.variants``).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise, product

from patchlaw.verification.claims.claim import Findings, Measure
from patchlaw.verification.claims.measures import Number, Pair, PairBand, piece, quotient
from patchlaw.verification.claims.piece_of_evidence import Band, Evidence
from patchlaw.verification.records.run_facts import AXES, RunFacts
from patchlaw.verification.records.trained_model import TrainedModel

Keep = Callable[[RunFacts], bool]

_SAME_SIZE = 0.02  # of D: the next depth of a circuit is that far at least


def only(keep: Keep, measure: Measure, words: str) -> Measure:
    """A measure of some of the models; ``words`` say in its labels of which."""

    def measured(findings: Findings) -> Iterator[Evidence]:
        models = tuple(model for model in findings.models if keep(model.run))
        for found in measure(replace(findings, models=models)):
            yield replace(found, label=f"{found.label}, {words}")

    return measured


def beside(
    label: str,
    number: Callable[[TrainedModel, TrainedModel], Number | None],
    band: Band,
    variant: Keep,
    axis: str,
) -> Measure:
    """One number a pair (model, variant) that is alike but for one axis.

    Args:
        label: what the number is.
        number: of the two.
        band: what it must lie in.
        variant: which models are the second of a pair.
        axis: the one of ``AXES``; the first has it as the paper has.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        for pair in _pairs(findings.models, variant, axis):
            if (found := number(*pair)) is not None:
                yield piece(f"{label}, {pair[1].run.where}", pair, found, band)

    return measure


def beside_family(
    label: str,
    number: Callable[[TrainedModel, TrainedModel], Number | None],
    band: Band,
    families: tuple[str, str],
) -> Measure:
    """One number a pair of models alike but for what their patches hold, by words of the family."""

    def measure(findings: Findings) -> Iterator[Evidence]:
        first, second = (lambda run, name=name: name in run.family for name in families)
        for pair in _pairs(findings.models, second, "family", first):
            found, run = number(*pair), pair[1].run
            if found is not None:
                where = f"{run.dataset or 'MNIST'}, d {run.depth}, seed {run.seed}"
                yield piece(f"{label}, {where}", pair, found, band)

    return measure


def falls_beside(matrix: str, variant: Keep, axis: str, band: Band) -> Measure:
    """By what factor lambda_max falls from one P to the next, a variant's over the model's.

    (lambda_2' / lambda_1') / (lambda_2 / lambda_1), ' the variant, at equal P1, P2, depth and seed.
    """

    def measure(findings: Findings) -> Iterator[Evidence]:
        groups = defaultdict(list)
        for pair in _pairs(findings.models, variant, axis):
            groups[_place(pair[1], "n_patches")].append(pair)
        for group in groups.values():
            for first, second in pairwise(sorted(group, key=lambda pair: pair[0].run.n_patches)):
                if any(findings.passes_over(*of, "n_patches") for of in zip(first, second)):  # noqa: B905
                    continue
                plain, other = (
                    quotient(one.top(matrix), two.top(matrix))
                    for one, two in zip(first, second, strict=True)
                )
                if plain is None or other is None or not plain.value:
                    continue
                run, steps = first[0].run, (first[0].run.n_patches, second[0].run.n_patches)
                name = f"lambda_max({matrix}) ratio over ratio, P {steps[0]}→{steps[1]}, "
                name += f"d {run.depth}, seed {run.seed}"
                yield piece(name, (*first, *second), _over(other, plain), band)

    return measure


def beside_one_large(
    label: str, number: Callable[[TrainedModel, TrainedModel], Number | None], band: PairBand
) -> Measure:
    """One number a pair (distributed model, one QNN on the whole image) of equal D within 2 %."""

    def measure(findings: Findings) -> Iterator[Evidence]:
        alike = defaultdict(list)
        for model in findings.models:
            if model.run.n_parameters:
                place = _place(model, "n_patches", "depth", "family", "circuit", "n_qubits")
                alike[place].append(model)
        for group in alike.values():
            for first, large in product(group, group):
                d, other = first.run.n_parameters, large.run.n_parameters
                if not _is_large(large) or first.run.n_patches == 1 or first.run.has_modules:
                    continue
                of_data = {model.study(rate=False) for model in (first, large)}
                if first.run.n_qubits == large.run.n_qubits and len(of_data) > 1:
                    continue  # in the range of other qubits the same pixels have another digest
                if abs(other / d - 1) > _SAME_SIZE or (found := number(first, large)) is None:
                    continue
                name = f"{label}, P {first.run.n_patches}, d {first.run.depth}, D {d} and {other}"
                held = band if isinstance(band, Band) else band(first, large)
                yield piece(name, (first, large), found, held)

    return measure


def _is_large(model: TrainedModel) -> bool:
    """Whether it is one QNN on the whole image: the paper's circuit reads 8 x 8 pixels."""
    whole = model.settings is not None and model.settings.whole_image
    return model.run.n_patches == 1 and whole and not model.run.has_modules


def _place(model: TrainedModel, *apart: str) -> tuple[object, ...]:
    """What two models have in common that may differ in some things.

    Pixels in the range of other qubits are other data by their digest; rates go with the depth.
    """
    names = ("n_patches", "depth", "seed", "images", "epochs", *AXES)
    study = model.study(rate="depth" not in apart, data="n_qubits" not in apart)
    return model.origin, study, *(getattr(model.run, name) for name in names if name not in apart)


def _pairs(
    models: Iterable[TrainedModel], variant: Keep, axis: str, plain: Keep | None = None
) -> Iterator[Pair]:
    """Plain models, with the axis as the paper has it, beside variants; none that occurs twice."""
    paper, places = getattr(RunFacts, axis), defaultdict(list)
    for model in models:
        places[_place(model, axis)].append(model)
    for group in places.values():
        one = [m for m in group if (plain(m.run) if plain else getattr(m.run, axis) == paper)]
        two = [model for model in group if variant(model.run)]
        if len(one) == len(two) == 1:
            yield one[0], two[0]


def _over(number: Number, by: Number) -> Number:
    """number / by with its interval, by > 0; they share no eigenvalue."""
    ends = None
    if number.interval and by.interval and by.interval[0] > 0:
        quotients = [a / b for a in number.interval for b in by.interval]
        ends = min(quotients), max(quotients)
    return Number(number.value / by.value, ends, loose=number.loose or by.loose or ends is None)
