"""Gate-by-gate state-vector simulator in numpy: slow, obvious, the reference for the others."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from patchlaw.simulators.ansatz import AngleRotation, Ansatz, ControlledZ, FeatureRotation
from patchlaw.simulators.gates import Angle, Feature, NamedGate, Parameter
from patchlaw.simulators.pauli_strings import PauliString

PAULI = {
    "X": np.array([[0, 1], [1, 0]], dtype=np.complex128),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=np.complex128),
    "Z": np.array([[1, 0], [0, -1]], dtype=np.complex128),
}
CONTROLLED_Z = np.diag([1, 1, 1, -1]).astype(np.complex128)


def rotation(axis: str, angle: float) -> NDArray[np.complex128]:
    """R_axis(t) = cos(t/2) I - i sin(t/2) axis, shape (2, 2)."""
    matrix = np.cos(angle / 2) * np.eye(2) - 1j * np.sin(angle / 2) * PAULI[axis]
    return np.asarray(matrix, dtype=np.complex128)


def apply_gate(
    state: NDArray[np.complex128], matrix: NDArray[np.complex128], qubits: tuple[int, ...]
) -> NDArray[np.complex128]:
    """Apply a 2^k x 2^k matrix to k tensor axes, the first of them most significant."""
    k = len(qubits)
    tensor = matrix.reshape((2,) * (2 * k))
    moved = np.tensordot(tensor, state, axes=(range(k, 2 * k), qubits))
    return np.asarray(np.moveaxis(moved, range(k), qubits), dtype=np.complex128)


def gate_matrix(gate: NamedGate, values: list[float]) -> NDArray[np.complex128]:
    """The matrix of a named gate, shape (2^k, 2^k); formulas in ``GateBlock``."""
    match gate.name:
        case "H":
            matrix = (PAULI["X"] + PAULI["Z"]) / np.sqrt(2)
        case "CZ":
            matrix = CONTROLLED_Z
        case "CNOT":
            matrix = np.eye(4)[[0, 1, 3, 2]]
        case "RZZ":
            matrix = np.diag(np.exp(-0.5j * values[0] * np.array([1, -1, -1, 1])))
        case "U3":
            theta, phi, lam = values
            cos, sin = np.cos(theta / 2), np.sin(theta / 2)
            matrix = np.array(
                [
                    [cos, -np.exp(1j * lam) * sin],
                    [np.exp(1j * phi) * sin, np.exp(1j * (phi + lam)) * cos],
                ]
            )
        case _:
            return rotation(gate.name[1], values[0])
    return np.asarray(matrix, dtype=np.complex128)


def finite_vector(name: str, values: ArrayLike, length: int) -> NDArray[np.float64]:
    """The values as float64 of shape (length,).

    Raises:
        ValueError: wrong shape, NaN or infinity.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (length,):
        raise ValueError(f"{name}: expected shape ({length},), got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return array


def unitaries(
    ansatz: Ansatz, angles: ArrayLike, features: ArrayLike
) -> Iterator[tuple[NDArray[np.complex128], tuple[int, ...]]]:
    """Each gate's matrix and qubits in time order; arguments and errors as ``simulate``."""
    phi = finite_vector("angles", angles, ansatz.n_angles)
    x = finite_vector("features", features, ansatz.n_features)

    def value(parameter: Parameter) -> float:
        if isinstance(parameter, Angle):
            return float(phi[parameter.index])
        return float(x[parameter.index]) if isinstance(parameter, Feature) else parameter

    for gate in ansatz.gates():
        match gate:
            case AngleRotation(axis, qubit, index):
                yield rotation(axis, phi[index]), (qubit,)
            case FeatureRotation(axis, qubit, index):
                yield rotation(axis, x[index]), (qubit,)
            case ControlledZ(qubits):
                yield CONTROLLED_Z, qubits
            case NamedGate(_, qubits, parameters):
                yield gate_matrix(gate, [value(p) for p in parameters]), qubits


def simulate(ansatz: Ansatz, angles: ArrayLike, features: ArrayLike) -> NDArray[np.complex128]:
    """Final state of one QNN on one input, gate by gate.

    Args:
        ansatz: the circuit.
        angles: trainable angles in radians, shape (ansatz.n_angles,).
        features: the patch's data in radians, shape (ansatz.n_features,).

    Returns:
        The state, shape (2^n,), complex128, qubit 0 most significant.

    Raises:
        ValueError: wrong shape, NaN or infinity.
    """
    state = np.zeros((2,) * ansatz.n_qubits, dtype=np.complex128)
    state[(0,) * ansatz.n_qubits] = 1
    for matrix, qubits in unitaries(ansatz, angles, features):
        state = apply_gate(state, matrix, qubits)
    return state.ravel()


def expectations(
    state: ArrayLike, n_qubits: int, outputs: tuple[PauliString, ...]
) -> NDArray[np.float64]:
    """<psi|O_k|psi> for the model's observables, in class order, shape (C,)."""
    psi = np.asarray(state, dtype=np.complex128).reshape((2,) * n_qubits)
    values = []
    for string in outputs:
        turned = psi
        for pauli, qubit in string:
            turned = apply_gate(turned, PAULI[pauli], (qubit,))
        values.append(np.vdot(psi, turned).real)
    return np.array(values)


def qnn_outputs(
    ansatz: Ansatz, angles: ArrayLike, features: ArrayLike, n_classes: int
) -> NDArray[np.float64]:
    """Outputs f_1..f_C of one QNN on one input, shape (C,), float64."""
    state = simulate(ansatz, angles, features)
    return expectations(state, ansatz.n_qubits, ansatz.outputs(n_classes))


def model_logits(
    ansatz: Ansatz,
    pixel_indices: NDArray[np.int64],
    angles: ArrayLike,
    pixel_bias: ArrayLike,
    image: ArrayLike,
    *,
    n_classes: int,
    scale: float = 100.0,
    aggregation_exponent: float = 1.0,
    noise: float = 0.0,
) -> NDArray[np.float64]:
    """Logits z = c (1 - p)^m P^(-alpha) sum_p f_p(x_p) of one image (paper, Eqs. (1)-(3)).

    Args:
        ansatz: the circuit of every QNN.
        pixel_indices: which pixels patch p reads, shape (P, n_features).
        angles: shape (P, n_angles).
        pixel_bias: added to the image, any shape with as many pixels.
        image: pixel angles in radians.
        n_classes: C.
        scale: c, the paper's 100.
        aggregation_exponent: alpha, the paper's 1 (the mean over patches).
        noise: p of global depolarising after each of the m gates; see ``Ansatz.retention``.

    Returns:
        Logits, shape (C,), float64.
    """
    pixels = np.asarray(image, dtype=np.float64).ravel() + np.asarray(pixel_bias).ravel()
    all_angles = np.asarray(angles, dtype=np.float64)
    total = sum(
        qnn_outputs(ansatz, all_angles[p], pixels[indices], n_classes)
        for p, indices in enumerate(pixel_indices)
    )
    s = scale * ansatz.retention(noise) * len(pixel_indices) ** (-aggregation_exponent)
    return np.asarray(s * total)
