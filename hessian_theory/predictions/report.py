"""Everything the library can say about two models, gathered into one value."""

from dataclasses import dataclass

from patchlaw.hessian_theory.predictions.architecture import Architecture
from patchlaw.hessian_theory.predictions.bounds import (
    CurvatureBounds,
    block_bounds,
    curvature_bounds,
)
from patchlaw.hessian_theory.predictions.evidence import Interval, Number
from patchlaw.hessian_theory.predictions.laws import RatioInputs, RatioPrediction, predict_ratios
from patchlaw.hessian_theory.predictions.level_off_ratios import predict_level_off_ratios
from patchlaw.hessian_theory.predictions.measured_model import MeasuredModel
from patchlaw.hessian_theory.predictions.residual_laws import predict_residual_ratios
from patchlaw.hessian_theory.predictions.sizes import SizeEstimate, size_estimates


@dataclass(frozen=True)
class ModelPrediction:
    """Bounds and sizes of one model.

    Attributes:
        model: what is known about it.
        architecture: its sizes.
        bounds: rigorous upper bounds, angles only and, with the bias, over all parameters.
        sizes: estimates.
    """

    model: MeasuredModel
    architecture: Architecture
    bounds: tuple[CurvatureBounds, ...]
    sizes: tuple[SizeEstimate, ...]


@dataclass(frozen=True)
class PredictionReport:
    """Ratios between two models and, with an architecture, the sizes of each.

    Attributes:
        inputs: the two models and alpha.
        ratios: laws for lambda_max(G).
        level_off_ratios: laws with the bias levelling off; empty without its two parts.
        residual_ratios: laws for lambda_max(R).
        block_bounds: rigorous range of lambda_max(G) of each model, where its blocks are known.
        models: bounds and sizes of each model; empty without an architecture.
    """

    inputs: RatioInputs
    ratios: tuple[RatioPrediction, ...]
    level_off_ratios: tuple[RatioPrediction, ...]
    residual_ratios: tuple[RatioPrediction, ...]
    block_bounds: tuple[Interval | None, Interval | None]
    models: tuple[ModelPrediction, ...]


def predict_all(
    inputs: RatioInputs,
    *,
    bias_parts: tuple[Number, Number] | None = None,
    architectures: tuple[Architecture, Architecture] | None = None,
    include_bias: bool = True,
    kappa: Number | None = None,
) -> PredictionReport:
    """Every ratio law and, for given architectures, every bound and size.

    Args:
        inputs: the two models and alpha.
        bias_parts: lambda_max of G over the angles and over the bias, both of the first model.
        architectures: the two models' sizes; without them there are ratios only.
        include_bias: bound the spectra with the pixel bias as well, which needs a patch grid.
        kappa: measured share of the top direction, for the size estimates.

    Raises:
        TypeError: a value is not a number of the right kind.
        ValueError: a value is out of range, or the bias is included and there is no patch grid.
    """
    models = (inputs.first, inputs.second)
    return PredictionReport(
        inputs=inputs,
        ratios=predict_ratios(inputs),
        level_off_ratios=(
            () if bias_parts is None else predict_level_off_ratios(inputs, bias_parts)
        ),
        residual_ratios=predict_residual_ratios(inputs),
        block_bounds=(
            None if inputs.first.blocks is None else block_bounds(inputs.first),
            None if inputs.second.blocks is None else block_bounds(inputs.second),
        ),
        models=tuple(
            _predict_model(model, architecture, include_bias, kappa)
            for model, architecture in zip(models, architectures or (), strict=False)
        ),
    )


def _predict_model(
    model: MeasuredModel, architecture: Architecture, include_bias: bool, kappa: Number | None
) -> ModelPrediction:
    return ModelPrediction(
        model=model,
        architecture=architecture,
        bounds=tuple(
            curvature_bounds(
                architecture, loss=model.loss, curvature=model.curvature, include_bias=with_bias
            )
            for with_bias in ((False, True) if include_bias else (False,))
        ),
        sizes=size_estimates(architecture, loss=model.loss, curvature=model.curvature, kappa=kappa),
    )
