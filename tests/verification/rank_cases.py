"""Two processes that share the samples: a pair that waits for calls, and one that can be killed."""

import multiprocessing
import os
import pickle
import socket
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from patchlaw.verification.ranks import watch
from patchlaw.verification.ranks.join import join
from patchlaw.verification.ranks.launch import launched, quiet_torch
from patchlaw.verification.ranks.ranks import Ranks
from patchlaw.verification.runs import execute_run
from tests.verification.run_cases import toy_config, toy_samples

# A server that has imported all of this once forks each process in milliseconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [__name__, "sklearn.model_selection", "patchlaw.simulators.fast_engine"]
)


class Pair:
    """Two ranks that wait for functions to call; a context manager.

    Args:
        folder: for the file where they meet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> "Pair":
        self._pipes, self._processes = [], []
        for rank in range(2):
            ours, theirs = PROCESSES.Pipe()
            process = PROCESSES.Process(
                target=_serve, args=(rank, self._folder / "store", theirs), daemon=True
            )
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)
        return self

    def __exit__(self, *error: object) -> None:
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.send(None)
            process.join(20)

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """What the function gives on each rank; an exception is given, not raised."""
        call = pickle.dumps((function, arguments))  # torch would share its tensors' memory
        for pipe in self._pipes:
            pipe.send(call)
        return [pipe.recv() for pipe in self._pipes]


def _serve(rank: int, store: Path, pipe: Connection) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo" if sys.platform == "linux" else "lo0"
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    while (call := pipe.recv()) is not None:
        function, arguments = pickle.loads(call)
        try:
            pipe.send(function(Ranks.of(dist.group.WORLD), *arguments))
        except Exception as error:
            pipe.send(error)
    dist.destroy_process_group()


# --- a run of two processes that a test can kill


def start_run(folder: Path, epochs: int, silence: float = watch.SILENCE) -> list[BaseProcess]:
    """Two processes that meet by MPI's variables and train ``run_cases``' toy."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes: list[BaseProcess] = []
    for rank in range(2):
        arguments = (rank, port, folder, epochs, silence)
        processes.append(PROCESSES.Process(target=_train, args=arguments, daemon=True))
        processes[-1].start()
    return processes


def _train(rank: int, port: int, folder: Path, epochs: int, silence: float) -> None:
    """Of an error, what is to be said goes into a file."""
    watch.BEAT, watch.SILENCE = 0.1, silence
    os.environ |= {
        "OMPI_COMM_WORLD_RANK": f"{rank}",
        "OMPI_COMM_WORLD_SIZE": "2",
        "MASTER_PORT": f"{port}",
    }
    quiet_torch()
    samples, launch = toy_samples(), launched()
    assert launch is not None
    try:
        with join(launch) as ranks:
            config = toy_config(samples, epochs)
            execute_run(folder, config, samples, threads=1, ranks=ranks)
    except BaseException as error:
        if error.speaks:
            (folder / f"said-{rank}.txt").write_text(str(error))
        raise SystemExit(1) from None
