"""Random vectors with E[v v^T] = I, for estimates of traces and spectral densities."""

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

ProbeKind: TypeAlias = Literal["rademacher", "normal"]


def probe_vectors(
    kind: ProbeKind, size: int, count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Independent probes as columns (size, count).

    Rademacher probes (entries +-1) have the smaller variance, and none on a diagonal matrix.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in get_args(ProbeKind):
        raise ValueError(f"probes: expected one of {list(get_args(ProbeKind))}, got {kind!r}")
    # one probe after the other, so that more probes extend the same sequence
    if kind == "normal":
        return rng.standard_normal((count, size)).T
    return rng.choice(np.array([-1.0, 1.0]), size=(count, size)).T


def mean_and_error(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over the first axis and its standard error, s / sqrt(m) with m - 1 in s."""
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    return samples.mean(axis=0), np.asarray(error)


def check_probe_count(n_probes: int, least: int = 2) -> None:
    """Raise ValueError for fewer probes than a standard error needs."""
    if isinstance(n_probes, bool) or not isinstance(n_probes, int) or n_probes < least:
        raise ValueError(
            f"n_probes: expected an integer >= {least} (a standard error needs two), "
            f"got {n_probes!r}"
        )
