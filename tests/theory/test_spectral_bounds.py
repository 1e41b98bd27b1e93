"""Bounds from a few numbers: against eigenvalues, where they are attained, and what breaks them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from patchlaw.hessian_theory.predictions.spectral_bounds import (
    LawBounds,
    deflated_bound,
    law_bounds,
    row_sum_bound,
    trace_frobenius_bound,
    two_block_bound,
)
from tests.strategies import examples

VALUES = hnp.arrays(np.float64, st.integers(1, 6), elements=st.floats(0, 100).map(lambda x: x + 1))


def law_matrix(kernel: np.ndarray, pi: np.ndarray, factor: float) -> np.ndarray:
    """The law's G in the output space, entry by entry, with the symmetric root of every S."""
    roots = []
    for row in pi:
        values, vectors = np.linalg.eigh(np.diag(row) - np.outer(row, row))
        roots.append(vectors * np.sqrt(values.clip(0)) @ vectors.T)
    blocks = [
        [kernel[n, m] * first @ second for m, second in enumerate(roots)]
        for n, first in enumerate(roots)
    ]
    return factor * np.block(blocks) / len(pi)


def drawn_law(seed: int, n: int, c: int) -> tuple[np.ndarray, np.ndarray]:
    """A semi-definite kernel with entries of both signs, and softmax outputs, some saturated."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((n, 3)) + 1
    logits = 3 * rng.standard_normal((n, c))
    pi = np.exp(logits - logits.max(axis=1, keepdims=True))
    return factor @ factor.T + np.eye(n), pi / pi.sum(axis=1, keepdims=True)


@given(st.integers(0, 2**16), st.integers(2, 6), st.integers(2, 4))
@examples(15)
def test_law_is_between_its_bounds(seed, n, c):
    """Every bound on its own side; trace and norm are exact. Only this catches a lost N or S."""
    kernel, pi = drawn_law(seed, n, c)
    whole = law_matrix(kernel, pi, 3.0)
    top = np.linalg.eigvalsh(whole)[-1]
    found = law_bounds(kernel, pi, 3.0)
    assert found.trace == pytest.approx(np.trace(whole), rel=1e-9)
    assert found.frobenius == pytest.approx(np.linalg.norm(whole), rel=1e-9)
    low = top * (1 - 1e-9)
    assert low <= min(found.trace_frobenius, found.row_sums, found.deflated, found.two_blocks)
    assert found.output_ritz <= found.ritz[0] * (1 + 1e-9)
    assert found.ritz[0] * (1 - 1e-9) <= top
    assert found.lower * (1 - 1e-9) <= top * (1 + 1e-9) <= found.upper * (1 + 1e-8)
    assert found.deflated <= found.frobenius * (1 + 1e-12)


def test_alike_images_leave_no_gap():
    """One image over and over: the class directions are all there is, all bounds but tr G close."""
    kernel, pi = np.ones((5, 5)), np.tile([0.5, 0.3, 0.2], (5, 1))
    found = law_bounds(kernel, pi)
    top = np.linalg.eigvalsh(np.diag(pi[0]) - np.outer(pi[0], pi[0]))[-1]
    assert isinstance(found, LawBounds)
    tight = (found.output_ritz, found.ritz[0], found.deflated, found.two_blocks)
    assert tight == pytest.approx([top] * 4, rel=1e-6)


def test_saturated_softmax_leaves_nothing():
    found = law_bounds(np.eye(3), np.eye(3))
    assert (found.lower, found.upper) == (0.0, 0.0)


def test_indefinite_kernel_is_refused_and_would_break_the_bounds():
    """lambda_max <= tr K does not hold without K >= 0: the premise is needed, and asked for."""
    kernel, pi = np.array([[0.1, 1.0], [1.0, 0.1]]), np.full((2, 2), 0.5)
    whole = law_matrix(kernel, pi, 1.0)
    assert np.linalg.eigvalsh(whole)[-1] > np.trace(whole)
    with pytest.raises(ValueError, match="positive semi-definite"):
        law_bounds(-np.eye(2), pi)
    pi = np.array([[0.9, 0.1], [0.1, 0.9]])
    with pytest.raises(ValueError, match="kernel: expected a positive semi-definite matrix"):
        law_bounds(np.array([[0.1, -1.0], [-1.0, 0.1]]), pi)


@given(VALUES)
@examples(20)
def test_trace_and_norm_bound_the_largest(values):
    found = trace_frobenius_bound(values.sum(), np.linalg.norm(values), len(values))
    assert values.max() * (1 - 1e-9) <= found <= np.linalg.norm(values) * (1 + 1e-9)


def test_trace_and_norm_bound_is_attained_by_equal_others():
    """One large and four equal ones: only the exact prefactors give 7."""
    values = np.array([7.0, 2, 2, 2, 2])
    assert trace_frobenius_bound(15.0, float(np.linalg.norm(values)), 5) == pytest.approx(7.0)
    # a rank that is too small gives a number below 7, and is refused where it can be seen
    assert trace_frobenius_bound(15.0, float(np.linalg.norm(values)), 4) < 7
    with pytest.raises(ValueError, match="rank: expected at least"):
        trace_frobenius_bound(15.0, float(np.linalg.norm(values)), 3)


@given(VALUES, st.integers(0, 2**16), st.integers(1, 6))
@examples(20)
def test_deflated_and_two_block_bounds_hold_for_any_subspace(values, seed, count):
    """Against a matrix with these eigenvalues; the deflated one closes once V holds the others."""
    rng = np.random.default_rng(seed)
    size = len(values)
    turn = np.linalg.qr(rng.standard_normal((size, size)))[0]
    matrix = turn * values @ turn.T
    basis = np.linalg.qr(rng.standard_normal((size, min(count, size))))[0]
    image = matrix @ basis
    ritz = np.linalg.eigvalsh(basis.T @ image)
    top, norm = values.max(), float(np.linalg.norm(values))
    assert top * (1 - 1e-9) <= deflated_bound(norm, ritz) <= norm * (1 + 1e-9)
    assert deflated_bound(norm, values) == pytest.approx(top, rel=1e-6)
    out = np.eye(size) - basis @ basis.T
    coupling = float(np.linalg.norm(out @ image, 2))
    tail = float(np.linalg.eigvalsh(out @ matrix @ out)[-1])
    assert two_block_bound(float(ritz[-1]), coupling, tail) >= top * (1 - 1e-9)


def test_two_blocks_need_their_coupling():
    """[[1, .9], [.9, 1]] along e_1: 1.9 with the coupling, and a false 1 without."""
    assert two_block_bound(1.0, 0.9, 1.0) == pytest.approx(1.9)
    assert two_block_bound(1.0, 0.0, 1.0) == 1.0


@given(hnp.arrays(np.float64, (4, 4), elements=st.floats(-9, 9)))
@examples(20)
def test_row_sums_bound_the_norm_and_find_the_perron_root(entries):
    """Between the norm and the plain row sum; of a non-negative matrix near its Perron root."""
    matrix = entries + entries.T
    found = row_sum_bound(np.abs(matrix))
    norm = np.linalg.norm(matrix, 2)
    assert norm * (1 - 1e-9) <= found <= np.abs(matrix).sum(axis=1).max() * (1 + 1e-12)
    positive = np.abs(matrix) + 1
    assert row_sum_bound(positive) == pytest.approx(np.linalg.eigvalsh(positive)[-1], rel=1e-2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: row_sum_bound([[1.0, 2.0]]), "norms: expected a square matrix"),
        (lambda: row_sum_bound([[1.0, -2.0], [-2.0, 1.0]]), "norms: expected finite numbers >= 0"),
        (lambda: row_sum_bound([[1.0, 2.0], [0.0, 1.0]]), "norms: expected a symmetric matrix"),
        (lambda: deflated_bound(2.0, [1.0, -1.0]), "ritz: expected Ritz values >= 0"),
        (lambda: deflated_bound(1.0, [1.0, 1.0]), "they belong to another matrix"),
        (lambda: law_bounds(np.eye(3), np.full((2, 2), 0.5)), "expected \\(N, N\\) and \\(N, C\\)"),
        (lambda: law_bounds(np.eye(2), np.ones((2, 2))), "softmax: expected rows"),
        (lambda: law_bounds(np.full((2, 2), np.nan), np.full((2, 2), 0.5)), "finite numbers"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
