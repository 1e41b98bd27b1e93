r"""The expected tangent kernel of a data re-uploading circuit, and the spectrum of G it implies.

A patch's circuit alternates data-free blocks with encodings V_e(x), products of one rotation a
qubit. Let the data-free blocks be independent 2-designs and the outputs f_k different Pauli
observables; D = 2^n. Then the outputs have zero mean and

    E f_k(x) f_l(x') = delta_kl q(x, x') / (D + 1),    q = prod_e q_e,
    q_e = (|tr V_e(x)^+ V_e(x')|^2 - 1) / (D^2 - 1),
    |tr V^+ V'|^2 = D^2 prod_qubits (u . u')^2,

u, u' the unit quaternions of the qubits' rotations. An angle in any of the data-free blocks has

    E d_i f_k(x) d_i f_l(x') = delta_kl v q(x, x'),    v = ``derivative_variance``(n),

and one within encoding e, since mean and covariance hold for any two values of it,

    E d_i f_k(x) d_i f_l(x') = delta_kl d_i d_i' q(x, x') / (D + 1),

d_i acting on V_e(x), d_i' on V_e(x'): as D^2 / ((D + 1)(D^2 - 1)) = 2 v, that is
2 v (prod of the other encodings' q) d_i d_i' prod_qubits (u . u')^2, which is v at x = x'.

So the kernel of patch p is v K_p delta_kl with K_p = n_free q + 2 sum_i d_i d_i' .., and its
diagonal is the number of angles n_p. For G over the angles, logits z = s sum_p f_p and
S = diag(pi) - pi pi^T:

    lambda_j(G) = s^2 v lambda_j( (1/N) S^(1/2) (sum_p K_p x 1_C) S^(1/2) ),

with nothing fitted. Source: theorem derivative-variance carried to two samples; the idea of the
neural tangent kernel is Jacot et al., arXiv 1806.07572. Numbers only.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from patchlaw.hessian_theory.input_checks import bounded_integer, finite_number
from patchlaw.hessian_theory.predictions.architecture import MAX_QUBITS
from patchlaw.hessian_theory.predictions.sizes import derivative_variance

Array = NDArray[np.floating]

# Ours: rows of a kernel made at once, so that the factors of 2,000 columns stay in cache
_ROWS = 96
_UNIT = 1e-4  # how far a quaternion's norm, or a sum of probabilities, may be from 1
_DENSE = 200  # matrices up to this size are diagonalised whole
_JITTER = 1e-9  # ours: on the diagonal of a covariance, whose rounding may be below zero


@dataclass(frozen=True, eq=False)
class EncodingRotations:
    """One encoding of every patch and sample: a unit quaternion a qubit.

    (w, x, y, z) stands for w I - i (x X + y Y + z Z).

    Attributes:
        quaternions: shape (P, N, n, 4), float32 or float64; products are done in that precision.
        tangents: derivatives of each qubit's quaternion in its own m trained angles, shape
            (P, N, n, m, 4); None leaves those angles out of the kernel.

    Raises:
        ValueError: other shapes, or quaternions that have not unit length.
    """

    quaternions: Array
    tangents: Array | None = None

    def __post_init__(self) -> None:
        """Check shapes and lengths."""
        u, tangents = self.quaternions, self.tangents
        if u.ndim != 4 or u.shape[-1] != 4 or u.size == 0:
            raise ValueError(f"quaternions: expected shape (P, N, n, 4), got {u.shape}")
        off = np.abs(np.einsum("...a,...a->...", u, u) - 1).max()
        if not off <= _UNIT:
            raise ValueError(
                f"quaternions: expected unit length, got squares off by {off:.3g}; divide by it"
            )
        if tangents is not None and (tangents.ndim != 5 or tangents.shape[:3] != u.shape[:3]):
            raise ValueError(
                f"tangents: expected shape {(*u.shape[:3], 'm', 4)}, got {tangents.shape}"
            )

    @property
    def n_angles(self) -> int:
        """Angles of a patch that the kernel counts: m n; 0 without tangents."""
        return 0 if self.tangents is None else self.tangents.shape[2] * self.tangents.shape[3]

    def subset(self, samples: NDArray[np.int64]) -> "EncodingRotations":
        """Those of some samples."""
        tangents = None if self.tangents is None else self.tangents[:, samples]
        return EncodingRotations(self.quaternions[:, samples], tangents)

    def of_patch(self, patch: int) -> "_PatchEncoding":
        """Factors of the kernel of one patch."""
        u = np.ascontiguousarray(self.quaternions[patch].swapaxes(0, 1))
        if self.tangents is None:
            return _PatchEncoding(u, None)
        # (u . u')^2 is the inner product of u u^T and u' u'^T; symmetric, so ten entries of each
        first, second = np.triu_indices(4)
        weight = np.where(first == second, 1.0, np.sqrt(2.0)).astype(u.dtype)
        du = self.tangents[patch].swapaxes(0, 1)  # (n, N, m, 4)
        left, right = u[:, :, None, first], u[:, :, None, second]
        squares = weight * (du[..., first] * right + left * du[..., second])
        return _PatchEncoding(u, np.ascontiguousarray(squares.reshape(*u.shape[:2], -1)))


@dataclass(frozen=True, eq=False)
class _PatchEncoding:
    """Quaternions (n, N, 4) and, flattened, the derivatives of u u^T, (n, N, 10 m)."""

    quaternions: Array
    squares: Array | None

    def rows(self, rows: slice, columns: slice) -> tuple[Array, Array | None]:
        """q_e, and sum_i d_i d_i' of prod (u . u')^2, for some rows and columns."""
        total: Array | None = None
        slope: Array | None = None
        for qubit, u in enumerate(self.quaternions):
            factor = u[rows] @ u[columns].T
            factor *= factor
            if self.squares is not None:
                both = self.squares[qubit]
                mixed = both[rows] @ both[columns].T
                # d d' of a product over qubits, each angle in one of the factors
                slope = mixed if total is None or slope is None else slope * factor + total * mixed
            total = factor if total is None else np.multiply(total, factor, out=total)
        assert total is not None
        squared = 4.0 ** len(self.quaternions)
        total *= squared
        total -= 1
        total /= squared - 1
        return total, slope


@dataclass(frozen=True, eq=False)
class TangentKernel:
    """E of the kernel of P patches' angles for N samples; see the module for the formulas.

    Assumes that the data-free blocks are independent 2-designs (deep circuits come near) and that
    softmax outputs and derivatives are independent. Time ~ P N^2 n (1 + m); memory a few N x N
    matrices.

    Attributes:
        encodings: of all patches and samples, in the order of the circuit.
        n_free: trained angles of a patch in its data-free blocks.
        output_scale: s of the logits z = s sum_p f_p.

    Raises:
        TypeError: a number of another kind.
        ValueError: encodings of different shapes, none, or numbers out of range.
    """

    encodings: tuple[EncodingRotations, ...]
    n_free: int
    output_scale: float = 1.0

    def __post_init__(self) -> None:
        """Check that the encodings belong together."""
        shapes = {encoding.quaternions.shape for encoding in self.encodings}
        if len(shapes) != 1:
            raise ValueError(
                f"encodings: expected at least one, all of one shape, got {sorted(shapes)}"
            )
        bounded_integer("n_free", self.n_free)
        bounded_integer("n_qubits", self.n_qubits, MAX_QUBITS)
        finite_number("output_scale", self.output_scale, what="s of the logits", above=0)

    @property
    def n_patches(self) -> int:
        """P."""
        return int(self.encodings[0].quaternions.shape[0])

    @property
    def n_samples(self) -> int:
        """N."""
        return int(self.encodings[0].quaternions.shape[1])

    @property
    def n_qubits(self) -> int:
        """n."""
        return int(self.encodings[0].quaternions.shape[2])

    @property
    def variance(self) -> float:
        """v = E (d_i f_k)^2."""
        return float(derivative_variance(self.n_qubits))

    @property
    def angles_per_patch(self) -> int:
        """n_p: trained angles of a patch that the kernel counts; K_p(x, x)."""
        return self.n_free + sum(encoding.n_angles for encoding in self.encodings)

    def subset(self, samples: NDArray[np.int64]) -> "TangentKernel":
        """The kernel of some samples."""
        parts = tuple(encoding.subset(samples) for encoding in self.encodings)
        return TangentKernel(parts, self.n_free, self.output_scale)

    def overlap(self, patch: int) -> Array:
        """q_p(x, x'), shape (N, N), ones on the diagonal."""
        return self._of_patch(patch)[0]

    def of_patch(self, patch: int) -> Array:
        """K_p(x, x') = sum_i E d_i f_k d_i f_k' / v, shape (N, N), n_p on the diagonal."""
        overlap, kernel = self._of_patch(patch)
        return self.n_free * overlap if kernel is None else kernel

    @property
    def mean_overlap(self) -> Array:
        """qbar = mean_p q_p, shape (N, N)."""
        return self._means[0]

    @property
    def mean(self) -> Array:
        """mean_p K_p, shape (N, N)."""
        return self._means[1]

    @cached_property
    def _means(self) -> tuple[Array, Array]:
        overlap, kernel = self._of_patch(0)
        for patch in range(1, self.n_patches):
            other, more = self._of_patch(patch)
            overlap += other
            if kernel is not None and more is not None:
                kernel += more
        overlap /= self.n_patches
        return overlap, self.n_free * overlap if kernel is None else kernel / self.n_patches

    def _of_patch(self, patch: int) -> tuple[Array, Array | None]:
        """q_p, and K_p unless it is n_free q_p; one triangle computed and mirrored."""
        parts = [encoding.of_patch(patch) for encoding in self.encodings]
        n = self.n_samples
        overlap = np.empty((n, n), self.encodings[0].quaternions.dtype)
        kernel = np.empty_like(overlap) if self.angles_per_patch > self.n_free else None
        for begin in range(0, n, _ROWS):
            rows, columns = slice(begin, begin + _ROWS), slice(begin, n)
            total, slope = parts[0].rows(rows, columns)
            for part in parts[1:]:
                factor, more = part.rows(rows, columns)
                slope = _sum(
                    None if slope is None else slope * factor,
                    None if more is None else more * total,
                )
                total = total * factor
            overlap[rows, columns] = total
            overlap[columns, rows] = total.T
            if kernel is not None and slope is not None:
                full = self.n_free * total + 2 * slope
                kernel[rows, columns] = full
                kernel[columns, rows] = full.T
        return overlap, kernel

    def trace(self, softmax: Array) -> float:
        """tr G over the angles = s^2 P n_p v <tr S>, S of softmax outputs (N, C)."""
        pi = self._probabilities(softmax)
        curvature = float((1 - (pi * pi).sum(axis=1)).mean())
        per_angle = self.output_scale**2 * self.n_patches * self.variance
        return per_angle * self.angles_per_patch * curvature

    def spectrum(self, softmax: Array, k: int = 12, *, seed: int = 0, tol: float = 1e-8) -> Array:
        """The k largest eigenvalues of G over the angles, descending, float64.

        Args:
            softmax: outputs pi of the samples, shape (N, C).
            k: eigenvalues; fewer come back where G's rank allows no more, N (C - 1).
            seed: of the Lanczos iteration's first vector.
            tol: relative accuracy of the eigenvalues.

        Raises:
            ValueError: another shape, rows that are no probabilities, k below 1.
        """
        values = self._top(self.mean, self._probabilities(softmax), k, seed, tol)
        return self.output_scale**2 * self.n_patches * self.variance * values

    def patch_tops(self, softmax: Array, *, seed: int = 0, tol: float = 1e-8) -> Array:
        """lambda_max(G_pp) of every patch, shape (P,), float64."""
        pi = self._probabilities(softmax)
        tops = [self._top(self.of_patch(p), pi, 1, seed, tol)[0] for p in range(self.n_patches)]
        return self.output_scale**2 * self.variance * np.array(tops)

    def alignment(self, softmax: Array, *, seed: int = 0) -> float:
        """A = lambda_max(G over the angles) / sum_p lambda_max(G_pp), in [1/P, 1]."""
        top = self.spectrum(softmax, 1, seed=seed)[0]
        return float(top / self.patch_tops(softmax, seed=seed).sum())

    def n_outliers(self, softmax: Array, threshold: float, *, seed: int = 0) -> int:
        """How many eigenvalues of G over the angles lie above a threshold.

        Raises:
            ValueError: a threshold that is not positive, or as ``spectrum``.
        """
        if not threshold > 0:
            raise ValueError(f"threshold: expected a number > 0, got {threshold}")
        rank = self._probabilities(softmax).size
        k = min(16, rank)
        while True:
            values = self.spectrum(softmax, k, seed=seed, tol=1e-4)
            if k >= rank or values[-1] <= threshold:
                return int((values > threshold).sum())
            k = min(2 * k, rank)

    def start_logits(
        self, n_classes: int, rng: np.random.Generator, draws: int = 1
    ) -> NDArray[np.float64]:
        """Logits at random angles from the Gaussian process: covariance s^2 P qbar / (D + 1).

        Outputs of one circuit are no Gaussian; their sum over patches is nearly one.

        Args:
            n_classes: C.
            rng: of the draw.
            draws: independent ones.

        Returns:
            Shape (draws, N, C).
        """
        bounded_integer("n_classes", n_classes)
        bounded_integer("draws", draws)
        covariance = self.mean_overlap.astype(np.float64)
        covariance[np.diag_indices_from(covariance)] += (
            _JITTER if self.mean_overlap.dtype == np.float64 else 1e-4
        )
        root = np.linalg.cholesky(covariance)
        size = self.output_scale * np.sqrt(self.n_patches / (2.0**self.n_qubits + 1))
        logits = root @ rng.standard_normal((draws, self.n_samples, n_classes))
        return np.asarray(size * logits)

    def _probabilities(self, softmax: Array) -> NDArray[np.float64]:
        pi = np.asarray(softmax, dtype=np.float64)
        if pi.ndim != 2 or len(pi) != self.n_samples or pi.shape[1] < 2:
            raise ValueError(
                f"softmax: expected shape ({self.n_samples}, C) with C >= 2, got {pi.shape}"
            )
        if not ((pi >= 0).all() and (np.abs(pi.sum(axis=1) - 1) <= _UNIT).all()):
            raise ValueError("softmax: expected rows of probabilities that sum to 1; apply softmax")
        return pi

    @staticmethod
    def _top(
        kernel: Array, pi: NDArray[np.float64], k: int, seed: int, tol: float
    ) -> NDArray[np.float64]:
        """Largest eigenvalues of (1/N) L^T (kernel x 1_C) L, S = L L^T, descending.

        L = diag(r) - pi r^T with r = pi^(1/2): L L^T = diag(pi) - pi pi^T.
        """
        bounded_integer("k", k)
        n, c = pi.shape
        root, single = np.sqrt(pi), kernel.dtype

        def product(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
            x = vectors.reshape(n, c)
            inside = root * x - pi * (root * x).sum(axis=1, keepdims=True)
            inside = (kernel @ inside.astype(single)).astype(np.float64) / n
            outside = root * inside - root * (pi * inside).sum(axis=1, keepdims=True)
            return np.asarray(outside.reshape(-1))

        size = n * c
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


def _sum(first: Array | None, second: Array | None) -> Array | None:
    """Of those that there are."""
    if first is None or second is None:
        return second if first is None else first
    return first + second
