"""Encodings as unit quaternions a qubit, and what the tangent kernel's law needs of two samples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patchlaw.hessian_theory.predictions.circuit_group import CircuitGroup, moments_of

Array = NDArray[np.floating]

UNIT = 1e-4  # how far a quaternion's norm, or a sum of probabilities, may be from 1


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
        if not off <= UNIT:
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

    def of_patch(self, patch: int, group: CircuitGroup) -> "PatchEncoding":
        """Factors of the kernel of one patch."""
        u = np.ascontiguousarray(self.quaternions[patch].swapaxes(0, 1))
        if self.tangents is None:
            return PatchEncoding(u, None, group)
        # (u . u')^2 is the inner product of u u^T and u' u'^T; symmetric, so ten entries of each
        first, second = np.triu_indices(4)
        weight = np.where(first == second, 1.0, np.sqrt(2.0)).astype(u.dtype)
        du = self.tangents[patch].swapaxes(0, 1)  # (n, N, m, 4)
        left, right = u[:, :, None, first], u[:, :, None, second]
        squares = weight * (du[..., first] * right + left * du[..., second])
        return PatchEncoding(u, np.ascontiguousarray(squares.reshape(*u.shape[:2], -1)), group)


@dataclass(frozen=True, eq=False)
class PatchEncoding:
    """One encoding of one patch.

    Attributes:
        quaternions: shape (n, N, 4).
        squares: derivatives of u u^T in the qubit's m angles, flattened, shape (n, N, 10 m).
        group: of the blocks around it.
    """

    quaternions: Array
    squares: Array | None
    group: CircuitGroup

    def tile(
        self, other: "PatchEncoding", rows: slice, columns: slice
    ) -> tuple[Array, Array | None]:
        """q_e, and sum_i d_i d_i' q_e over the qubits' own angles divided by its value at x = x'.

        Rows are of this patch, columns of ``other``, which is the same one or has the same angles.

        With c = u . u' of each qubit, (tr W)^2 = D^2 prod c^2 and tr W^2 = D prod (2 c^2 - 1).
        """
        (kappa, lam), dimension = moments_of(self.group), 2.0 ** len(self.quaternions)
        square, twice = _Product(), _Product()
        for qubit, (u, v) in enumerate(zip(self.quaternions, other.quaternions, strict=True)):
            factor = u[rows] @ v[columns].T
            factor *= factor
            mixed = None
            if self.squares is not None and other.squares is not None:
                mixed = self.squares[qubit][rows] @ other.squares[qubit][columns].T
            if kappa:
                twice.times(2 * factor - 1, None if mixed is None else 2 * mixed)
            square.times(factor, mixed)
        q, slope = square.value, square.slope
        share = kappa / dimension
        if kappa:
            q += share * twice.value
        q -= lam / dimension**2
        q /= 1 + share - lam / dimension**2
        if slope is not None:
            if kappa and twice.slope is not None:
                slope += share * twice.slope
            slope *= 2 / (1 + 2 * share)
        return q, slope


class _Product:
    """prod_q g_q and sum_q d d' g_q prod of the others; each angle is in one factor only."""

    value: Array
    slope: Array | None

    def __init__(self) -> None:
        self._begun = False

    def times(self, factor: Array, mixed: Array | None) -> None:
        """Take one more factor, with its mixed derivative."""
        if not self._begun:
            self.value, self.slope, self._begun = factor.copy(), mixed, True
            return
        if self.slope is not None and mixed is not None:
            self.slope *= factor
            mixed *= self.value
            self.slope += mixed
        self.value *= factor
