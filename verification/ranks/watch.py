"""Signs of life: how a rank finds out that another one was killed, hangs or has failed.

Every second each rank writes into the store of the launch how many exchanges it has reached and how
much processor time it has used. A rank that waits for another one looks there. Who writes nothing
for ``SILENCE`` is dead or stopped. Who has not reached the exchange must compute: without processor
time for as long it waits for what never comes. One that computes for ever cannot be told from one
that computes for long.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from torch.distributed.distributed_c10d import Store

from patchlaw.verification.ranks.launch import RankError

BEAT = 1.0  # seconds
SILENCE = 25.0  # ours: with the half minute that torchrun grants the others, under a minute
_LEAST = 0.2  # seconds of processor time in ``SILENCE``; the beat itself takes a tenth of that
_FAILED = "failed"


class Watch:
    """One rank's view of the others.

    Args:
        store: that all ranks share.
        rank: of this process.
        world: number of ranks.

    Attributes:
        reached: exchanges that this rank has come to.
        lost: ranks that give no sign of life.
    """

    def __init__(self, store: Store, rank: int, world: int) -> None:
        self._store, self._rank = store, rank
        self._others = [other for other in range(world) if other != rank]
        self.reached, self.lost, self._beats = 0, set[int](), 0
        self._lives: dict[int, list[float]] = {}
        self._progress: dict[int, tuple[float, float, float]] = {}
        self._failure, self._telling, self._heard = "", "", set[int]()
        self._failing = self._no_store = self._over = False
        self._contact, self._wake = time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        """All that is asked of the store: a stopped keeper of it blocks this thread alone."""
        while not self._over:
            try:
                self._exchange(self._beats)
            except RuntimeError:  # whoever keeps the store has ended
                self._no_store = True
                return
            self._beats, self._contact = self._beats + 1, time.monotonic()
            self._wake.wait(BEAT)
            self._wake.clear()

    def _exchange(self, number: int) -> None:
        store = self._store
        store.set(f"life/{self._rank}", f"{number} {self.reached} {time.process_time()}")
        if self._telling:
            if not store.check([_FAILED]):
                store.set(_FAILED, self._telling)
            store.set(f"heard/{self._rank}", "")
        for other in self._others:
            if store.check([f"life/{other}"]):
                self._lives[other] = [float(x) for x in store.get(f"life/{other}").split()]
        self._heard = {other for other in self._others if store.check([f"heard/{other}"])}
        if store.check([_FAILED]):
            self._failure = store.get(_FAILED).decode()

    def begin_waiting(self) -> None:
        """This rank has come to its next exchange."""
        self.reached += 1
        self._progress.clear()

    def check(self) -> None:
        """Look at the others, now and then while waiting for them.

        Raises:
            RankError: one has failed, or is lost.
        """
        if self._failure:
            raise RankError(self._failure)
        now = time.monotonic()
        for other, (beats, reached, used) in list(self._lives.items()):
            last, before, since = self._progress.setdefault(other, (beats, used, now))
            if beats > last and (reached >= self.reached or used - before > _LEAST):
                self._progress[other] = beats, used, now
            elif now - since > SILENCE and not self._no_store:
                self.lost.add(other)
        if self._no_store or now - self._contact > SILENCE:
            self._lose_the_store()
        if self.lost:
            raise self._loss()

    def explain(self) -> RankError:
        """Why an exchange broke off: what a rank has said, or whose heart beats no more."""
        self._failing = True
        first, last = self._after_beats(2), self._after_beats(4)
        if self._failure:
            return RankError(self._failure)
        if self._no_store:
            self._lose_the_store()
        else:
            self.lost |= {other for other in self._others if first.get(other) == last.get(other)}
        return self._loss()

    def _after_beats(self, count: int) -> dict[int, float]:
        """The others' beats when this rank has looked so often again; at once if it need not."""
        goal = self._beats + count
        self._pause(SILENCE, lambda: self._beats >= goal or bool(self._failure) or self._no_store)
        return {other: life[0] for other, life in self._lives.items()}

    def fail(self, error: BaseException) -> bool:
        """Tell the others why this rank ends, and wait until they know; whether it may say so.

        Of all ranks that are left, the first speaks.
        """
        self._failing = True
        said = str(error) or type(error).__name__
        left = {other for other in self._others if other not in self.lost}
        self._telling = said if isinstance(error, RankError) else f"rank {self._rank}: {said}"
        self._wake.set()
        self._pause(SILENCE, lambda: self._no_store or left <= self._heard)
        if not self._no_store:
            left &= self._heard
        return self._rank < min(left, default=self._rank + 1)

    def terminated(self, *signal: Any) -> None:
        """Handler of SIGTERM, which torchrun sends to all once one has ended.

        Raises:
            RankError: unless this rank is on its way out anyway.
        """
        if not self._failing:
            raise self.explain()

    def close(self) -> None:
        """No more signs of life."""
        self._over = True
        self._wake.set()
        self._thread.join(2 * BEAT)

    def _lose_the_store(self) -> None:
        """Rank 0 keeps it, unless torchrun does."""
        self._no_store = True
        self.lost |= {other for other in self._others if other == 0}

    def _loss(self) -> RankError:
        if not self.lost:
            return RankError(
                "ranks: expected to work on, got SIGTERM or a broken connection; what is done is "
                "on disk: the same command goes on"
            )
        names = ", ".join(f"rank {other}" for other in sorted(self.lost))
        return RankError(
            f"ranks: expected a sign of life of all {len(self._others) + 1}, got none of {names} "
            "(killed, out of memory, stuck, or its machine is down); what is done is on disk: the "
            "same command goes on"
        )

    @staticmethod
    def _pause(seconds: float, until: Callable[[], bool]) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            time.sleep(0.05)
