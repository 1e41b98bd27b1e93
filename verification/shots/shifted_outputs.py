"""Outputs at the angles that parameter shift asks for, exact or estimated from shots."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from patchlaw.hessian_theory.input_checks import bounded_integer
from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.torch_engine import circuit_outputs

Float = NDArray[np.float64]

_CHUNK = 2000  # circuits at a time, to bound memory
_FIRST = np.array([0.5, -0.5])
_MIXED, _TWICE = np.array([0.25, -0.25, -0.25, 0.25]), np.array([0.5, -0.5, 0.0, 0.0])


@dataclass(frozen=True, eq=False)
class ShiftedOutputs:
    """Outputs of every patch at its angles and at shifts of one or two of them.

    d_i f = (f(+) - f(-)) / 2 with angle i shifted by +-pi/2; for i < j d_i d_j f is
    (f(++) - f(+-) - f(-+) + f(--)) / 4; d_i^2 f = (f(pi) - f(0)) / 2. Every value is an estimate
    by itself: M shots of one Pauli observable at one point on one image, f' their mean, of variance
    (1 - f^2) / M, as an outcome is +-1 with mean f. Nothing is used twice: d_i^2 f has a value at
    the centre of its own beside that of the logits. So

        Var d_i f = (2 - f(+)^2 - f(-)^2) / (4 M)                at most 1 / (2 M),
        Var d_i d_j f = (4 - the four squares) / (16 M)          at most 1 / (4 M),
        Var d_i^2 f = (2 - f(pi)^2 - f(0)^2) / (4 M).

    All of it for the angles; what the pixel bias shifts is left out. For small models: a patch of A
    angles has 2 A (A + 1) + 2 A + 1 points.

    Attributes:
        centre: shape (P, 1, C, N).
        first: shape (P, A, 2, C, N), the values at + and -.
        second: shape (P, A (A + 1) / 2, 4, C, N), of the pairs i <= j in the order of
            ``numpy.triu_indices``; of i = j the first two count.
        shots: M; None where the values are exact.
    """

    centre: Float
    first: Float
    second: Float
    shots: int | None = None

    @classmethod
    def exact(cls, model: DistributedQNN, images: Tensor | ArrayLike) -> "ShiftedOutputs":
        """Without shots, noise of the model included.

        Args:
            model: with angles of each patch's own.
            images: shape (N, side, side), radians.

        Raises:
            TypeError, ValueError: images that the model refuses, angles that patches share.
        """
        if model.shared_angles:
            raise ValueError(
                "model: expected patches with angles of their own, got a model that shares them"
            )
        n_angles = model.ansatz.n_angles
        shifts = _shifts(n_angles)
        with torch.no_grad():
            features = model.patch_features(model.check_images(images)).double()
            found = np.stack(
                [
                    np.concatenate(
                        [
                            circuit_outputs(
                                model.ansatz,
                                angles + torch.from_numpy(part),
                                each.expand(len(part), -1, -1),
                                model.n_classes,
                            ).numpy()
                            for part in np.split(shifts, range(_CHUNK, len(shifts), _CHUNK))
                        ]
                    )
                    for angles, each in zip(model.angles.double(), features, strict=True)
                ]
            )
        found *= model.ansatz.retention(model.noise)
        centre, first, second = np.split(found, [1, 1 + 2 * n_angles], axis=1)
        shape = found.shape[2:]
        return cls(
            centre,
            first.reshape(len(found), n_angles, 2, *shape),
            second.reshape(len(found), -1, 4, *shape),
        )

    def sampled(self, shots: int, rng: np.random.Generator) -> "ShiftedOutputs":
        """The same values from M shots each.

        Raises:
            TypeError, ValueError: shots that are no integer from 2.
        """
        if bounded_integer("shots", shots) < 2:
            raise ValueError("shots: expected at least 2, for a variance, got 1")

        def estimate(values: Float) -> Float:
            ups = rng.binomial(shots, np.clip((1 + values) / 2, 0, 1))
            return 2 * np.asarray(ups, dtype=np.float64) / shots - 1

        parts = {name: estimate(getattr(self, name)) for name in ("centre", "first", "second")}
        return replace(self, shots=shots, **parts)

    def variances(self, shots: int | None = None) -> "ShiftedOutputs":
        """Of each value: (1 - f^2) / M, or without bias (1 - f'^2) / (M - 1) from estimates.

        Args:
            shots: M for exact values; None for estimates, which have their own.

        Raises:
            ValueError: neither or both.
        """
        if (shots is None) is (self.shots is None):
            raise ValueError(f"shots: expected them of exact values only, got {shots}")
        by = shots if self.shots is None else self.shots - 1
        parts = {n: (1 - getattr(self, n) ** 2) / by for n in ("centre", "first", "second")}
        return replace(self, **parts)

    @cached_property
    def weights(self) -> Float:
        """Of the values behind each pair's second derivative, (A (A + 1) / 2, 4)."""
        rows, columns = np.triu_indices(self.first.shape[1])
        return np.where((rows == columns)[:, None], _TWICE, _MIXED)

    def combined(self, power: int = 1) -> tuple[Float, Float, Float]:
        """f, d_i f and d_i d_j f: (P, C, N), (P, A, C, N), (P, A, A, C, N).

        With ``power`` 2, of variances: those of the three.
        """
        first = np.einsum("pascn,s->pacn", self.first, _FIRST**power)
        pairs = np.einsum("pqscn,qs->pqcn", self.second, self.weights**power)
        n_angles = first.shape[1]
        second = np.empty((len(first), n_angles, n_angles, *first.shape[2:]))
        rows, columns = np.triu_indices(n_angles)
        second[:, rows, columns] = second[:, columns, rows] = pairs
        return self.centre[:, 0], first, second


def _shifts(n_angles: int) -> Float:
    """Centre, +-pi/2 of each angle, four points a pair: (1 + 2 A + 2 A (A + 1), A)."""
    one = np.eye(n_angles) * np.pi / 2
    rows, columns = np.triu_indices(n_angles)
    pairs = np.stack([a * one[rows] + b * one[columns] for a in (1, -1) for b in (1, -1)], axis=1)
    # i = j: the first of the four is then a shift by pi, the second none
    return np.concatenate([0 * one[:1], np.stack([one, -one], 1).reshape(-1, n_angles),
                           pairs.reshape(-1, n_angles)])  # fmt: skip
