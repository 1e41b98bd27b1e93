"""The ranks of a computation: who has which samples, and the one sum over all of them.

All ranks compute alike, each over its own samples; every rank gets all partial sums and adds them
up in the order of the ranks, in float64. So all have the same bits and take the same next step, and
a result repeats at the same number of ranks. Only rank 0 writes.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.verification.ranks.launch import RankError
from patchlaw.verification.ranks.watch import Watch
from patchlaw.verification.store.atomic_write import only_reading

T = TypeVar("T")
Float = NDArray[np.float64]
Group = dist.ProcessGroup

_LONGEST_PAUSE = 0.05  # seconds between two looks whether the others have come
_CHECK = 0.5  # seconds between two looks at their signs of life


class Ranks:
    """The processes of a group, which share the samples; without one this process alone.

    Args:
        group: of torch.distributed; gloo exchanges in main memory, NCCL on the current GPU.
        watch: tells of ranks that end or hang; without one the group's timeout does.

    Attributes:
        rank: of this process. world: number of ranks.
        leads: whether it is rank 0, which writes and prints.
        facts: world size and backend, for records; empty for a process alone.
    """

    def __init__(self, group: Group | None = None, watch: Watch | None = None) -> None:
        self._group, self._watch = group, watch
        self.rank, self.world, self._calls = 0, 1, 0
        self.facts: dict[str, Any] = {}
        self._device = "cpu"
        if group is not None:
            self.rank, self.world = dist.get_rank(group), dist.get_world_size(group)
            backend = str(dist.get_backend(group))
            self.facts = {"world_size": self.world, "backend": backend}
            self._device = "cuda" if backend == "nccl" else "cpu"
        self.leads = self.rank == 0

    @classmethod
    def of(cls, group: "Group | Ranks | None") -> "Ranks":
        """Those of a group.

        Raises:
            TypeError: no group, such as what ``dist.new_group`` gives a process outside.
        """
        if isinstance(group, Ranks):
            return group
        if group is None:
            return ALONE
        if not isinstance(group, Group):
            raise TypeError(
                "group: expected a process group that this process belongs to, such as "
                f"torch.distributed.group.WORLD, got {type(group).__name__}"
            )
        return cls(group)

    def shard(self, n_samples: int) -> slice:
        """Which of N samples are this rank's: parts that differ by one sample at most.

        Raises:
            ValueError: fewer samples than ranks.
        """
        if self._group is None:
            return slice(None)
        if n_samples < self.world:
            raise ValueError(
                f"samples: expected at least {self.world}, one a rank, got {n_samples}; launch "
                "fewer ranks"
            )
        return slice(*(n_samples * r // self.world for r in (self.rank, self.rank + 1)))

    def sum(self, part: Float, same: Iterable[Tensor | NDArray[Any]] = ()) -> Float:
        """Sum of all ranks' arrays, in the order of the ranks.

        Args:
            part: of this rank.
            same: what must be the same on all, such as the vectors of a product.

        Raises:
            RankError: a rank is lost, or has come with something else.
        """
        if self._group is None:
            return part
        parts = self._gather(np.ascontiguousarray(part, dtype=np.float64).tobytes(), same)
        total = np.frombuffer(parts[0], dtype=np.float64).reshape(part.shape).copy()
        for other in parts[1:]:
            total += np.frombuffer(other, dtype=np.float64).reshape(part.shape)
        return total

    def mean(
        self,
        over: Callable[[slice], Float],
        n_samples: int,
        same: Iterable[Tensor | NDArray[Any]] = (),
    ) -> Float:
        """Mean over N samples from ``over``, which gives that over some; arguments as ``sum``."""
        rows = self.shard(n_samples)
        if self._group is None:
            return over(rows)
        return self.sum(over(rows) * (rows.stop - rows.start), same) / n_samples

    def texts(self, own: str = "", purpose: str = "") -> list[str]:
        """A text of every rank; all have come here then, for the same purpose.

        Raises:
            RankError: one has come for another; without a purpose its text says why.
        """
        if self._group is None:
            return [own]
        same = [np.frombuffer(purpose.encode(), dtype=np.uint8)] if purpose else ()
        return [text.decode() for text in self._gather(own.encode(), same)]

    def check_same(self, facts: Mapping[str, Any]) -> None:
        """Refuse, on all ranks alike, what differs between them.

        Raises:
            ValueError: naming rank, fact and both values.
        """
        found = [json.loads(text) for text in self.texts(json.dumps(facts), "facts")]
        for rank, theirs in enumerate(found):
            for name, value in theirs.items():
                if value != found[0].get(name, value):
                    raise ValueError(
                        f"rank {rank}: {name}: expected {found[0][name]!r}, as on rank 0, got "
                        f"{value!r}; start all ranks with the same arguments, data and versions"
                    )

    def agreed(self, action: Callable[[], T], *, in_turn: bool = False) -> T:
        """Do something on every rank; what is refused on one is refused on all.

        Args:
            action: gives the result of this rank.
            in_turn: first on rank 0, so that the others find what it leaves.

        Raises:
            ValueError, TypeError, OSError: of this rank, or else a ValueError of the first other.
        """
        if self._group is None:
            return action()
        result, error, said = list[T](), None, [""]
        for turn in (True, False) if in_turn else (self.leads,):
            if turn is self.leads and not any(said):
                try:
                    result = [action()]
                except (ValueError, TypeError, OSError) as caught:
                    error = caught
            refusal = "" if error is None else str(error) or type(error).__name__
            said = self.texts(refusal, "action")
        if error is not None:
            raise error
        for rank, text in enumerate(said):
            if text:
                raise ValueError(f"rank {rank}: {text}")
        return result[0]

    @contextmanager
    def following(self) -> Iterator[None]:
        """Inside, nothing is written unless this rank leads."""
        if self.leads:
            yield
        else:
            with only_reading():
                yield

    def _gather(self, payload: bytes, same: Iterable[Tensor | NDArray[Any]] = ()) -> list[bytes]:
        """Bytes of every rank, after an exchange of their sizes: gloo aborts where those differ."""
        digest = hashlib.blake2b(digest_size=7)
        for each in same:
            array = each.detach().cpu().numpy() if isinstance(each, Tensor) else each
            digest.update(np.ascontiguousarray(array).data)
        self._calls += 1
        own = [self._calls, int.from_bytes(digest.digest()), len(payload)]
        heads = self._exchange(np.array(own, dtype=np.int64))
        if any((head[:2] != own[:2]).any() for head in heads):
            raise self._divergence(b"at work" if same else payload)
        lengths = [int(head[2]) for head in heads]
        padded = payload.ljust(-(-max(lengths) // 8) * 8, b"\0")
        if not padded:
            return [b""] * self.world
        found = self._exchange(np.frombuffer(padded, dtype=np.int64))
        return [each.tobytes()[:length] for each, length in zip(found, lengths, strict=True)]

    def _divergence(self, doing: bytes) -> RankError:
        """What each rank is at, where it is not the same; a refusal, if one has had that."""
        size = 100
        texts = [
            each.tobytes().rstrip(b"\0").decode(errors="replace")
            for each in self._exchange(
                np.frombuffer(doing[: 8 * size].ljust(8 * size, b"\0"), dtype=np.int64)
            )
        ]
        listed = "; ".join(f"rank {rank}: {text or 'done'}" for rank, text in enumerate(texts))
        return RankError(
            f"ranks: expected all at the same step, got {listed}; all must have the same arguments "
            "and data and see the same folders"
        )

    def _exchange(self, own: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Integers of every rank, of one length; bits are kept whatever they stand for."""
        mine = torch.tensor(own, device=self._device)
        found = [torch.empty_like(mine) for _ in range(self.world)]
        try:
            work = dist.all_gather(found, mine, group=self._group, async_op=True)
            self._wait_for(work)
        except RuntimeError as error:
            if self._watch is not None:
                raise self._watch.explain() from error
            raise RankError(
                "ranks: expected to hear of all, got a broken exchange (a rank has ended, or the "
                f"group's timeout is over: {str(error).splitlines()[0]})"
            ) from error
        return [each.cpu().numpy() for each in found]

    def _wait_for(self, work: Any) -> None:
        begin = checked = time.monotonic()
        if self._watch is not None:
            self._watch.begin_waiting()
        while not work.is_completed():
            now = time.monotonic()
            if self._watch is not None and now - checked > _CHECK:
                self._watch.check()
                checked = now
            time.sleep(min(max((now - begin) / 10, 5e-5), _LONGEST_PAUSE))
        work.wait()


ALONE = Ranks()
