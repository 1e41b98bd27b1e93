"""Random vectors with E[v v^T] = I, for estimates of traces and spectral densities."""

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from patchlaw.hessian_theory.input_checks import one_of

ProbeKind: TypeAlias = Literal["rademacher", "normal"]

NEEDS_TWO = " (a standard error needs two)"
_SIGNS = np.array([-1.0, 1.0])


def probe_vectors(
    kind: ProbeKind, size: int, count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Independent probes as columns (size, count), in memory no more than two D-vectors beside.

    Rademacher probes (entries +-1) have the smaller variance, and none on a diagonal matrix.
    They are drawn one after the other: calls for 3 and 5 give those of one call for 8.

    Raises:
        ValueError: an unknown kind.
    """
    one_of("probes", kind, get_args(ProbeKind))
    probes = np.empty((size, count))
    for column in range(count):
        probes[:, column] = (
            rng.standard_normal(size) if kind == "normal" else rng.choice(_SIGNS, size)
        )
    return probes


def mean_and_error(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over the first axis and its standard error, s / sqrt(m) with m - 1 in s."""
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    return samples.mean(axis=0), np.asarray(error)
