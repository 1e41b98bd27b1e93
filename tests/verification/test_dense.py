"""Whole matrices by structure against autodiff; eigenvalues of a real model within intervals."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

from simulators import DistributedQNN, load_mnist
from tests.strategies import model_cases
from tests.verification import curvature_cases as oracles
from tests.verification.curvature_cases import qnn_case, relative_difference
from verification.operators import CurvatureProblem
from verification.operators.jacobian import jacobian_chunks
from verification.solvers import (
    dense_gauss_newton,
    dense_matrix,
    dense_residual,
    top_eigenpairs,
)

CASE = qnn_case()
PROBLEM = CurvatureProblem(CASE.model, CASE.images, CASE.labels)


def test_structured_matrices_agree_with_autodiff() -> None:
    """Only this catches a column of one patch's block put into another's."""
    hessian, gauss_newton = oracles.dense_hessian(CASE), oracles.dense_gauss_newton(CASE)
    g, r = dense_gauss_newton(PROBLEM, max_chunk=2), dense_residual(PROBLEM, together=7)
    h = dense_matrix(PROBLEM.hessian, together=10)
    assert relative_difference(g.matrix, gauss_newton) < 1e-12
    assert relative_difference(r.matrix, hessian - gauss_newton) < 1e-12
    assert relative_difference(h.matrix, hessian) < 1e-12
    assert max(g.asymmetry, r.asymmetry, h.asymmetry) < 1e-12
    assert (g.matvecs, r.matvecs, h.matvecs) == (0, 20 + 16, 96)
    np.testing.assert_allclose(h.eigenvalues(), np.linalg.eigvalsh(hessian), atol=1e-11)
    assert (h.n_samples, h.dtype) == (5, "float64")


@settings(max_examples=5)
@given(
    case=model_cases(n_qubits=st.just(2), batch_size=st.integers(1, 3)),
    loss=st.sampled_from(["cross_entropy", "squared_error"]),
    data=st.data(),
)
def test_structure_holds_for_drawn_models(case, loss: str, data: st.DataObject) -> None:
    """Only this catches structure that holds for the paper's grid and circuit only."""
    model, n = case.model, len(case.images)
    labels = torch.tensor(
        data.draw(st.lists(st.integers(0, model.n_classes - 1), min_size=n, max_size=n))
    )
    if loss == "squared_error":
        labels = torch.nn.functional.one_hot(labels, model.n_classes).double()
    problem = CurvatureProblem(model, torch.from_numpy(case.images), labels, loss=loss)
    g, r = dense_gauss_newton(problem).matrix, dense_residual(problem).matrix
    h = dense_matrix(problem.hessian).matrix
    scale = max(np.abs(h).max(), np.abs(g).max(), np.abs(r).max())
    assert np.abs(g + r - h).max() <= 1e-11 * scale
    assert np.abs(dense_matrix(problem.gauss_newton).matrix - g).max() <= 1e-11 * scale
    assert np.linalg.eigvalsh(g)[0] >= -1e-11 * len(g) * scale


def test_jacobian_agrees_with_autograd() -> None:
    expected = torch.func.jacrev(lambda t: oracles.logits_of_flat(CASE, t))(
        oracles.flat_parameters(CASE)
    ).detach()
    for chunk in jacobian_chunks(CASE.model, CASE.images, max_chunk=2):
        np.testing.assert_allclose(chunk.jacobian, expected[chunk.samples].numpy(), atol=1e-12)
        z = CASE.model(CASE.images[chunk.samples]).detach().numpy()
        np.testing.assert_allclose(chunk.logits, z, atol=1e-12)


def test_a_dense_matrix_resumes(tmp_path) -> None:
    calls = {"together": 10, "checkpoint": tmp_path, "save_every": 1}
    first = dense_matrix(PROBLEM.hessian, **calls)
    before = PROBLEM.hessian.matvecs
    again = dense_matrix(PROBLEM.hessian, **calls)
    assert PROBLEM.hessian.matvecs == before
    np.testing.assert_array_equal(again.matrix, first.matrix)


def test_bad_requests_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at most D = 50 parameters .* got 96 .*top_eigenpairs"):
        dense_matrix(PROBLEM.hessian, limit=50)
    with pytest.raises(ValueError, match=r"at most D = 50"):
        dense_residual(PROBLEM, limit=50)
    with pytest.raises(ValueError, match="together: expected an integer >= 1"):
        dense_matrix(aslinearoperator(np.eye(3)), together=0)
    other = oracles.mlp_case()
    with pytest.raises(TypeError, match="expected a DistributedQNN"):
        dense_residual(CurvatureProblem(other.model, other.images, other.labels))


@pytest.mark.slow
def test_a_six_qubit_model_against_autodiff_and_eigh() -> None:
    """P = 4, 100 real images, double precision; for the paper's n = 8 see full_scale_evidence.

    Only this catches intervals that hold for toy spectra and not for a bulk with outliers.
    """
    data, n = load_mnist(), 100
    model = DistributedQNN(4, 1, n_qubits=6, image_side=10, dtype=torch.float64)
    images, labels = data.train_images[:n, 2:12, 2:12].double(), data.train_labels[:n]
    problem = CurvatureProblem(model, images, labels)
    g, r = dense_gauss_newton(problem).matrix, dense_residual(problem).matrix
    h, size = g + r, problem.layout.size
    autodiff = CurvatureProblem(model, images, labels, backend="autodiff")
    columns = np.random.default_rng(0).choice(size, 6, replace=False)
    vectors = np.eye(size)[:, columns]
    assert relative_difference(h[:, columns], autodiff.hessian @ vectors) < 1e-9
    assert relative_difference(g[:, columns], autodiff.gauss_newton @ vectors) < 1e-9
    assert relative_difference(r[:, columns], autodiff.residual @ vectors) < 1e-9
    exact = np.linalg.eigvalsh(h)
    for which, k, expected in (("LA", 10, exact[::-1][:10]), ("SA", 5, exact[:5])):
        result = top_eigenpairs(problem.hessian, k=k, which=which, tol=1e-6)
        assert result.converged.all()
        low, high = result.intervals().T
        assert ((low <= expected) & (expected <= high)).all()
