"""Extreme eigenpairs by implicitly restarted Lanczos (ARPACK through scipy's eigsh)."""

import hashlib
import time
from collections import deque
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from verification.solvers.probe import check_repeatable, check_symmetric
from verification.solvers.products import (
    DEFAULT_SAVE_EVERY,
    BudgetSpentError,
    Products,
    check_operator,
)
from verification.solvers.result import EigenResult

Which: TypeAlias = Literal["LA", "SA"]

# Ours: a well-separated top eigenvalue of these Hessians needs 20 to 60 products.
DEFAULT_MAX_MATVECS = 1000

# Ours: ARPACK looks for convergence only once its subspace is full, and the top eigenvalue of
# these Hessians stands far enough above the bulk for 12 vectors (scipy's own minimum is 20).
_MIN_SUBSPACE = 12

_PROBES = 2  # products of check_symmetric


class _Recorder(LinearOperator):
    """The products as ARPACK asks for them, one at a time, remembering the latest ones.

    ARPACK iterates in double precision whatever the dtype of the products, and a run that is cut
    short still has the vectors from which the best Ritz pairs can be read. ARPACK's first vector
    is the normalised start vector: its product is held against the one of ``check_symmetric``.
    """

    def __init__(
        self, products: Products, memory: int, a_start: NDArray[np.float64] | None
    ) -> None:
        super().__init__(np.dtype(np.float64), products.op.shape)
        self._products = products
        self._a_start = a_start
        self.largest = 0.0  # norm of a product with a unit vector: grows towards ||H||
        self.pairs: deque[tuple[NDArray[np.float64], NDArray[np.float64]]] = deque(maxlen=memory)

    def _matvec(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        vector = np.array(x, dtype=np.float64).reshape(-1)
        product = self._products(vector[:, None])[:, 0]
        if self._a_start is not None:
            check_repeatable(self._products, self._a_start, product)
            self._a_start = None
        self.largest = max(self.largest, float(np.linalg.norm(product)))
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
    *,
    checkpoint: Path | str | None = None,
    save_every: int = DEFAULT_SAVE_EVERY,
    probe: bool = True,
    start: ArrayLike | None = None,
    subspace: int | None = None,
) -> EigenResult:
    """The k largest ("LA") or smallest ("SA") eigenpairs of a real symmetric operator.

    Lanczos runs in float64 from a seeded Gaussian start vector, or from the one given, until
    ARPACK accepts the pairs or ``max_matvecs`` products are spent. Whichever it was, the residuals
    are then computed again from k fresh products, and ``converged`` is judged on those against
    tol * max |values|.
    A run cut short returns the best Ritz pairs it has, marked as not converged.

    With a checkpoint, a killed run that is started again replays its products from disk and goes
    on with the same vectors to the same result; a finished one comes back at the price of the
    checks; a larger ``max_matvecs`` continues a run that was cut short.

    Args:
        op: real symmetric LinearOperator, shape (D, D).
        k: number of pairs, 1 <= k < D.
        which: end of the spectrum.
        tol: relative tolerance on the residual norms, > 0.
        seed: seed of the start vector.
        max_matvecs: products at most, those of the checks included.
        checkpoint: folder for the state of this one computation.
        save_every: products between two writes to it.
        probe: whether to spend two products on finding an operator that is not symmetric, gives
            another product the second time, or is not the checkpoint's.
        start: start vector, shape (D,), such as a sum of eigenvectors of a related operator: the
            nearer it lies to the wanted ones, the fewer products. Directions that it lacks
            altogether are found through rounding only, so leave a random part in it.
        subspace: Krylov vectors between restarts, k < subspace <= D; ARPACK looks for
            convergence once they are full. By default max(2 k + 1, 12).

    Returns:
        The pairs with their evidence, k of them always.

    Raises:
        ValueError: op not square, not real or not symmetric, NaN in its products; k, tol, which,
            max_matvecs or subspace out of range; a start that is zero, not finite or not (D,).
        CheckpointError: a checkpoint of another computation, or damaged.
    """
    begin = time.perf_counter()
    size = check_operator(op)
    probes = _PROBES if probe else 0
    _check(size, k, which, tol, max_matvecs, probes)
    width = _subspace(subspace, k, size)
    computation = {
        "solver": "top_eigenpairs",
        "k": k,
        "which": which,
        "tol": tol,
        "seed": seed,
        "subspace": width,
    }
    if start is not None:
        computation["start"] = _digest_of(start)
    products = Products(op, computation, checkpoint, save_every, max_matvecs - k - probes)
    rng = np.random.default_rng(seed)
    first = rng.standard_normal(size) if start is None else _checked_start(start, size)
    first = first / np.linalg.norm(first)
    a_first = check_symmetric(products, first, seed) if probe else None
    recorder = _Recorder(products, 2 * width, a_first)
    try:
        _, vectors = eigsh(
            recorder, k, which=which, tol=tol, v0=first, ncv=width, maxiter=10**9, rng=rng
        )
    except (BudgetSpentError, ArpackError):
        # Out of products, or a breakdown such as H = 0.
        vectors = recorder.ritz_vectors(k, which, rng)
    products.save()
    vectors = vectors / np.linalg.norm(vectors, axis=0)
    images = products.fresh(vectors)
    values = np.einsum("ij,ij->j", vectors, images)
    order = np.argsort(-values if which == "LA" else values)
    values, vectors, images = values[order], vectors[:, order], images[:, order]
    residual_norms = np.linalg.norm(images - vectors * values, axis=0)
    return EigenResult(
        values=values,
        vectors=vectors,
        residual_norms=residual_norms,
        converged=residual_norms <= tol * np.abs(values).max(),
        which=which,
        tol=tol,
        matvecs=products.count + k + probes,
        n_samples=products.n_samples,
        dtype=products.dtype,
        seed=seed,
        seconds=time.perf_counter() - begin,
        replayed=products.replayed,
        rounding=4 * np.sqrt(size) * float(np.finfo(op.dtype).eps) * recorder.largest,
    )


def _subspace(asked: int | None, k: int, size: int) -> int:
    """Krylov vectors between restarts."""
    if asked is None:
        return min(size, max(2 * k + 1, _MIN_SUBSPACE))
    if isinstance(asked, bool) or not isinstance(asked, int | np.integer) or not k < asked <= size:
        raise ValueError(
            f"subspace: expected an integer above k = {k} and at most D = {size}, got {asked!r}"
        )
    return int(asked)


def _checked_start(start: ArrayLike, size: int) -> NDArray[np.float64]:
    vector = np.asarray(start, dtype=np.float64)
    if vector.shape != (size,):
        raise ValueError(f"start: expected shape ({size},), got {vector.shape}")
    if not np.isfinite(vector).all() or not vector.any():
        raise ValueError("start: expected finite numbers, not all zero, got NaN, infinity or zero")
    return vector


def _digest_of(start: ArrayLike) -> str:
    vector = np.ascontiguousarray(start, dtype="<f8")
    return hashlib.sha256(vector.tobytes()).hexdigest()


def _check(size: int, k: int, which: Which, tol: float, max_matvecs: int, probes: int) -> None:
    """Refuse arguments that make no sense."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k < size:
        raise ValueError(
            f"k: expected an integer from 1 to D - 1 = {size - 1}, got {k!r}; "
            "for a full spectrum make the matrix dense and use numpy.linalg.eigh"
        )
    if which not in ("LA", "SA"):
        raise ValueError(f"which: expected 'LA' (largest) or 'SA' (smallest), got {which!r}")
    if not np.isfinite(tol) or tol <= 0:
        raise ValueError(f"tol: expected a number > 0, got {tol}")
    if max_matvecs <= 2 * k + probes:
        raise ValueError(
            f"max_matvecs: expected more than {2 * k + probes} (k to search, k to check"
            f"{', 2 to probe the operator' if probes else ''}), got {max_matvecs}"
        )
