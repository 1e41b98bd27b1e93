"""Numba kernels for the sums around complex products; states (2, rows, m), m a multiple of 16."""

from patchlaw.simulators.fast_engine.simd import LANES, kernel, load, store


@kernel
def sum_of_parts(states, total):
    """Write S + T of S + iT to total (rows, m)."""
    size = total.size
    for k in range(0, size, LANES):
        store(total, k, load(states, k) + load(states, size + k))


@kernel
def difference_of_parts(states, difference):
    """Write S - T of S + iT to difference (rows, m)."""
    size = difference.size
    for k in range(0, size, LANES):
        store(difference, k, load(states, k) - load(states, size + k))


@kernel
def combine(product, states):
    """From (U, W) to (U - V, W - U - V) in place, V being product (rows, m)."""
    size = product.size
    for k in range(0, size, LANES):
        u, v = load(states, k), load(product, k)
        store(states, k, u - v)
        store(states, size + k, load(states, size + k) - u - v)
