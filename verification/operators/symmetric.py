"""Real symmetric operators that know their samples, count their products, add up and scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator

from patchlaw.simulators.layout import ParameterLayout
from patchlaw.verification.ranks.ranks import ALONE, Ranks


class SymmetricOperator(LinearOperator):
    """A real symmetric matrix A known by its products A V, as a scipy LinearOperator.

    ``A + B``, ``A - B``, ``-A``, ``2 * A`` and ``A / 2`` of such operators are such operators.

    Args:
        dtype: real floating dtype of the products.
        size: D.
        n_samples: samples behind the matrix; None if there are none.
        ranks: who share these.

    Attributes:
        n_samples, ranks: as given.
        matvecs: number of vectors multiplied so far.
        caveats: what is not known of the products, one short sentence each; none as a rule.
    """

    def __init__(
        self,
        dtype: np.dtype[np.floating],
        size: int,
        n_samples: int | None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.n_samples, self.ranks = n_samples, ranks
        self.matvecs = 0
        super().__init__(np.dtype(dtype), (size, size))

    @property
    def caveats(self) -> tuple[str, ...]:
        """None, unless a subclass has some or passes on those of its parts."""
        return ()

    @property
    def layout(self) -> ParameterLayout | None:
        """Names of the parameters behind rows and columns; None if they have none."""
        return None

    def identity(self) -> dict[str, Any]:
        """What the matrix is, as JSON: equal for equal matrices only. Checkpoints hold it.

        Raises:
            NotImplementedError: the operator has no such description.
        """
        raise NotImplementedError(f"{type(self).__name__} does not describe its matrix")

    def product(self, vectors: NDArray[np.floating]) -> NDArray[np.floating]:
        """A V of checked vectors (D, m); what a subclass provides."""
        raise NotImplementedError

    def matvec(self, x: ArrayLike) -> NDArray[np.floating]:
        """A v for one vector, shape (D,) or (D, 1)."""
        return np.asarray(super().matvec(self._check_vectors(x, (1, 2))))

    def matmat(self, X: ArrayLike) -> NDArray[np.floating]:
        """A V for m vectors as columns, shape (D, m), in one pass over the data."""
        return np.asarray(super().matmat(self._check_vectors(X, (2,))))

    def _matmat(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        vectors = np.asarray(X)
        result = self.product(vectors)
        self.matvecs += vectors.shape[1]
        return result.astype(self.dtype, copy=False)

    def _matvec(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        return self._matmat(np.reshape(x, (-1, 1)))[:, 0]

    def _adjoint(self) -> LinearOperator:
        return self

    def _check_vectors(self, vectors: ArrayLike, ndims: tuple[int, ...]) -> NDArray[np.floating]:
        array = np.asarray(vectors)
        if array.ndim not in ndims or len(array) != self.shape[1]:
            wanted = " or ".join(("(D,)", "(D, m)")[n - 1] for n in ndims)
            raise ValueError(
                f"vectors: expected shape {wanted} with D = {self.shape[1]}, the operator's "
                f"number of parameters, got {array.shape}"
            )
        if np.iscomplexobj(array) or not np.isfinite(array).all():
            raise ValueError("vectors: expected finite real entries, got NaN, infinity or complex")
        return array

    def __add__(self, other: object) -> LinearOperator:
        """A + B."""
        if isinstance(other, SymmetricOperator):
            return LinearCombination([(1.0, self), (1.0, other)])
        return super().__add__(other)

    def __sub__(self, other: object) -> LinearOperator:
        """A - B."""
        if isinstance(other, SymmetricOperator):
            return LinearCombination([(1.0, self), (-1.0, other)])
        return super().__sub__(other)

    def __neg__(self) -> LinearOperator:
        """-A."""
        return LinearCombination([(-1.0, self)])

    def __mul__(self, other: object) -> LinearOperator:
        """A c for a number c; products with vectors are written ``A @ v``."""
        if isinstance(other, int | float | np.number):
            return LinearCombination([(float(other), self)])
        return super().__mul__(other)

    def __truediv__(self, other: object) -> LinearOperator:
        """A / c for a number c."""
        if isinstance(other, int | float | np.number):
            return LinearCombination([(1 / float(other), self)])
        return super().__truediv__(other)

    def __rmul__(self, other: object) -> LinearOperator:
        """C A for a number c."""
        if isinstance(other, int | float | np.number):
            return LinearCombination([(float(other), self)])
        return super().__rmul__(other)


class LinearCombination(SymmetricOperator):
    """sum_i c_i A_i of symmetric operators of one size, such as H - s G.

    A product costs one product with every term, each of which counts its own.

    Args:
        terms: (c_i, A_i) pairs; terms that are combinations themselves are multiplied out.

    Attributes:
        terms: the pairs.
        n_samples: that of the terms; None if they differ.

    Raises:
        ValueError: no terms, operators of different sizes, a coefficient that is not finite.
    """

    def __init__(self, terms: Sequence[tuple[float, SymmetricOperator]]) -> None:
        flat: list[tuple[float, SymmetricOperator]] = []
        for coefficient, op in terms:
            if not math.isfinite(coefficient):
                raise ValueError(f"coefficient: expected a finite number, got {coefficient}")
            inner: Sequence[tuple[float, SymmetricOperator]] = [(1.0, op)]
            if isinstance(op, LinearCombination):
                inner = op.terms
            flat += [(coefficient * c, a) for c, a in inner]
        sizes = sorted({op.shape[0] for _, op in flat})
        if len(sizes) != 1:
            raise ValueError(f"terms: expected operators of one size, got {sizes or 'none'}")
        self.terms: tuple[tuple[float, SymmetricOperator], ...] = tuple(flat)
        samples = {op.n_samples for _, op in flat}
        super().__init__(
            np.result_type(*[op.dtype for _, op in flat]),
            sizes[0],
            samples.pop() if len(samples) == 1 else None,
            next((op.ranks for _, op in flat if op.ranks is not ALONE), ALONE),
        )

    def identity(self) -> dict[str, Any]:
        """Coefficients and terms."""
        return {"sum": [[c, op.identity()] for c, op in self.terms]}

    @property
    def layout(self) -> ParameterLayout | None:
        """The terms', if it is one."""
        found = {op.layout for _, op in self.terms}
        return found.pop() if len(found) == 1 else None

    @property
    def caveats(self) -> tuple[str, ...]:
        """The terms', each once."""
        return union_of_caveats(op for _, op in self.terms)

    def product(self, vectors: NDArray[np.floating]) -> NDArray[np.floating]:
        """Sum of the terms' products, in float64."""
        total = np.zeros(vectors.shape)
        for coefficient, op in self.terms:
            total += coefficient * op.matmat(vectors)
        return total


def union_of_caveats(parts: Iterable[object]) -> tuple[str, ...]:
    """Those of operators or results in their order, each once; what is of another make has none."""
    said = (caveat for part in parts for caveat in getattr(part, "caveats", ()))
    return tuple(dict.fromkeys(said))
