"""Complex products from three real ones against numpy's own complex arithmetic."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.simulators.fast_engine.buffers import BufferPool
from patchlaw.simulators.fast_engine.complex_products import ComplexMatrix, add_outer, multiply


@given(rows=st.sampled_from([2, 4, 8, 32]), width=st.integers(1, 3), seed=st.integers(0, 2**16))
def test_products_are_those_of_complex_numbers(rows: int, width: int, seed: int) -> None:
    """Catches a swapped sign of an imaginary part, which a real matrix or a norm would hide."""
    rng, m = np.random.default_rng(seed), 16 * width
    parts, states = rng.normal(size=(2, rows, rows)), rng.normal(size=(2, rows, m))
    cotangents = rng.normal(size=(2, rows, m))
    matrix, pool = ComplexMatrix(parts), BufferPool((2, rows, m), np.float64)
    a, s, k = (x[0] + 1j * x[1] for x in (parts, states, cotangents))
    for factor, expected in ((matrix, a), (matrix.adjoint, a.conj().T)):
        out = np.empty_like(states)
        multiply(factor, states, out, pool)
        np.testing.assert_allclose(out[0] + 1j * out[1], expected @ s, atol=1e-12)
    total = np.ones((2, rows, rows))
    add_outer(cotangents, states, total, pool)
    np.testing.assert_allclose(total[0] + 1j * total[1], 1 + 1j + k @ s.conj().T, atol=1e-11)


def test_operands_are_left_as_they_were() -> None:
    rng = np.random.default_rng(0)
    parts, states, cotangents = rng.normal(size=(3, 2, 16, 16))
    before = parts.copy(), states.copy(), cotangents.copy()
    pool = BufferPool((2, 16, 16), np.float64)
    multiply(ComplexMatrix(parts).adjoint, states, np.empty_like(states), pool)
    add_outer(cotangents, states, np.zeros((2, 16, 16)), pool)
    for now, then in zip((parts, states, cotangents), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_single_precision_errs_as_four_products_do() -> None:
    """The difference that gives the imaginary part costs no more than a factor of two."""
    rng = np.random.default_rng(0)
    parts = np.linalg.qr(rng.normal(size=(256, 256)) + 1j * rng.normal(size=(256, 256)))[0]
    states = rng.normal(size=(2, 256, 1024))
    exact = parts @ (states[0] + 1j * states[1])
    single = states.astype(np.float32)
    matrix = ComplexMatrix(np.stack((parts.real, parts.imag)).astype(np.float32))
    out, pool = np.empty_like(single), BufferPool((2, 256, 1024), np.float32)
    multiply(matrix, single, out, pool)
    four = parts.astype(np.complex64) @ (single[0] + 1j * single[1])
    error = np.linalg.norm(out[0] + 1j * out[1] - exact)
    assert error < 2 * np.linalg.norm(four - exact)
    assert error < 1e-6 * np.linalg.norm(exact)
