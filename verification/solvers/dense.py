"""Whole matrices of small models: from identity columns, and faster by the model's structure."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.operators.losses import make_loss
from patchlaw.verification.settings import check_integer
from patchlaw.verification.solvers.probe import check_repeatable, random_vector
from patchlaw.verification.solvers.products import (
    DEFAULT_SAVE_EVERY,
    Products,
    check_vectors_fit,
    names_way_out,
)
from patchlaw.verification.solvers.result import SolverResult

if TYPE_CHECKING:
    from patchlaw.simulators.fast_engine.chunks import Chunk
    from patchlaw.simulators.fast_engine.engine import FastEngine
    from patchlaw.simulators.fast_engine.patch_circuit import PatchCircuit

Float = NDArray[np.float64]

DEFAULT_LIMIT = 20_000  # D of a float64 matrix of 3.2 GB; ours

# Ours: an asymmetry of eps^(1/4) of the largest element, 1e-4 in float64 and 2e-2 in float32, is
# refused. Rounding stays far below unless the whole matrix is a remainder of larger numbers, as G
# of saturated softmaxes is; the result states what there was.
_ROUNDING_POWER = 0.25

_BLOCK = 1024  # rows and columns made symmetric at once


@dataclass(frozen=True, eq=False)
class DenseResult(SolverResult):
    """A symmetric matrix with all its entries.

    Attributes:
        matrix: (D, D) float64, the mean of the computed matrix and its transpose.
        asymmetry: largest entry of |A - A^T| before that, over the largest of |A|; 0 where the
            way it was computed leaves no choice.
        method: how it was computed.
    """

    matrix: Float
    asymmetry: float
    method: str

    def __post_init__(self) -> None:
        """A result is a record."""
        self.matrix.setflags(write=False)

    def __str__(self) -> str:
        size = len(self.matrix)
        text = (
            f"{size} x {size} symmetric matrix by {self.method}, {self.matvecs} products, "
            f"asymmetry {self.asymmetry:.1e}"
        )
        return self.with_caveats(text)

    def eigenvalues(self) -> NDArray[np.floating]:
        """All eigenvalues, ascending, by numpy.linalg.eigvalsh."""
        return np.asarray(np.linalg.eigvalsh(self.matrix))


@names_way_out("a smaller together, or top_eigenpairs in place of the matrix")
def dense_matrix(
    op: LinearOperator,
    *,
    together: int = 64,
    limit: int = DEFAULT_LIMIT,
    checkpoint: Path | str | None = None,
    save_every: int = DEFAULT_SAVE_EVERY,
) -> DenseResult:
    """All columns of a symmetric operator, by D products and one of a random vector.

    That one, A u from before the columns, is held against the matrix times u: an operator that
    changes while its columns are computed is refused. Memory: the matrix, and blocks of it.

    Args:
        op: real symmetric operator (D, D).
        together: columns asked for at once; they share the passes over the data.
        limit: refuse a larger D.
        checkpoint: folder for the columns done so far.
        save_every: calls between two writes to it.

    Raises:
        ValueError: D above the limit, together below 1, an operator that is not symmetric or not
            repeatable, or one that no solver takes.
    """
    check_integer("together", together)
    products = Products(
        op, {"solver": "dense_matrix", "together": together}, checkpoint, save_every
    )
    _check_size(products.size, limit)
    return _by_products(products, lambda: columns_of(products, together), "identity columns")


def columns_of(products: Products, together: int) -> Float:
    """A (D, D) as its products come, D of them."""
    size = products.size
    matrix = np.empty((size, size))
    for first in range(0, size, together):
        last = min(first + together, size)
        matrix[:, first:last] = products(np.eye(size, last - first, -first))
    return matrix


@names_way_out("a smaller together, or top_eigenpairs in place of the matrix")
def dense_residual(
    problem: CurvatureProblem,
    *,
    together: int = 64,
    limit: int = DEFAULT_LIMIT,
    checkpoint: Path | str | None = None,
    save_every: int = DEFAULT_SAVE_EVERY,
) -> DenseResult:
    """R of a distributed QNN from far fewer than D products.

    R is zero between parameters that meet in no patch: angles of different patches (Eq. (6)), and
    pixels that no patch holds together. So let a patch's own parameters be its angles and the
    pixels that it alone covers. The product with one own parameter of every patch, sum_p e_(p,i),
    holds a column of every patch's block at once, each in its patch's rows. The columns of the
    pixels under several patches are computed one by one, and give the others' rows there by
    symmetry.

    Args:
        problem: of a model of patches.
        together: as in ``dense_matrix``, also for the other arguments.
        limit: refuse a larger D.
        checkpoint: folder for the columns done so far.
        save_every: calls between two writes to it.

    Raises:
        TypeError: a model without patches.
        ValueError: as ``dense_matrix``.
    """
    check_integer("together", together)
    size = problem.layout.size
    _check_size(size, limit)
    computation = {"solver": "dense_residual", "together": together}
    products = Products(problem.residual, computation, checkpoint, save_every)
    own, shared = _own_and_shared(problem)

    def images_of_sums(spans: list[NDArray[np.int64]]) -> Float:
        """R sum_k e_(span_k[i]), column i."""
        vectors = np.zeros((size, max(map(len, spans))))
        for span in spans:
            vectors[span, np.arange(len(span))] = 1.0
        return products(vectors)

    def compute() -> Float:
        matrix = np.zeros((size, size))
        for first in range(0, max(map(len, own)), together):
            spans = [parameters[first : first + together] for parameters in own]
            images = images_of_sums(spans)
            for parameters, span in zip(own, spans, strict=True):
                matrix[np.ix_(parameters, span)] = images[parameters, : len(span)]
        for first in range(0, len(shared), together):
            columns = shared[first : first + together]
            matrix[:, columns] = images_of_sums([columns])
        others = np.concatenate(own)
        matrix[np.ix_(shared, others)] = matrix[np.ix_(others, shared)].T
        return matrix

    return _by_products(products, compute, "one column of every patch's block together")


def _own_and_shared(problem: CurvatureProblem) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """The parameters that act in one patch, patch by patch, and those that act in several.

    A pixel that no patch covers is in neither: its rows and columns are zero.
    """
    layout, model = problem.layout, problem.patch_model
    if not isinstance(model, DistributedQNN) or model.shared_angles or not len(layout.shared):
        return [layout.patch(p) for p in range(layout.n_patches)], layout.shared
    grid = model.grid
    coverage = np.asarray(grid.coverage).ravel()
    own = [
        np.concatenate([layout.patch(p), layout.shared[pixels[coverage[pixels] == 1]]])
        for p, pixels in enumerate(grid.pixel_indices)
    ]
    return own, layout.shared[coverage > 1]


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
        TypeError: another model.
        ValueError: D above the limit, a model on another device or that the engine does not know.
    """
    begin = time.perf_counter()
    model = problem.patch_model
    if not isinstance(model, DistributedQNN):
        raise TypeError(
            f"model: expected a DistributedQNN, got {type(model).__name__}; use dense_matrix"
        )
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
    return DenseResult(
        total,
        symmetrise(total),
        "Jacobian by tangent passes",
        matvecs=0,
        n_samples=len(images),
        dtype=str(model.angles.dtype).removeprefix("torch."),
        seconds=time.perf_counter() - begin,
        caveats=problem.gauss_newton.caveats,
    )


@dataclass(frozen=True, eq=False)
class JacobianChunk:
    """Some samples' logits and their derivatives.

    Attributes:
        samples: which samples.
        logits: z, shape (m, C).
        jacobian: dz_k/dt_i, shape (m, C, D), float64 (accurate to the model's dtype).
    """

    samples: slice
    logits: Float
    jacobian: Float


def jacobian_chunks(
    model: DistributedQNN, images: Tensor | ArrayLike, *, max_chunk: int = 256
) -> Iterator[JacobianChunk]:
    """The Jacobian at the model's present parameters, a chunk of samples at a time.

    An angle moves the outputs of its own patch only, a pixel of the bias those of the patches
    that cover it: a column costs a tangent pass through these, an eighth of a product with G for
    an angle of a model of four patches. A chunk holds m C D numbers.

    Args:
        model: on the CPU.
        images: shape (N, side, side), radians.
        max_chunk: samples at once.

    Raises:
        ValueError: images that do not fit, or a model on another device.
    """
    from patchlaw.simulators.fast_engine import FastEngine  # numba takes a second to import
    from patchlaw.simulators.fast_engine.chunks import split_into_chunks

    engine = FastEngine(model, max_chunk=max_chunk)
    data = model.check_images(images).detach().numpy()
    angles, bias = engine.parameters()
    with engine.single_threaded_blas():
        circuits = engine.circuits(angles)
        for chunk in split_into_chunks(len(data), 1, max_chunk):
            yield _chunk_jacobian(engine, circuits, data, bias, chunk)


def _chunk_jacobian(
    engine: "FastEngine",
    circuits: "list[PatchCircuit]",
    data: NDArray[np.floating],
    bias: Float,
    chunk: "Chunk",
) -> JacobianChunk:
    from patchlaw.simulators.fast_engine.patch_circuit import PatchDirection

    pixels = engine.pixels(data, bias, chunk)
    z, traces = engine.forward(circuits, pixels, engine.pool(chunk.width))
    shape = (engine.model.n_classes, chunk.size)
    n_patches, n_angles = engine.model.circuit_angles.shape
    n_moved = n_angles + engine.model.pixel_bias.numel()
    of_patches = np.zeros((n_patches, n_moved, *shape))

    def column(move: tuple[int, int]) -> None:
        """Each call writes to a place of its own, on whatever thread it runs."""
        p, i = move
        rates = np.eye(1, n_moved, i)[0]
        outputs_dot = np.empty((shape[0], chunk.width), dtype=engine.dtype)
        direction = PatchDirection(circuits[p], rates[:n_angles], rates[n_angles:])
        pool = engine.pool(chunk.width)
        circuits[p].tangent(pixels, traces[p], direction, pool, outputs_dot)
        of_patches[p, i] = outputs_dot[:, : chunk.size]

    moves = [
        (p, int(i))
        for p, covered in enumerate(engine.model.grid.pixel_indices)
        for i in (*range(n_angles), *(n_angles + np.unique(covered)))
    ]
    engine.map(column, moves)
    own, of_bias = of_patches[:, :n_angles], of_patches[:, n_angles:]
    columns = np.concatenate([own.reshape(-1, *shape), of_bias.sum(axis=0)])
    jacobian = engine.model.replication.collect(
        torch.from_numpy(columns.transpose(2, 1, 0))
    ).numpy()
    return JacobianChunk(
        slice(chunk.start, chunk.stop),
        z[:, : chunk.size].T,
        engine.model.output_scale * np.ascontiguousarray(jacobian),
    )


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise ValueError(
            f"op: expected at most D = {limit} parameters for a dense matrix, got {size} "
            f"({8e-9 * size**2:.1f} GB); use top_eigenpairs, or raise limit"
        )
    check_vectors_fit("dense matrix", size, size, "fix: use top_eigenpairs")


def _by_products(products: Products, compute: Callable[[], Float], method: str) -> DenseResult:
    """A matrix, held against the product with a random vector from before it was computed.

    Raises:
        ValueError: an operator that changed in between, is not the checkpoint's or not symmetric.
    """
    vector = random_vector(products.size, 0)
    image = products.fresh(vector[:, None])[:, 0]
    matrix = compute()
    products.save()
    check_repeatable(products, image, matrix @ vector, recalled=products.replayed > 0)
    asymmetry = symmetrise(matrix)
    check_asymmetry(products, asymmetry)
    return DenseResult(matrix, asymmetry, method, **products.spent(checks=1))


def check_asymmetry(products: Products, asymmetry: float) -> None:
    """Refuse what ``symmetrise`` found to be more than rounding.

    Raises:
        ValueError: not symmetric.
    """
    if asymmetry > float(np.finfo(products.op.dtype).eps) ** _ROUNDING_POWER:
        raise ValueError(
            "op: expected a symmetric operator, got |A - A^T| of up to "
            f"{asymmetry:.3g} of the largest element; a random loss (dropout, train mode) "
            "or a wrong backward shows like this, and so do elements that are nothing but rounding "
            "(every sample's softmax saturated)"
        )


def symmetrise(matrix: Float) -> float:
    """Replace A by the mean of A and A^T, a block at a time.

    Returns:
        Largest entry of |A - A^T| over the largest of |A|.
    """
    difference = largest = 0.0
    for i in range(0, len(matrix), _BLOCK):
        for j in range(i, len(matrix), _BLOCK):
            upper = matrix[i : i + _BLOCK, j : j + _BLOCK]
            lower = matrix[j : j + _BLOCK, i : i + _BLOCK]
            largest = max(largest, float(np.abs(upper).max()), float(np.abs(lower).max()))
            difference = max(difference, float(np.abs(upper - lower.T).max()))
            mean = (upper + lower.T) / 2
            upper[:], lower[:] = mean, mean.T
    return difference / (largest or 1.0)
