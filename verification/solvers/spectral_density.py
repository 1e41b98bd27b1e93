"""Spectral densities by stochastic Lanczos quadrature with full reorthogonalisation."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import LinearOperator
from scipy.special import ndtr

from verification.solvers.dense import check_together
from verification.solvers.probe import check_repeatable, check_symmetric
from verification.solvers.probe_vectors import (
    ProbeKind,
    check_probe_count,
    mean_and_error,
    probe_vectors,
)
from verification.solvers.products import DEFAULT_SAVE_EVERY, Products

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SpectralDensity:
    """Gauss quadratures of the spectral measure of a symmetric A (D, D), one a random probe.

    For a unit probe v, sum_i weights_i f(nodes_i) = v^T f(A) v for polynomials f up to degree
    2 steps - 1 (Golub and Meurant 2010), and its mean over probes is tr f(A) / D. Every method
    returns the mean over the probes and its standard error over them. The nodes are Ritz values,
    inside the spectrum; which of them are eigenvalues only ``top_eigenpairs`` can tell.

    Attributes:
        nodes: (n_probes, n_steps) float64, ascending. A probe whose Krylov space was exhausted
            early (its quadrature is then exact) repeats its last node with weight zero.
        weights: (n_probes, n_steps) float64, >= 0, summing to 1 for each probe.
        size: D.
        probes: kind of the probes.
        matvecs: products with A, those of the symmetry check included.
        n_samples: samples behind A.
        dtype: dtype in which the products were computed.
        seed: seed of the probes.
        seconds: wall-clock time of this process.
        replayed: how many of the products came from a checkpoint.
    """

    nodes: Float
    weights: Float
    size: int
    probes: ProbeKind
    matvecs: int
    n_samples: int | None
    dtype: str
    seed: int
    seconds: float
    replayed: int

    def __post_init__(self) -> None:
        """A result is a record."""
        self.nodes.setflags(write=False)
        self.weights.setflags(write=False)

    @property
    def n_probes(self) -> int:
        """Number of probes."""
        return len(self.nodes)

    @property
    def n_steps(self) -> int:
        """Lanczos steps of each probe."""
        return int(self.nodes.shape[1])

    @property
    def span(self) -> float:
        """Largest node minus smallest."""
        return float(self.nodes.max() - self.nodes.min())

    def moment(self, power: int) -> tuple[float, float]:
        """tr(A^power) / D; exact for each probe up to power 2 n_steps - 1."""
        mean, error = mean_and_error((self.weights * self.nodes**power).sum(axis=1))
        return float(mean), float(error)

    def grid(self, n_points: int = 1000, margin: float = 0.05) -> Float:
        """Points from below the smallest node to above the largest."""
        pad = margin * (self.span or max(1.0, abs(float(self.nodes.max()))))
        return np.linspace(self.nodes.min() - pad, self.nodes.max() + pad, n_points)

    def density(self, points: ArrayLike, width: float | None = None) -> tuple[Float, Float]:
        """Eigenvalue density, normalised to 1, each node a Gaussian of standard deviation width.

        Args:
            points: shape (n,).
            width: default a hundredth of the span (ours).

        Raises:
            ValueError: a width that is not positive.
        """
        sigma = self.default_width if width is None else width
        if not sigma > 0:
            raise ValueError(f"width: expected a number > 0, got {width}")
        distance = (np.asarray(points, dtype=np.float64)[:, None, None] - self.nodes) / sigma
        bells = np.exp(-(distance**2) / 2) / (sigma * np.sqrt(2 * np.pi))
        return mean_and_error((bells * self.weights).sum(axis=2).T)

    @property
    def default_width(self) -> float:
        """A hundredth of the span; of the largest node if all agree."""
        return 0.01 * (self.span or max(1.0, float(np.abs(self.nodes).max())))

    def count_above(self, points: ArrayLike, width: float = 0.0) -> tuple[Float, Float]:
        """Number of eigenvalues above each point, smoothed like ``density`` if width > 0."""
        x = np.asarray(points, dtype=np.float64)[:, None, None]
        above = np.asarray(self.nodes > x, dtype=np.float64)
        if width > 0:
            above = ndtr((self.nodes - x) / width)
        mean, error = mean_and_error((above * self.weights).sum(axis=2).T)
        return self.size * mean, self.size * error


def spectral_density(
    op: LinearOperator,
    *,
    n_probes: int = 8,
    n_steps: int = 60,
    seed: int = 0,
    probes: ProbeKind = "rademacher",
    together: int = 8,
    checkpoint: Path | str | None = None,
    save_every: int = DEFAULT_SAVE_EVERY,
) -> SpectralDensity:
    """Stochastic Lanczos quadrature (Lin, Saad, Yang 2016; Ubaru, Chen, Saad 2017).

    ``together`` probes advance in step, so a step is one pass over the data. Every new Krylov
    vector is orthogonalised twice against all before it, so no copies of converged eigenvalues
    appear. The basis takes 8 together n_steps D bytes.

    Args:
        op: real symmetric operator (D, D).
        n_probes: at least 2.
        n_steps: Lanczos steps, at most D; products are n_probes n_steps + 2.
        seed: seed of the probes.
        probes: "rademacher" or "normal", both normalised.
        together: probes that share a pass.
        checkpoint: folder for the state of this one computation.
        save_every: steps between two writes to it.

    Raises:
        ValueError: an operator that is not symmetric or not repeatable, numbers out of range.
        CheckpointError: a checkpoint of another computation, or damaged.
    """
    begin = time.perf_counter()
    check_probe_count(n_probes)
    check_together(together)
    computation = {
        "solver": "spectral_density",
        "n_probes": n_probes,
        "n_steps": n_steps,
        "seed": seed,
        "probes": probes,
        "together": together,
    }
    products = Products(op, computation, checkpoint, save_every)
    if isinstance(n_steps, bool) or not 1 <= n_steps <= products.size:
        raise ValueError(
            f"n_steps: expected an integer from 1 to D = {products.size}, got {n_steps!r}"
        )
    starts = probe_vectors(probes, products.size, n_probes, np.random.default_rng(seed))
    starts = starts / np.linalg.norm(starts, axis=0)
    image = check_symmetric(products, starts[:, 0], seed)
    nodes, weights = np.zeros((n_probes, n_steps)), np.zeros((n_probes, n_steps))
    for first in range(0, n_probes, together):
        group = starts[:, first : first + together]
        for j, (diagonal, off) in enumerate(
            lanczos_in_step(products, group, n_steps, image if first == 0 else None), start=first
        ):
            ritz, vectors = eigh_tridiagonal(diagonal, off)
            nodes[j] = ritz[-1]
            nodes[j, : len(ritz)] = ritz
            weights[j, : len(ritz)] = vectors[0] ** 2
    products.save()
    return SpectralDensity(
        nodes=nodes,
        weights=weights,
        size=products.size,
        probes=probes,
        matvecs=products.count + 2,
        n_samples=products.n_samples,
        dtype=products.dtype,
        seed=seed,
        seconds=time.perf_counter() - begin,
        replayed=products.replayed,
    )


def lanczos_in_step(
    products: Products, starts: Float, n_steps: int, image_of_first: Float | None = None
) -> list[tuple[Float, Float]]:
    """Tridiagonal matrices (diagonal, off-diagonal) of Lanczos from unit starts (D, m).

    A run ends early where its Krylov space is exhausted: the rest of the new vector is then no
    larger than the rounding of the products.
    """
    runs = starts.shape[1]
    basis = np.empty((runs, n_steps, products.size))
    basis[:, 0] = starts.T
    diagonal: list[list[float]] = [[] for _ in range(runs)]
    off: list[list[float]] = [[] for _ in range(runs)]
    rounding = 10 * float(np.finfo(products.op.dtype).eps) * np.sqrt(products.size)
    active = list(range(runs))
    for step in range(n_steps):
        images = products(np.ascontiguousarray(basis[active, step].T))
        if step == 0 and image_of_first is not None:
            check_repeatable(products, image_of_first, images[:, 0])
        going = []
        for j, rest in zip(active, images.T, strict=True):
            known = basis[j, : step + 1]
            diagonal[j].append(float(known[step] @ rest))
            for _ in range(2):  # twice is enough (Parlett)
                rest = rest - (known @ rest) @ known
            length = float(np.linalg.norm(rest))
            scale = max(map(abs, [*diagonal[j], *off[j]]))
            if step + 1 < n_steps and length > rounding * scale:
                off[j].append(length)
                basis[j, step + 1] = rest / length
                going.append(j)
        active = going
        if not active:
            break
    return [(np.array(d), np.array(o)) for d, o in zip(diagonal, off, strict=True)]
