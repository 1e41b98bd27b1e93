"""Holm's rule spelt out, which shares nothing with the ledger's adjusted p-values."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

_Name = TypeVar("_Name", bound=Hashable)


def rejected(tested: Mapping[_Name, float]) -> set[_Name]:
    """Step by step from the smallest p: stop at the first that is not below 0.05 / (m - k)."""
    found = set()
    for k, name in enumerate(sorted(tested, key=tested.__getitem__)):
        if tested[name] > 0.05 / (len(tested) - k):
            break
        found.add(name)
    return found
