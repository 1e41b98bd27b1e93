"""Block spectra, alignment and shares against numpy on dense matrices, and outlier counts."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.solvers import (
    Alignment,
    VectorShares,
    block_spectra,
    outliers_above_bulk,
    outliers_by_gap,
    spectral_density,
    top_eigenpairs,
)
from tests.verification import curvature_cases as oracles
from tests.verification.curvature_cases import qnn_case

CASE = qnn_case()
PROBLEM = CurvatureProblem(CASE.model, CASE.images, CASE.labels)


def test_block_spectra_agree_with_numpy(tmp_path) -> None:
    """Only this catches a block of the wrong matrix, or an alignment of G with the bias in it."""
    result = block_spectra(PROBLEM, k=2, tol=1e-8, checkpoint=tmp_path)
    assert result.converged
    g = oracles.dense_gauss_newton(CASE)
    r = oracles.dense_hessian(CASE) - g
    layout = PROBLEM.layout

    def top(matrix: np.ndarray, indices: np.ndarray) -> np.ndarray:
        return np.linalg.eigvalsh(matrix[np.ix_(indices, indices)])[::-1][:2]

    for p in range(4):
        for name, matrix in (("G", g), ("R", r)):
            found = result.parts[f"{name}-{p}"].values
            np.testing.assert_allclose(found, top(matrix, layout.patch(p)), atol=1e-7)
    for name, matrix, indices in (
        ("G-bias", g, layout.shared),
        ("R-bias", r, layout.shared),
        ("G-angles", g, layout.own),
    ):
        found = result.parts[name].values
        np.testing.assert_allclose(found, top(matrix, indices), atol=1e-7)
    values, vectors = np.linalg.eigh(g)
    np.testing.assert_allclose(result.parts["G"].values, values[::-1][:2], atol=1e-7)
    squares = vectors[:, -1] ** 2
    np.testing.assert_allclose(result.shares.patches, squares[:80].reshape(4, 20).sum(axis=1))
    assert result.shares.bias == pytest.approx(squares[80:].sum())
    sums = sum(top(g, layout.patch(p))[0] for p in range(4))
    assert result.alignment.value == pytest.approx(top(g, layout.own)[0] / sums)
    assert result.alignment.low <= result.alignment.value <= result.alignment.high
    assert {"G", "G-angles", "G-bias", "G-3", "R-0"} <= {p.name for p in tmp_path.iterdir()}


def test_block_spectra_killed_between_two_matrices_go_on(tmp_path) -> None:
    """Only this catches checkpoints of two blocks in one folder, or a block solved anew."""
    whole = block_spectra(PROBLEM, tol=1e-8, checkpoint=tmp_path)
    for name in ("G-3", "R-3"):  # as if the run had ended before the last patch
        shutil.rmtree(tmp_path / name)
    again = block_spectra(PROBLEM, tol=1e-8, checkpoint=tmp_path)
    assert list(again.parts) == list(whole.parts)
    for name, found in again.parts.items():
        np.testing.assert_array_equal(found.values, whole.parts[name].values)
        assert (found.replayed == 0) == (name in ("G-3", "R-3"))
    # three probes, one residual
    assert again.parts["G"].replayed == whole.parts["G"].matvecs - 4
    assert again.alignment == whole.alignment


def test_more_pairs_than_a_block_has_are_refused() -> None:
    with pytest.raises(ValueError, match="k: expected an integer from 1 to D = 16, got 17"):
        block_spectra(PROBLEM, k=17)


def test_alignment_refuses_what_it_cannot_use() -> None:
    high = top_eigenpairs(aslinearoperator(np.diag(np.arange(1.0, 6))), k=1)
    low = top_eigenpairs(aslinearoperator(np.diag(np.arange(1.0, 6))), k=1, which="SA")
    zero = top_eigenpairs(aslinearoperator(np.zeros((5, 5))), k=1)
    with pytest.raises(ValueError, match="expected largest eigenpairs"):
        Alignment.of(high, [low])
    with pytest.raises(ValueError, match="expected the eigenvalue of one block"):
        Alignment.of(high, [])
    with pytest.raises(ValueError, match="expected a positive sum"):
        Alignment.of(high, [zero])


def test_shares_refuse_other_vectors() -> None:
    for vector in (np.ones(95), np.zeros(96)):
        with pytest.raises(ValueError, match=r"expected shape \(96,\) and not zero"):
            VectorShares.of(vector, PROBLEM.layout)


@given(
    bulk=st.integers(30, 200),
    outliers=st.lists(st.floats(5, 50), min_size=0, max_size=6),
)
def test_planted_outliers_are_counted(bulk: int, outliers: list[float]) -> None:
    """Bulk in [0, 1], outliers above 5: only this catches a count by position or by eye."""
    op = aslinearoperator(np.diag(np.concatenate([np.linspace(0, 1, bulk), outliers])))
    pairs = top_eigenpairs(op, k=10, tol=1e-8)
    density = spectral_density(op, n_probes=6, n_steps=min(30, bulk), seed=1)
    above = outliers_above_bulk(pairs, density, width=0.1)
    assert above.count == above.low == above.high == len(outliers)
    assert 0.9 <= above.edge <= 1.6
    assert "at least 2 eigenvalues a Gaussian of width 0.1" in above.rule
    if outliers and max(outliers) < 2.9 * min(outliers) and bulk > 100:
        by_gap = outliers_by_gap(pairs, min_ratio=3.0)
        assert by_gap.count == len(outliers)
        assert by_gap.decided


def test_undecided_counts_say_so() -> None:
    op = aslinearoperator(np.diag(np.concatenate([np.linspace(0, 1, 300), [8.0, 9.0]])))
    density = spectral_density(op, n_probes=4, n_steps=40)
    few = outliers_above_bulk(top_eigenpairs(op, k=2, tol=1e-8), density, width=0.1)
    assert (few.count, few.low, few.high, few.decided) == (2, 2, None, False)
    rough = top_eigenpairs(op, k=5, tol=1e-12, max_matvecs=14)
    assert not rough.converged.all()
    count = outliers_above_bulk(rough, density, width=0.1)
    assert count.low == int((rough.converged & (rough.values > 2)).sum())
    assert not count.decided
    with pytest.raises(ValueError, match="expected converged ones"):
        outliers_by_gap(rough)


def test_no_gap_no_outliers() -> None:
    pairs = top_eigenpairs(aslinearoperator(np.diag(np.linspace(1, 2, 50))), k=5)
    result = outliers_by_gap(pairs)
    assert (result.count, result.low, result.high) == (0, 0, 0)
    negative = top_eigenpairs(aslinearoperator(np.diag(np.linspace(-2, -1, 50))), k=5)
    assert outliers_by_gap(negative).count == 0


def test_a_value_that_may_be_negative_ends_the_positive_ones() -> None:
    """Its residual is the largest; only this catches the next one counted in its place."""
    pairs = top_eigenpairs(aslinearoperator(np.diag([9.0, 8.0, 3.0, 1.0])), k=4)
    rough = replace(pairs, residual_norms=np.array([0.1, 0.1, 3.5, 0.1]))
    found = outliers_by_gap(rough)
    assert "among the 2 positive of the 4 largest" in found.rule
    assert found.low <= found.count


def test_no_place_dense_enough_has_no_bulk() -> None:
    """Eigenvalues that all stand alone: the edge is the density's maximum, and nothing is sure."""
    op = aslinearoperator(np.diag(np.arange(0.0, 90.0, 10.0)))
    pairs = top_eigenpairs(op, k=3, tol=1e-8)
    density = spectral_density(op, n_probes=4, n_steps=9)
    found = outliers_above_bulk(pairs, density, level=5.0, width=0.1)
    assert found.edge == pytest.approx(density.nodes.ravel()[density.nodes.argmax()], abs=81)
    assert found.low <= found.count <= 3


def test_bad_requests_are_refused() -> None:
    op = aslinearoperator(np.diag(np.arange(1.0, 21)))
    top, low = top_eigenpairs(op, k=3), top_eigenpairs(op, k=3, which="SA")
    density = spectral_density(op, n_steps=10)
    smaller = spectral_density(aslinearoperator(np.eye(5)), n_steps=2)
    with pytest.raises(ValueError, match=r"expected the largest \('LA'\), got 'SA'"):
        outliers_by_gap(low)
    with pytest.raises(ValueError, match="min_ratio: expected a number > 1, got 1"):
        outliers_by_gap(top, min_ratio=1)
    with pytest.raises(ValueError, match="at least two, got one"):
        outliers_by_gap(top_eigenpairs(op, k=1))
    with pytest.raises(ValueError, match="expected one of the eigenpairs' operator, D = 20, got"):
        outliers_above_bulk(top, smaller)
    with pytest.raises(ValueError, match="level: expected"):
        outliers_above_bulk(top, density, level=1.0)
    with pytest.raises(ValueError, match="width: expected a number > 0"):
        outliers_above_bulk(top, density, width=0.0)
