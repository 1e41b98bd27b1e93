"""A few samples in place of many, for spectra of G at a minimum."""

import numpy as np
from numpy.typing import NDArray

from patchlaw.hessian_theory.input_checks import bounded_integer
from patchlaw.hessian_theory.predictions.softmax_spectrum import (
    Outputs,
    curvature_of,
    curvature_traces,
)


def trace_sample(
    softmax: Outputs, size: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Samples drawn in proportion to tr S_n, and how many each stands for.

    (1/N) sum_n J_n^T S_n J_n is (1/N) sum of J_n^T S_n J_n / p_n over the samples drawn, in
    expectation, p_n = min(1, c tr S_n) the chance that n is among them. At a minimum a few hard
    samples carry the trace: they are certain, and every other one that is drawn adds the same to
    the trace, so that none dominates. Systematic sampling (Madow, Ann. Math. Stat.
    20, 333, 1949) of the samples in random order.

    Args:
        softmax: outputs pi of all samples, shape (N, C), or ``IdentityCurvature``.
        size: samples to draw; all of them, each once, where there are no more.
        rng: of the draw.

    Returns:
        Numbers of the samples, ascending (``size``, give or take one), and their weights in a mean
        over them, count / (N p_n): 1 in the mean, nearly.

    Raises:
        TypeError: a size that is no integer.
        ValueError: a size below 1, rows that are no probabilities, every softmax saturated.
    """
    bounded_integer("size", size)
    n = softmax.shape[0]
    traces = curvature_traces(curvature_of(softmax, n))
    if size >= n:
        return np.arange(n), np.ones(n)
    if not np.count_nonzero(traces) >= size:
        raise ValueError(
            f"softmax: expected at least {size} samples with tr S > 0, got "
            f"{np.count_nonzero(traces)}; draw fewer"
        )
    certain = np.zeros(n, dtype=bool)
    while True:  # samples that would be drawn more than once are drawn for certain
        scale = (size - certain.sum()) / traces[~certain].sum()
        more = ~certain & (scale * traces >= 1)
        if not more.any():
            break
        certain |= more
    rest = rng.permutation(np.flatnonzero(~certain))
    passed = np.floor(np.concatenate([[0.0], np.cumsum(scale * traces[rest])]) + rng.random())
    drawn = np.sort(np.concatenate([np.flatnonzero(certain), rest[np.diff(passed) > 0]]))
    chance = np.where(certain, 1.0, scale * traces)[drawn]
    return drawn, len(drawn) / n / chance
