"""Traces of an operator and of its square, of the whole and of blocks, with standard errors."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr
from scipy.sparse.linalg import LinearOperator

from patchlaw.hessian_theory.input_checks import one_of
from patchlaw.verification.operators.restriction import check_indices
from patchlaw.verification.settings import check_integer
from patchlaw.verification.solvers.probe import check_symmetric_forms, check_unchanged
from patchlaw.verification.solvers.probe_vectors import (
    NEEDS_TWO,
    ProbeKind,
    mean_and_error,
    probe_vectors,
)
from patchlaw.verification.solvers.products import (
    DEFAULT_SAVE_EVERY,
    Products,
    check_operator,
    check_vectors_fit,
    names_way_out,
)
from patchlaw.verification.solvers.result import SolverResult

Float = NDArray[np.float64]
TraceMethod: TypeAlias = Literal["hutchinson", "hutch++"]


@dataclass(frozen=True)
class Estimate:
    """A mean over random probes: value and standard error."""

    value: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.value:.6g} ± {self.standard_error:.1e}"


@dataclass(frozen=True)
class TraceResult(SolverResult):
    """Estimates from the same products.

    Attributes:
        trace: tr A.
        trace_of_square: tr A^2 = |A|_F^2.
        method: "hutchinson" or "hutch++".
        probes: kind of the probes.
        n_probes: random probes behind the standard errors.
        seed: seed of the probes.
        blocks: tr of each named principal block.
    """

    trace: Estimate
    trace_of_square: Estimate
    method: TraceMethod
    probes: ProbeKind
    n_probes: int
    seed: int
    blocks: Mapping[str, Estimate] = field(default_factory=dict)

    def __str__(self) -> str:
        named = {"tr A": self.trace, "tr A^2": self.trace_of_square}
        named |= {f"tr of {name}": estimate for name, estimate in self.blocks.items()}
        lines = [f"{name} = {estimate}" for name, estimate in named.items()]
        return self.with_caveats("\n".join(lines))


@names_way_out("a smaller together, or method='hutchinson' where it is 'hutch++'")
def estimate_trace(
    op: LinearOperator,
    *,
    n_products: int = 48,
    seed: int = 0,
    probes: ProbeKind = "rademacher",
    method: TraceMethod = "hutchinson",
    blocks: Mapping[str, ArrayLike] | None = None,
    together: int = 8,
    checkpoint: Path | str | None = None,
    save_every: int = DEFAULT_SAVE_EVERY,
) -> TraceResult:
    """Tr A and tr A^2 from random probes v, E[v v^T] = I.

    Hutchinson (1990): tr A = E[v . A v], tr A^2 = E[|A v|^2], and for a principal block B
    tr A_BB = E[sum_(i in B) v_i (A v)_i], all from the same products. Hutch++ (Meyer, Musco,
    Musco, Woodruff 2021): a third of the products finds the range Q of A v, a third computes
    A Q, and the rest are Hutchinson's on (I - Q Q^T) A (I - Q Q^T): far smaller an error where a
    few eigenvalues dominate, as here.

    Sums run along, ``together`` probes at a time. Memory: at most 3 together + 6 float64 vectors
    (D,), and n_products // 3 more for hutch++'s Q; what the operator itself needs is not counted,
    and a checkpoint adds 3 together.

    Args:
        op: real symmetric operator (D, D).
        n_products: products to spend; one more checks that the operator is still the same.
        seed: seed of the probes.
        probes: "rademacher" or "normal".
        method: "hutchinson" or "hutch++".
        blocks: index sets by name (``ParameterLayout``); Hutchinson only.
        together: vectors that share a pass over the data.
        checkpoint: folder for the state of this one computation.
        save_every: passes between two writes to it.

    Raises:
        ValueError: numbers out of range, an unknown method, blocks with Hutch++, an operator that
            is not symmetric or not repeatable, more vectors than the memory holds.
        CheckpointError: a checkpoint of another computation, or damaged.
    """
    one_of("method", method, get_args(TraceMethod))
    if method == "hutch++" and blocks:
        raise ValueError("blocks: expected none with 'hutch++', got some; use 'hutchinson'")
    check_integer("n_products", n_products, 2 if method == "hutchinson" else 6, note=NEEDS_TWO)
    check_integer("together", together)
    computation = {
        "solver": "estimate_trace",
        "n_products": n_products,
        "seed": seed,
        "probes": probes,
        "method": method,
        "together": together,
    }
    size = check_operator(op)
    chosen = {name: check_indices(name, i, size) for name, i in (blocks or {}).items()}
    sketch = min(n_products // 3, size) if method == "hutch++" else 0
    check_vectors_fit(
        f"estimate_trace with together = {together} and n_products = {n_products}",
        3 * min(together, n_products) + 6 + sketch,
        size,
        "fix: a smaller together" + (", or method='hutchinson'" if sketch else ""),
    )
    products = Products(op, computation, checkpoint, save_every)
    rng = np.random.default_rng(seed)
    n_probes = n_products - 2 * sketch
    first = first_image = np.zeros(0)

    def probed(vectors: Float) -> Float:
        """A V, which shows for nothing whether A is symmetric, and still what it was at first."""
        nonlocal first, first_image
        images = products(vectors)
        if not len(first):
            first, first_image = vectors[:, 0].copy(), images[:, 0].copy()
            check_symmetric_forms(products, vectors, images)
        else:
            pair = first[:, None], first_image[:, None]
            check_symmetric_forms(products, *pair, vectors, images)
        return images

    known_trace = known_square = 0.0
    basis = np.zeros((size, sketch), order="F")
    for columns in _groups(sketch, together):
        vectors = probe_vectors(probes, size, len(columns), rng)
        basis[:, columns] = probed(vectors)
        del vectors  # room for the next ones
    if sketch:
        basis = _range_of(basis)
        for columns in _groups(basis.shape[1], together):
            vectors = np.ascontiguousarray(basis[:, columns])
            images = products(vectors)
            known_trace += float(np.vdot(vectors, images))
            known_square += float(np.vdot(images, images))
            del vectors, images
    forms, squares = np.zeros(n_probes), np.zeros(n_probes)
    in_blocks = {name: np.zeros(n_probes) for name in chosen}
    for columns in _groups(n_probes, together):
        vectors = probe_vectors(probes, size, len(columns), rng)
        if sketch:
            vectors -= basis @ (basis.T @ vectors)
        images = probed(vectors)
        for j, column in enumerate(columns):
            pointwise = vectors[:, j] * images[:, j]
            forms[column] = pointwise.sum()
            for name, indices in chosen.items():
                in_blocks[name][column] = pointwise[indices].sum()
            squares[column] = images[:, j] @ images[:, j]
        del vectors, images, pointwise
    check_unchanged(products, first, first_image, recalled=products.replayed > 0)
    products.save()
    return TraceResult(
        trace=_estimate(forms, known_trace),
        trace_of_square=_estimate(squares, known_square),
        blocks={name: _estimate(samples) for name, samples in in_blocks.items()},
        method=method,
        probes=probes,
        n_probes=n_probes,
        seed=seed,
        **products.spent(checks=1),
    )


def _groups(count: int, together: int) -> Iterator[range]:
    """0, .., count - 1 in groups."""
    for begin in range(0, count, together):
        yield range(begin, min(begin + together, count))


def _range_of(images: Float) -> Float:
    """Orthonormal basis of the columns (D, m), as far as they exceed rounding, in their place."""
    q, r, _ = qr(images, overwrite_a=True, mode="economic", pivoting=True, check_finite=False)
    sizes = np.abs(np.diag(r))  # descending
    rank = int((sizes > 1e-12 * max(sizes[0], np.finfo(float).tiny)).sum())
    return np.asarray(q[:, :rank])


def _estimate(samples: Float, known: float = 0.0) -> Estimate:
    mean, error = mean_and_error(samples)
    return Estimate(known + float(mean), float(error))
