"""Work that a kill may end at any moment, and that the same call goes on with.

A job holds its file or folder, removes what a killed process had begun to write, reads what is
done, and refuses what does not fit before anything is written. Then it works with the threads and
on the device of its first session, since sums over samples are grouped by them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from patchlaw.simulators import PatchModel
from patchlaw.simulators.engine_choice import default_max_chunk
from patchlaw.verification.jobs.progress import Progress
from patchlaw.verification.ranks.ranks import ALONE, Ranks
from patchlaw.verification.store.atomic_write import remove_leftovers
from patchlaw.verification.store.environment import current_environment
from patchlaw.verification.store.errors import StoreError
from patchlaw.verification.store.json_files import PositiveCount
from patchlaw.verification.store.lock import held, lock_file
from patchlaw.verification.torch_devices import check_device, torch_threads

# What of an environment may change the last bits.
_DECISIVE = (
    *("versions", "commit", "machine", "processor", "cpus", "threads", "accelerator"),
    *("max_chunk", "world_size"),
)


@dataclass(frozen=True)
class Execution:
    """What decides the last bits on one machine.

    Attributes:
        threads: worker threads of the fast engine; sums over samples are grouped by thread.
        max_chunk: most samples that a thread works on at a time.
        device: torch device.
    """

    threads: PositiveCount
    max_chunk: PositiveCount
    device: str = "cpu"


@dataclass(kw_only=True)
class Job(ABC):
    """One resumable piece of work.

    Attributes:
        place: the folder that it holds, made if it is missing; or a JSON file.
        writes: folders that it writes into, each with a pattern of the names of its files.
        threads: None for the recorded number or, in a new job, torch's.
        device: None for the recorded device or, in a new job, the CPU.
        progress: told of it all.
        ranks: who share the samples. All do the same; rank 0 holds the place and writes.
    """

    place: Path
    writes: Mapping[Path, str]
    threads: int | None
    device: str | None
    progress: Progress
    ranks: Ranks = ALONE

    @abstractmethod
    def open(self) -> bool:
        """Read what is done, or begin; refuse what does not fit; whether anything is left to do."""

    @abstractmethod
    def work(self) -> None:
        """Do what is left."""

    def carry_out(self) -> None:
        """Hold the place, open, work.

        Raises:
            InUseError: another process works there.
        """
        with self.opened() as left:
            if left:
                with torch_threads(self.threads):
                    self.work()

    @contextmanager
    def opened(self) -> Iterator[bool]:
        """Hold the place and open; whether anything is left to do.

        Where it fails, on any rank, folders that were made for nothing go again.
        """
        with self.ranks.following(), ExitStack() as stack:
            yield self.ranks.agreed(lambda: stack.enter_context(self._opened()), in_turn=True)
            self.ranks.texts(purpose="end of work")  # what follows reads what rank 0 has written

    @contextmanager
    def _opened(self) -> Iterator[bool]:
        own = self.place.parent if self.place.suffix == ".json" else self.place
        made = [folder for folder in (own, *own.parents) if not folder.exists()]
        own.mkdir(parents=True, exist_ok=True)
        with held(self.place) if self.ranks.leads else nullcontext():
            try:
                for folder, names in self.writes.items() if self.ranks.leads else ():
                    remove_leftovers(folder, names)
                left = self.open()
                if left:
                    self.device = check_device(self.device)  # another machine may have begun
                yield left
            except BaseException:
                lock = lock_file(self.place)
                with suppress(OSError):
                    if made and all(path == lock for path in own.iterdir()):
                        lock.unlink()
                        for folder in made:
                            folder.rmdir()
                raise

    def execution(self, model: PatchModel) -> Execution:
        """That of this session, which computes with the model."""
        return Execution(
            self.threads or torch.get_num_threads(), default_max_chunk(model), self.device or "cpu"
        )

    def environment(self) -> dict[str, Any]:
        """That of this session, for the record."""
        with torch_threads(self.threads):
            return asdict(current_environment(self.device or "cpu")) | self.ranks.facts

    def settle(self, recorded: Execution) -> None:
        """Take threads and device of the first session.

        Raises:
            StoreError: others are asked for.
        """
        for name in ("threads", "device"):
            asked, theirs = getattr(self, name), getattr(recorded, name)
            if asked is not None and asked != theirs:
                raise StoreError(
                    f"{self.place}: {name}: expected {theirs}, as in the first session, got "
                    f"{asked}; rounding would differ: leave --{name} out or use another --out"
                )
            setattr(self, name, theirs)

    def check_same(self, facts: Iterable[tuple[str, Any, Any]]) -> None:
        """Refuse what is on disk unless it is what is asked for.

        Args:
            facts: name, value on record, value asked for.

        Raises:
            StoreError: naming all that differ.
        """
        different = [
            f"{name} {theirs!r}, got {ours!r}" for name, theirs, ours in facts if theirs != ours
        ]
        if different:
            raise StoreError(
                f"{self.place}: that of another configuration: expected {'; '.join(different)}; "
                "use its own options or another --out, or move it away"
            )

    def note_changes(self, last: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
        """Say where the last bits may differ from those of work that was not interrupted.

        Of two sessions' environments, each with its max_chunk. Whether there is such a place.
        """
        changed = [
            f"{key}: {last.get(key)} then, {now.get(key)} now"
            for key in _DECISIVE
            if last.get(key) != now.get(key)
        ]
        if changed:
            self.progress.say(
                "note: the work goes on in another environment, so its last bits may differ from "
                f"those of uninterrupted work ({'; '.join(changed)})"
            )
        return bool(changed)


def check_samples(found: str, wanted: str, ranks: Ranks = ALONE) -> None:
    """Refuse samples of another digest than the run's, or than another rank's.

    Raises:
        ValueError: naming both.
    """
    ranks.check_same({"samples": found})
    if found != wanted:
        raise ValueError(
            f"samples: expected digest {wanted} (the run's), got {found}; use the data set and "
            "subset that the run was trained on"
        )
