"""Complex products from three real ones, real and imaginary parts apart.

(A + iB)(S + iT) = (AS - BT) + i ((A + B)(S + T) - AS - BT): 6 real operations a multiply-add in
place of 8, for a few sums over the states. The imaginary part is a difference, so its error is
relative to |A + iB| |S + iT|, as that of a sum over the rows is anyway.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.fast_engine.buffers import BufferPool, Real
from patchlaw.simulators.fast_engine.product_kernels import (
    combine,
    difference_of_parts,
    sum_of_parts,
)


class ComplexMatrix:
    """A + iB as it multiplies states.

    Args:
        parts: A and B, shape (2, r, r).

    Attributes:
        real, imaginary, total: A, B and A + B.
    """

    def __init__(self, parts: Real) -> None:
        self.real, self.imaginary = parts[0], parts[1]
        self.total = parts[0] + parts[1]

    @cached_property
    def adjoint(self) -> "ComplexMatrix":
        """A^T - iB^T."""
        return ComplexMatrix(np.stack((self.real.T, -self.imaginary.T)))


def multiply(matrix: ComplexMatrix, states: Real, out: Real, pool: BufferPool) -> None:
    """Out = matrix @ states, shapes (2, r, m); out is another buffer than states."""
    total, product = scratch = pool.take()
    sum_of_parts(states, total)
    np.matmul(matrix.real, states[0], out=out[0])
    np.matmul(matrix.imaginary, states[1], out=product)
    np.matmul(matrix.total, total, out=out[1])
    combine(product, out)
    pool.give(scratch)


def add_outer(cotangents: Real, states: Real, total: NDArray[np.float64], pool: BufferPool) -> None:
    """Add Λ S^† to (2, r, r): each chunk's product in the states' dtype, the sum in float64.

    With Λ = K + iL and S + iT it is (K S^T + L T^T) + i ((K + L)(S - T)^T - K S^T + L T^T).
    """
    plus, minus = scratch = pool.take()
    sum_of_parts(cotangents, plus)
    difference_of_parts(states, minus)
    real = cotangents[0] @ states[0].T
    imaginary = cotangents[1] @ states[1].T
    total[0] += real
    total[0] += imaginary
    imaginary -= real
    imaginary += plus @ minus.T
    total[1] += imaginary
    pool.give(scratch)
