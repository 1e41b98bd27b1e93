"""Sub-blocks of a symmetric operator: some of the parameters, the others held fixed."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator

from patchlaw.verification.operators.symmetric import SymmetricOperator, union_of_caveats
from patchlaw.verification.ranks.ranks import ALONE


class RestrictedOperator(SymmetricOperator):
    """B = E^T A E, E the columns of the identity named by ``indices``: a principal submatrix.

    ``RestrictedOperator(H, "angles[2]")`` is the block of a parameter, a layer, a patch or of what
    all patches have or share (see ParameterLayout); ``layout.pair(p, q)`` is the symmetric 2 x 2
    arrangement of two patches' blocks. One block off the diagonal is a CrossBlockOperator.
    A product costs one product with A; for one patch's block ``CurvatureProblem.blocks()`` is
    cheaper.

    Args:
        op: symmetric operator (D, D).
        indices: shape (d,), distinct parameters in [0, D); or a selection by name.

    Attributes:
        op: A.
        indices: as integers.
        n_samples: that of ``op``, if it has one.

    Raises:
        ValueError: no indices, repeated ones, or out of range; nothing of that name.
        TypeError: a name, and an operator without names.
    """

    def __init__(self, op: LinearOperator, indices: ArrayLike | str) -> None:
        self.op = op
        if isinstance(indices, str):
            layout = getattr(op, "layout", None)
            if layout is None:
                raise TypeError(
                    "indices: expected integers for an operator that does not know its parameters' "
                    f"names, got {indices!r}; use ParameterLayout.indices"
                )
            indices = layout.indices(indices)
        self.indices = check_indices("indices", indices, op.shape[0])
        samples, ranks = getattr(op, "n_samples", None), getattr(op, "ranks", ALONE)
        super().__init__(op.dtype, len(self.indices), samples, ranks)

    def identity(self) -> dict[str, Any]:
        """The whole operator, and a hash of the indices."""
        if not isinstance(self.op, SymmetricOperator):
            return super().identity()
        digest = hashlib.sha256(np.asarray(self.indices, dtype="<i8").tobytes()).hexdigest()
        return {"restriction": self.op.identity(), "indices": digest}

    @property
    def caveats(self) -> tuple[str, ...]:
        """The whole operator's."""
        return union_of_caveats([self.op])

    def product(self, vectors: NDArray[np.floating]) -> NDArray[np.floating]:
        """E^T A (E V)."""
        return np.asarray(_padded_product(self.op, self.indices, vectors)[self.indices])


class CrossBlockOperator(LinearOperator):
    """B = E_r^T A E_c: the rectangular block of the rows r and columns c of a symmetric A.

    For two patches p and q it is H_pq, zero in R and not in G.

    Args:
        op: symmetric operator (D, D).
        rows: shape (m,), distinct parameters in [0, D).
        columns: shape (n,), distinct parameters in [0, D).

    Attributes:
        shape: (m, n).
        n_samples: that of ``op``, if it has one.
        caveats: those of ``op``.

    Raises:
        ValueError: no indices, repeated ones, or out of range.
    """

    def __init__(self, op: LinearOperator, rows: ArrayLike, columns: ArrayLike) -> None:
        self.op = op
        self.rows = check_indices("rows", rows, op.shape[0])
        self.columns = check_indices("columns", columns, op.shape[0])
        self.n_samples = getattr(op, "n_samples", None)
        super().__init__(op.dtype, (len(self.rows), len(self.columns)))

    @property
    def caveats(self) -> tuple[str, ...]:
        """The whole operator's."""
        return union_of_caveats([self.op])

    def _matmat(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.asarray(_padded_product(self.op, self.columns, X)[self.rows])

    def _adjoint(self) -> LinearOperator:
        return CrossBlockOperator(self.op, self.columns, self.rows)


def check_indices(name: str, indices: ArrayLike, size: int) -> NDArray[np.integer]:
    """Indices as an array (d,).

    Raises:
        ValueError: none, repeated, or not integers in [0, size).
    """
    chosen = np.asarray(indices)
    if chosen.ndim != 1 or not 0 < len(chosen) == len(np.unique(chosen)):
        raise ValueError(f"{name}: expected distinct parameters, shape (d,) with d >= 1")
    if chosen.dtype.kind not in "iu" or chosen.min() < 0 or chosen.max() >= size:
        raise ValueError(f"{name}: expected integers from 0 to {size - 1}")
    return chosen


def _padded_product(
    op: LinearOperator, indices: NDArray[np.integer], vectors: NDArray[np.floating]
) -> NDArray[np.floating]:
    padded = np.zeros((op.shape[0], vectors.shape[1]), dtype=vectors.dtype)
    padded[indices] = vectors
    product: NDArray[np.floating] = np.asarray(op.matmat(padded))
    return product
