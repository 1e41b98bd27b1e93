"""Everything the library can say about two models, gathered into one value."""

from collections.abc import Mapping
from dataclasses import dataclass

from patchlaw.hessian_theory.predictions.architecture import Architecture
from patchlaw.hessian_theory.predictions.bounds import (
    CurvatureBounds,
    block_bounds,
    curvature_bounds,
)
from patchlaw.hessian_theory.predictions.evidence import Interval, Number
from patchlaw.hessian_theory.predictions.laws import BESIDE, RatioInputs, RatioPrediction, laws_for
from patchlaw.hessian_theory.predictions.sizes import SizeEstimate, size_estimates


@dataclass(frozen=True)
class PredictionReport:
    """Ratios between two models and, with an architecture, the sizes of each.

    Attributes:
        inputs: the two models and alpha.
        ratios: every law's, by the matrix that it speaks of.
        block_bounds: rigorous range of lambda_max(G) of each model, where its blocks are known.
        models: each model's architecture, its rigorous upper bounds, over the angles only and,
            with the bias, over all parameters, and its estimated sizes; empty without any.
    """

    inputs: RatioInputs
    ratios: Mapping[str, tuple[RatioPrediction, ...]]
    block_bounds: tuple[Interval | None, ...]
    models: tuple[tuple[Architecture, tuple[CurvatureBounds, ...], tuple[SizeEstimate, ...]], ...]


def predict_all(
    inputs: RatioInputs,
    *,
    architectures: tuple[Architecture, ...] = (),
    include_bias: bool = True,
    kappa: Number | None = None,
) -> PredictionReport:
    """Every ratio law and, for given architectures, every bound and size.

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
