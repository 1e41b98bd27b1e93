"""A few samples in place of many: drawn without bias, and weighed as copies would be."""

import numpy as np
import pytest

from patchlaw.hessian_theory.predictions import TangentKernel, trace_sample
from tests.theory.test_tangent_kernel import small_kernel


def outputs(rng: np.random.Generator, n: int, spread: float = 15.0) -> np.ndarray:
    """Softmax outputs as at a minimum: a few samples carry the trace of S."""
    logits = rng.standard_normal((n, 3)) + spread * rng.random((n, 1)) * [1, 0, 0]
    pi = np.exp(logits * 2)
    return pi / pi.sum(axis=1, keepdims=True)


def test_means_over_the_drawn_are_without_bias():
    """Catches a chance that is not the one of the draw: weights of 1, or certain samples lost."""
    rng = np.random.default_rng(0)
    pi, values = outputs(rng, 60), rng.standard_normal(60)
    traces = 1 - (pi * pi).sum(axis=1)
    found, always = [], np.ones(60, dtype=bool)
    for _ in range(3000):
        drawn, weights = trace_sample(pi, 20, rng)
        assert abs(len(drawn) - 20) <= 1
        always &= np.isin(np.arange(60), drawn)
        found.append((weights * traces[drawn] * values[drawn]).mean())
    exact = (traces * values).mean()
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - exact) < 4 * error
    assert 0 < always.sum() < 20


def test_a_weight_counts_copies():
    """Catches weights applied twice or not at all, in the spectrum, trace, blocks and counts."""
    kernel, rng = small_kernel(5, samples=4), np.random.default_rng(5)
    pi = outputs(rng, 4)
    copies = np.array([0, 0, 0, 1, 2, 2, 3])
    many = kernel.subset(copies)
    weights = np.array([3.0, 1.0, 2.0, 1.0])
    few = TangentKernel(
        kernel.encodings, kernel.n_free, kernel.output_scale, kernel.group, weights * 4 / 7
    )
    np.testing.assert_allclose(few.spectrum(pi, 5), many.spectrum(pi[copies], 5), rtol=1e-10)
    np.testing.assert_allclose(few.patch_tops(pi), many.patch_tops(pi[copies]), rtol=1e-10)
    assert few.trace(pi) == pytest.approx(many.trace(pi[copies]), rel=1e-12)
    threshold = 0.3 * few.spectrum(pi, 1)[0]
    assert few.n_outliers(pi, threshold) == many.n_outliers(pi[copies], threshold)
    part = few.subset(np.array([1, 2]))
    np.testing.assert_array_equal(part.weights, few.weights[[1, 2]])


def test_refusals():
    """All samples come back once where there are no more; saturated ones cannot be drawn."""
    pi = outputs(np.random.default_rng(1), 5)
    drawn, weights = trace_sample(pi, 9, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, np.arange(5))
    np.testing.assert_array_equal(weights, np.ones(5))
    with pytest.raises(ValueError, match="at least 3 samples with tr S > 0, got 2"):
        trace_sample(np.vstack([pi[:2], np.eye(3)]), 3, np.random.default_rng(0))
    kernel = small_kernel(1)
    for bad in (np.ones(3), np.array([1.0, 1.0, 0.0, 1.0])):
        with pytest.raises(ValueError, match="weights: expected 4 numbers > 0"):
            TangentKernel(kernel.encodings, 7, weights=bad)
