"""Counting outlying eigenvalues by stated rules, with what the evidence leaves open."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patchlaw.verification.solvers.result import EigenResult
from patchlaw.verification.solvers.spectral_density import SpectralDensity

Float = NDArray[np.float64]

_N_ERRORS = 2  # ours: standard errors of the bulk's edge


@dataclass(frozen=True)
class OutlierCount:
    """How many of the largest eigenvalues stand apart.

    Attributes:
        count: by the values themselves.
        low: smallest count that intervals and standard errors allow.
        high: largest; None if more may lie beyond the eigenvalues that were computed.
        edge: where the outliers begin.
        edge_error: standard error of the edge; for the gap rule half the gap that is certain.
        rule: the rule with its parameters, in words.
    """

    count: int
    low: int
    high: int | None
    edge: float
    edge_error: float
    rule: str

    @property
    def decided(self) -> bool:
        """Whether the evidence allows one count only."""
        return self.low == self.count == self.high


def outliers_by_gap(eigenpairs: EigenResult, *, min_ratio: float = 1.5) -> OutlierCount:
    """Outliers end at the widest relative gap lambda_c / lambda_(c+1) among the values.

    Only positive values take part. If no gap reaches ``min_ratio`` there are no outliers.

    Args:
        eigenpairs: k >= 2 largest pairs ("LA").
        min_ratio: least ratio that counts as a gap (ours), > 1.

    Raises:
        ValueError: fewer than two pairs, pairs that did not converge or from the other end, a
            ratio that is not above 1.
    """
    if not min_ratio > 1:
        raise ValueError(f"min_ratio: expected a number > 1, got {min_ratio}")
    _check_pairs(eigenpairs)
    if not eigenpairs.converged.all():
        raise ValueError(
            "eigenpairs: expected converged ones (a gap next to an uncertain value means nothing), "
            "got some that are not; raise max_matvecs"
        )
    if len(eigenpairs.values) < 2:
        raise ValueError("eigenpairs: expected at least two, got one")
    low, high = eigenpairs.intervals().T
    positive = int(np.argmin(np.append(low > 0, False)))  # up to the first that is not
    values, low, high = eigenpairs.values[:positive], low[:positive], high[:positive]
    rule = (
        f"widest ratio of neighbours among the {positive} positive of the "
        f"{len(eigenpairs.values)} largest eigenvalues, at least {min_ratio:g}"
    )
    if positive < 2:
        return OutlierCount(0, 0, None, float("nan"), float("nan"), rule)
    certain, possible = low[:-1] / high[1:], high[:-1] / low[1:]
    ratios = values[:-1] / values[1:]
    widest = int(ratios.argmax())
    count = widest + 1 if ratios[widest] >= min_ratio else 0
    # a place may hold the widest gap unless another is certainly wider
    places = [
        i + 1
        for i in range(len(ratios))
        if possible[i] >= min_ratio and possible[i] >= certain.max()
    ]
    if certain.max() < min_ratio:
        places = [0, *places]
    if not count:
        return OutlierCount(0, min(places), max(places), float("nan"), float("nan"), rule)
    edge = (low[widest] + high[widest + 1]) / 2
    half = (low[widest] - high[widest + 1]) / 2
    return OutlierCount(count, min(places), max(places), float(edge), float(half), rule)


def outliers_above_bulk(
    eigenpairs: EigenResult,
    density: SpectralDensity,
    *,
    level: float = 2.0,
    width: float | None = None,
) -> OutlierCount:
    """Outliers are the eigenvalues above the upper edge of the bulk.

    h(x) = D phi(x) width sqrt(2 pi) is the number of eigenvalues that one Gaussian kernel of the
    smoothed density phi sees at x: an isolated eigenvalue makes it 1. The bulk is the connected
    set h >= ``level`` around the density's maximum, its upper end the edge, with a jackknife
    standard error over the probes. Smoothing pushes the edge outwards, by less than
    width sqrt(2 ln(D / level)), so the rule errs towards fewer outliers. An eigenvalue whose
    interval reaches edge +- two standard errors is left open.

    Args:
        eigenpairs: largest pairs ("LA").
        density: of the same operator.
        level: eigenvalues a kernel that make a bulk (ours), > 1.
        width: of the kernel; default a hundredth of the density's span (ours).

    Raises:
        ValueError: pairs from the other end, other sizes, numbers out of range.
    """
    _check_pairs(eigenpairs)
    if not level > 1:
        raise ValueError(f"level: expected a number > 1, got {level}")
    if density.size != len(eigenpairs.vectors):
        raise ValueError(
            f"density: expected one of the eigenpairs' operator, D = {len(eigenpairs.vectors)}, "
            f"got D = {density.size}"
        )
    sigma = density.kernel_width(width)
    edge, error = bulk_edge(density, level, sigma)
    margin = _N_ERRORS * error
    low, high = eigenpairs.intervals().T
    sure = eigenpairs.converged & (low > edge + margin)
    possible = (high > edge - margin) | ~eigenpairs.converged
    count = int((eigenpairs.values > edge).sum())
    return OutlierCount(
        count=count,
        low=int(sure.sum()),
        high=None if possible.all() else int(possible.sum()),
        edge=edge,
        edge_error=error,
        rule=(
            f"eigenvalues above the bulk's edge: the bulk has at least {level:g} eigenvalues a "
            f"Gaussian of width {sigma:.3g}, from {density.n_probes} probes of "
            f"{density.n_steps} steps; left open within {_N_ERRORS} standard errors"
        ),
    )


def bulk_edge(density: SpectralDensity, level: float, width: float) -> tuple[float, float]:
    """Upper end of the bulk, and its jackknife standard error over the probes."""
    lowest, highest = float(density.nodes.min()), float(density.nodes.max())
    pad = width * np.sqrt(2 * np.log(max(2.0, density.size / level))) + width
    n_points = min(20_000, int((highest - lowest + 2 * pad) / (width / 8)) + 2)
    points = np.linspace(lowest - pad, highest + pad, n_points)
    per_kernel = np.zeros((density.n_probes, n_points))
    for row, (nodes, weights) in enumerate(zip(density.nodes, density.weights, strict=True)):
        bells = np.exp(-(((points[:, None] - nodes) / width) ** 2) / 2)
        per_kernel[row] = density.size * bells @ weights
    total, m = per_kernel.sum(axis=0), density.n_probes
    without = np.array([_upper_end(points, (total - row) / (m - 1), level) for row in per_kernel])
    error = np.sqrt((m - 1) / m * ((without - without.mean()) ** 2).sum())
    return _upper_end(points, total / m, level), float(error)


def _upper_end(points: Float, height: Float, level: float) -> float:
    """Where the curve first falls below the level, to the right of its maximum."""
    peak = int(height.argmax())
    # the last point is so far beyond every node that the curve is below the level there
    end = peak + int(np.flatnonzero(height[peak:] < level)[0])
    if end == peak:  # no place reaches the level: no bulk to the right of the maximum
        return float(points[peak])
    fraction = (height[end - 1] - level) / (height[end - 1] - height[end])
    return float(points[end - 1] + fraction * (points[end] - points[end - 1]))


def _check_pairs(eigenpairs: EigenResult) -> None:
    if eigenpairs.which != "LA":
        raise ValueError(f"eigenpairs: expected the largest ('LA'), got {eigenpairs.which!r}")
