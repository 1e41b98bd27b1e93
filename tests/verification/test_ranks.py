"""Two ranks against one process, on the same numbers; and what one rank does to the other."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.verification.landscape.pca import trajectory_plane
from patchlaw.verification.operators import CurvatureProblem, HessianOperator
from patchlaw.verification.ranks.launch import Launch, RankError, launched
from patchlaw.verification.ranks.ranks import ALONE, Ranks
from patchlaw.verification.runs import Run, execute_run
from patchlaw.verification.solvers import class_directions, top_eigenpairs
from tests.strategies import examples, model_cases, qubit_counts
from tests.verification.rank_cases import Pair, group_of, losses, products, start_run
from tests.verification.run_cases import toy_config, toy_samples

TOLERANCE = 1e-12  # the sums of two halves are rounded otherwise than the sum over all
SAMPLES = toy_samples()


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Iterator[Pair]:
    with Pair(tmp_path_factory.mktemp("pair")) as ranks:
        yield ranks


def agree(found: list[Any], alone: np.ndarray) -> None:
    """Both ranks have the same bits, and what one process has."""
    for each in found:
        if isinstance(each, Exception):
            raise each
    assert found[0].tobytes() == found[1].tobytes()
    np.testing.assert_allclose(found[0], alone, rtol=0, atol=TOLERANCE * np.abs(alone).max())


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
    model = toy_config(SAMPLES, dtype="float64").model.build()
    return model, SAMPLES.train_images[:39], SAMPLES.train_labels[:39]


def eigenvalues(ranks: Ranks, *problem: Any) -> Any:
    of = CurvatureProblem(*problem, group=group_of(ranks))
    return top_eigenpairs(of.hessian - 0.5 * of.gauss_newton, k=3, tol=1e-6).values


def test_eigenvalues_of_two_ranks_are_those_of_one(pair):
    agree(pair(eigenvalues, *toy()), eigenvalues(ALONE, *toy()))


def directions(ranks: Ranks, *problem: Any) -> Any:
    found = class_directions(CurvatureProblem(*problem, group=group_of(ranks)))
    return np.concatenate([found.vectors.ravel(), found.curvature.ravel()])


def test_class_directions_of_two_ranks_are_those_of_one(pair):
    agree(pair(directions, *toy()), directions(ALONE, *toy()))


def blocks(ranks: Ranks, *problem: Any) -> Any:
    of = CurvatureProblem(*problem, group=group_of(ranks)).blocks()[2]
    return of.gauss_newton @ np.ones(of.gauss_newton.shape[0])


def test_blocks_of_two_ranks_are_those_of_one(pair):
    agree(pair(blocks, *toy()), blocks(ALONE, *toy()))
