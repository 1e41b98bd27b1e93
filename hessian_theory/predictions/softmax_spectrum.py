"""Eigenvalues of (1/N) S^(1/2) (K x 1_C) S^(1/2), S = diag(pi) - pi pi^T of every sample, or 1."""

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from patchlaw.hessian_theory.input_checks import bounded_integer
from patchlaw.hessian_theory.predictions.blas_threads import single_threaded_blas
from patchlaw.hessian_theory.predictions.encoding_rotations import UNIT, Array

_DENSE = 200  # matrices up to this size are diagonalised whole
_FIRST = 32  # eigenvalues that a count asks for first


@dataclass(frozen=True)
class IdentityCurvature:
    """S = 1 of the squared error, in the place of softmax outputs (N, C)."""

    n_samples: int
    n_classes: int

    @property
    def shape(self) -> tuple[int, int]:
        """(N, C)."""
        return self.n_samples, self.n_classes

    def __getitem__(self, samples: NDArray[np.integer[Any]]) -> "IdentityCurvature":
        """Of some samples."""
        return IdentityCurvature(len(samples), self.n_classes)


Outputs: TypeAlias = Array | IdentityCurvature


def curvature_of(outputs: Outputs, n_samples: int) -> Outputs:
    """What S is taken from, of that many samples; errors as ``checked_probabilities``."""
    if not isinstance(outputs, IdentityCurvature):
        return checked_probabilities(outputs, n_samples)
    if outputs.n_samples != n_samples:
        raise ValueError(f"softmax: expected {n_samples} samples, got {outputs.n_samples}")
    return outputs


def curvature_traces(outputs: Outputs) -> NDArray[np.float64]:
    """tr S of every sample, shape (N,): 1 - sum_k pi_k^2, or C."""
    if isinstance(outputs, IdentityCurvature):
        return np.full(outputs.n_samples, float(outputs.n_classes))
    return np.asarray(np.maximum(1 - (outputs * outputs).sum(axis=1), 0))


def checked_probabilities(softmax: Array, n_samples: int) -> NDArray[np.float64]:
    """Softmax outputs pi, shape (N, C), float64.

    Raises:
        ValueError: another shape, rows that are no probabilities.
    """
    pi = np.asarray(softmax, dtype=np.float64)
    if pi.ndim != 2 or len(pi) != n_samples or pi.shape[1] < 2:
        raise ValueError(f"softmax: expected shape ({n_samples}, C) with C >= 2, got {pi.shape}")
    if not ((pi >= 0).all() and (np.abs(pi.sum(axis=1) - 1) <= UNIT).all()):
        raise ValueError("softmax: expected rows of probabilities that sum to 1; apply softmax")
    return pi


class Products(Protocol):
    """A symmetric matrix known by its products."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what it multiplies."""
        ...

    def __matmul__(self, vectors: Any, /) -> Array:
        """K a."""
        ...


def curvature_product(
    kernel: Array | Products,
    pi: Outputs,
    x: NDArray[np.float64],
    weights: Array | None = None,
) -> NDArray[np.float64]:
    """(1/N) L^T (K x 1_C) L x, S = L L^T; vectors (N, C) or, side by side, (N, C, m).

    Arguments as in ``top_eigenvalues``.
    """
    n, _ = pi.shape
    column = (...,) + (None,) * (x.ndim - 2)
    share = np.sqrt(np.ones(n) if weights is None else weights)[:, None][column]
    inside = x
    if not isinstance(pi, IdentityCurvature):
        root = np.sqrt(pi)[column]
        inside = root * x - pi[column] * (root * x).sum(axis=1, keepdims=True)
    inside = share * inside
    seen = (kernel @ inside.reshape(n, -1).astype(kernel.dtype)).astype(np.float64)
    seen = share * seen.reshape(x.shape) / n
    return seen if isinstance(pi, IdentityCurvature) else root_transposed(pi, seen)


def root_transposed(pi: Array, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """L^T x of every sample, L = diag(r) - pi r^T, r = pi^(1/2); shapes as above."""
    column = (...,) + (None,) * (x.ndim - 2)
    root = np.sqrt(pi)[column]
    return np.asarray(root * x - root * (pi[column] * x).sum(axis=1, keepdims=True))


def top_eigenvalues(
    kernel: Array | Products,
    pi: Outputs,
    k: int,
    seed: int,
    tol: float,
    weights: Array | None = None,
) -> NDArray[np.float64]:
    """The k largest, descending; all where k is beyond their number.

    They are those of (1/N) L^T (K x 1_C) L with S = L L^T, L = diag(r) - pi r^T, r = pi^(1/2);
    with weights w, of w_n S_n in place of S_n.

    Args:
        kernel: K (N, N); or, in place of K x 1_C, products with cotangents (N, C).
        pi: softmax outputs (N, C), or what stands for S = 1, each then C times.
        k: how many.
        seed: of the iteration's first vector.
        tol: relative accuracy.
        weights: how many samples each one stands for (N,); None: one.
    """
    bounded_integer("k", k)
    n, c = pi.shape
    if isinstance(pi, IdentityCurvature) and isinstance(kernel, np.ndarray) and c > 1:
        # a Krylov space holds one vector of each eigenspace
        once = top_eigenvalues(kernel, IdentityCurvature(n, 1), -(-k // c), seed, tol, weights)
        return np.repeat(once, c)[:k]

    def product(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return curvature_product(kernel, pi, vectors.reshape(n, c), weights).reshape(-1)

    size = n * c
    with single_threaded_blas():
        if size <= _DENSE or 2 * k >= size:
            dense = np.stack([product(row) for row in np.eye(size)])
            values = np.linalg.eigvalsh((dense + dense.T) / 2)
            return np.asarray(values[::-1][:k], dtype=np.float64)
        # scipy takes a while to import, and ratio laws have no use for it
        from scipy.sparse.linalg import LinearOperator, eigsh

        start = np.random.default_rng(seed).standard_normal(size)
        operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
        values = eigsh(operator, k, which="LA", v0=start, tol=tol, return_eigenvectors=False)
    return np.asarray(np.sort(values)[::-1])


def count_above(
    kernel: Array,
    pi: Outputs,
    threshold: float,
    seed: int,
    weights: Array | None = None,
) -> int:
    """How many lie above a positive threshold.

    Lanczos for ever more of them: with the few dozen that there usually are, one or two passes
    cost less than one diagonalisation of K.

    Raises:
        ValueError: a threshold that is not positive.
    """
    if not threshold > 0:
        raise ValueError(f"threshold: expected a number > 0, got {threshold}")
    k = _FIRST
    while True:
        values = top_eigenvalues(kernel, pi, k, seed, 1e-4, weights)
        if k >= np.prod(pi.shape) or values[-1] <= threshold:
            return int((values > threshold).sum())
        k *= 2
