"""Claim 5: the two terms of the Hessian beside the loss."""

import math
from statistics import median

from patchlaw.verification.claims.claim import PAPER, Claim, Measure, Part, Threshold, scale_part
from patchlaw.verification.claims.eigenvalue_law import TOLERANCE, first_term_dominates
from patchlaw.verification.claims.measures import along_training
from patchlaw.verification.claims.piece_of_evidence import Band
from patchlaw.verification.claims.verdict import Reach, Role
from patchlaw.verification.records import SplitMoment, TrainedModel, all_converged

LARGE = 16  # 'when P is large': the largest P of the paper


def _second_term_dominates(least: float) -> tuple[Measure, ...]:
    label = "median of lambda_max(R) / lambda_max(G) during training"
    return (along_training(label, residual_share_in_training, Band.above(least)),)


def residual_exponent(model: TrainedModel) -> float | None:
    """e in lambda_max(R) / lambda_max(G) ~ L^e, from the largest to the smallest recorded loss.

    Moments without both eigenvalues converged do not count. None unless the loss fell by a factor
    2 at least and all four eigenvalues are positive.
    """
    points = _moments(model)
    if len(points) < 2:
        return None
    first, last = max(points, key=lambda p: p.loss), min(points, key=lambda p: p.loss)
    values = [point.top[name] for point in (first, last) for name in ("R", "G")]
    if first.loss < 2 * last.loss or not all(v.value > 0 for v in values):
        return None
    start, end = (p.top["R"].value / p.top["G"].value for p in (first, last))
    return math.log(end / start) / math.log(last.loss / first.loss)


def residual_share_in_training(model: TrainedModel) -> float | None:
    """Median of lambda_max(R) / lambda_max(G) over the recorded moments of training.

    Moments after the start and before the last recorded one (the minimum), of models with the
    paper's largest P at least; None without any.
    """
    points = _moments(model)
    if model.run.n_patches < LARGE or not points:
        return None
    last = max(p.epoch for p in points)
    ratios = [
        p.top["R"].value / p.top["G"].value
        for p in points
        if 0 < p.epoch < last and p.top["G"].value > 0
    ]
    return median(ratios) if ratios else None


def _moments(model: TrainedModel) -> list[SplitMoment]:
    """Moments of training with R and G, both converged."""
    return [
        p
        for p in model.along_training
        if {"R", "G"} <= set(p.top) and p.loss > 0 and all_converged(p.top[n] for n in ("R", "G"))
    ]


CLAIM = Claim(
    "5",
    "The residual term vanishes as the loss does; the first dominates then, in training the second",
    "Sec. 3.2.2, last paragraph",
    (
        Part(
            "5a",
            "R vanishes as the loss vanishes",
            "Sec. 3.2.2, last paragraph",
            "A bound of R that the loss does not carry to zero is attained.",
            "|g|_1 = 2 (1 - pi_y) <= 2 l, so |R_ij| <= 2 s L: a proof settles it.",
            theorems=("curvature-and-loss", "residual-element-bound", "residual-eigenvalue-bound"),
            quote="when the training loss is close to zero, the second term becomes almost zero",
            criterion_by=PAPER,
        ),
        Part(
            "5b",
            "G does not vanish with the loss",
            "ours: a wider reading of 'stays', the paper speaks of the two terms' ratio",
            "A bound of G that vanishes with the loss.",
            "tr S <= 2 (1 - pi_y) <= 2 l, so |G_ij| <= 4 s^2 L: one proof of such a bound refutes.",
            contradicted_by=("first-term-does-not-stay", "gauss-newton-eigenvalue-bound"),
            role=Role.ASIDE,
        ),
        Part(
            "5c",
            "So R : G falls in proportion to the loss as training proceeds",
            "ours: what 5a and 5b together predict",
            "The exponent of lambda_max(R) / lambda_max(G) in the loss, from the largest to the "
            "smallest recorded loss of a run, is below 1/2.",
            "5a with 5b gives exponent 1, the proven bounds suggest 0; 1/2 is half-way. The loss "
            "must have fallen by a factor 2 at least.",
            reach=Reach.ANY_SIZE,
            measures=(
                along_training(
                    "exponent of lambda_max(R) / lambda_max(G) in the loss",
                    residual_exponent,
                    Band.above(0.5),
                ),
            ),
            complete=3,
            role=Role.ASIDE,
        ),
        scale_part(
            "5d",
            "When P is large the second term dominates the Hessian during training",
            "Sec. 3.2.2, last paragraph ('would typically be dominated by the second term')",
            "At P = 16 or more, the median of lambda_max(R) / lambda_max(G) over the recorded "
            "moments between start and minimum is below 1 in one model.",
            "P = 16 is the paper's largest; 'typically' is read as half of the moments, "
            "'dominates' as having the larger eigenvalue.",
            threshold=Threshold("dominated", 1.0, _second_term_dominates),
            complete=4,
            quote=(
                "When [P] is large, the first term [..] decays rapidly, and the Hessian would "
                "typically be dominated by the second term [..] during training"
            ),
            since="2026-11-25",
        ),
        scale_part(
            "5e",
            "At the minima, where the loss is almost zero, the first term dominates",
            "Sec. 3.2.2, last paragraph",
            "lambda_max(G) is less than 0.8 lambda_max(H) at a minimum, error bounds included.",
            "The measurement and the criterion of 4d, at every P.",
            threshold=Threshold("dominates", TOLERANCE, first_term_dominates),
            complete=12,
            quote=(
                "When [P] is small and training loss is almost zero, Eq. (6) implies that the "
                "first Hessian term dominates the Hessian matrix elements"
            ),
            since="2026-11-27",
            known="those of 4d, the same, of which every one met it",
        ),
    ),
)
