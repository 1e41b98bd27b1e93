"""Ranks that meet: from a launcher's variables to a group that watches over itself."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from patchlaw.verification.ranks.launch import Launch, RankError
from patchlaw.verification.ranks.ranks import Ranks
from patchlaw.verification.ranks.watch import Watch
from patchlaw.verification.store.environment import current_environment

_MEET = timedelta(minutes=5)  # until all have started; a cluster's file system may be slow
_WORK = timedelta(days=1)  # of an exchange: the watch looks after it
_HERE = ("127.0.0.1", "localhost", "::1")


@contextmanager
def join(launch: Launch, device: str | None = None) -> Iterator[Ranks]:
    """The ranks of a launch, of the same versions of everything; what ends one ends all.

    They meet at MASTER_ADDR and MASTER_PORT, by default on this machine. Inside, SIGTERM is a
    ``RankError`` in the main thread, so that what is in memory only is still written.

    Args:
        launch: which rank this is.
        device: torch device that computes; on "cuda" the ranks of a machine have a GPU each and
            exchange by NCCL, else by gloo.

    Raises:
        ValueError: other versions than on rank 0.
        RankError: the ranks do not meet, or one is lost. Its attribute ``speaks`` (of any error
            that leaves here) says whether this rank is the one to report it.
    """
    store = _meeting_place(launch)
    if torch.cuda.is_available():
        torch.cuda.set_device(launch.local_rank % torch.cuda.device_count())
    dist.init_process_group(
        "nccl" if torch.device(device or "cpu").type == "cuda" else "gloo",
        store=PrefixStore("group", store),
        rank=launch.rank,
        world_size=launch.world,
        timeout=_WORK,
    )
    watch = Watch(PrefixStore("watch", store), launch.rank, launch.world)
    former = signal.signal(signal.SIGTERM, watch.terminated)
    try:
        assert dist.group.WORLD is not None
        ranks = Ranks(dist.group.WORLD, watch)
        here = current_environment()
        ranks.check_same(here.versions | ({"commit": here.commit} if here.commit else {}))
        with ranks.following():
            yield ranks
        ranks.texts(purpose="end")
    except BaseException as error:
        error.speaks = watch.fail(error)  # type: ignore[attr-defined]
        raise
    finally:
        watch.close()
        signal.signal(signal.SIGTERM, former)
        dist.destroy_process_group()


def _meeting_place(launch: Launch) -> Store:
    address = os.environ.setdefault("MASTER_ADDR", _HERE[0])
    port = os.environ.setdefault("MASTER_PORT", "29500")
    if address in _HERE:  # nothing for other machines to hear
        loopback = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
        os.environ.setdefault("GLOO_SOCKET_IFNAME", next(iter(loopback), "lo"))
    store: Store
    try:
        store, _, _ = next(rendezvous("env://", launch.rank, launch.world, timeout=_MEET))
    except (RuntimeError, ValueError) as error:
        raise RankError(
            f"MASTER_ADDR, MASTER_PORT: expected where {launch.world} ranks meet, got {address} "
            f"and {port} ({str(error).splitlines()[0]}); set a free port, the same for all ranks"
        ) from None
    return store
