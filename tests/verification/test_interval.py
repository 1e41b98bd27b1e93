"""lambda_max between bounds: against dense eigenvalues, how often the upper one fails, refusals."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.solvers import (
    CheckpointError,
    EigenvalueInterval,
    class_directions,
    eigenvalue_interval,
    top_eigenpairs,
)
from patchlaw.verification.store.json_files import plain, typed
from tests.strategies import examples
from tests.theory.test_theorems_on_the_model import dense_models
from tests.verification import curvature_cases as oracles
from tests.verification.curvature_cases import noise_floor, qnn_case

CASE = qnn_case()
PROBLEM = CurvatureProblem(CASE.model, CASE.images, CASE.labels)


@cache  # and not at import, which every worker pays for
def top() -> float:
    return float(np.linalg.eigvalsh(oracles.dense_gauss_newton(CASE))[-1])


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_class_directions_are_those_of_explicit_jacobians(loss) -> None:
    """<J^T S e_a> by torch.func; only this catches a weight pi - e_y, or classes exchanged.

    Of the squared error S = 1, so the last class' direction is no sum of the others.
    """
    flat = oracles.flat_parameters(CASE)
    jacobian = torch.func.jacrev(lambda t: oracles.logits_of_flat(CASE, t))(flat).detach()
    pi = torch.softmax(oracles.logits_of_flat(CASE, flat), dim=1).detach()
    curvature = torch.diag_embed(pi) - pi[:, :, None] * pi[:, None, :]
    if loss == "squared_error":
        curvature = torch.eye(pi.shape[1], dtype=pi.dtype).expand_as(curvature)
    expected = torch.einsum("nki,nka->ia", jacobian, curvature).numpy() / len(pi)
    problem = CurvatureProblem(CASE.model, CASE.images, CASE.labels, loss=loss)
    g = np.einsum("nki,nkl,nlj->ij", jacobian, curvature, jacobian) / len(pi)
    top = float(np.linalg.eigvalsh(g)[-1])
    found = class_directions(problem)
    wanted = expected if loss == "squared_error" else expected[:, :-1]
    np.testing.assert_allclose(found.vectors, wanted, atol=1e-12)
    np.testing.assert_allclose(found.curvature, curvature.mean(dim=0).numpy(), atol=1e-12)
    form = found.start @ g @ found.start / (found.start @ found.start)
    assert found.output_ritz[0] <= form <= top * (1 + 1e-12)  # half a power step further


def test_another_vector_in_place_of_a_class_direction_breaks_the_pencil() -> None:
    """The pencil is a bound for g_a alone: a direction twice as long is above lambda_max."""
    found = class_directions(PROBLEM)
    wrong = type(found)(2 * found.vectors, found.curvature)
    assert found.output_ritz[0] <= top() < wrong.output_ritz[0]
    # products with the operator need no such trust: any direction gives a true lower bound
    interval = eigenvalue_interval(PROBLEM.gauss_newton, wrong.vectors)
    assert interval.lower <= top() * (1 + 1e-12)


@given(dense_models(scales=(0.5, 3.0, 30.0)), st.integers(0, 99))
@examples(8)
def test_any_model_is_between_its_bounds(case, seed) -> None:
    """Drawn circuits, scales and coverings, against G assembled from its definition."""
    problem = CurvatureProblem(case.model, case.images, case.labels)
    values = np.linalg.eigvalsh(case.gauss_newton.numpy())
    slack = 1e-6 * values[-1] + 100 * noise_floor(case.model)
    assume(values[-1] > 1e5 * slack)  # else products of rounding are refused as asymmetric
    directions = class_directions(problem)
    found = eigenvalue_interval(
        problem.gauss_newton, directions.vectors, 8, seed, confidence=1 - 1e-9
    )
    assert directions.output_ritz[0] - slack <= values[-1]
    assert found.lower - slack <= values[-1] <= found.upper + slack
    assert values.sum() <= found.trace_upper + slack
    assert np.linalg.norm(values) <= found.frobenius_upper + slack
    assert values[-1] <= found.deflated_upper + slack


def failures(matrix: np.ndarray, directions: np.ndarray, name: str, exact: float) -> float:
    """Share of 200 draws of the probes in which a bound fails, at confidence 0.8."""
    op = aslinearoperator(matrix)
    found = [eigenvalue_interval(op, directions, 4, s, confidence=0.8) for s in range(200)]
    return float(np.mean([getattr(interval, name) < exact for interval in found]))


@pytest.mark.parametrize("name", ["upper", "trace_upper", "frobenius_upper"])
def test_bounds_fail_no_more_often_than_they_say(name) -> None:
    """The worst case: all of G in the complement, rank one. 0.2 +- 3 standard errors at most.

    There the sketch's quantile is exact: a bound too large by a degree of freedom shows as well.
    """
    matrix = np.diag([0.0, 0.0, 5.0, 0.0, 0.0, 0.0])
    share = failures(matrix, np.eye(6)[:, :2], name, 5.0)
    assert share <= 0.285
    if name == "upper":
        assert share >= 0.115
    assert failures(matrix, np.eye(6)[:, :3], name, 5.0 * (1 - 1e-9)) == 0  # nothing is left


def test_rounding_below_zero_lowers_no_bound() -> None:
    """Forms of -1e-6 for 0, as rounding leaves them: 1 / u makes thousands of them."""
    op = aslinearoperator(np.diag([5.0, *[-1e-6] * 5]))
    found = eigenvalue_interval(op, np.eye(6)[:, :1], 2, confidence=1 - 1e-9)
    assert found.trace_upper == 5.0


def test_several_eigenvalues_in_the_complement() -> None:
    """Norms are estimated without bias, and lambda_max is bounded though no direction sees it."""
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.standard_normal((30, 30)))[0]
    values = 2.0 ** -np.arange(30)
    matrix = turn * values @ turn.T
    found = eigenvalue_interval(aslinearoperator(matrix), turn[:, 20:22], 2000, 3)
    assert found.trace.value == pytest.approx(values.sum(), abs=5 * found.trace.standard_error)
    norm = float(np.linalg.norm(values))
    assert found.frobenius.value == pytest.approx(norm, abs=5 * found.frobenius.standard_error)
    assert found.lower < 1e-5
    assert 1 <= found.upper < 1.3
    assert (found.matvecs, found.n_probes) == (2003, 2000)


def test_eigenvectors_of_lanczos_close_the_interval() -> None:
    """Above every residual: that the value is the largest, which a residual cannot tell."""
    pairs = top_eigenpairs(PROBLEM.gauss_newton, 4, tol=1e-10, method="lanczos")
    found = eigenvalue_interval(PROBLEM.gauss_newton, pairs.vectors)
    assert found.lower <= top() * (1 + 1e-9)
    assert top() <= found.upper * (1 + 1e-12) <= top() * (1 + 1e-9)
    assert "0.95" in str(found)
    assert typed(plain(found), EigenvalueInterval) == found


def test_probes_are_not_the_start_of_lanczos() -> None:
    """A top vector that Lanczos of the same seed misses must not be hidden from the probes too."""
    start = np.random.default_rng(0).standard_normal((2, 40))
    missed = np.linalg.svd(start)[2][-1]  # at right angles to what that stream begins with
    op = aslinearoperator(np.outer(missed, missed) + 0.01 * np.eye(40))
    assert eigenvalue_interval(op, start.T, 2, 0).upper >= 1


def test_start_from_class_directions_finds_the_same_value() -> None:
    """Within the radii; leaving the start out is not what changes."""
    start = class_directions(PROBLEM).start
    noise = np.random.default_rng(0).standard_normal(len(start))
    start = start + 0.1 * np.linalg.norm(start) / np.linalg.norm(noise) * noise
    options = {"k": 1, "tol": 1e-6, "method": "lanczos"}
    plain_, started = (
        top_eigenpairs(PROBLEM.gauss_newton, **options, **more)
        for more in ({}, {"start": start, "subspace": 8})
    )
    for found in (plain_, started):
        assert abs(found.values[0] - top()) <= found.radii[0] + 1e-12
    assert started.matvecs <= plain_.matvecs


def test_checkpoint_of_other_directions_is_refused(tmp_path) -> None:
    directions = class_directions(PROBLEM).vectors
    first = eigenvalue_interval(PROBLEM.gauss_newton, directions, checkpoint=tmp_path)
    again = eigenvalue_interval(PROBLEM.gauss_newton, directions, checkpoint=tmp_path)
    assert again.replayed == 3 + 16
    assert (again.upper, again.ritz) == (first.upper, first.ritz)
    with pytest.raises(CheckpointError, match="other vectors"):
        eigenvalue_interval(PROBLEM.gauss_newton, directions + 1, checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: eigenvalue_interval(aslinearoperator(np.diag([1.0, -1.0, 0.0])), np.eye(3)),
            "expected a positive semi-definite operator",
        ),
        (
            lambda: eigenvalue_interval(aslinearoperator(-np.eye(3)), np.eye(3)[:, :1]),
            "expected a positive semi-definite operator",
        ),
        (
            lambda: eigenvalue_interval(aslinearoperator(np.triu(np.ones((3, 3)))), np.eye(3)),
            "expected a symmetric operator",
        ),
        (lambda: eigenvalue_interval(PROBLEM.gauss_newton, np.ones(3)), "directions: expected"),
        (
            lambda: eigenvalue_interval(PROBLEM.gauss_newton, np.zeros((96, 2))),
            "directions: expected finite numbers",
        ),
        (
            lambda: eigenvalue_interval(PROBLEM.gauss_newton, np.eye(96)[:, :2], confidence=1.0),
            "confidence: expected",
        ),
        (
            lambda: eigenvalue_interval(PROBLEM.gauss_newton, np.eye(96)[:, :2], 1),
            "n_probes: expected",
        ),
        (
            lambda: class_directions(
                CurvatureProblem(CASE.model, CASE.images, CASE.labels, loss=torch.nn.NLLLoss())
            ),
            "loss: expected one of",
        ),
    ],
)
def test_refusals(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_saturated_softmax_has_no_directions() -> None:
    """S = 0 exactly: no direction, no pencil, and zero below in place of a division."""
    saturated = qnn_case(scale=1e6)
    found = class_directions(CurvatureProblem(saturated.model, saturated.images, saturated.labels))
    assert not found.vectors.any()
    assert found.output_ritz.tolist() == [0.0]
    assert not found.start.any()


def test_class_directions_want_patches() -> None:
    module = oracles.mlp_case()
    with pytest.raises(TypeError, match="patches"):
        class_directions(CurvatureProblem(module.model, module.images, module.labels))
