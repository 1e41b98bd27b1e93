"""A square sub-block of a symmetric operator: some of the parameters, the others held fixed."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator


class RestrictedOperator(LinearOperator):
    """B = E^T A E, E the columns of the identity named by ``indices``: rows and columns of A.

    A product costs one product with A. For one patch's block PatchBlockModel is cheaper.

    Args:
        op: symmetric operator (D, D).
        indices: shape (d,), distinct parameters in [0, D).

    Attributes:
        n_samples: that of ``op``, if it has one.

    Raises:
        ValueError: no indices, repeated ones, or out of range.
    """

    def __init__(self, op: LinearOperator, indices: ArrayLike) -> None:
        chosen = np.asarray(indices)
        size = op.shape[0]
        if chosen.ndim != 1 or not 0 < len(chosen) == len(np.unique(chosen)):
            raise ValueError("indices: expected distinct parameters, shape (d,) with d >= 1")
        if chosen.dtype.kind not in "iu" or chosen.min() < 0 or chosen.max() >= size:
            raise ValueError(f"indices: expected integers from 0 to {size - 1}")
        self.op = op
        self.indices = chosen
        self.n_samples = getattr(op, "n_samples", None)
        super().__init__(op.dtype, (len(chosen), len(chosen)))

    def _matmat(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        padded = np.zeros((self.op.shape[0], X.shape[1]), dtype=X.dtype)
        padded[self.indices] = X
        product: NDArray[np.floating] = self.op.matmat(padded)
        return np.asarray(product[self.indices])

    def _matvec(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        return self._matmat(np.reshape(x, (-1, 1)))[:, 0]

    def _adjoint(self) -> LinearOperator:
        return self
