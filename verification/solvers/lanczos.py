"""Extreme eigenpairs by implicitly restarted Lanczos (ARPACK through scipy's eigsh)."""

import time
from collections import deque
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from verification.solvers.result import EigenResult

Which: TypeAlias = Literal["LA", "SA"]

# Ours: a well-separated top eigenvalue of these Hessians needs 20 to 60 products.
DEFAULT_MAX_MATVECS = 1000

# Ours: ARPACK looks for convergence only once its subspace is full, and the top eigenvalue of
# these Hessians stands far enough above the bulk for 12 vectors (scipy's own minimum is 20).
_MIN_SUBSPACE = 12


class _BudgetSpentError(Exception):
    """More products were asked for than ``max_matvecs`` allows."""


class _Recorder(LinearOperator):
    """The operator in float64, counting its products and remembering the latest ones.

    ARPACK then iterates in double precision whatever the dtype of the products, and a run that
    is cut short still has the vectors from which the best Ritz pairs can be read.
    """

    def __init__(self, op: LinearOperator, budget: int, memory: int) -> None:
        super().__init__(np.dtype(np.float64), op.shape)
        self.op = op
        self.budget = budget
        self.count = 0
        self.pairs: deque[tuple[NDArray[np.float64], NDArray[np.float64]]] = deque(maxlen=memory)

    def _matvec(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.count >= self.budget:
            raise _BudgetSpentError
        vector = np.array(x, dtype=np.float64).reshape(-1)
        product = np.asarray(self.op.matvec(vector.astype(self.op.dtype)), dtype=np.float64)
        self.count += 1
        self.pairs.append((vector, product))
        return product

    def ritz_vectors(self, k: int, which: Which, rng: np.random.Generator) -> NDArray[np.float64]:
        """Best k vectors in the span of the remembered ones: Rayleigh-Ritz without new products.

        Where they span fewer than k dimensions (the start vector lay in a small invariant
        subspace, or H is zero), random orthogonal directions fill up; the check that follows
        judges them like the others.
        """
        basis = np.stack([v for v, _ in self.pairs], axis=1)
        images = np.stack([hv for _, hv in self.pairs], axis=1)
        left, singular, right = np.linalg.svd(basis, full_matrices=False)
        keep = singular > 1e-6 * singular[0]  # vectors of successive restarts may nearly coincide
        orthonormal = left[:, keep]
        projected = orthonormal.T @ (images @ (right[keep].T / singular[keep]))
        _, small = np.linalg.eigh((projected + projected.T) / 2)
        ritz = orthonormal @ (small[:, ::-1] if which == "LA" else small)
        padding = rng.standard_normal((len(ritz), max(0, k - ritz.shape[1])))
        return np.asarray(np.linalg.qr(np.hstack([ritz[:, :k], padding]))[0])


def top_eigenpairs(
    op: LinearOperator,
    k: int = 3,
    which: Which = "LA",
    tol: float = 1e-4,
    seed: int = 0,
    max_matvecs: int = DEFAULT_MAX_MATVECS,
) -> EigenResult:
    """The k largest ("LA") or smallest ("SA") eigenpairs of a real symmetric operator.

    Lanczos runs in float64 from a seeded Gaussian start vector until ARPACK accepts the pairs or
    ``max_matvecs`` products are spent. Whichever it was, the residuals are then computed again
    from k fresh products, and ``converged`` is judged on those against tol * max |values|.
    A run cut short returns the best Ritz pairs it has, marked as not converged.

    Args:
        op: real symmetric LinearOperator, shape (D, D).
        k: number of pairs, 1 <= k < D.
        which: end of the spectrum.
        tol: relative tolerance on the residual norms, > 0.
        seed: seed of the start vector.
        max_matvecs: products at most, those of the final check included.

    Returns:
        The pairs with their evidence, k of them always.

    Raises:
        ValueError: op not square or not real, k, tol, which or max_matvecs out of range.
    """
    size = _check(op, k, which, tol, max_matvecs)
    begin = time.perf_counter()
    subspace = min(size, max(2 * k + 1, _MIN_SUBSPACE))
    recorder = _Recorder(op, max_matvecs - k, memory=2 * subspace)
    rng = np.random.default_rng(seed)
    start = rng.standard_normal(size)
    try:
        _, vectors = eigsh(
            recorder, k, which=which, tol=tol, v0=start, ncv=subspace, maxiter=max_matvecs, rng=rng
        )
    except (_BudgetSpentError, ArpackError):
        # Out of products, out of restarts, or a breakdown such as H = 0.
        vectors = recorder.ritz_vectors(k, which, rng)
    vectors = vectors / np.linalg.norm(vectors, axis=0)
    products = np.asarray(op.matmat(vectors.astype(op.dtype)), dtype=np.float64)
    values = np.einsum("ij,ij->j", vectors, products)
    order = np.argsort(-values if which == "LA" else values)
    values, vectors, products = values[order], vectors[:, order], products[:, order]
    residual_norms = np.linalg.norm(products - vectors * values, axis=0)
    return EigenResult(
        values=values,
        vectors=vectors,
        residual_norms=residual_norms,
        converged=residual_norms <= tol * np.abs(values).max(),
        which=which,
        tol=tol,
        matvecs=recorder.count + k,
        n_samples=getattr(op, "n_samples", None),
        dtype=str(np.dtype(op.dtype)),
        seed=seed,
        seconds=time.perf_counter() - begin,
    )


def _check(op: LinearOperator, k: int, which: Which, tol: float, max_matvecs: int) -> int:
    """The operator's size, after refusing arguments that make no sense."""
    rows, columns = op.shape
    if rows != columns:
        raise ValueError(f"op: expected a square operator, got shape {op.shape}")
    if np.dtype(op.dtype).kind != "f":
        raise ValueError(f"op: expected a real floating dtype, got {op.dtype}")
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k < rows:
        raise ValueError(
            f"k: expected an integer from 1 to D - 1 = {rows - 1}, got {k!r}; "
            "for a full spectrum make the matrix dense and use numpy.linalg.eigh"
        )
    if which not in ("LA", "SA"):
        raise ValueError(f"which: expected 'LA' (largest) or 'SA' (smallest), got {which!r}")
    if not np.isfinite(tol) or tol <= 0:
        raise ValueError(f"tol: expected a number > 0, got {tol}")
    if max_matvecs <= 2 * k:
        raise ValueError(
            f"max_matvecs: expected more than 2 k = {2 * k} (k to search, k to check), "
            f"got {max_matvecs}"
        )
    return int(rows)
