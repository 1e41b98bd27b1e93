"""Whole matrices by structure against autodiff; eigenvalues of a real model within intervals."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

from patchlaw.simulators import DistributedQNN, load_mnist
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.solvers import (
    dense_gauss_newton,
    dense_matrix,
    dense_residual,
    top_eigenpairs,
)
from patchlaw.verification.solvers.dense import jacobian_chunks
from tests.strategies import examples, model_cases
from tests.verification import curvature_cases as oracles
from tests.verification.curvature_cases import noise_floor, qnn_case, relative_difference
from tests.verification.full_scale_evidence import against_autodiff, gather, holds

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
    # every pixel lies in one patch: 20 angles and 4 pixels a patch, all patches at once; a check
    assert (g.matvecs, r.matvecs, h.matvecs) == (0, 20 + 4 + 1, 96 + 1)
    np.testing.assert_allclose(h.eigenvalues(), np.linalg.eigvalsh(hessian), atol=1e-11)
    assert (h.n_samples, h.dtype) == (5, "float64")


@examples(3)
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
    # where every softmax is saturated, elements are nothing but rounding, and may be refused
    whole = problem.gauss_newton @ np.eye(model.n_parameters)
    assume(np.abs(whole).max() > 1e6 * noise_floor(model))
    g, r = dense_gauss_newton(problem).matrix, dense_residual(problem).matrix
    h = dense_matrix(problem.hessian).matrix
    slack = 1e-11 * max(np.abs(h).max(), np.abs(g).max(), np.abs(r).max()) + noise_floor(model)
    assert np.abs(g + r - h).max() <= slack
    assert np.abs(whole - g).max() <= slack
    assert np.linalg.eigvalsh(g)[0] >= -len(g) * slack


def test_jacobian_agrees_with_autograd() -> None:
    expected = torch.func.jacrev(lambda t: oracles.logits_of_flat(CASE, t))(
        oracles.flat_parameters(CASE)
    ).detach()
    for chunk in jacobian_chunks(CASE.model, CASE.images, max_chunk=2):
        np.testing.assert_allclose(chunk.jacobian, expected[chunk.samples].numpy(), atol=1e-12)
        z = CASE.model(CASE.images[chunk.samples]).detach().numpy()
        np.testing.assert_allclose(chunk.logits, z, atol=1e-12)


@pytest.mark.parametrize(
    ("image_side", "n_patches", "products"),
    [
        (2, 1, 20 + 4),  # one patch: everything is its own
        (3, 4, 20 + 1 + 5),  # the four corners have a patch each, the cross in between has more
        (4, 9, 20 + 1 + 12),
        (5, 4, 20 + 4),  # the patches do not meet, and five bands of pixels lie in none
    ],
)
def test_columns_share_products_where_patches_do_not_meet(
    image_side: int, n_patches: int, products: int
) -> None:
    """Only this catches the row of a pixel under two patches filled with the sum over both."""
    generator = torch.Generator().manual_seed(8)
    model = DistributedQNN(n_patches, 1, 2, image_side, 4, 5.0, dtype=torch.float64)
    shape = (3, image_side, image_side)
    images = torch.rand(shape, generator=generator, dtype=torch.float64)
    problem = CurvatureProblem(model, images, torch.tensor([0, 2, 3]))
    found = dense_residual(problem, together=3)
    assert found.matvecs == products + 1  # and one of the check
    assert found.asymmetry < 1e-12
    whole = problem.residual @ np.eye(problem.layout.size)
    np.testing.assert_allclose(found.matrix, whole, rtol=0, atol=1e-13 * np.abs(whole).max())


def test_a_dense_matrix_resumes(tmp_path) -> None:
    """All columns from disk, and one computed again: is it the same operator?"""
    calls = {"together": 10, "checkpoint": tmp_path, "save_every": 1}
    first = dense_matrix(PROBLEM.hessian, **calls)
    before = PROBLEM.hessian.matvecs
    again = dense_matrix(PROBLEM.hessian, **calls)
    assert PROBLEM.hessian.matvecs == before + 1
    np.testing.assert_array_equal(again.matrix, first.matrix)


def test_a_killed_dense_residual_goes_on(tmp_path) -> None:
    """Only this catches columns that are counted from the start again after a restart."""
    calls = {"together": 5, "checkpoint": tmp_path, "save_every": 1}

    class KilledError(Exception):
        pass

    killed = CurvatureProblem(CASE.model, CASE.images, CASE.labels)
    product, left = killed.residual.product, iter(range(3))

    def until_killed(vectors: np.ndarray) -> np.ndarray:
        if next(left, None) is None:
            raise KilledError
        return product(vectors)

    killed.residual.product = until_killed  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        dense_residual(killed, **calls)
    resumed = CurvatureProblem(CASE.model, CASE.images, CASE.labels)
    matrix = dense_residual(resumed, **calls).matrix
    assert resumed.residual.matvecs == 24 - 10 + 1  # two calls of five are on disk, one checks
    np.testing.assert_array_equal(matrix, dense_residual(PROBLEM, together=5).matrix)


def test_a_matrix_that_is_not_symmetric_is_refused() -> None:
    """Only this catches an asymmetry that the mean with the transpose would hide."""
    matrix = np.diag(np.arange(1.0, 9.0))
    matrix[0, 5] = 1e-2
    with pytest.raises(ValueError, match=r"symmetric operator, got \|A - A\^T\| of up to 0\.00125"):
        dense_matrix(aslinearoperator(matrix))


def test_the_full_scale_program_on_a_small_model(tmp_path) -> None:
    """What full_scale_evidence finds at P = 4, n = 8 it finds here in a second, and again."""
    evidence = gather(PROBLEM, tmp_path)
    assert holds(evidence)
    assert len(evidence["eigenvalues"]) == 15
    before = PROBLEM.residual.matvecs
    again = gather(PROBLEM, tmp_path)
    assert PROBLEM.residual.matvecs == before + 1  # all else came from the folder
    assert again == evidence
    wrong = {name: 2 * gap + 1e-8 for name, gap in evidence["relative_difference"].items()}
    assert not holds(evidence | {"relative_difference": wrong})
    rows = evidence["eigenvalues"]
    assert not holds(evidence | {"eigenvalues": [rows[0] | {"inside": False}, *rows[1:]]})
    assert not holds(evidence | {"eigenvalues": [rows[0] | {"converged": False}, *rows[1:]]})


@pytest.mark.parametrize("name", ["H", "G", "R"])
def test_sign_vectors_see_one_wrong_element(tmp_path, name: str) -> None:
    """Only this catches a comparison on some columns that lets an error elsewhere pass."""
    matrices = {
        "H": np.array(dense_matrix(PROBLEM.hessian).matrix),
        "G": np.array(dense_gauss_newton(PROBLEM).matrix),
        "R": np.array(dense_residual(PROBLEM).matrix),
    }
    assert max(against_autodiff(PROBLEM, matrices, tmp_path).values()) < 1e-12
    size = np.abs(matrices[name]).max()
    matrices[name][57, 13] += 1e-8 * size
    assert against_autodiff(PROBLEM, matrices, tmp_path)[name] > 0.99e-8


def test_bad_requests_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at most D = 50 parameters .* got 96 .*top_eigenpairs"):
        dense_matrix(PROBLEM.hessian, limit=50)
    with pytest.raises(ValueError, match=r"at most D = 50"):
        dense_residual(PROBLEM, limit=50)
    with pytest.raises(ValueError, match="together: expected an integer >= 1"):
        dense_matrix(aslinearoperator(np.eye(3)), together=0)
    other = oracles.mlp_case()
    with pytest.raises(TypeError, match="expected a PatchModel"):
        dense_residual(CurvatureProblem(other.model, other.images, other.labels))


@pytest.mark.slow
def test_a_five_qubit_model_against_autodiff_and_eigh() -> None:
    """P = 4, 60 real images, double precision; for the paper's n = 8 see full_scale_evidence.

    Only this catches intervals that hold for toy spectra and not for a bulk with outliers.
    """
    data, n = load_mnist(), 60
    model = DistributedQNN(4, 1, n_qubits=5, image_side=10, dtype=torch.float64)
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
