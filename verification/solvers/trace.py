"""Traces of an operator and of its square, of the whole and of blocks, with standard errors."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator

from verification.operators.restriction import check_indices
from verification.solvers.dense import check_together
from verification.solvers.probe import check_replayed, check_symmetric_forms
from verification.solvers.probe_vectors import (
    ProbeKind,
    check_probe_count,
    mean_and_error,
    probe_vectors,
)
from verification.solvers.products import DEFAULT_SAVE_EVERY, Products

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
class TraceResult:
    """Estimates from the same products.

    Attributes:
        trace: tr A.
        trace_of_square: tr A^2 = |A|_F^2.
        blocks: tr of each named principal block.
        method: "hutchinson" or "hutch++".
        probes: kind of the probes.
        n_probes: random probes behind the standard errors.
        matvecs: products with A.
        n_samples: samples behind A.
        dtype: dtype in which the products were computed.
        seed: seed of the probes.
        seconds: wall-clock time of this process.
        replayed: how many of the products came from a checkpoint.
    """

    trace: Estimate
    trace_of_square: Estimate
    method: TraceMethod
    probes: ProbeKind
    n_probes: int
    matvecs: int
    n_samples: int | None
    dtype: str
    seed: int
    seconds: float
    replayed: int
    blocks: Mapping[str, Estimate] = field(default_factory=dict)


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

    Args:
        op: real symmetric operator (D, D).
        n_products: products to spend.
        seed: seed of the probes.
        probes: "rademacher" or "normal".
        method: "hutchinson" or "hutch++".
        blocks: index sets by name (``ParameterLayout``); Hutchinson only.
        together: vectors that share a pass over the data.
        checkpoint: folder for the state of this one computation.
        save_every: passes between two writes to it.

    Raises:
        ValueError: numbers out of range, an unknown method, blocks with Hutch++, an operator that
            is not symmetric.
        CheckpointError: a checkpoint of another computation, or damaged.
    """
    begin = time.perf_counter()
    if method not in get_args(TraceMethod):
        raise ValueError(f"method: expected one of {list(get_args(TraceMethod))}, got {method!r}")
    if method == "hutch++" and blocks:
        raise ValueError("blocks: expected none with 'hutch++', got some; use 'hutchinson'")
    check_probe_count(n_products, 2 if method == "hutchinson" else 6)
    check_together(together)
    computation = {
        "solver": "estimate_trace",
        "n_products": n_products,
        "seed": seed,
        "probes": probes,
        "method": method,
        "together": together,
    }
    products = Products(op, computation, checkpoint, save_every)
    chosen = {name: check_indices(name, i, products.size) for name, i in (blocks or {}).items()}
    rng = np.random.default_rng(seed)

    def multiply(vectors: Float) -> Float:
        columns = range(0, vectors.shape[1], together)
        return np.concatenate([products(vectors[:, i : i + together]) for i in columns], axis=1)

    def multiply_first(vectors: Float) -> Float:
        """The products that show, at no further cost, whether the operator fits."""
        images = multiply(vectors)
        check_symmetric_forms(products, vectors, images)
        check_replayed(products, vectors, images)
        return images

    known_trace = known_square = 0.0
    n_probes, basis = n_products, np.zeros((products.size, 0))
    if method == "hutch++":
        sketch = min(n_products // 3, products.size)
        n_probes = n_products - 2 * sketch
        images = multiply_first(probe_vectors(probes, products.size, sketch, rng))
        basis = _range_of(images)
        if basis.shape[1]:
            image = multiply(basis)
            known_trace = float((basis * image).sum())
            known_square = float((image**2).sum())
    vectors = probe_vectors(probes, products.size, n_probes, rng)
    vectors = vectors - basis @ (basis.T @ vectors)
    images = multiply_first(vectors) if method == "hutchinson" else multiply(vectors)
    products.save()
    pointwise = vectors * images
    return TraceResult(
        trace=_estimate(pointwise.sum(axis=0), known_trace),
        trace_of_square=_estimate((images**2).sum(axis=0), known_square),
        blocks={name: _estimate(pointwise[i].sum(axis=0)) for name, i in chosen.items()},
        method=method,
        probes=probes,
        n_probes=n_probes,
        matvecs=products.count,
        n_samples=products.n_samples,
        dtype=products.dtype,
        seed=seed,
        seconds=time.perf_counter() - begin,
        replayed=products.replayed,
    )


def _range_of(images: Float) -> Float:
    """Orthonormal basis of the columns, as far as they exceed rounding."""
    left, singular, _ = np.linalg.svd(images, full_matrices=False)
    return np.asarray(left[:, singular > 1e-12 * max(singular[0], np.finfo(float).tiny)])


def _estimate(samples: Float, known: float = 0.0) -> Estimate:
    mean, error = mean_and_error(samples)
    return Estimate(known + float(mean), float(error))
