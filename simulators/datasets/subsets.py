"""Subsets of a data set that keep the shares of its classes."""

import numpy as np
from numpy.typing import NDArray


def stratified_subset(labels: NDArray[np.integer], size: int, seed: int) -> NDArray[np.int64]:
    """Sorted indices of a subset with the classes' shares kept to within one sample a class.

    Args:
        labels: shape (N,).
        size: samples wanted, from the number of classes to N.
        seed: seed of the draw.

    Raises:
        ValueError: size out of range.
    """
    n_classes = len(np.unique(labels))
    if not n_classes <= size <= len(labels):
        raise ValueError(
            f"size: expected from {n_classes} (one a class) to {len(labels)} samples, got {size}"
        )
    # Shuffle within the classes, then deal out by relative rank: every prefix is stratified.
    order = np.random.default_rng(seed).permutation(len(labels))
    shuffled = np.asarray(labels)[order]
    rank = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(shuffled == label)
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(order[np.argsort(rank, kind="stable")[:size]])
