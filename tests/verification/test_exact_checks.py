"""The exact checks of verify: they hold on the real model and fail on a broken one."""

import dataclasses

import numpy as np
import pytest

from patchlaw.verification.checks import exact_checks, random_instances
from patchlaw.verification.checks.exact import (
    block_bounds,
    gauss_newton_psd,
    hessian_splits,
    judge,
    matrices_symmetric,
    residual_block_diagonal,
)
from patchlaw.verification.checks.instances import Instance, replicated


@pytest.fixture(scope="module")
def instance() -> Instance:
    return random_instances(1, seed=1)[0]


def broken(instance: Instance, **matrices: np.ndarray) -> Instance:
    """The instance with some of its dense matrices replaced."""
    copy = dataclasses.replace(instance)
    for name in ("hessian", "gauss_newton", "residual"):
        copy.__dict__[name] = matrices.get(name, getattr(instance, name))
    return copy


def test_every_check_holds() -> None:
    instances = random_instances(2, seed=2)
    results = [check() for _, check in exact_checks(instances, seed=2)]
    assert [r.name for r in results if not r.passed] == []
    assert len(results) == 8
    assert all(r.instances > 0 and r.tolerance_from for r in results)


def test_instances_differ_and_the_seed_decides_them() -> None:
    first, second = random_instances(2, seed=3), random_instances(2, seed=3)
    assert np.array_equal(first[1].model.flat_parameters(), second[1].model.flat_parameters())
    other = random_instances(1, seed=4)[0].model.flat_parameters()
    assert not np.array_equal(first[0].model.flat_parameters(), other)
    assert first[0].model.ansatz.depth != first[1].model.ansatz.depth


def test_each_check_fails_on_a_small_violation(instance: Instance) -> None:
    """A relative error of 1e-9 in one element, a negative eigenvalue, a tiny off-block entry."""
    size = np.abs(instance.hessian).max()
    bump = np.zeros_like(instance.hessian)
    bump[0, 25] = 1e-9 * size  # angles of patches 0 and 1
    assert not hessian_splits([broken(instance, hessian=instance.hessian + bump)]).passed
    assert not matrices_symmetric([broken(instance, hessian=instance.hessian + bump)]).passed
    tiny = np.where(bump > 0, 1e-300, 0.0)
    off_block = broken(instance, residual=instance.residual + tiny)
    assert not residual_block_diagonal([off_block]).passed
    negative = instance.gauss_newton - 1e-9 * size * np.eye(len(bump))
    assert not gauss_newton_psd([broken(instance, gauss_newton=negative)]).passed


def test_block_diagonal_gauss_newton_shows_nothing(instance: Instance) -> None:
    """Zeros in R mean nothing where the data make every element between patches zero."""
    blocks = np.zeros_like(instance.gauss_newton)
    for rows in instance.patches:
        blocks[rows, rows] = instance.gauss_newton[rows, rows]
    result = residual_block_diagonal([broken(instance, gauss_newton=blocks)])
    assert not result.passed
    assert result.measured == float("inf")


def test_block_bounds_notice_a_coupling_beyond_the_sum(instance: Instance) -> None:
    n = len(instance.gauss_newton)
    coupled = instance.gauss_newton + 1e3 * (1 - np.kron(np.eye(n // 4), np.ones((4, 4))))[:n, :n]
    assert not block_bounds([broken(instance, gauss_newton=coupled)]).passed


def test_replicas_keep_the_logits() -> None:
    """Only this catches replicas whose g and S move with P, which would prove nothing."""
    one, many = replicated(2, 1, 1, 1.0, seed=0), replicated(2, 1, 9, 1.0, seed=0)
    np.testing.assert_allclose(
        many.model(many.images).detach(), one.model(one.images).detach(), atol=1e-14
    )
    assert np.array_equal(one.labels, many.labels)


def test_judge_is_strict() -> None:
    assert judge("n", "s", [0.0, 1.0], 1.0, "t").passed
    assert not judge("n", "s", [0.0, 1.1], 1.0, "t").passed
    assert not judge("n", "s", [0.0, float("nan")], 1.0, "t").passed
    assert not judge("n", "s", [], 1.0, "t").passed
