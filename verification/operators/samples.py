"""The samples of an operator: arrays in memory, or batches that a loader yields at every pass.

Batches are read one after the other and never held together; every pass must yield those of the
first one, digest by digest, or is refused. ``trial_samples`` chooses those that a module and its
loss are tried on: from all over the data set, seen and masked.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from patchlaw.verification.operators.array_kinds import as_tensor, is_array_like
from patchlaw.verification.operators.descriptions import tensor_head, update_digest
from patchlaw.verification.operators.losses import TorchLoss

Prepare: TypeAlias = Callable[[Any], Tensor]  # images as the model reads them

_LABEL_KEYS = ("labels", "label", "targets", "target", "y")
_REPEAT = (
    "switch off shuffle, random augmentation and workers that share an iterator, or store what "
    "they give; make a new operator for other data"
)

N_SAMPLES = 8  # of a trial; ours: enough to see coupling, cheap to differentiate
_MASKED = 2  # of these, ones that the loss does not look at, if there are such
_CANDIDATES = 32


class ArraySamples:
    """Samples in memory.

    Args:
        images: inputs (N, ...), ready for the model.
        targets: ready for the loss, or as ``use_targets`` takes them.

    Attributes:
        n_samples: N.
    """

    def __init__(self, images: Tensor, targets: Any) -> None:
        self.images = images
        self.targets = targets
        self.n_samples = len(images)

    def first(self, count: int) -> Tensor:
        """Inputs of up to ``count`` samples, the first ones."""
        return self.images[:count]

    def use_targets(self, loss: TorchLoss, like: Tensor) -> None:
        """Have the loss check the targets, before any of the methods below.

        Args:
            loss: what takes them.
            like: outputs of one sample, (1, ...).

        Raises:
            TypeError, ValueError: see CrossEntropyLoss.check_targets.
        """
        self.targets = loss.check_targets(self.targets, self.n_samples, like)

    def chunks(
        self, size: int, within: slice = slice(None)
    ) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """All samples of a range once, at most ``size`` at a time: which ones, inputs, targets."""
        first, end, _ = within.indices(self.n_samples)
        for start in range(first, end, size):
            rows = slice(start, min(start + size, end))
            yield rows, self.images[rows], self.targets[rows]

    def take(self, samples: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Inputs and targets of some samples, given in ascending order."""
        rows = list(samples)
        return self.images[rows], self.targets[rows]

    def update(self, digest: Any) -> None:
        """Feed inputs and targets into a hash, the same for arrays and batches of them."""
        for name, tensor in (("images", self.images), ("targets", self.targets)):
            update_digest(digest, tensor, f"{name} None")


class BatchedSamples:
    """The same of samples in the batches of a loader.

    Args:
        batches: iterable again and again (a DataLoader, a list): pairs (inputs, targets),
            dictionaries with one of the keys labels, label, targets, target, y and one more, or,
            where labels are given, inputs alone.
        labels: all targets, where the batches have none.
        prepare: checks the inputs of a batch and casts them.

    Raises:
        TypeError: no iterable, an iterator that ends with its first pass, batches of another
            kind.
        ValueError: no samples, batches of different shapes.
    """

    def __init__(self, batches: Any, labels: Any, prepare: Prepare) -> None:
        if labels is None and (isinstance(batches, Tensor) or hasattr(batches, "__array__")):
            raise TypeError(
                "labels: expected one a sample, got None; they are left out only where images are "
                f"a loader of batches (inputs, labels), not {_a(batches)}"
            )
        if isinstance(batches, torch.utils.data.Dataset) and not isinstance(batches, Iterable):
            raise TypeError(
                f"images: expected batches, got a data set of single samples ({_a(batches)}); give "
                "torch.utils.data.DataLoader(data, batch_size=100)"
            )
        if not isinstance(batches, Iterable) or isinstance(batches, str | bytes | Mapping):
            raise TypeError(f"images: expected an array or a loader of batches, got {_a(batches)}")
        if isinstance(batches, Iterator):
            raise TypeError(
                "images: expected batches that can be read again at every product, got "
                f"{_a(batches)}, which ends after one pass; give the DataLoader itself, or a list"
            )
        self._batches = batches
        self._labels = None if labels is None else as_tensor("labels", labels)
        self._prepare = prepare
        self._check_targets: Callable[[Tensor, int], Tensor] | None = None
        self._digests: list[bytes] = []
        self.n_samples = 0
        self._first_pass()

    def first(self, count: int) -> Tensor:
        """Inputs of the first batches."""
        parts: list[Tensor] = []
        for _, inputs, _ in self._pass():
            parts.append(inputs[:count])
            if sum(map(len, parts)) >= count:
                break
        return torch.cat(parts)[:count]

    def use_targets(self, loss: TorchLoss, like: Tensor) -> None:
        """See ArraySamples; reads the data once more, and so finds those that do not repeat."""
        self._check_targets = lambda targets, n: loss.check_targets(targets, n, like)
        if self._labels is not None:
            loss.check_targets(self._labels, self.n_samples, like)
        shapes = set()
        for _, _, targets in self._pass():
            shapes.add((targets.dtype, *targets.shape[1:]))
            if len(shapes) > 1:
                raise ValueError(f"labels: expected targets of one kind, got {_listed(shapes)}")

    def chunks(
        self, size: int, within: slice = slice(None)
    ) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """The batches, cut where they are larger than ``size``; all are read."""
        low, high, _ = within.indices(self.n_samples)
        for start, inputs, targets in self._pass():
            end = min(len(inputs), high - start)
            for first in range(max(low - start, 0), end, size):
                part = slice(first, min(first + size, end))
                yield slice(start + first, start + part.stop), inputs[part], targets[part]

    def take(self, samples: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Rows from one pass, which ends with the last of them."""
        parts: list[tuple[Tensor, Tensor]] = []
        for start, inputs, targets in self._pass():
            rows = [i - start for i in samples if start <= i < start + len(inputs)]
            if rows:
                parts.append((inputs[rows], targets[rows]))
            if start + len(inputs) > samples[-1]:
                break
        images, labels = zip(*parts, strict=True)
        return torch.cat(images), torch.cat(labels)

    def update(self, digest: Any) -> None:
        """See ArraySamples; one pass for the inputs and one for the targets."""
        for position, name in ((1, "images"), (2, "targets")):
            for batch in self._pass():
                tensor = batch[position]
                assert isinstance(tensor, Tensor)
                if batch[0] == 0:
                    digest.update(f"{name} None {tensor_head(tensor, self.n_samples)}\n".encode())
                update_digest(digest, tensor, None)

    def _first_pass(self) -> None:
        shapes = set()
        for inputs, targets in self._read():
            tensor = self._prepare(inputs)
            shapes.add((tensor.dtype, *tensor.shape[1:]))
            if len(shapes) > 1:
                raise ValueError(
                    f"images: expected batches of inputs of one kind, got {_listed(shapes)}; pad "
                    "or crop them to one shape"
                )
            if targets is not None and len(targets) != len(inputs):
                raise ValueError(
                    f"batch: expected {len(inputs)} labels, one an input, got {len(targets)}"
                )
            self._digests.append(_digest(inputs, targets))
            self.n_samples += len(inputs)
        if self.n_samples == 0:
            raise ValueError("images: expected at least one sample, got zero")

    def _pass(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Start, inputs and targets of every batch, held against the first pass."""
        start = count = 0
        for inputs, targets in self._read():
            if count >= len(self._digests) or _digest(inputs, targets) != self._digests[count]:
                raise ValueError(
                    "images: expected the same batches at every pass over the loader, got another "
                    f"batch {count}; {_REPEAT}"
                )
            labels = targets
            if labels is None:
                assert self._labels is not None
                labels = self._labels[start : start + len(inputs)]
            if self._check_targets is not None:
                labels = self._check_targets(labels, len(inputs))
            yield start, self._prepare(inputs), labels
            start, count = start + len(inputs), count + 1
        if count < len(self._digests):
            raise ValueError(
                f"images: expected {len(self._digests)} batches at every pass over the loader, got "
                f"{count}; {_REPEAT}"
            )

    def _read(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Inputs and targets of every batch that has samples."""
        for batch in self._batches:
            inputs, targets = self._taken_apart(batch)
            tensor = as_tensor("images", inputs)
            labels = None if targets is None else as_tensor("labels", targets)
            if tensor.ndim < 1 or (labels is not None and labels.ndim < 1):
                raise ValueError(
                    "batch: expected inputs (n, ...) and n labels, got a single sample; give "
                    "torch.utils.data.DataLoader(data, batch_size=100)"
                )
            if len(tensor):
                yield tensor, labels

    def _taken_apart(self, batch: Any) -> tuple[Any, Any]:
        parts: list[Any]
        if isinstance(batch, Mapping):
            keys = [key for key in _LABEL_KEYS if key in batch]
            rest = [key for key in batch if key not in keys]
            if len(keys) > 1 or len(rest) != 1:
                raise TypeError(
                    f"batch: expected one key of inputs and one of {list(_LABEL_KEYS)}, got "
                    f"{list(batch)}; {_WRAP}"
                )
            parts = [batch[key] for key in [*rest, *keys]]
        elif isinstance(batch, tuple | list):
            parts = list(batch)
        else:
            parts = [batch]
        wanted = 1 if self._labels is not None else 2
        if len(parts) != wanted or any(isinstance(part, Mapping) for part in parts):
            kind = "inputs alone, as labels are given" if wanted == 1 else "(inputs, labels)"
            raise TypeError(
                f"batch: expected {kind}, got {_a(batch)} of {len(parts)} part(s); {_WRAP}"
            )
        return parts[0], parts[1] if wanted == 2 else None


Samples: TypeAlias = ArraySamples | BatchedSamples


def make_samples(images: Any, labels: Any, prepare: Prepare) -> Samples:
    """Arrays, or a loader of batches, as samples.

    Args:
        images: array, tensor, nested lists; without labels a re-iterable of batches.
        labels: one a sample; None where the batches have them.
        prepare: checks inputs and casts them.

    Raises:
        TypeError, ValueError: data of neither kind, batches that cannot be read twice or change.
    """
    if labels is not None and is_array_like(images):
        return ArraySamples(prepare(images), labels)
    return BatchedSamples(images, labels, prepare)


def spread(n_samples: int, count: int) -> list[int]:
    """Up to ``count`` distinct samples: the first, the last, and a seeded draw between."""
    if n_samples <= count:
        return list(range(n_samples))
    inner = np.random.default_rng(0).choice(n_samples - 2, size=count - 2, replace=False) + 1
    return [0, *sorted(int(i) for i in inner), n_samples - 1]


def trial_samples(
    loss: TorchLoss, logits: Callable[[Tensor], Tensor], samples: Samples, chunk_size: int
) -> list[int]:
    """Samples to try: first and last, some that the loss looks at, some that it masks.

    They are drawn from all over the data set; where the loss masks nearly everything, the data
    are gone through until enough are found that it looks at.
    """
    n = samples.n_samples
    if n <= N_SAMPLES:
        return list(range(n))

    def seen(images: Tensor, labels: Tensor) -> list[bool]:
        pulls = loss.gradient(logits(images), labels).detach()
        return [bool(p) for p in pulls.reshape(len(images), -1).abs().amax(dim=1) > 0]

    candidates = spread(n, _CANDIDATES)
    marks = dict(zip(candidates, seen(*samples.take(candidates)), strict=True))
    ends = {0, n - 1}
    wanted = N_SAMPLES - len(ends) - _MASKED
    if sum(mark for i, mark in marks.items() if i not in ends) < wanted:
        for rows, images, labels in samples.chunks(chunk_size):
            marks |= dict(zip(range(n)[rows], seen(images, labels), strict=True))
            if sum(mark for i, mark in marks.items() if i not in ends) >= wanted:
                break
    inner = [i for i in marks if i not in ends]
    active, masked = [i for i in inner if marks[i]], [i for i in inner if not marks[i]]
    chosen = active[:wanted] + masked[:_MASKED]
    rest = active[wanted:] + masked[_MASKED:]
    return sorted([*ends, *(chosen + rest)[: N_SAMPLES - len(ends)]])


_WRAP = "where a model takes several tensors, join them in the loader and part them in the model"


def _digest(inputs: Tensor, targets: Tensor | None) -> bytes:
    digest = hashlib.sha256()
    for tensor in (inputs, targets):
        if tensor is not None:
            update_digest(digest, tensor, "")
    return digest.digest()


def _listed(kinds: set[tuple[Any, ...]]) -> str:
    return " and ".join(f"{kind[0]} of shape (n, {str(kind[1:])[1:]}" for kind in kinds)


def _a(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
