"""Measured eigenvalue ratios beside every prediction law, for our models and the author's."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations, pairwise

from patchlaw.hessian_theory.predictions import (
    BESIDE,
    CURVATURE,
    KERNEL_EIGENVALUE,
    LAWS,
    LOSS,
    Law,
    MeasuredModel,
    RatioInputs,
)
from patchlaw.verification.kernels.record import KernelMoment, KernelRecord
from patchlaw.verification.records import (
    ANGLE_BLOCK,
    BIAS_BLOCK,
    TERMS,
    Eigenvalue,
    Minimum,
    RunFacts,
    SampleMeans,
    TrainedModel,
    alike_but_for,
    all_converged,
    author_models,
    ratio_interval,
)

OUR_OUTPUTS = "tangent kernel: with the softmax outputs of our runs at the author's P, d and seed"
_SQUARED = (
    "the law takes what L says of the softmax, or its <tr S>, and the runs are trained on the "
    "squared error, whose S = 1 does not change; take aligned, elementwise or blocks"
)
_SHARED = "the patches share their angles, and the laws speak of patches with angles of their own"


def law_inputs(model: TrainedModel) -> MeasuredModel:
    """Its loss, <tr S>, blocks and parts of G as far as they converged; itself as "record".

    Loss and <tr S> of the cross-entropy only, as laws speak of the softmax. Blocks only if all of
    them converged, A if G over the angles did as well.

    Raises:
        ValueError: numbers that contradict each other, such as <tr S> above its ceiling at that
            loss.
    """
    blocks, residual_blocks = (
        tuple(block.value for block in found) if found and all_converged(found) else None
        for found in (model.blocks("G"), model.blocks("R"))
    )
    angles, bias = parts_of_g(model) or (None, None)
    train = model.minimum.train if model.run.loss == "cross_entropy" else SampleMeans()
    try:
        return MeasuredModel(
            model.run.n_patches,
            loss=train.loss,
            curvature=train.mean_softmax_trace,
            blocks=blocks,
            residual_blocks=residual_blocks,
            alignment=_alignment(model) if blocks else None,
            angle_part=angles,
            bias_part=bias,
            more={"record": model},
        )
    except ValueError as error:
        raise ValueError(f"{model.path or model.label}: {error}") from error


def _alignment(model: TrainedModel) -> float | None:
    angles, found = model.top(ANGLE_BLOCK), model.alignment
    if angles is None or found is None or not angles.converged:
        return None
    # A = 1 but for the eigenvalues' error
    inside = angles.value - angles.radius <= sum(block.value for block in model.blocks("G"))
    return min(found.value, 1.0) if inside else found.value


def parts_of_g(model: TrainedModel) -> tuple[float, float] | None:
    """lambda_max of G over the angles and over the bias; None unless converged and one is positive.

    That over the bias is 0 in a model without one. A zero may come out negative by its rounding.
    """
    angles, bias = model.top(ANGLE_BLOCK), model.top(BIAS_BLOCK)
    if angles is None or (bias is None and model.run.pixel_bias):
        return None
    if not all_converged([angles] if bias is None else [angles, bias]):
        return None
    parts = max(0.0, angles.value), 0.0 if bias is None else max(0.0, bias.value)
    return parts if max(parts) > 0 else None


@dataclass(frozen=True)
class LawComparison:
    """One law's ratio beside one measured ratio lambda_max(P2) / lambda_max(P1).

    Attributes:
        matrix: "H", "G", "R" or "G over the angles".
        n_patches: (P1, P2).
        measured: the measured ratio; NaN where an eigenvalue did not converge or the first is 0.
        measured_interval: from the eigenvalues' intervals; None for recorded eigenvalues, which
            have none.
        status: "proven", "assumed" or "empirical".
        predicted: the law's ratio; None where it cannot be computed.
        relative_error: predicted / measured - 1; None where either is missing.
        reason: why the measured ratio or the prediction is missing.
        seed: seed of both runs, where it tells runs apart.
        protocol: data and training of both runs, where they differ between runs.
        study: what else the two have in common, see ``TrainedModel.study``.
        inputs: what the prediction was computed from, by name: "loss1" is L at P1; see
            ``hessian_theory.predictions.Input``.
        note: what a reader must know of the inputs.
    """

    matrix: str
    depth: int
    n_patches: tuple[int, int]
    measured: float
    measured_interval: tuple[float, float] | None
    law: str
    formula: str
    status: str
    predicted: float | None
    relative_error: float | None
    reason: str | None
    seed: int | None = None
    protocol: str = ""
    study: str = ""
    runs: tuple[str, str] | None = None
    inputs: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


def compare_models(
    models: Iterable[TrainedModel],
    kernels: Iterable[KernelRecord] = (),
    *,
    every_pair: bool = True,
) -> list[LawComparison]:
    """Every pair of P at equal depth, seed and protocol, every matrix that both have, every law.

    Which law stands beside which matrix is its registration's (``BESIDE``). Laws from blocks need
    every block's eigenvalue converged, those that level off both parts at P1.

    Args:
        models: of any source.
        kernels: the tangent kernel's predictions at their minima; the author's models take those
            of our runs at his P, d and seed.
        every_pair: without it neighbouring P only.

    Raises:
        ValueError: a model whose numbers contradict each other, or a kernel's record of another
            minimum than the model's.
    """
    known = {model: law_inputs(model) for model in models}
    laws = {record.run.id: record for record in kernels}
    return [
        row
        for group in alike_but_for("n_patches", known)
        for pair in (combinations(group, 2) if every_pair else pairwise(group))
        for row in _rows(*pair, _ratio_inputs(pair, known, laws))
    ]


def compare_author(
    kernels: Iterable[KernelRecord] = (), *, every_pair: bool = False
) -> list[LawComparison]:
    """The author's Table 3, P = 4 to 9 and 9 to 16 at each depth, beside the laws it can feed.

    The recorded eigenvalues carry no error bound; the laws use the recorded training losses, and
    the tangent kernel's law the softmax outputs of our runs at his P, d and seed.

    Args:
        kernels: of our runs.
        every_pair: 4 to 16 as well.
    """
    rows = compare_models(author_models(), kernels, every_pair=every_pair)
    return [row for row in rows if row.predicted is not None]


def on_their_images(
    kernels: Iterable[KernelRecord], models: Iterable[TrainedModel] = ()
) -> list[TrainedModel]:
    """Start and minimum of every kernel's record, if measured, as models with G over the angles.

    Ratios of these eigenvalues, measured and predicted on the same images, stand beside the laws
    as those over all training images do, under protocols of their own: before training as runs of
    no epochs on the record's images. A kernel's record does not say how its run was trained: that
    is taken from ``models``, by the run's name.
    """
    found, settings = [], {model.run.id: model.settings for model in models}
    for record in kernels:
        on = f"spectrum of {record.n_samples:,} of them"
        family = ", ".join(filter(None, (record.run.family, on)))
        facts = {
            "start": replace(record.run, images=record.n_samples, epochs=0),
            "minimum": replace(record.run, family=family),
        }
        for name, run in facts.items():
            moment = record.moments.get(name)
            if moment and moment.measured:
                means = SampleMeans(mean_softmax_trace=moment.mean_softmax_trace)
                found.append(
                    TrainedModel(
                        run,
                        record.reproduce,
                        Minimum(moment.epoch, means),
                        {ANGLE_BLOCK: moment.measured},
                        settings=settings.get(record.run.id),
                    )
                )
    return found


def _ratio_inputs(
    pair: tuple[TrainedModel, TrainedModel],
    known: Mapping[TrainedModel, MeasuredModel],
    laws: Mapping[str, KernelRecord],
) -> RatioInputs:
    """Both models, with the kernel's lambda_1 where it is one law and images are drawn alike.

    Over all training images where the model's own eigenvalues are, else over the record's few: at
    a minimum lambda_1 depends on the images, so otherwise the ratio would be one of images.
    """
    found = [_kernel_eigenvalue(model, _kernel_of(model, laws)) for model in pair]
    alike = None not in found and len({each[1] for each in found if each}) == 1

    def inputs(index: int) -> MeasuredModel:
        model, law = known[pair[index]], found[index]
        if law is None or not (alike or found[1 - index] is None):
            return model
        return replace(model, more={**model.more, KERNEL_EIGENVALUE.name: law[0]})

    alpha = Fraction(str(pair[0].run.aggregation_exponent))
    return RatioInputs(inputs(0), inputs(1), alpha)


def _kernel_eigenvalue(
    model: TrainedModel, found: tuple[KernelRecord, KernelMoment] | None
) -> tuple[float, tuple[int, ...]] | None:
    """lambda_1 by the law, and of which images and by which version of it."""
    if found is None:
        return None
    record, moment = found
    if model.origin != "author" and model.run != record.run:  # see ``on_their_images``
        return moment.predicted[0], (moment.law, record.n_samples, record.subset_seed)
    return (moment.whole[0], (moment.law, moment.whole_law)) if moment.whole else None


def _kernel_of(
    model: TrainedModel, laws: Mapping[str, KernelRecord]
) -> tuple[KernelRecord, KernelMoment] | None:
    """The kernel's record of a model, and the moment of the model's epoch in it."""
    run = model.run
    author = model.origin == "author"
    record = laws.get(f"P{run.n_patches}_d{run.depth}_s{run.seed}" if author else run.id)
    if record is None:
        return None
    if author:
        moment = record.moments.get("minimum")
    else:
        at = {moment.epoch: moment for moment in record.moments.values()}
        moment = at.get(model.minimum.epoch if model.minimum.epoch is not None else -1)
        if moment is None and "minimum" in record.moments:
            raise ValueError(
                f"{run.id}: expected a kernel's record of the minimum at epoch "
                f"{model.minimum.epoch}, got epoch {record.moments['minimum'].epoch}; move it away "
                "and run `patchlaw kernel` again"
            )
    return None if moment is None else (record, moment)


def _rows(
    first: TrainedModel, second: TrainedModel, inputs: RatioInputs
) -> Iterable[LawComparison]:
    run, kernel = first.run, KERNEL_EIGENVALUE
    for matrix in TERMS:
        one, two = first.top(matrix), second.top(matrix)
        if one is None or two is None:
            continue
        measured, interval, missing = _measured_ratio(matrix, (first, second), (one, two))
        for law in LAWS.values():
            if matrix not in BESIDE[law.matrix]:
                continue
            if law.listed != "always" and not law.is_fed(inputs):
                continue
            prediction = law.predict(inputs)
            if reason := _not_for(law, run):
                prediction = replace(prediction, ratio=None, reason=reason)
            predicted = None if prediction.ratio is None else float(prediction.ratio)
            usable = predicted is not None and missing is None and measured != 0
            yield LawComparison(
                matrix=matrix,
                depth=run.depth,
                n_patches=(run.n_patches, second.run.n_patches),
                measured=measured,
                measured_interval=interval,
                law=prediction.law,
                formula=prediction.formula,
                status=prediction.status,
                predicted=predicted,
                relative_error=(predicted or 0.0) / measured - 1 if usable else None,
                reason="; ".join(filter(None, (missing, prediction.reason))) or None,
                seed=run.seed,
                protocol=run.protocol,
                study=first.study(),
                runs=(first.name, second.name),
                inputs={name: float(value) for name, value in prediction.used.items()},
                note=OUR_OUTPUTS if first.origin == "author" and kernel in law.inputs else "",
            )


def _not_for(law: Law, run: RunFacts) -> str | None:
    """Why a law does not speak of such runs; None where it does."""
    if run.shared_angles:
        return _SHARED
    softmax = LOSS in law.inputs or CURVATURE in law.inputs
    return _SQUARED if softmax and run.loss != "cross_entropy" else None


def _measured_ratio(
    matrix: str, models: tuple[TrainedModel, TrainedModel], tops: tuple[Eigenvalue, Eigenvalue]
) -> tuple[float, tuple[float, float] | None, str | None]:
    """The ratio, its interval, and why there is none."""
    one, two = tops
    loose = [str(m.run.n_patches) for m, top in zip(models, tops, strict=True) if not top.converged]
    if loose:
        reason = f"lambda_max({matrix}) at P = {' and '.join(loose)} did not converge"
        return math.nan, None, reason
    if one.value == 0:
        return math.nan, None, f"lambda_max({matrix}) at P = {models[0].run.n_patches} is zero"
    return two.value / one.value, ratio_interval(one, two), None
