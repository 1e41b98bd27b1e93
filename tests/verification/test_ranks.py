"""Two ranks that share the samples against one process, on the same numbers."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from rich.console import Console

from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.analysis.options import AnalysisOptions
from patchlaw.verification.jobs.progress import ConsoleProgress
from patchlaw.verification.landscape.landscape_job import PlaneLoss, compute_landscape
from patchlaw.verification.landscape.pca import trajectory_plane
from patchlaw.verification.landscape.settings import LandscapeSettings
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.ranks.ranks import ALONE, Ranks
from patchlaw.verification.runs import Run, execute_run
from patchlaw.verification.solvers import class_directions, top_eigenpairs
from patchlaw.verification.training import Objective
from tests.strategies import examples, model_cases, qubit_counts
from tests.verification.run_cases import toy_config, toy_samples

TOLERANCE = 1e-12  # the sums of two halves are rounded otherwise than the sum over all
SAMPLES = toy_samples()
CONFIG = toy_config(SAMPLES, 3, dtype="float64")


def agree(found: list[Any], alone: np.ndarray) -> None:
    """Both ranks have the same bits, and what one process has."""
    for each in found:
        if isinstance(each, Exception):
            raise each
    assert found[0].tobytes() == found[1].tobytes()
    assert_allclose(found[0], alone, rtol=0, atol=TOLERANCE * np.abs(alone).max())


def problem_of(ranks: Ranks, *data: Any) -> CurvatureProblem:
    """As a user writes it."""
    return CurvatureProblem(*data, group=None if ranks is ALONE else dist.group.WORLD)


def products(ranks: Ranks, *data: Any) -> Any:
    problem = problem_of(ranks, *data)
    vectors = np.random.default_rng(0).normal(size=(problem.hessian.shape[0], 2))
    return np.stack(
        [op @ vectors for op in (problem.hessian, problem.gauss_newton, problem.residual)]
    )


def losses(ranks: Ranks, model: Any, images: Any, labels: Any, plane: Any) -> Any:
    objective = Objective(model, ranks=ranks)
    loss, gradient = objective.loss_and_gradient(images, labels)
    means = objective.evaluate(images, labels)
    found = [loss, means.loss, means.accuracy, means.mean_softmax_trace, means.mean_abs_slope]
    if plane is not None:
        found.append(PlaneLoss(model, plane, images, labels, ranks=ranks)(0.3, -0.2))
    wrong = np.isin(np.arange(len(labels)), objective.misclassified(images, labels))
    return np.concatenate([found, wrong, gradient.numpy()])


@examples(8)
@given(model_cases(qubit_counts(2, 2), st.integers(2, 5)), st.data())
def test_two_ranks_are_one(pair, case, data):
    """Products with H, G and R, losses, gradient and landscape; shards uneven at 3 and 5 samples.

    Only this catches means of shards averaged without their sizes, a sample that is left out or
    counted twice, and a product, loss or landscape of one rank's samples alone.
    """
    count, own = len(case.images), case.model.layout.own
    classes = st.integers(0, case.model.n_classes - 1)
    labels = torch.tensor(data.draw(st.lists(classes, min_size=count, max_size=count)))
    problem = (case.model, torch.from_numpy(case.images), labels)
    agree(pair(products, *problem), products(ALONE, *problem))
    points = np.random.default_rng(0).normal(size=(4, len(own)))
    plane = trajectory_plane(points, 0) if len(own) > 2 else None
    agree(pair(losses, *problem, plane), losses(ALONE, *problem, plane))


def toy() -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """A model and 39 images: 19 for one rank, 20 for the other."""
    return CONFIG.model.build(), SAMPLES.train_images[:39], SAMPLES.train_labels[:39]


def eigenvalues(ranks: Ranks, *data: Any) -> Any:
    of = problem_of(ranks, *data)
    return top_eigenpairs(of.hessian - 0.5 * of.gauss_newton, k=3, tol=1e-6).values


def directions(ranks: Ranks, *data: Any) -> Any:
    found = class_directions(problem_of(ranks, *data))
    return np.concatenate([found.vectors.ravel(), found.curvature.ravel()])


def of_a_block(ranks: Ranks, *data: Any) -> Any:
    block = problem_of(ranks, *data).blocks()[2].gauss_newton
    return block @ np.ones(block.shape[0])


@pytest.mark.parametrize("function", [eigenvalues, directions, of_a_block])
def test_what_is_built_on_products(pair, function):
    """Class directions have sums of their own, a patch's block a backend of its own."""
    agree(pair(function, *toy()), function(ALONE, *toy()))


def absolute(z: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (z - targets).square().add(1).sqrt().sum(dim=1)


def of_a_loader(ranks: Ranks, module: Any, batches: Any) -> Any:
    group = None if ranks is ALONE else dist.group.WORLD
    problem = CurvatureProblem(module, batches, loss=absolute, chunk_size=2, group=group)
    return problem.hessian @ np.eye(problem.hessian.shape[0])


def test_any_module_loss_and_loader(pair):
    """7 samples in batches of 3, 3 and 1: the ranks' parts end amid batches and amid chunks."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    module.double()
    x, y = torch.randn(7, 3, dtype=torch.float64), torch.randn(7, 2, dtype=torch.float64)
    batches = list(zip(x.split(3), y.split(3), strict=True))
    agree(pair(of_a_loader, module, batches), of_a_loader(ALONE, module, batches))


def chain(ranks: Ranks, folder: Path, config: Any = CONFIG) -> Any:
    """Train, analyse, landscape: the numbers, and the lines of the log."""
    log = io.StringIO()
    with ConsoleProgress(Console(file=log, width=1000)) as progress:
        run = execute_run(folder, config, SAMPLES, threads=1, ranks=ranks, progress=progress)
    options = AnalysisOptions(n_top=2, n_top_subset=2, subset=20, epochs=(0,))
    stages = ("evaluation", "hessian", "along training", "bounds")
    model = execute_analysis(run, SAMPLES, folder / "a", options, stages=stages, ranks=ranks)
    grid = LandscapeSettings(points=3, images=21)
    plane = compute_landscape(run, SAMPLES, folder / "l", grid, threads=1, ranks=ranks)
    moments = [e for each in run.history for e in (*each.step_losses, each.train.loss)]
    tops = [model.top("H").value, model.minimum.train.loss, model.along_training[0].loss]
    bound = model.bounds.interval
    numbers = [*moments, *tops, bound.lower, bound.upper, *plane.grid.loss.ravel()]
    return np.array(numbers), log.getvalue(), [*model.environments, plane.environment]


def test_records_of_two_ranks(pair, tmp_path):
    """The whole chain in one folder: only rank 0 writes, and what is written says how many.

    Only this catches a rank that reads what rank 0 has not written yet, or writes beside it.
    """
    two, alone = pair(chain, tmp_path / "2"), chain(ALONE, tmp_path / "1")
    agree([numbers for numbers, _, _ in two], alone[0])
    for environment in (*two[0][2], Run.open(tmp_path / "2" / CONFIG.run_id).header.environment):
        assert (environment["world_size"], environment["backend"]) == (2, "gloo")
    assert not any("world_size" in environment for environment in alone[2])
    files = [
        sorted(str(path.relative_to(tmp_path / n)) for path in (tmp_path / n).rglob("*"))
        for n in "12"
    ]
    assert files[0] == files[1]


def test_another_number_of_ranks_goes_on_and_says_so(pair, tmp_path):
    """From two ranks to one and back; the numbers are those of one world all along."""
    longer = replace(CONFIG, training=replace(CONFIG.training, epochs=4))
    longest = replace(CONFIG, training=replace(CONFIG.training, epochs=5))
    pair(chain, tmp_path / "mixed")
    log = io.StringIO()
    with ConsoleProgress(Console(file=log, width=1000)) as progress:
        execute_run(tmp_path / "mixed", longer, SAMPLES, progress=progress)
    assert "last bits may differ" in log.getvalue()
    assert "(world_size: 2 then, None now)" in log.getvalue()
    mixed = pair(trained, tmp_path / "mixed", longest)
    agree(mixed, trained(ALONE, tmp_path / "one", longest))
    sessions = Run.open(tmp_path / "mixed" / CONFIG.run_id).checkpoint.sessions
    assert [session.environment.get("world_size") for session in sessions] == [2, None, 2]


def trained(ranks: Ranks, folder: Path, config: Any) -> Any:
    return execute_run(folder, config, SAMPLES, threads=1, ranks=ranks).trajectory().numpy()
