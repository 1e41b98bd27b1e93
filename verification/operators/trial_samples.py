"""Which samples a module and its loss are tried on: from all over the data set, seen and masked."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from patchlaw.verification.operators.losses import TorchLoss
from patchlaw.verification.operators.samples import Samples

N_SAMPLES = 8  # ours: enough to see coupling, cheap to differentiate
_MASKED = 2  # of these, ones that the loss does not look at, if there are such
_CANDIDATES = 32


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
