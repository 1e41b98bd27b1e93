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

import numpy as np
import torch
import torch.distributed as dist

from patchlaw.verification.landscape.landscape_job import PlaneLoss
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.ranks.join import join
from patchlaw.verification.ranks.launch import launched
from patchlaw.verification.ranks.ranks import ALONE, Ranks
from patchlaw.verification.runs import execute_run
from patchlaw.verification.training import Objective
from tests.verification.run_cases import toy_config, toy_samples

# A server that has imported all of this once forks each process in milliseconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


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


# --- what they are asked for: the same with ALONE


def products(ranks: Ranks, model: Any, images: Any, labels: Any, columns: int = 2) -> Any:
    """H V, G V and R V of as many random vectors, (3, D, columns)."""
    problem = CurvatureProblem(model, images, labels, group=group_of(ranks))
    vectors = np.random.default_rng(0).normal(size=(problem.hessian.shape[0], columns))
    return np.stack(
        [op @ vectors for op in (problem.hessian, problem.gauss_newton, problem.residual)]
    )


def group_of(ranks: Ranks) -> dist.ProcessGroup | None:
    """As a user has it."""
    return None if ranks is ALONE else dist.group.WORLD


def losses(ranks: Ranks, model: Any, images: Any, labels: Any, plane: Any = None) -> Any:
    """Loss, its gradient, the means of an evaluation and, with a plane, the loss at (0.3, -0.2)."""
    objective = Objective(model, ranks)
    loss, gradient = objective.loss_and_gradient(images, labels)
    means = objective.evaluate(images, labels)
    found = [loss, means.loss, means.accuracy, means.mean_softmax_trace, means.mean_abs_slope]
    if plane is not None:
        found.append(PlaneLoss(model, plane, images, labels, ranks)(0.3, -0.2))
    return np.concatenate([found, gradient.numpy()])


# --- a run of two processes that a test can kill


def start_run(folder: Path, epochs: int) -> list[BaseProcess]:
    """Two processes that meet by MPI's variables and train ``run_cases``' toy."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        PROCESSES.Process(target=_train, args=(rank, port, folder, epochs), daemon=True)
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    return list(processes)


def _train(rank: int, port: int, folder: Path, epochs: int) -> None:
    os.environ |= {
        "OMPI_COMM_WORLD_RANK": f"{rank}",
        "OMPI_COMM_WORLD_SIZE": "2",
        "MASTER_PORT": f"{port}",
    }
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
