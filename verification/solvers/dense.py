"""Whole matrices of small models: from identity columns, and faster by the model's structure."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

from verification.operators import CurvatureProblem
from verification.operators.jacobian import jacobian_chunks
from verification.operators.losses import make_loss
from verification.solvers.products import DEFAULT_SAVE_EVERY, Products

Float = NDArray[np.float64]

DEFAULT_LIMIT = 20_000  # D of a float64 matrix of 3.2 GB; ours


@dataclass(frozen=True, eq=False)
class DenseResult:
    """A symmetric matrix with all its entries.

    Attributes:
        matrix: (D, D) float64, the mean of the computed matrix and its transpose.
        asymmetry: largest entry of |A - A^T| before that, over the largest of |A|; 0 where the
            way it was computed leaves no choice.
        matvecs: products spent.
        n_samples: samples behind it.
        dtype: dtype in which the products were computed.
        seconds: wall-clock time.
        method: how it was computed.
    """

    matrix: Float
    asymmetry: float
    matvecs: int
    n_samples: int | None
    dtype: str
    seconds: float
    method: str

    def __post_init__(self) -> None:
        """A result is a record."""
        self.matrix.setflags(write=False)

    def eigenvalues(self) -> NDArray[np.floating]:
        """All eigenvalues, ascending, by numpy.linalg.eigvalsh."""
        return np.asarray(np.linalg.eigvalsh(self.matrix))


def dense_matrix(
    op: LinearOperator,
    *,
    together: int = 64,
    limit: int = DEFAULT_LIMIT,
    checkpoint: Path | str | None = None,
    save_every: int = DEFAULT_SAVE_EVERY,
) -> DenseResult:
    """All columns of a symmetric operator, by D products.

    Args:
        op: real symmetric operator (D, D).
        together: columns asked for at once; they share the passes over the data.
        limit: refuse a larger D.
        checkpoint: folder for the columns done so far.
        save_every: calls between two writes to it.

    Raises:
        ValueError: D above the limit, together below 1, or an operator no solver takes.
    """
    begin = time.perf_counter()
    check_together(together)
    products = Products(
        op, {"solver": "dense_matrix", "together": together}, checkpoint, save_every
    )
    _check_size(products.size, limit)
    identity = np.eye(products.size)
    columns = [products(identity[:, i : i + together]) for i in range(0, products.size, together)]
    products.save()
    return _result(np.concatenate(columns, axis=1), products, begin, "identity columns")


def dense_residual(
    problem: CurvatureProblem,
    *,
    together: int = 64,
    limit: int = DEFAULT_LIMIT,
    checkpoint: Path | str | None = None,
    save_every: int = DEFAULT_SAVE_EVERY,
) -> DenseResult:
    """R of a distributed QNN from n_angles + n_pixels products instead of D.

    R is zero between the angles of different patches (Eq. (6)), so the product with
    sum_p e_(p,i) holds column i of every R_pp at once, each in its patch's rows. The columns of
    the pixel bias are computed one by one, and give the angles' rows there by symmetry.

    Args:
        problem: of a DistributedQNN.
        together: as in ``dense_matrix``, also for the other arguments.
        limit: refuse a larger D.
        checkpoint: folder for the columns done so far.
        save_every: calls between two writes to it.

    Raises:
        TypeError: a model without patches.
        ValueError: as ``dense_matrix``.
    """
    begin = time.perf_counter()
    check_together(together)
    layout = problem.layout
    _check_size(layout.size, limit)
    computation = {"solver": "dense_residual", "together": together}
    products = Products(problem.residual, computation, checkpoint, save_every)
    patches = [layout.patch(p) for p in range(layout.n_patches)]
    matrix = np.zeros((layout.size, layout.size))
    for first in range(0, layout.n_angles, together):
        span = slice(first, first + together)
        vectors = np.zeros((layout.size, len(range(*span.indices(layout.n_angles)))))
        for indices in patches:
            vectors[indices[span], np.arange(vectors.shape[1])] = 1.0
        images = products(vectors)
        for indices in patches:
            matrix[np.ix_(indices, indices[span])] = images[indices]
    for first in range(0, layout.n_pixels, together):
        columns = layout.bias[first : first + together]
        vectors = np.zeros((layout.size, len(columns)))
        vectors[columns, np.arange(len(columns))] = 1.0
        matrix[:, columns] = products(vectors)
    products.save()
    matrix[np.ix_(layout.bias, layout.angles)] = matrix[np.ix_(layout.angles, layout.bias)].T
    return _result(matrix, products, begin, "one column of every patch's block together")


def dense_gauss_newton(
    problem: CurvatureProblem, *, max_chunk: int = 256, limit: int = DEFAULT_LIMIT
) -> DenseResult:
    """G = <J^T S J> of a distributed QNN from the Jacobian, on the CPU.

    A column of J costs a tangent pass through the patches that the parameter moves, where a
    column of G costs tangent and reverse passes through all: about 8 times less at P = 4. Where
    the Jacobian is not to be had (another device or module), use ``dense_matrix``.

    Args:
        problem: of a DistributedQNN on the CPU.
        max_chunk: samples whose Jacobian (m, C, D) is held at once.
        limit: refuse a larger D.

    Raises:
        TypeError: a model without patches.
        ValueError: D above the limit, a model on another device.
    """
    begin = time.perf_counter()
    model = problem.distributed_qnn
    size = problem.layout.size
    _check_size(size, limit)
    loss = make_loss(problem.loss)
    images = model.check_images(problem.images)
    like = torch.zeros(1, model.n_classes, dtype=torch.float64)
    targets = loss.check_targets(problem.labels, len(images), like)
    total = np.zeros((size, size))
    for chunk in jacobian_chunks(model, images, max_chunk=max_chunk):
        z = torch.from_numpy(np.ascontiguousarray(chunk.logits))
        directions = torch.from_numpy(np.ascontiguousarray(chunk.jacobian.transpose(2, 0, 1)))
        s_j = loss.curvature(z, targets[chunk.samples], directions).numpy()
        total += chunk.jacobian.reshape(-1, size).T @ s_j.reshape(size, -1).T
    total /= len(images)
    return _dense(
        total,
        matvecs=0,
        n_samples=len(images),
        dtype=str(model.angles.dtype).removeprefix("torch."),
        seconds=time.perf_counter() - begin,
        method="Jacobian by tangent passes",
    )


def check_together(together: int) -> None:
    """Raise ValueError unless an integer >= 1."""
    if isinstance(together, bool) or not isinstance(together, int) or together < 1:
        raise ValueError(f"together: expected an integer >= 1, got {together!r}")


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise ValueError(
            f"op: expected at most D = {limit} parameters for a dense matrix, got {size} "
            f"({8e-9 * size**2:.1f} GB); use top_eigenpairs, or raise limit"
        )


def _result(matrix: Float, products: Products, begin: float, method: str) -> DenseResult:
    return _dense(
        matrix,
        matvecs=products.count,
        n_samples=products.n_samples,
        dtype=products.dtype,
        seconds=time.perf_counter() - begin,
        method=method,
    )


def _dense(
    matrix: Float,
    *,
    matvecs: int,
    n_samples: int | None,
    dtype: str,
    seconds: float,
    method: str,
) -> DenseResult:
    largest = float(np.abs(matrix).max()) or 1.0
    asymmetry = float(np.abs(matrix - matrix.T).max()) / largest
    return DenseResult(
        (matrix + matrix.T) / 2, asymmetry, matvecs, n_samples, dtype, seconds, method
    )
