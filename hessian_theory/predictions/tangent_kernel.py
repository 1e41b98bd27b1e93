r"""The expected tangent kernel of a data re-uploading circuit, and the spectrum of G it implies.

A patch's circuit alternates data-free blocks with encodings V_e(x), products of one rotation a
qubit. Let the data-free blocks be independent 2-designs of a group (see ``circuit_group``) and the
outputs f_k different Pauli observables; D = 2^n. Then the outputs have zero mean and

    E f_k(x) f_l(x') = delta_kl u q(x, x'),    u = ``output_variance``,    q = prod_e q_e,

with each q_e from (tr W)^2 = D^2 prod_qubits c^2 and tr W^2 = D prod_qubits (2 c^2 - 1),
W = V_e(x)^+ V_e(x'), c the inner product of the qubit's two unit quaternions, and the group's kappa
and lambda:

    q_e = (D^2 prod c^2 + kappa D prod (2 c^2 - 1) - lambda) / (D^2 + kappa D - lambda).

An angle in any of the data-free blocks has

    E d_i f_k(x) d_i f_l(x') = delta_kl v q(x, x'),    v = ``group_variance``,

and one within encoding e, since mean and covariance hold for any two values of it,

    E d_i f_k(x) d_i f_l(x') = delta_kl u d_i d_i' q(x, x'),

d_i acting on V_e(x), d_i' on V_e(x'); that is v at x = x'.

So the kernel of patch p is v K_p delta_kl with K_p = n_free q + (u / v) sum_i d_i d_i' q, and its
diagonal is the number of angles n_p. For G over the angles, logits z = s sum_p f_p and
S = diag(pi) - pi pi^T:

    lambda_j(G) = s^2 v lambda_j( (1/N) S^(1/2) (sum_p K_p x 1_C) S^(1/2) ),

with nothing fitted. Where the patches share their angles, they are one circuit at P inputs, so that
all pairs of patches count: sum_p K_p is then sum_pp' K(x_p, x'_p'), with the same q of the two
patches' encodings. Source: theorem adjoint-tangent-kernel and those of the three groups; the
idea of the neural tangent kernel is Jacot et al., arXiv 1806.07572. Numbers only.
"""

from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from patchlaw.hessian_theory.input_checks import bounded_integer, finite_number
from patchlaw.hessian_theory.predictions.architecture import MAX_QUBITS
from patchlaw.hessian_theory.predictions.blas_threads import run_all, single_threaded_blas
from patchlaw.hessian_theory.predictions.circuit_group import (
    CircuitGroup,
    group_variance,
    output_variance,
)
from patchlaw.hessian_theory.predictions.encoding_rotations import Array, EncodingRotations
from patchlaw.hessian_theory.predictions.softmax_spectrum import (
    Outputs,
    count_above,
    curvature_of,
    curvature_traces,
    top_eigenvalues,
)

# Ours: pairs of samples done at once, so that a tile's few arrays stay in a core's cache
_TILE = (128, 512)
_JITTER = 1e-9  # ours: on the diagonal of a covariance, whose rounding may be below zero


@dataclass(frozen=True, eq=False)
class TangentKernel:
    """E of the kernel of P patches' angles for N samples; see the module for the formulas.

    Assumes that the data-free blocks are independent 2-designs of the group (deep circuits come
    near) and that softmax outputs and derivatives are independent. Time ~ P N^2 n (1 + m); memory a
    few N x N matrices.

    Attributes:
        encodings: of all patches and samples, in the order of the circuit.
        n_free: trained angles of a patch in its data-free blocks; 0 counts those of the tangents
            alone.
        output_scale: s of the logits z = s sum_p f_p.
        group: that the blocks fill; all but "unitary" suppose that all gates commute with an
            antiunitary, and the outputs that its name says (``circuit_group``).
        shared: whether all patches have the same angles; they count once then, and ``of_patch``,
            ``overlap`` are those of a patch alone.
        weights: how many samples each one stands for, shape (N,), mean 1: spectra, traces and
            counts are then those of (1/N) sum_n weights[n] J_n^T S_n J_n (``trace_sample``).

    Raises:
        TypeError: a number of another kind.
        ValueError: encodings of different shapes, none, numbers out of range; another group, or
            "orthogonal" at one qubit, where outputs have no slope.
    """

    encodings: tuple[EncodingRotations, ...]
    n_free: int
    output_scale: float = 1.0
    group: CircuitGroup = "unitary"
    weights: Array | None = None
    shared: bool = False

    def __post_init__(self) -> None:
        """Check that the encodings belong together."""
        shapes = {encoding.quaternions.shape for encoding in self.encodings}
        if len(shapes) != 1:
            raise ValueError(
                f"encodings: expected at least one, all of one shape, got {sorted(shapes)}"
            )
        if self.n_free != 0 or not any(encoding.n_angles for encoding in self.encodings):
            bounded_integer("n_free", self.n_free)
        bounded_integer("n_qubits", self.n_qubits, MAX_QUBITS)
        finite_number("output_scale", self.output_scale, what="s of the logits", above=0)
        if self.weights is not None and (
            self.weights.shape != (self.n_samples,) or not (self.weights > 0).all()
        ):
            raise ValueError(
                f"weights: expected {self.n_samples} numbers > 0, one a sample, got shape "
                f"{self.weights.shape}, least {self.weights.min(initial=np.inf):g}"
            )
        if not self.variance > 0:
            raise ValueError(
                f"group: expected 'unitary' or 'symplectic' at one qubit, got {self.group!r}"
            )

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
        return float(group_variance(self.n_qubits, self.group))

    @property
    def output_variance(self) -> float:
        """u = E f_k^2."""
        return float(output_variance(self.n_qubits, self.group))

    @property
    def angles_per_patch(self) -> int:
        """n_p: trained angles of a patch that the kernel counts; K_p(x, x)."""
        return self.n_free + sum(encoding.n_angles for encoding in self.encodings)

    def subset(self, samples: NDArray[np.int64]) -> "TangentKernel":
        """The kernel of some samples; means over patches are not done anew."""
        parts = tuple(encoding.subset(samples) for encoding in self.encodings)
        weights = None if self.weights is None else self.weights[samples]
        part = TangentKernel(
            parts, self.n_free, self.output_scale, self.group, weights, self.shared
        )
        if "_means" in self.__dict__:
            at = np.ix_(samples, samples)
            part.__dict__["_means"] = tuple(each[at] for each in self._means)
        return part

    def overlap(self, patch: int) -> Array:
        """q_p(x, x'), shape (N, N), ones on the diagonal."""
        return self._of_pair(patch, patch)[0]

    def of_patch(self, patch: int) -> Array:
        """K_p(x, x') = sum_i E d_i f_k d_i f_k' / v, shape (N, N), n_p on the diagonal."""
        overlap, kernel = self._of_pair(patch, patch)
        return self.n_free * overlap if kernel is None else kernel

    @property
    def mean_overlap(self) -> Array:
        """qbar = (1/P) sum_p q_p, or over all pairs of patches that share; shape (N, N)."""
        return self._means[0]

    @property
    def mean(self) -> Array:
        """(1/P) sum_p K_p, or over all pairs of patches that share; shape (N, N)."""
        return self._means[1]

    @cached_property
    def _means(self) -> tuple[Array, Array]:
        overlap, kernel = self._of_pair(0, 0)
        for pair in combinations_with_replacement(range(self.n_patches), 2):
            if pair == (0, 0) or not (self.shared or pair[0] == pair[1]):
                continue
            for total, more in zip((overlap, kernel), self._of_pair(*pair), strict=True):
                if total is not None and more is not None:
                    total += more if pair[0] == pair[1] else more + more.T
        overlap /= self.n_patches
        return overlap, self.n_free * overlap if kernel is None else kernel / self.n_patches

    def _of_pair(self, patch: int, other: int) -> tuple[Array, Array | None]:
        """q(x_p, x'_p'), and K unless it is n_free q; one triangle and its mirror if p = p'."""
        sides = [[e.of_patch(p, self.group) for e in self.encodings] for p in (patch, other)]
        parts = [partial(first.tile, second) for first, second in zip(*sides, strict=True)]
        n, (height, width), alike = self.n_samples, _TILE, patch == other
        overlap = np.empty((n, n), self.encodings[0].quaternions.dtype)
        kernel = np.empty_like(overlap) if self.angles_per_patch > self.n_free else None

        def fill(corner: tuple[int, int]) -> None:
            rows, columns = (
                slice(corner[0], corner[0] + height),
                slice(corner[1], sum(corner[1:], width)),
            )
            total, slope = parts[0](rows, columns)
            for part in parts[1:]:
                factor, more = part(rows, columns)
                slope = _sum(
                    None if slope is None else slope * factor,
                    None if more is None else more * total,
                )
                total *= factor
            overlap[rows, columns] = total
            if alike:
                overlap[columns, rows] = total.T
            if kernel is not None and slope is not None:
                slope += self.n_free * total
                kernel[rows, columns] = slope
                if alike:
                    kernel[columns, rows] = slope.T

        begins = range(0, n, height)
        corners = [(at, to) for at in begins for to in range(at if alike else 0, n, width)]
        run_all(fill, corners)
        return overlap, kernel

    def trace(self, softmax: Outputs) -> float:
        """tr G over the angles = s^2 P v <K tr S>, S of softmax outputs (N, C).

        K(x, x) is n_p for patches with angles of their own.
        """
        each = curvature_traces(self._curvature(softmax))
        each = each * (self.mean.diagonal() if self.shared else self.angles_per_patch)
        mean = float((each if self.weights is None else self.weights * each).mean())
        return self.output_scale**2 * self.n_patches * self.variance * mean

    def spectrum(self, softmax: Outputs, k: int = 12, *, seed: int = 0, tol: float = 1e-8) -> Array:
        """The k largest eigenvalues of G over the angles, descending, float64.

        Args:
            softmax: outputs pi of the samples, shape (N, C); of the squared error, S = 1, an
                ``IdentityCurvature``.
            k: eigenvalues; fewer come back where G's rank allows no more, N (C - 1).
            seed: of the Lanczos iteration's first vector.
            tol: relative accuracy of the eigenvalues.

        Raises:
            ValueError: another shape, rows that are no probabilities, k below 1.
        """
        pi = self._curvature(softmax)
        values = top_eigenvalues(self.mean, pi, k, seed, tol, self.weights)
        return self.output_scale**2 * self.n_patches * self.variance * values

    def patch_tops(self, softmax: Outputs, *, seed: int = 0, tol: float = 1e-8) -> Array:
        """lambda_max(G_pp) of every patch, shape (P,), float64; of angles that all share, (1,)."""
        if self.shared:
            return self.spectrum(softmax, 1, seed=seed, tol=tol)
        pi = self._curvature(softmax)
        tops = [
            top_eigenvalues(self.of_patch(p), pi, 1, seed, tol, self.weights)[0]
            for p in range(self.n_patches)
        ]
        return self.output_scale**2 * self.variance * np.array(tops)

    def alignment(self, softmax: Outputs, *, seed: int = 0) -> float:
        """A = lambda_max(G over the angles) / sum_p lambda_max(G_pp), in [1/P, 1]."""
        top = self.spectrum(softmax, 1, seed=seed)[0]
        return float(top / self.patch_tops(softmax, seed=seed).sum())

    def n_outliers(self, softmax: Outputs, threshold: float, *, seed: int = 0) -> int:
        """How many eigenvalues of G over the angles lie above a threshold.

        Raises:
            ValueError: a threshold that is not positive, or as ``spectrum``.
        """
        pi = self._curvature(softmax)
        unit = self.output_scale**2 * self.n_patches * self.variance
        return count_above(self.mean, pi, threshold / unit, seed, self.weights)

    def start_logits(
        self, n_classes: int, rng: np.random.Generator, draws: int = 1
    ) -> NDArray[np.float64]:
        """Logits at random angles from the Gaussian process: covariance s^2 P u qbar.

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
        size = self.output_scale * np.sqrt(self.n_patches * self.output_variance)
        with single_threaded_blas():
            root = np.linalg.cholesky(covariance)
            logits = root @ rng.standard_normal((draws, self.n_samples, n_classes))
        return np.asarray(size * logits)

    def _curvature(self, softmax: Outputs) -> Outputs:
        return curvature_of(softmax, self.n_samples)


def _sum(first: Array | None, second: Array | None) -> Array | None:
    """Of those that there are."""
    if first is None or second is None:
        return second if first is None else first
    return first + second
