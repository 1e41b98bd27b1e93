"""What torch does underneath: operations dispatched, and bytes of tensors alive."""

from collections import Counter
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

VIEWS = {
    "as_strided", "detach", "expand", "permute", "select", "slice", "split", "t", "transpose",
    "unbind", "unsqueeze", "squeeze", "view", "_conj", "view_as_real", "view_as_complex", "alias",
    "_reshape_alias", "_unsafe_view", "split_with_sizes", "unfold",
}  # fmt: skip


class OperationLog(TorchDispatchMode):
    """Counts operations by name and follows the storages they make until these are freed.

    Attributes:
        counts: calls of each operation.
        peak_bytes: largest sum of storages made under the log and alive at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.peak_bytes = 0
        self._bytes = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        given = {
            leaf.untyped_storage()._cdata
            for leaf in tree_leaves((args, kwargs))
            if isinstance(leaf, torch.Tensor)
        }
        result = func(*args, **(kwargs or {}))
        self.counts[func.overloadpacket.__name__] += 1
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                storage = leaf.untyped_storage()
                key = storage._cdata
                if key not in given or key in self._alive:
                    self._bytes += storage.nbytes() - self._alive.get(key, (None, 0))[1]
                    self._alive[key] = StorageWeakRef(storage), storage.nbytes()
        if self._bytes > self.peak_bytes:  # count only now what has been freed meanwhile
            self._alive = {k: v for k, v in self._alive.items() if not v[0].expired()}
            self._bytes = sum(size for _, size in self._alive.values())
            self.peak_bytes = max(self.peak_bytes, self._bytes)
        return result

    @property
    def launches(self) -> int:
        """Operations that compute or move data."""
        return sum(n for name, n in self.counts.items() if name not in VIEWS)
