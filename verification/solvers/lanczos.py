"""Extreme eigenpairs by implicitly restarted Lanczos (ARPACK through scipy's eigsh)."""

import hashlib
from collections import deque
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr, solve_triangular
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from patchlaw.hessian_theory.input_checks import one_of
from patchlaw.verification.settings import check_integer
from patchlaw.verification.solvers.dense import check_asymmetry, columns_of, symmetrise
from patchlaw.verification.solvers.probe import (
    check_repeatable,
    check_symmetric,
    check_symmetric_forms,
)
from patchlaw.verification.solvers.product_log import stored_computation
from patchlaw.verification.solvers.products import (
    DEFAULT_SAVE_EVERY,
    BudgetSpentError,
    Products,
    check_operator,
    check_vectors_fit,
    names_way_out,
)
from patchlaw.verification.solvers.result import EigenResult

Which: TypeAlias = Literal["LA", "SA"]
Method: TypeAlias = Literal["auto", "lanczos", "dense"]

# Ours: up to this D all columns cost no more than a few runs of Lanczos.
DENSE_SIZE = 300
_TOGETHER = 32  # columns that share a pass

# Ours: a well-separated top eigenvalue of these Hessians needs 20 to 60 products.
DEFAULT_MAX_MATVECS = 1000

# Ours: ARPACK looks for convergence only once its subspace is full, and the top eigenvalue of
# these Hessians stands far enough above the bulk for 12 vectors (scipy's own minimum is 20).
_MIN_SUBSPACE = 12

# Ours: of v beside A v, in units of |A v|, see ``_Recorder``. Enough to stand above rounding, and
# so little that the power step that A v is stays one.
_KEPT = 1e-3

_PROBES = 3  # two of check_symmetric, one at the end; without the probe the last one only


class _Recorder(LinearOperator):
    """The products as ARPACK asks for them, one at a time, remembering the latest ones.

    ARPACK iterates in double precision whatever the dtype of the products, and a run that is cut
    short still has the vectors from which the best Ritz pairs can be read. ARPACK's first vector
    is the normalised start vector v: its product is held against the one of ``check_symmetric``.

    ARPACK iterates from A v, not from v, and A v has no part in the null space: the smallest
    eigenvalue of a singular G would be missed, and another one found in its place. So where
    ``keep_null_space``, the answer to its first question is A v + ``_KEPT`` |A v| v.
    """

    def __init__(
        self,
        products: Products,
        memory: int,
        a_start: NDArray[np.float64] | None,
        keep_null_space: bool,
    ) -> None:
        super().__init__(np.dtype(np.float64), products.op.shape)
        self._products = products
        self._a_start = a_start
        self._keep_null_space = keep_null_space
        self.first: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self.largest = 0.0  # norm of a product with a unit vector: grows towards ||H||
        self.pairs: deque[tuple[NDArray[np.float64], NDArray[np.float64]]] = deque(maxlen=memory)

    def _matvec(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        vector = np.array(x, dtype=np.float64).reshape(-1)
        product = self._products(vector[:, None])[:, 0]
        if self._a_start is not None:
            recalled = self._products.replayed > 0
            check_repeatable(self._products, self._a_start, product, recalled=recalled)
            self._a_start = None
        length = float(np.linalg.norm(product))
        self.largest = max(self.largest, length)
        self.pairs.append((vector, product))
        if self.first is None:
            self.first = vector, product
            if self._keep_null_space:
                return product + _KEPT * length * vector
        return product

    def ritz_pairs(
        self, k: int, which: Which, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Best k pairs in the span of the remembered vectors: Rayleigh-Ritz without new products.

        Where they span fewer than k dimensions (the start vector lay in a small invariant
        subspace, or H is zero), random orthogonal directions fill up the vectors; the check that
        follows judges them like the others. What was remembered is used up: its memory is needed.

        Returns:
            Values, at most k of them and the wanted end first, and unit vectors (D, k).
        """
        basis = np.empty((self._products.size, len(self.pairs)), order="F")
        images = []
        for column in range(len(self.pairs)):
            basis[:, column], image = self.pairs.popleft()
            images.append(image)
        q, r, order = qr(
            basis, overwrite_a=True, mode="economic", pivoting=True, check_finite=False
        )
        sizes = np.abs(np.diag(r))  # vectors of successive restarts may nearly coincide
        rank = int((sizes > 1e-6 * sizes[0]).sum())
        forms = np.stack([images[j] @ q[:, :rank] for j in order[:rank]])
        projected = solve_triangular(r[:rank, :rank], forms, trans="T").T
        del images
        values, small = np.linalg.eigh((projected + projected.T) / 2)
        wanted = slice(None, None, -1 if which == "LA" else 1)
        ritz = q[:, :rank] @ small[:, wanted][:, :k]
        padding = rng.standard_normal((len(ritz), max(0, k - ritz.shape[1])))
        return values[wanted][:k], np.asarray(np.linalg.qr(np.hstack([ritz, padding]))[0])


@cache
def _arpack_multiplies_start() -> bool:
    """Whether ARPACK begins with A v in place of v; releases differ, so one is asked."""
    asked: list[NDArray[np.float64]] = []

    def product(x: NDArray[np.float64]) -> NDArray[np.float64]:
        asked.append(np.array(x, dtype=np.float64).reshape(-1))
        return np.arange(1.0, 9.0) * asked[-1]

    eigsh(LinearOperator((8, 8), matvec=product, dtype=np.float64), 1, v0=np.ones(8), ncv=4)
    first, second = (v / np.linalg.norm(v) for v in asked[:2])
    return bool(abs(first @ second) > 0.5)  # Krylov vectors are orthogonal


@names_way_out("a smaller k or subspace, or method='lanczos'")
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
    method: Method = "auto",
) -> EigenResult:
    """The k largest ("LA") or smallest ("SA") eigenpairs of a real symmetric operator.

    Lanczos runs in float64 from a seeded Gaussian start vector, or from the one given, until
    ARPACK accepts the pairs or ``max_matvecs`` products are spent. Whichever it was, the residuals
    are then computed again from k fresh products, and ``converged`` is judged on those against
    tol * max |values|.
    A run cut short returns the best Ritz pairs it has, judged by their residuals like all others,
    and so does one whose latest Krylov vectors show a value beyond those that ARPACK accepted.

    Up to D = 300 (ours) there is another way, all columns of the operator and numpy's ``eigh``,
    which finds multiple eigenvalues and null spaces as well: D products. It is taken for k >= 2,
    and for k = 1 where Lanczos has not come to an end after D products. So it is by ``method``
    "auto", unless ``max_matvecs`` does not reach for it, a ``start`` or ``subspace`` is given, or
    the checkpoint holds a run of the other kind, which goes on as it began. "lanczos" and "dense"
    decide it at any D, and the result says which it was.

    Memory: at most 5 subspace + 4 k + 12 float64 vectors (D,), or three matrices (D, D).

    With a checkpoint, a killed run that is started again replays its products from disk and goes
    on with the same vectors to the same result; a finished one comes back at the price of the
    checks; a larger ``max_matvecs`` continues a run that was cut short.

    Args:
        op: real symmetric LinearOperator, shape (D, D).
        k: number of pairs, 1 <= k < D; up to D with all columns.
        which: end of the spectrum.
        tol: relative tolerance on the residual norms, > 0.
        seed: seed of the start vector.
        max_matvecs: products at most, those of the checks included.
        checkpoint: folder for the state of this one computation.
        save_every: products between two writes to it.
        probe: whether to spend two products at the start on finding an operator that is not
            symmetric, gives another product the second time, or is not the checkpoint's. One more,
            with those of the residuals, looks for the same at the end in any case.
        start: start vector, shape (D,), such as a sum of eigenvectors of a related operator: the
            nearer it lies to the wanted ones, the fewer products. Directions that it lacks
            altogether are found through rounding only, so leave a random part in it.
        subspace: Krylov vectors between restarts, k < subspace <= D; ARPACK looks for
            convergence once they are full. By default max(2 k + 1, 12).
        method: "auto", "lanczos" or "dense".

    Returns:
        The pairs with their evidence, k of them always.

    Raises:
        ValueError: op not square, not real, not symmetric or not repeatable, NaN in its products;
            k, tol, which, max_matvecs, subspace or method out of range; a start that is zero, not
            finite or not (D,); more vectors than the memory holds.
        CheckpointError: a checkpoint of another computation, or damaged.
    """
    size = check_operator(op)
    probes = _PROBES if probe else 1
    _check(size, k, which, tol, max_matvecs, probes)
    free = start is None and subspace is None
    stored = None if checkpoint is None else stored_computation(Path(checkpoint))
    if method == "auto":
        affordable = size <= DENSE_SIZE and size + k + probes <= max_matvecs
        begun_otherwise = stored is not None and "method" not in stored
        dense = affordable and (k == size or (free and k > 1 and not begun_otherwise))
        columns_after = affordable and free and not dense
    else:
        one_of("method", method, get_args(Method))
        dense, columns_after = method == "dense", False
    _check_choice(size, k, max_matvecs - probes, dense, free or method == "auto")
    computation: dict[str, Any] = {
        "solver": "top_eigenpairs",
        "k": k,
        "which": which,
        "tol": tol,
        "seed": seed,
    }
    if dense:
        computation["method"] = "dense"
        width = 0
        check_vectors_fit("top_eigenpairs by all columns", 3 * size, size, "fix: method='lanczos'")
    else:
        computation["subspace"] = width = _subspace(subspace, k, size)
        keep = _arpack_multiplies_start()
        if keep and (stored is None or "null_space" in stored):  # others go on as they began
            computation["null_space"] = "kept"
        if start is not None:
            computation["start"] = _digest_of(start)
        what = f"top_eigenpairs with {width} Krylov vectors"
        check_vectors_fit(what, 5 * width + 4 * k + 12, size, "fix: a smaller k or subspace")
    products = Products(op, computation, checkpoint, save_every, max_matvecs - k - probes)
    rng = np.random.default_rng(seed)
    first = rng.standard_normal(size) if start is None else _checked_start(start, size)
    first = first / np.linalg.norm(first)
    a_first = check_symmetric(products, first, seed) if probe else None
    largest = 0.0
    known = first, a_first
    if not dense:
        recorder = _Recorder(products, 2 * width, a_first, "null_space" in computation)
        if columns_after:
            products.budget = min(max_matvecs - k - probes, size)
        try:
            found, vectors = eigsh(
                recorder, k, which=which, tol=tol, v0=first, ncv=width, maxiter=10**9, rng=rng
            )
            seen, others = recorder.ritz_pairs(k, which, rng)
            # ARPACK may drop a wanted value near zero, where its tolerance cannot be met
            beyond = seen[0] - found.max() if which == "LA" else found.min() - seen[0]
            whole = beyond <= max(tol * np.abs(found).max(), _rounding(op, recorder.largest))
        except (BudgetSpentError, ArpackError):
            # Out of products, or a breakdown such as H = 0.
            whole = False
        if not whole:
            products.budget = max_matvecs - k - probes
            dense = columns_after and products.count + size <= products.budget
            if not dense:
                vectors = recorder.ritz_pairs(k, which, rng)[1] if recorder.pairs else others
        largest = recorder.largest
        if a_first is None and recorder.first is not None:
            known = recorder.first
    if dense:
        vectors, norm, image = _by_columns(products, *known, k, which)
        largest = max(largest, norm)
        known = known[0], image
    products.save()
    vectors = vectors / np.linalg.norm(vectors, axis=0)
    images = products.fresh(np.column_stack([vectors, known[0]]))
    images, again = images[:, :k], images[:, k]
    if known[1] is not None:
        recalled = a_first is None and products.replayed > 0
        check_repeatable(products, known[1], again, recalled=recalled)
    check_symmetric_forms(products, known[0][:, None], again[:, None], vectors, images)
    values = np.einsum("ij,ij->j", vectors, images)
    order = np.argsort(-values if which == "LA" else values)
    values, vectors, images = values[order], vectors[:, order], images[:, order]
    residual_norms = np.linalg.norm(images - vectors * values, axis=0)
    rounding = _rounding(op, largest)
    return EigenResult(
        values=values,
        vectors=vectors,
        residual_norms=residual_norms,
        converged=residual_norms <= max(tol * np.abs(values).max(), rounding),
        which=which,
        tol=tol,
        seed=seed,
        rounding=rounding,
        method="dense" if dense else "lanczos",
        **products.spent(checks=k + probes),
    )


def _rounding(op: LinearOperator, norm: float) -> float:
    """Allowance for the rounding of a product: 4 sqrt(D) eps ||H||."""
    return float(4 * np.sqrt(op.shape[0]) * np.finfo(op.dtype).eps * norm)


def _by_columns(
    products: Products,
    vector: NDArray[np.float64],
    image: NDArray[np.float64] | None,
    k: int,
    which: Which,
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Eigenvectors from all columns, the largest absolute eigenvalue, and a product by them.

    Args:
        products: of the operator.
        vector: the one of that product.
        image: the product itself, if known, which the columns have to give.
        k: eigenvectors.
        which: end of the spectrum.
    """
    matrix = columns_of(products, _TOGETHER)
    by_columns = matrix @ vector
    if image is not None:
        recalled = products.replayed > 0
        check_repeatable(products, image, by_columns, recalled=recalled)
    check_asymmetry(products, symmetrise(matrix))
    values, vectors = np.linalg.eigh(matrix)
    chosen = vectors[:, ::-1][:, :k] if which == "LA" else vectors[:, :k]
    return chosen, float(np.abs(values).max()), by_columns if image is None else image


def _check_choice(size: int, k: int, budget: int, dense: bool, free: bool) -> None:
    """Refuse what the chosen way of computing cannot do."""
    if dense and not free:
        raise ValueError("start, subspace: expected none with method 'dense', got one; leave it")
    if dense and budget < size + k:
        raise ValueError(
            f"max_matvecs: expected {size + k - budget} more for D = {size} columns and {k} to "
            "check; raise it, or use method 'lanczos'"
        )
    if not dense and k == size:
        raise ValueError(
            f"k: expected an integer from 1 to D - 1 = {size - 1}, got {k}; for a full spectrum "
            "use method 'dense' with enough max_matvecs, or dense_matrix and numpy.linalg.eigh"
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
    check_integer("k", k, 1, size)
    if which not in ("LA", "SA"):
        raise ValueError(f"which: expected 'LA' (largest) or 'SA' (smallest), got {which!r}")
    if not np.isfinite(tol) or tol <= 0:
        raise ValueError(f"tol: expected a number > 0, got {tol}")
    if max_matvecs <= 2 * k + probes:
        raise ValueError(
            f"max_matvecs: expected more than {2 * k + probes} (k to search, k to check, "
            f"{probes} to probe the operator), got {max_matvecs}"
        )
