"""Gate-by-gate state-vector simulator in numpy: slow, obvious, the reference for the others."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from patchlaw.simulators.ansatz import (
    AngleRotation,
    Ansatz,
    ControlledZ,
    FeatureRotation,
    observables,
)

PAULI = {
    "X": np.array([[0, 1], [1, 0]], dtype=np.complex128),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=np.complex128),
    "Z": np.array([[1, 0], [0, -1]], dtype=np.complex128),
}


def rotation(axis: str, angle: float) -> NDArray[np.complex128]:
    """R_axis(t) = cos(t/2) I - i sin(t/2) axis, shape (2, 2)."""
    matrix = np.cos(angle / 2) * np.eye(2) - 1j * np.sin(angle / 2) * PAULI[axis]
    return np.asarray(matrix, dtype=np.complex128)


def apply_one_qubit(
    state: NDArray[np.complex128], matrix: NDArray[np.complex128], qubit: int
) -> NDArray[np.complex128]:
    """Apply a 2x2 matrix to tensor axis ``qubit`` of a state of shape (2,)*n."""
    moved = np.tensordot(matrix, state, axes=([1], [qubit]))
    return np.asarray(np.moveaxis(moved, 0, qubit), dtype=np.complex128)


def apply_controlled_z(
    state: NDArray[np.complex128], qubits: tuple[int, int]
) -> NDArray[np.complex128]:
    """Flip the sign where both qubits are 1."""
    index: list[int | slice] = [slice(None)] * state.ndim
    index[qubits[0]] = index[qubits[1]] = 1
    flipped = state.copy()
    flipped[tuple(index)] *= -1
    return flipped


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
    phi = finite_vector("angles", angles, ansatz.n_angles)
    x = finite_vector("features", features, ansatz.n_features)
    state = np.zeros((2,) * ansatz.n_qubits, dtype=np.complex128)
    state[(0,) * ansatz.n_qubits] = 1
    for gate in ansatz.gates():
        match gate:
            case AngleRotation(axis, qubit, index):
                state = apply_one_qubit(state, rotation(axis, phi[index]), qubit)
            case FeatureRotation(axis, qubit, index):
                state = apply_one_qubit(state, rotation(axis, x[index]), qubit)
            case ControlledZ(qubits):
                state = apply_controlled_z(state, qubits)
    return state.ravel()


def expectations(state: ArrayLike, n_qubits: int, n_classes: int) -> NDArray[np.float64]:
    """<psi|O_k|psi> for the model's observables, in class order, shape (C,)."""
    psi = np.asarray(state, dtype=np.complex128).reshape((2,) * n_qubits)
    values = [
        np.vdot(psi, apply_one_qubit(psi, PAULI[pauli], qubit)).real
        for pauli, qubit in observables(n_qubits, n_classes)
    ]
    return np.array(values)


def qnn_outputs(
    ansatz: Ansatz, angles: ArrayLike, features: ArrayLike, n_classes: int
) -> NDArray[np.float64]:
    """Outputs f_1..f_C of one QNN on one input, shape (C,), float64."""
    return expectations(simulate(ansatz, angles, features), ansatz.n_qubits, n_classes)


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
) -> NDArray[np.float64]:
    """Logits z = c P^(-alpha) sum_p f_p(x_p) of one image (paper, Eqs. (1)-(3)).

    Args:
        ansatz: the circuit of every QNN.
        pixel_indices: which pixels patch p reads, shape (P, n_features).
        angles: shape (P, n_angles).
        pixel_bias: added to the image, any shape with as many pixels.
        image: pixel angles in radians.
        n_classes: C.
        scale: c, the paper's 100.
        aggregation_exponent: alpha, the paper's 1 (the mean over patches).

    Returns:
        Logits, shape (C,), float64.
    """
    pixels = np.asarray(image, dtype=np.float64).ravel() + np.asarray(pixel_bias).ravel()
    all_angles = np.asarray(angles, dtype=np.float64)
    total = sum(
        qnn_outputs(ansatz, all_angles[p], pixels[indices], n_classes)
        for p, indices in enumerate(pixel_indices)
    )
    return np.asarray(scale * len(pixel_indices) ** (-aggregation_exponent) * total)
