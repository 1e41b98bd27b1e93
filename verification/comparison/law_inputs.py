"""What the laws are fed with, of a trained model: converged eigenvalues only."""

from patchlaw.hessian_theory.predictions import MeasuredModel
from patchlaw.verification.records import ANGLE_BLOCK, BIAS_BLOCK, TrainedModel, all_converged


def law_inputs(model: TrainedModel) -> MeasuredModel:
    """Its loss, <tr S>, blocks and parts of G as far as they converged; itself as "record".

    Blocks only if all of them converged, A if G over the angles did as well.

    Raises:
        ValueError: numbers that contradict each other, such as <tr S> above its ceiling at that
            loss.
    """
    blocks, residual_blocks = (
        tuple(block.value for block in found) if found and all_converged(found) else None
        for found in (model.blocks("G"), model.blocks("R"))
    )
    angles, bias = parts_of_g(model) or (None, None)
    try:
        return MeasuredModel(
            model.run.n_patches,
            loss=model.minimum.train.loss,
            curvature=model.minimum.train.mean_softmax_trace,
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

    One that is zero may come out negative by its rounding.
    """
    angles, bias = model.top(ANGLE_BLOCK), model.top(BIAS_BLOCK)
    if angles is None or bias is None or not all_converged((angles, bias)):
        return None
    parts = max(0.0, angles.value), max(0.0, bias.value)
    return parts if max(parts) > 0 else None
