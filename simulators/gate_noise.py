"""Depolarising after every gate on the gate's own qubits: exactly, and by Pauli trajectories.

A gate on k qubits is followed by rho -> (1 - p) rho + p tr_gate(rho) x 1 / 2^k: with probability p
one of the 4^k Pauli strings on its qubits, the identity among them. Parameters, outputs and errors
are those of ``reference``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from patchlaw.simulators.ansatz import AngleRotation, Ansatz, ControlledZ, FeatureRotation
from patchlaw.simulators.reference import PAULI, apply_gate, unitaries
from patchlaw.simulators.torch_engine import circuit_outputs


def density_outputs(
    ansatz: Ansatz,
    angles: ArrayLike,
    features: ArrayLike,
    n_classes: int,
    noise: float,
    *,
    on: Literal["gate", "all"] = "gate",
) -> NDArray[np.float64]:
    """Outputs tr O_k rho of one QNN on one input, by its density matrix; for small n.

    Args:
        ansatz: the circuit.
        angles: radians, shape (ansatz.n_angles,).
        features: radians, shape (ansatz.n_features,).
        n_classes: C.
        noise: p.
        on: the qubits that a gate depolarises: its own, or all ("all": global depolarising, whose
            outputs are ``ansatz.retention(noise)`` times those without noise).

    Returns:
        Shape (C,), float64.

    Raises:
        ValueError: wrong shape, NaN or infinity, a p outside [0, 1].
    """
    if not 0 <= noise <= 1:
        raise ValueError(f"noise: expected p from 0 to 1, got {noise}")
    n = ansatz.n_qubits
    rho = np.zeros((2,) * (2 * n), dtype=np.complex128)  # kets, then bras
    rho[(0,) * (2 * n)] = 1
    for matrix, qubits in unitaries(ansatz, angles, features):
        rho = apply_gate(rho, matrix, qubits)
        rho = apply_gate(rho, matrix.conj(), tuple(n + q for q in qubits))
        mixed = rho
        for qubit in range(n) if on == "all" else qubits:
            mixed = _depolarised(mixed, qubit)
        rho = (1 - noise) * rho + noise * mixed
    values = []
    for string in ansatz.outputs(n_classes):
        turned = rho
        for pauli, qubit in string:
            turned = apply_gate(turned, PAULI[pauli], (qubit,))
        values.append(np.trace(turned.reshape(1 << n, -1)).real)
    return np.array(values)


def _depolarised(rho: NDArray[np.complex128], qubit: int) -> NDArray[np.complex128]:
    """1/2 in the place of one qubit's state."""
    n = rho.ndim // 2
    half = np.trace(rho, axis1=qubit, axis2=n + qubit)[..., None, None] * np.eye(2) / 2
    return np.asarray(np.moveaxis(half, (-2, -1), (qubit, n + qubit)))


@dataclass(frozen=True)
class Trajectory:
    """One draw of the Pauli errors: the circuit with some signs turned.

    A Pauli before a rotation is the same Pauli after it, with the angle's sign turned if it
    anticommutes with the axis; through a CZ it stays a Pauli. So all errors may be moved to the
    end, where they turn the signs of outputs, and every engine runs the trajectory as a circuit.

    Attributes:
        angles: signs of the trainable angles, (n_angles,).
        features: signs of the features, (n_features,).
        outputs: signs of the outputs, (C,).
    """

    angles: NDArray[np.float64]
    features: NDArray[np.float64]
    outputs: NDArray[np.float64]

    @classmethod
    def of_errors(
        cls, ansatz: Ansatz, n_classes: int, errors: Iterable[tuple[tuple[int, int], ...]]
    ) -> "Trajectory":
        """That of given errors.

        Args:
            ansatz: of entangling and encoding blocks, which read every angle and feature once.
            n_classes: C.
            errors: (x, z) of each qubit of each gate in time order; the error is X^x Z^z.

        Raises:
            TypeError: a circuit with other blocks.
        """
        x, z = np.zeros((2, ansatz.n_qubits), dtype=bool)

        def anticommutes(pauli: str, qubit: int) -> bool:
            return bool((pauli != "X" and x[qubit]) ^ (pauli != "Z" and z[qubit]))

        angles, features = np.ones(ansatz.n_angles), np.ones(ansatz.n_features)
        for gate, error in zip(ansatz.gates(), errors, strict=True):
            match gate:
                case AngleRotation(axis, qubit, index) | FeatureRotation(axis, qubit, index):
                    if anticommutes(axis, qubit):
                        (angles if isinstance(gate, AngleRotation) else features)[index] = -1
                    qubits: tuple[int, ...] = (qubit,)
                case ControlledZ(qubits):
                    a, b = qubits
                    z[a], z[b] = z[a] ^ x[b], z[b] ^ x[a]
                case _:
                    raise TypeError(
                        "ansatz: expected entangling and encoding blocks only, got a GateBlock; "
                        "use density_outputs"
                    )
            for qubit, (more_x, more_z) in zip(qubits, error, strict=True):
                x[qubit] ^= bool(more_x)
                z[qubit] ^= bool(more_z)
        odd = [sum(anticommutes(*factor) for factor in s) % 2 for s in ansatz.outputs(n_classes)]
        return cls(angles, features, 1.0 - 2 * np.array(odd))

    @classmethod
    def draw(
        cls, ansatz: Ansatz, n_classes: int, noise: float, rng: np.random.Generator
    ) -> "Trajectory":
        """One at random; errors as ``of_errors``."""

        def error(n: int) -> tuple[tuple[int, int], ...]:
            bits = rng.integers(0, 2, (n, 2)) * (rng.random() < noise)
            return tuple((int(a), int(b)) for a, b in bits)

        sizes = (2 if isinstance(gate, ControlledZ) else 1 for gate in ansatz.gates())
        return cls.of_errors(ansatz, n_classes, map(error, sizes))

    def circuit_outputs(self, ansatz: Ansatz, angles: Tensor, features: Tensor) -> Tensor:
        """Outputs (B, C, N) for angles (B, n_angles) and features (B, n_features, N)."""
        phi, x, out = (
            torch.from_numpy(signs).to(angles)
            for signs in (self.angles, self.features, self.outputs)
        )
        return out[:, None] * circuit_outputs(ansatz, phi * angles, x[:, None] * features, len(out))
