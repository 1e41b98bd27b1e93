"""Derivatives that somebody claims, held against central differences that know their own error.

Parts f_i(t) of a function (a loss, logits, a gradient in one parameter tensor) and their claimed
derivatives along one direction, c_i. At a step h the central difference is
d_i = (f_i(h) - f_i(-h)) / 2h. Its error is taken as the largest of

    |f_i(h) - 2 f_i(0) + f_i(-h)| / h,  |d_i - d_i at 10 h|,  |d_i - d_i at h / 10|,

the first of which sees kinks between -h and h and rounding, the others curvature and rounding.
Every part is judged at the step where its own error is smallest; that a claim is wrong must show
at another step as well, since small differences of noise can agree by chance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

Verdict: TypeAlias = Literal["confirmed", "undecided", "wrong"]

# Ours. Steps in natural units (a step of 1 changes things by their own size), the middle ones
# first: a smooth function is decided after three of them.
_STEPS = {
    torch.float64: (1e-4, 1e-5, 1e-3, 1e-6, 1e-2, 1e-7, 1e-1, 1e-8),
    torch.float32: (1e-3, 1e-4, 1e-2, 1e-1),
}
_FACTOR = 5.0  # how far the estimate of the differences' error is trusted
_RESOLVED = 0.03  # differences that do not know themselves to this much decide nothing


@dataclass(frozen=True)
class Comparison:
    """One part's verdict.

    Attributes:
        verdict: whether the claim is right as far as differences can tell.
        claimed: norm of the claimed derivative.
        gap: norm of difference minus claim, at the best step.
    """

    verdict: Verdict
    claimed: float
    gap: float


def compare(
    evaluate: Callable[[float], Sequence[Tensor]],
    claimed: Sequence[Tensor],
    dtype: torch.dtype,
    sizes: Sequence[float] | None = None,
) -> list[Comparison]:
    """Judge the claimed derivatives of ``evaluate`` at 0.

    Args:
        evaluate: h -> the parts at t + h d.
        claimed: the parts' derivatives along d.
        dtype: in which the parts are computed, float32 or float64.
        sizes: of the terms that a part sums, as norms; rounding goes with them, though the sum
            may be zero (a bias before a norm). The parts' own norms if left out.

    Returns:
        One comparison a part.
    """
    base = [part.detach().double() for part in evaluate(0.0)]
    own = [float(part.norm()) for part in base]
    scales = own if sizes is None else [max(pair) for pair in zip(own, sizes, strict=True)]
    claims = [claim.detach().double() for claim in claimed]
    eps = torch.finfo(dtype).eps
    sides: dict[float, list[tuple[Tensor, Tensor]]] = {}
    result: list[Comparison] = []
    for count, step in enumerate(_STEPS[dtype], 1):
        ahead, behind = ([part.detach().double() for part in evaluate(h)] for h in (step, -step))
        sides[step] = list(zip(ahead, behind, strict=True))
        if count < 3:
            continue
        result = [
            _judge(base[i], {h: s[i] for h, s in sides.items()}, claims[i], eps, scales[i])
            for i in range(len(base))
        ]
        if all(c.verdict == "confirmed" for c in result):
            break
    return result


def _judge(
    base: Tensor,
    sides: dict[float, tuple[Tensor, Tensor]],
    claim: Tensor,
    eps: float,
    natural: float,
) -> Comparison:
    """The verdict on one part from its values on both sides at every step."""
    steps = sorted(sides, reverse=True)
    slopes = [(sides[h][0] - sides[h][1]) / (2 * h) for h in steps]
    size = float(claim.norm())
    root = eps**0.5
    best: tuple[float, float, float, float] | None = None
    contradictions = 0
    stirred = [not all(torch.equal(side, base) for side in sides[h]) for h in steps]
    for i, h in enumerate(steps):
        # a step that rounding swallows whole, where larger ones move something, tells nothing
        if not torch.isfinite(slopes[i]).all() or (any(stirred) and not stirred[i]):
            continue
        skew = (sides[h][0] + sides[h][1] - 2 * base) / h
        neighbours = [slopes[j] for j in (i - 1, i + 1) if 0 <= j < len(steps)]
        errors = [skew, *(slopes[i] - other for other in neighbours)]
        finite = [float(e.norm()) for e in errors if torch.isfinite(e).all()]
        error = max(finite) + 10 * eps * natural / h
        gap = float((slopes[i] - claim).norm())
        scale = max(size, float(slopes[i].norm()))
        # a derivative far below the natural size of what is differentiated is zero to rounding
        resolvable = max(scale, min(1e3 * root, _RESOLVED) * natural)
        ratio = error / resolvable if resolvable else 0.0
        contradictions += gap > _FACTOR * error + 30 * root * scale
        if best is None or ratio < best[0]:
            best = ratio, error, scale, gap
    if best is None:
        return Comparison("undecided", size, float("nan"))
    ratio, error, scale, gap = best
    if gap > _FACTOR * error + 30 * root * scale:
        return Comparison("wrong" if contradictions > 1 else "undecided", size, gap)
    if ratio <= _RESOLVED:
        return Comparison("confirmed", size, gap)
    return Comparison("undecided", size, gap)


def rms(tensor: Tensor) -> float:
    """Root mean square; zero of nothing."""
    return float(tensor.double().square().mean() ** 0.5) if tensor.numel() else 0.0


def first_line(error: Exception) -> str:
    """An error in short."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def no_double_backward(subject: str, error: Exception) -> ValueError:
    """The refusal of what torch differentiates once at most."""
    return ValueError(
        f"{subject}: expected a loss that autograd differentiates twice, got "
        f"{first_line(error)!r}; replace the operation by one with a double backward"
    )
