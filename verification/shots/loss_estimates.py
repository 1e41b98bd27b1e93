"""Gradient and Hessian of the cross-entropy over the angles from shifted outputs, and variances."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.output_losses import CrossEntropy, softmax
from patchlaw.verification.shots.shifted_outputs import Float, ShiftedOutputs


@dataclass(frozen=True, eq=False)
class LossEstimates:
    """Gradient and H of the mean cross-entropy over the angles, from one set of shifted outputs.

    The estimator puts the estimated outputs into Eqs. (4) and (5): g and S at the estimated logits,
    estimated derivatives. It is unbiased but for g and S, which are not linear in the logits, and
    for the squares on the diagonal of G: a bias of the order 1 / M. Variances are the delta
    method's, exact to the order 1 / M: the sum over all estimated values of (derivative of the
    entry in the value)^2 times the value's variance. They need the logits' own standard deviation
    to be small, c^2 P^(1 - 2 alpha) / M well below 1.

    Args:
        outputs: exact or estimated.
        variances: of those values, ``outputs.variances(...)``.
        scale: s without noise, c P^(-alpha).
        labels: shape (N,).
    """

    outputs: ShiftedOutputs
    variances: ShiftedOutputs
    scale: float
    labels: NDArray[np.int64]

    @classmethod
    def of_model(
        cls,
        model: DistributedQNN,
        outputs: ShiftedOutputs,
        labels: ArrayLike,
        shots: int | None = None,
    ) -> "LossEstimates":
        """Of a model's outputs.

        Args:
            model: whose outputs they are.
            outputs: exact or estimated.
            labels: classes, shape (N,).
            shots: M that the variances are for, where outputs are exact.

        Raises:
            ValueError: another number of labels than images, or as ``variances``.
        """
        classes = np.asarray(labels)
        _, _, n_classes, n_samples = outputs.centre.shape
        CrossEntropy().check_targets(classes, n_classes)
        if len(classes) != n_samples:
            raise ValueError(f"labels: expected {n_samples}, one an image, got {len(classes)}")
        scale = model.output_scale / model.ansatz.retention(model.noise)
        return cls(outputs, outputs.variances(shots), scale, classes)

    @cached_property
    def _moments(self) -> tuple[tuple[Float, Float, Float], tuple[Float, Float, Float]]:
        """z (C, N), dz (D, C, N), ddz (P, A, A, C, N), D = P A; and the variances of each."""
        s = self.scale
        values, spreads = self.outputs.combined(), self.variances.combined(2)
        found = [
            (factor * f.sum(axis=0), factor * j.reshape(-1, *f.shape[1:]), factor * k)
            for factor, (f, j, k) in ((s, values), (s**2, spreads))
        ]
        return found[0], found[1]

    @cached_property
    def _slopes(self) -> tuple[Float, Float]:
        """Softmax outputs pi and g = pi - e_y, (C, N)."""
        pi = softmax(self._moments[0][0])
        return pi, pi - np.eye(len(pi))[:, self.labels]

    def _curved(self, directions: Float) -> Float:
        """S x for x (..., C, N)."""
        pi = self._slopes[0]
        return np.asarray(pi * (directions - (pi * directions).sum(axis=-2, keepdims=True)))

    def _third(self, y: Float, w: Float) -> Float:
        """d (y^T S w) / dz of y and w (..., C, N)."""
        pi = self._slopes[0]
        of_y, of_w = ((pi * each).sum(axis=-2, keepdims=True) for each in (y, w))
        return np.asarray(self._curved(y * w) - of_w * self._curved(y) - of_y * self._curved(w))

    @property
    def gradient(self) -> Float:
        """(D,), angles patch by patch."""
        (_, dz, _), (_, g) = self._moments[0], self._slopes
        return np.asarray(np.einsum("cn,icn->i", g, dz) / len(self.labels))

    @property
    def gradient_variance(self) -> Float:
        """(D,): < g^2 Var dz > + < Var z (S dz)^2 >, each over N once more."""
        (_, dz, _), (var_z, var_dz, _) = self._moments
        g = self._slopes[1]
        total = np.einsum("cn,icn->i", g**2, var_dz)
        total += np.einsum("cn,icn->i", var_z, self._curved(dz) ** 2)
        return np.asarray(total / len(self.labels) ** 2)

    @cached_property
    def hessian(self) -> Float:
        """(D, D), G + R."""
        (_, dz, ddz), (_, g) = self._moments[0], self._slopes
        n = len(self.labels)
        found = np.einsum("icn,jcn->ij", self._curved(dz), dz, optimize=True) / n
        for block, own in zip(self._blocks, ddz, strict=True):
            found[block, block] += np.einsum("cn,ijcn->ij", g, own) / n
        return np.asarray((found + found.T) / 2)

    @property
    def _blocks(self) -> list[slice]:
        n_patches, n_angles = self.outputs.first.shape[:2]
        return [slice(p * n_angles, (p + 1) * n_angles) for p in range(n_patches)]

    @cached_property
    def hessian_variance(self) -> Float:
        """(D, D), of every entry.

        N^2 Var H_ij = sum_n sum_c (S dz_j)_c^2 Var dz_ic + (S dz_i)_c^2 Var dz_jc
        + g_c^2 Var ddz_ijc + Var z_c (d/dz_c (dz_i^T S dz_j) + (S ddz_ij)_c)^2; on the diagonal the
        first two are one value's, whose derivatives add: 4 (S dz_i)_c^2 Var dz_ic.
        """
        (_, dz, ddz), (var_z, var_dz, var_ddz) = self._moments
        g, squares = self._slopes[1], self._curved(dz) ** 2
        total = np.einsum("icn,jcn->ij", squares, var_dz, optimize=True)
        total = total + total.T
        total += np.diag(np.diag(total))
        for first, rows in enumerate(self._blocks):
            for second, columns in enumerate(self._blocks):
                moved = self._third(dz[rows, None], dz[None, columns])
                if first == second:
                    moved += self._curved(ddz[first])
                    total[rows, rows] += np.einsum("cn,ijcn->ij", g**2, var_ddz[first])
                total[rows, columns] += np.einsum("cn,ijcn->ij", var_z, moved**2)
        return np.asarray(total / len(self.labels) ** 2)

    def form_variance(self, vector: Float) -> float:
        """Variance of v^T H v for a fixed v (D,), entries that share values taken together."""
        (_, dz, ddz), (var_z, var_dz, var_ddz) = self._moments
        n_patches, n_angles = self.outputs.first.shape[:2]
        g, own = self._slopes[1], vector.reshape(n_patches, n_angles)
        along = np.einsum("i,icn->cn", vector, dz)
        total = 4 * np.einsum("cn,i,icn->", self._curved(along) ** 2, vector**2, var_dz)
        pairs = 2 * np.einsum("pi,pj->pij", own**2, own**2)  # (i, j) and (j, i) are one value
        pairs[:, range(n_angles), range(n_angles)] /= 2
        total += np.einsum("pij,cn,pijcn->", pairs, g**2, var_ddz, optimize=True)
        twice = np.einsum("pi,pj,pijcn->cn", own, own, ddz, optimize=True)
        moved = self._third(along, along) + self._curved(twice)
        total += (var_z * moved**2).sum()
        return float(total / len(self.labels) ** 2)
