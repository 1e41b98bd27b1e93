"""Everything the library can say about two models, gathered into one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from patchlaw.hessian_theory.predictions.answer import Answer, best_answer
from patchlaw.hessian_theory.predictions.architecture import Architecture
from patchlaw.hessian_theory.predictions.bounds import (
    CurvatureBounds,
    block_bounds,
    curvature_bounds,
)
from patchlaw.hessian_theory.predictions.evidence import Interval, Number
from patchlaw.hessian_theory.predictions.laws import (
    BESIDE,
    RatioInputs,
    RatioPrediction,
    laws_for,
    ratio_inputs,
)
from patchlaw.hessian_theory.predictions.sizes import SizeEstimate, size_estimates


@dataclass(frozen=True)
class PredictionReport:
    """One answer, then every ratio between two models and, with a depth, the sizes of each.

    Attributes:
        answer: the best law's ratio with an interval calibrated on record.
        inputs: the two models and alpha.
        ratios: every law's, by the matrix that it speaks of.
        block_bounds: rigorous range of lambda_max(G) of each model, where its blocks are known.
        models: each model's architecture, its rigorous upper bounds, over the angles only and,
            with the bias, over all parameters, and its estimated sizes; empty without any.
    """

    answer: Answer
    inputs: RatioInputs
    ratios: Mapping[str, tuple[RatioPrediction, ...]]
    block_bounds: tuple[Interval | None, ...]
    models: tuple[tuple[Architecture, tuple[CurvatureBounds, ...], tuple[SizeEstimate, ...]], ...]

    @property
    def value(self) -> Number:
        """The answer: lambda_max at P2 over lambda_max at P1."""
        return self.answer.value

    @property
    def interval(self) -> Interval:
        """Made to hold the measured ratio in 80 % of cases."""
        return self.answer.interval

    @property
    def law(self) -> str:
        """Which law says so."""
        return self.answer.law

    @property
    def coverage(self) -> float:
        """In what part of the cases such an interval held it, at depths left out."""
        return self.answer.coverage

    @property
    def paper(self) -> RatioPrediction:
        """What the paper's law says."""
        return self.answer.paper

    def __str__(self) -> str:
        """The answer, why this law, what would narrow it; the first fits 80 columns."""
        answer, inputs = self.answer, self.inputs
        record, paper, interval = answer.calibration, answer.paper, answer.interval
        step = f"P {inputs.first.n_patches} -> {inputs.second.n_patches}"
        beside = "none" if paper.ratio is None else _short(paper.ratio)
        pairs = sum(n for _, n in record.held_out.values())
        paper_factor, chosen = answer.paper_calibration.factor, 100 * answer.choice_coverage
        lines = [
            f"lambda_max({answer.matrix}), {step}: {_short(answer.value)} "
            f"({100 * answer.aimed:.0f} %: {_short(interval.low)} to {_short(interval.high)}); "
            f"paper's law: {beside}",
            f"Law: {answer.law.replace('_', ' ')}, {answer.prediction.formula}; of "
            f"{answer.candidates} that the inputs allow it was off least on record, by a factor of "
            f"{record.factor:.2f} (the paper's {paper_factor:.2f}). At depths left out "
            f"{record.inside} of {pairs} measured ratios lay inside; {chosen:.0f} % where the law "
            "is chosen there too.",
        ]
        lines += [
            f"A factor of {each.factor:.2f} with "
            + ", ".join(f"--{name.replace('_', '-')}" for name in each.inputs)
            for each in answer.improvements
        ]
        if record.regime == "any":
            lines.append("All depths on record together; --depth takes those alike")
        if answer.outside:
            beyond = ", ".join(answer.outside)
            lines.append(f"Outside the records, so the interval is a guess: {beyond}")
        return "\n".join(lines)


def predict(
    n_patches_1: int,
    n_patches_2: int,
    *,
    depth: int | None = None,
    aggregation_exponent: Number = 1,
    include_bias: bool = True,
    kappa: Number | None = None,
    sizes: Mapping[str, Any] | None = None,
    **known: Any,
) -> PredictionReport:
    """lambda_max(H) at P2 over that at P1, by the best law that the inputs allow.

    Args:
        n_patches_1: P1.
        n_patches_2: P2.
        depth: d; with it the interval is that of such depths, and bounds and sizes are given.
        aggregation_exponent: alpha of s = c P^(-alpha).
        include_bias: whether the models have the pixel bias; without, lambda_max is that of G over
            the angles.
        kappa: measured share of the top direction, for the size estimates.
        sizes: n_qubits, image_side, n_classes, scale of ``Architecture`` where they are not the
            paper's, as {"n_qubits": 6, "image_side": 12}; with a depth only.
        **known: inputs of the laws by name, each a pair: loss=(L1, L2), curvature=(..), ...; see
            ``predict_eigenvalue_ratio``.

    Raises:
        TypeError: a value is not a number of the right kind.
        ValueError: a value is out of range, a name unknown, sizes without a depth, or with one
            patches that form no grid (the ratios alone hold for any that are averaged).

    Example:
        >>> found = predict(4, 9, depth=50, loss=(0.0229, 0.0126))
        >>> found.law, round(float(found.value), 3), round(found.coverage, 2)
        ('aligned_loss', 0.245, 0.81)
    """
    inputs = ratio_inputs(n_patches_1, n_patches_2, known, aggregation_exponent)
    architectures: tuple[Architecture, ...] = ()
    if sizes and depth is None:
        raise ValueError(
            f"sizes: expected a depth with them, got {', '.join(sizes)} alone; the ratios do not "
            "depend on them, their intervals, bounds and sizes do: pass depth=d too"
        )
    if depth is not None:
        more = {**(sizes or {}), "aggregation_exponent": aggregation_exponent}
        architectures = tuple(Architecture(p, depth, **more) for p in (n_patches_1, n_patches_2))
    return predict_all(inputs, architectures=architectures, include_bias=include_bias, kappa=kappa)


def predict_all(
    inputs: RatioInputs,
    *,
    architectures: tuple[Architecture, ...] = (),
    include_bias: bool = True,
    kappa: Number | None = None,
) -> PredictionReport:
    """The answer, every ratio law and, for given architectures, every bound and size.

    Args:
        inputs: the two models and alpha.
        architectures: the two models' sizes; without them there are ratios only.
        include_bias: bound the spectra with the pixel bias as well, which needs a patch grid.
        kappa: measured share of the top direction, for the size estimates.

    Raises:
        TypeError: a value is not a number of the right kind.
        ValueError: a value is out of range, or the bias is included and there is no patch grid.
    """
    measured = (inputs.first, inputs.second)
    models = []
    for model, architecture in zip(measured, architectures, strict=False):
        bounds = tuple(
            curvature_bounds(
                architecture, loss=model.loss, curvature=model.curvature, include_bias=with_bias
            )
            for with_bias in ((False, True) if include_bias else (False,))
        )
        sizes = size_estimates(
            architecture, loss=model.loss, curvature=model.curvature, kappa=kappa
        )
        models.append((architecture, bounds, sizes))
    return PredictionReport(
        answer=best_answer(inputs, architectures=architectures, include_bias=include_bias),
        inputs=inputs,
        ratios={
            matrix: tuple(
                law.predict(inputs)
                for law in laws_for(matrix)
                if law.listed != "fed" or law.is_fed(inputs)
            )
            for matrix in BESIDE
        },
        block_bounds=tuple(None if m.blocks is None else block_bounds(m) for m in measured),
        models=tuple(models),
    )


def _short(value: Number) -> str:
    return f"{float(value):.3g}"
