"""Spectral densities by stochastic Lanczos quadrature."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import LinearOperator

from patchlaw.verification.settings import check_integer
from patchlaw.verification.solvers.probe import check_repeatable, check_symmetric, check_unchanged
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

# Ours: bases up to this are kept whole. Larger ones are for machines that nobody knows of.
_WHOLE_BASIS_BYTES = 2**28
_RECURRENCE = 2  # vectors of a basis that is not kept


@dataclass(frozen=True, eq=False)
class SpectralDensity(SolverResult):
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
        seed: seed of the probes.
    """

    nodes: Float
    weights: Float
    size: int
    probes: ProbeKind
    seed: int

    def __post_init__(self) -> None:
        """A result is a record."""
        self.nodes.setflags(write=False)
        self.weights.setflags(write=False)

    def __str__(self) -> str:
        ends = f"nodes from {self.nodes.min():.6g} to {self.nodes.max():.6g}"
        text = f"{ends}, {self.n_probes} probes of {self.n_steps} steps, D = {self.size}"
        return self.with_caveats(text)

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
            width: see ``kernel_width``.

        Raises:
            ValueError: a width that is not positive.
        """
        sigma = self.kernel_width(width)
        distance = (np.asarray(points, dtype=np.float64)[:, None, None] - self.nodes) / sigma
        bells = np.exp(-(distance**2) / 2) / (sigma * np.sqrt(2 * np.pi))
        return mean_and_error((bells * self.weights).sum(axis=2).T)

    def kernel_width(self, asked: float | None = None) -> float:
        """The width asked for, else a hundredth (ours) of the span, of the largest node if it is 0.

        Raises:
            ValueError: one that is not positive.
        """
        if asked is None:
            return 0.01 * (self.span or max(1.0, float(np.abs(self.nodes).max())))
        if not asked > 0:
            raise ValueError(f"width: expected a number > 0, got {asked}")
        return asked


@names_way_out("a smaller together, fewer n_steps, or reorthogonalise=False")
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
    reorthogonalise: bool | None = None,
) -> SpectralDensity:
    """Stochastic Lanczos quadrature (Lin, Saad, Yang 2016; Ubaru, Chen, Saad 2017).

    ``together`` probes advance in step, so a step is one pass over the data. With
    ``reorthogonalise`` every new Krylov vector is orthogonalised twice against all before it, so
    no copies of converged eigenvalues appear. Without, against the two before it only, and no
    others are kept: copies then share the weight of the one eigenvalue, and sums over the nodes
    stay what they are up to rounding (Knizhnerman 1996; Golub and Strakos 1994).

    Memory: at most 5 together + 6 float64 vectors (D,) without, (n_steps + 3) together + 6 with,
    what the operator itself needs not counted; a checkpoint adds 3 together.

    Args:
        op: real symmetric operator (D, D).
        n_probes: at least 2.
        n_steps: Lanczos steps, at most D; products are n_probes n_steps + 3.
        seed: seed of the probes.
        probes: "rademacher" or "normal", both normalised.
        together: probes that share a pass.
        checkpoint: folder for the state of this one computation.
        save_every: steps between two writes to it.
        reorthogonalise: keep the basis; by default where it takes 256 MB at most, that is
            together n_steps D <= 2^25.

    Raises:
        ValueError: an operator that is not symmetric or not repeatable, numbers out of range,
            more vectors than the memory holds.
        CheckpointError: a checkpoint of another computation, or damaged.
    """
    check_integer("n_probes", n_probes, 2, note=NEEDS_TWO)
    check_integer("together", together)
    size = check_operator(op)
    check_integer("n_steps", n_steps, 1, size)
    computation: dict[str, Any] = {
        "solver": "spectral_density",
        "n_probes": n_probes,
        "n_steps": n_steps,
        "seed": seed,
        "probes": probes,
        "together": together,
    }
    whole = reorthogonalise
    if whole is None:
        whole = 8 * together * n_steps * size <= _WHOLE_BASIS_BYTES
    if not whole:
        computation["reorthogonalise"] = False
    n_kept = n_steps if whole else min(n_steps, _RECURRENCE)
    runs = min(together, n_probes)
    check_vectors_fit(
        f"spectral_density with together = {together} and n_steps = {n_steps}",
        (n_kept + 3) * runs + 6,
        size,
        "fix: a smaller together" + (", fewer n_steps, or reorthogonalise=False" if whole else ""),
    )
    products = Products(op, computation, checkpoint, save_every)
    rng = np.random.default_rng(seed)
    nodes, weights = np.zeros((n_probes, n_steps)), np.zeros((n_probes, n_steps))
    first_start = first_image = np.zeros(0)
    basis = np.empty((runs, n_kept, products.size))
    for first in range(0, n_probes, together):
        basis = basis[: n_probes - first]
        for run in basis:
            probe = probe_vectors(probes, products.size, 1, rng)[:, 0]
            # axis=0 sums in pairs, as it did when all probes were one array: the same bits
            np.divide(probe, np.linalg.norm(probe, axis=0), out=run[0])
        if first == 0:
            first_start = basis[0, 0].copy()
            first_image = check_symmetric(products, first_start, seed)
        for j, (diagonal, off) in enumerate(
            lanczos_in_step(products, basis, n_steps, first_image if first == 0 else None),
            start=first,
        ):
            ritz, vectors = eigh_tridiagonal(diagonal, off)
            nodes[j] = ritz[-1]
            nodes[j, : len(ritz)] = ritz
            weights[j, : len(ritz)] = vectors[0] ** 2
    # both of these products are fresh: the checkpoint's first one was compared before
    check_unchanged(products, first_start, first_image, recalled=False)
    products.save()
    return SpectralDensity(
        nodes=nodes,
        weights=weights,
        size=products.size,
        probes=probes,
        seed=seed,
        **products.spent(checks=3),
    )


def lanczos_in_step(
    products: Products, basis: Float, n_steps: int, image_of_first: Float | None = None
) -> list[tuple[Float, Float]]:
    """Tridiagonal matrices (diagonal, off-diagonal) of Lanczos from m unit starts.

    A run ends early where its Krylov space is exhausted: the rest of the new vector is then no
    larger than the rounding of the products.

    Args:
        products: of the operator.
        basis: (m, n, D), the starts at [:, 0]; the rest is overwritten. Every new vector is
            orthogonalised against the last n.
        n_steps: products of each run at most.
        image_of_first: product of the first start, if it is known already.
    """
    runs, n_kept, _ = basis.shape
    diagonal: list[list[float]] = [[] for _ in range(runs)]
    off: list[list[float]] = [[] for _ in range(runs)]
    rounding = 10 * float(np.finfo(products.op.dtype).eps) * np.sqrt(products.size)
    active = list(range(runs))
    for step in range(n_steps):
        place = step % n_kept
        images = products(np.ascontiguousarray(basis[active, place].T))
        if step == 0 and image_of_first is not None:
            recalled = products.replayed > 0
            check_repeatable(products, image_of_first, images[:, 0], recalled=recalled)
        going = []
        for j, rest in zip(active, images.T, strict=True):
            known = basis[j, : step + 1]
            diagonal[j].append(float(known[place] @ rest))
            for _ in range(2):  # twice is enough (Parlett)
                rest = rest - (known @ rest) @ known
            length = float(np.linalg.norm(rest))
            scale = max(map(abs, [*diagonal[j], *off[j]]))
            if step + 1 < n_steps and length > rounding * scale:
                off[j].append(length)
                basis[j, (step + 1) % n_kept] = rest / length
                going.append(j)
        del images, rest  # room for the next ones
        active = going
        if not active:
            break
    return [(np.array(d), np.array(o)) for d, o in zip(diagonal, off, strict=True)]
