"""Two ranks of one thread that share the samples, against one process of two threads, in turn."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from benchmarks.record import Agreement, Figure, Measurement, Record
from benchmarks.timing import time_in_turn
from benchmarks.workload import Scale, direction, model, samples
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.ranks.ranks import ALONE, Ranks
from patchlaw.verification.torch_devices import torch_threads
from patchlaw.verification.training import Objective

CLAIM = (
    "Two ranks of one thread each are at least 0.9 times as fast as one process of two threads: a "
    "product with H and a training step's gradient (gloo; their sum over the ranks included)."
)
_LIMIT = 1e-5  # float32 models, of the largest entry

Call: TypeAlias = Callable[[], NDArray[np.float64]]


def operations(ranks: Ranks, depth: int, batch: int) -> dict[str, Call]:
    """What is timed, ready to be called on this rank: an analysis' subset, a training's batch."""
    network, (images, labels) = model(4, depth), samples(batch)
    hessian = CurvatureProblem(network, *samples(6 * batch), group=ranks).hessian
    vector, objective = direction(hessian.shape[0]), Objective(network, ranks=ranks)
    return {
        f"product with H, {6 * batch} images": lambda: hessian @ vector,
        f"loss and gradient, {batch} images": lambda: (
            objective.loss_and_gradient(images, labels)[1].double().numpy()
        ),
    }


def _serve(rank: int, store: Path, pipe: Connection, depth: int, batch: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    calls = operations(Ranks.of(dist.group.WORLD), depth, batch)
    pipe.send(None)
    while (name := pipe.recv()) is not None:
        pipe.send(calls[name]())
    dist.destroy_process_group()


def run(scale: Scale, record: Record) -> None:
    """Time both on the same numbers."""
    depth, batch = scale.pick(10, 1), scale.pick(1000, 16)
    context = multiprocessing.get_context("spawn")
    pipes: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        for rank in range(2):
            ours, theirs = context.Pipe()
            arguments = (rank, Path(folder) / "store", theirs, depth, batch)
            context.Process(target=_serve, args=arguments, daemon=True).start()
            pipes.append(ours)

        def on_both(name: str | None) -> NDArray[np.float64]:
            for pipe in pipes:
                pipe.send(name)
            found = [pipe.recv() for pipe in pipes]
            assert np.array_equal(*found)
            return np.asarray(found[0])

        for pipe in pipes:
            pipe.recv()  # ready
        with torch_threads(2):
            for name, alone in operations(ALONE, depth, batch).items():
                what = f"{name}, P=4 d={depth}"
                _compare(record, what, alone, partial(on_both, name), scale.pick(9, 1))
        for pipe in pipes:
            pipe.send(None)
    record.notes.append(
        f"Calls take turns, and the minima are compared. {os.cpu_count()} processors, shared with "
        "other work: load averages under environment. What depends on the angles alone (layers "
        "without data) each rank computes for itself, where two threads share the patches: that is "
        "as much work as 256 images."
    )


def _compare(record: Record, what: str, alone: Call, ranks: Call, repeats: int) -> None:
    one, two = time_in_turn([alone, ranks], repeats=repeats)
    reference = alone()
    difference = float(np.abs(ranks() - reference).max() / np.abs(reference).max())
    agreement = Agreement(what, {"largest entry": difference}, {"largest entry": _LIMIT})
    record.agreements.append(agreement)
    for kind, timing in (("one process, two threads", one), ("two ranks, a thread each", two)):
        record.measurements.append(Measurement.of(f"{what}: {kind}", timing))
    record.figures.append(
        Figure(
            f"two ranks, {what}",
            one.minimum / two.minimum,
            "times the speed of two threads",
            "at least",
            0.9,
            agreement.holds,
        )
    )
