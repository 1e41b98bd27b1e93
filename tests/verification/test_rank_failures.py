"""What a rank that fails, differs, hangs or dies does to the other one."""

import errno
import os
import signal
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch.distributed as dist

from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.analysis.document import AnalysisDocument
from patchlaw.verification.operators import HessianOperator
from patchlaw.verification.ranks.launch import Launch, RankError, launched
from patchlaw.verification.ranks.ranks import Ranks
from patchlaw.verification.runs import Run, execute_run
from patchlaw.verification.solvers import top_eigenpairs
from tests.verification.analysis_cases import OPTIONS
from tests.verification.rank_cases import start_run
from tests.verification.run_cases import toy_config, toy_samples
from tests.verification.test_run_resume import assert_same, epochs_on_disk

SAMPLES = toy_samples()
CONFIG = toy_config(SAMPLES)


def hessian(changed: Any = None, keep: int = 40) -> HessianOperator:
    images = SAMPLES.train_images[:keep].clone()
    if changed is not None:
        images[0, 0, 0] = changed
    model = CONFIG.model.build()
    return HessianOperator(model, images, SAMPLES.train_labels[:keep], group=dist.group.WORLD)


# --- refused on one is refused on all, in the same words, and the ranks can go on


def other_data(ranks: Ranks) -> Any:
    return hessian(0.125 if ranks.rank else None)


def invalid_data(ranks: Ranks) -> Any:
    return hessian(np.nan if ranks.rank else None)


def too_few(ranks: Ranks) -> Any:
    return hessian(keep=1)


def other_samples_of_a_run(ranks: Ranks, folder: Path) -> Any:
    samples = toy_samples(ranks.rank)
    return execute_run(folder, toy_config(samples), samples, ranks=ranks)


def a_folder_in_the_way(ranks: Ranks, folder: Path) -> Any:
    """Rank 0 alone looks there first."""
    (folder / CONFIG.run_id).mkdir(parents=True, exist_ok=True)
    (folder / CONFIG.run_id / "thesis.txt").touch()
    return execute_run(folder, CONFIG, SAMPLES, ranks=ranks)


@pytest.mark.parametrize(
    ("function", "words", "in_folder"),
    [
        (other_data, "rank 1: samples: expected '.*', as on rank 0, got '", False),
        (invalid_data, "images: .*finite", False),
        (too_few, "samples: expected at least 2, one a rank, got 1; launch fewer", False),
        (other_samples_of_a_run, "rank 1: samples: expected '.*', as on rank 0, got '", True),
        (a_folder_in_the_way, "without config.json that holds thesis.txt", True),
    ],
)
def test_refused_on_all(pair, tmp_path, function, words, in_folder):
    """Only this catches a rank that waits for ever for one that has been refused."""
    for error in pair(function, *[tmp_path] * in_folder):
        with pytest.raises(ValueError, match=words):
            raise error


def other_vectors(ranks: Ranks) -> Any:
    op = hessian()
    return op @ np.full(op.shape[0], 1.0 + ranks.rank)


def done_on_one(ranks: Ranks) -> Any:
    op = hessian()
    return ranks.texts("refused here") if ranks.rank else op @ np.ones(op.shape[0])


@pytest.mark.parametrize("function", [other_vectors, done_on_one])
def test_ranks_that_part_ways_are_stopped(pair, function):
    """Else the sum would be of products with different vectors, or gloo would end the process."""
    for error in pair(function):
        with pytest.raises(RankError, match=r"all at the same step, got rank 0: at work; rank 1: "):
            raise error


def analysed(ranks: Ranks, folder: Path, out: Path) -> Any:
    """As `patchlaw analyse` tells the others of a refusal."""
    try:
        return execute_analysis(
            Run.open(folder), SAMPLES, out, OPTIONS, stages=("evaluation",), ranks=ranks
        )
    except (ValueError, OSError) as error:
        return ranks.texts(str(error))


def unseen_on_one(ranks: Ranks, folder: Path) -> Any:
    return analysed(ranks, folder / "elsewhere" if ranks.rank else folder, folder / "a")


def full_on_one(ranks: Ranks, folder: Path) -> Any:
    full = OSError(errno.ENOSPC, "No space left on device")
    with patch.object(AnalysisDocument, "finish", side_effect=None if ranks.rank else full):
        return analysed(ranks, folder, folder / "a")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (unseen_on_one, "rank 0: at work; rank 1: .*elsewhere: expected the folder of a run"),
        (full_on_one, "rank 0: .*No space left on device; rank 1: at work"),
    ],
)
def test_what_one_alone_is_refused_ends_all_and_is_named(pair, tmp_path, function, words):
    """Only this catches a refusal that another rank takes for what it was waiting for.

    It was "Expecting value: line 1 column 1", and the end that a rank took for everybody's.
    """
    run = execute_run(tmp_path, toy_config(SAMPLES, 1), SAMPLES, threads=1)
    for error in pair(function, run.path):
        with pytest.raises(RankError, match=words):
            raise error


def checkpointed(ranks: Ranks, folder: Path) -> Any:
    op = hessian()
    found = top_eigenpairs(op, k=2, tol=1e-6, checkpoint=folder)
    return found.values.tobytes(), op.matvecs


def test_one_checkpoint_of_all_ranks(pair, tmp_path):
    first, again = pair(checkpointed, tmp_path), pair(checkpointed, tmp_path)
    assert {values for values, _ in first + again} == {first[0][0]}
    assert all(fresh < first[0][1] for _, fresh in again)


# --- launching


@pytest.mark.parametrize(
    ("variables", "launch"),
    [
        ({}, None),
        ({"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "0"}, Launch(1, 4, 0)),
        ({"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "4"}, Launch(3, 4, 3)),
        ({"PMI_RANK": "0", "PMI_SIZE": "2", "MPI_LOCALRANKID": "0"}, Launch(0, 2, 0)),
        ({"PMI_RANK": "0", "PMI_SIZE": "1"}, None),
    ],
)
def test_launchers(monkeypatch, variables, launch):
    for name in [name for name in os.environ if name.startswith(("OMPI_", "PMI_", "RANK"))]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert launched() == launch


@pytest.mark.parametrize(("rank", "world"), [("2", "2"), ("one", "2"), ("0", "")])
def test_a_launch_that_cannot_be(monkeypatch, rank, world):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", world)
    with pytest.raises(ValueError, match="RANK, WORLD_SIZE: expected a rank and the larger number"):
        launched()


# --- killed, and stopped


def ended(folder: Path, victim: int, how: signal.Signals, **options: float) -> str:
    """Train until an epoch more is done, stop one rank, and see the other one end."""
    run = folder / CONFIG.run_id
    target, processes = epochs_on_disk(run) + 1, start_run(folder, 1000, **options)
    while epochs_on_disk(run) < target:
        assert all(process.exitcode is None for process in processes)
        time.sleep(0.01)
    time.sleep(np.random.default_rng(target).uniform(0, 0.1))
    os.kill(processes[victim].pid or 0, how)
    processes[1 - victim].join(60)
    processes[victim].kill()
    assert processes[1 - victim].exitcode == 1
    (said,) = folder.glob("said-*.txt")
    assert said.name == f"said-{1 - victim}.txt"
    words = said.read_text()
    said.unlink()
    return words


@pytest.mark.slow
def test_killed_and_stopped_ranks(tmp_path):
    """SIGKILL to either, SIGSTOP to one; the run goes on each time and ends with the same bits.

    Only this catches a rank that waits for a dead one, and a checkpoint that two ranks leave torn.
    """
    for victim in (1, 0):
        words = ended(tmp_path, victim, signal.SIGKILL)
        assert f"sign of life of all 2, got none of rank {victim} (killed" in words
    assert "got none of rank 1 " in ended(tmp_path, 1, signal.SIGSTOP, silence=4)
    done = epochs_on_disk(tmp_path / CONFIG.run_id) + 1
    for folder in (tmp_path, tmp_path / "whole"):
        folder.mkdir(exist_ok=True)
        for process in start_run(folder, done):
            process.join(120)
    runs = [Run.open(folder / CONFIG.run_id) for folder in (tmp_path, tmp_path / "whole")]
    assert_same(*runs)
    assert len(runs[0].checkpoint.sessions) == 4
